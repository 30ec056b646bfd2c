//! File systems that did not begin with Linux.

use super::window::{Probed, Window};
use super::{Kind, Signature};
use crate::volume::BlockError;

/// ISO 9660 (ECMA-119, section 8.4): the primary volume descriptor is in sector 16, of 2048 bytes.
pub(super) fn iso9660(probed: &Probed<'_>) -> Result<Option<Signature>, BlockError> {
    let Some(descriptor) = probed.window(32_768, 2048)? else { return Ok(None) };
    if !descriptor.has(b"\x01CD001", 0) {
        return Ok(None);
    }
    // The date of the last modification, or of creation where there is none, is what tells images apart.
    let uuid = [830, 813].into_iter().find_map(|at| date(&descriptor.array(at)));
    Ok(Some(Signature { label: descriptor.text(40, 32), uuid, ..Signature::new(Kind::Iso9660) }))
}

/// 16 digits as `2024-01-31-23-59-59-00`; `None` when they are none, or all zero.
fn date(digits: &[u8; 16]) -> Option<String> {
    let text = str::from_utf8(digits).ok()?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) || text.bytes().all(|byte| byte == b'0') {
        return None;
    }
    let cuts = [0, 4, 6, 8, 10, 12, 14, 16];
    let parts = cuts.windows(2).map(|cut| text.get(cut[0]..cut[1]).unwrap_or_default());
    Some(parts.collect::<Vec<_>>().join("-"))
}

/// exFAT ("exFAT file system specification", section 3.1) and NTFS: boot sectors with a name where FAT
/// has that of the program that made it.
pub(super) fn exfat_or_ntfs(probed: &Probed<'_>) -> Result<Option<Signature>, BlockError> {
    let Some(sector) = probed.window(0, 512)? else { return Ok(None) };
    if !sector.has(&[0x55, 0xaa], 510) {
        return Ok(None);
    }
    if sector.has(b"EXFAT   ", 3) {
        let uuid = Some(serial(sector.u32(100)));
        let label = exfat_label(probed, &sector)?;
        return Ok(Some(Signature { label, uuid, ..Signature::new(Kind::Exfat) }));
    }
    if sector.has(b"NTFS    ", 3) {
        // Its label is in a file.
        let uuid = Some(format!("{:016X}", sector.u64(72)));
        return Ok(Some(Signature { uuid, ..Signature::new(Kind::Ntfs) }));
    }
    Ok(None)
}

/// The label is an entry of the root directory, nearly always one of the first three.
fn exfat_label(probed: &Probed<'_>, boot: &Window) -> Result<Option<String>, BlockError> {
    let [sector_shift, cluster_shift] = boot.array(108);
    let offset = || {
        let cluster = u64::from(boot.u32(96).checked_sub(2)?);
        let heap = u64::from(boot.u32(88));
        let sectors = cluster.checked_mul(1_u64.checked_shl(cluster_shift.into())?)?.checked_add(heap)?;
        sectors.checked_mul(1_u64.checked_shl(sector_shift.into())?)
    };
    let Some(directory) = offset().map(|offset| probed.window(offset, 512)).transpose()?.flatten() else {
        return Ok(None);
    };
    let entry = (0..16).map(|index| index * 32).find(|entry| directory.has(&[0x83], *entry));
    Ok(entry.and_then(|entry| {
        let [units] = directory.array::<1>(entry + 1);
        directory.utf16(entry + 2, usize::from(units).min(11))
    }))
}

/// FAT (FATGEN, "Boot Sector and BPB"). It has no magic of its own: the numbers must make sense.
pub(super) fn fat(probed: &Probed<'_>) -> Result<Option<Signature>, BlockError> {
    let Some(sector) = probed.window(0, 512)? else { return Ok(None) };
    let [jump, _, nop, ..] = sector.array::<3>(0);
    let [sectors_per_cluster] = sector.array::<1>(13);
    let [tables] = sector.array::<1>(16);
    let [media] = sector.array::<1>(21);
    let makes_sense = sector.has(&[0x55, 0xaa], 510)
        && (jump == 0xe9 || (jump == 0xeb && nop == 0x90))
        && [512, 1024, 2048, 4096].contains(&sector.u16(11))
        && sectors_per_cluster.is_power_of_two()
        && sector.u16(14) > 0
        && (1..=2).contains(&tables)
        && (media == 0xf0 || media >= 0xf8);
    if !makes_sense {
        return Ok(None);
    }
    // FAT32 has more fields before serial number and label.
    let end = if sector.u16(22) == 0 { 64 } else { 36 };
    let mut signature = Signature::new(Kind::Fat);
    if sector.has(&[0x29], end + 2) {
        signature.uuid = Some(serial(sector.u32(end + 3)));
        signature.label = sector.text(end + 7, 11).filter(|label| label != "NO NAME");
    }
    Ok(Some(signature))
}

/// A serial number as DOS shows it: `1234-ABCD`.
fn serial(number: u32) -> String {
    format!("{:04X}-{:04X}", number >> 16, number & 0xffff)
}
