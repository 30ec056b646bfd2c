//! What holds other things: encryption, arrays, volume groups, partition tables.

use super::window::{Probed, Window};
use super::{Kind, Signature};
use crate::units::SectorSize;
use crate::volume::BlockError;
use crate::volume::mbr::{self, BootRecord};
use uuid::Uuid;

/// LUKS ("LUKS1 On-Disk Format Specification" 1.2.3, figure 1; "LUKS2 On-Disk Format Specification" 1.1.0,
/// section 2.1): versions 1 and 2 have magic, version and UUID in the same places, big-endian.
pub(super) fn luks(probed: &Probed<'_>) -> Result<Option<Signature>, BlockError> {
    let Some(header) = probed.window(0, 512)? else { return Ok(None) };
    if !header.has(b"LUKS\xba\xbe", 0) {
        return Ok(None);
    }
    let (kind, label) = match header.array(6) {
        [0, 1] => (Kind::Luks1, None),
        [0, 2] => (Kind::Luks2, header.text(24, 48)),
        _ => return Ok(None),
    };
    Ok(Some(Signature { label, uuid: header.text(168, 40), ..Signature::new(kind) }))
}

/// Superblocks of Linux' md driver (`include/uapi/linux/raid/md_p.h`): at the start, 4 KiB behind it, or
/// near the end for version 1; in the last full 64 KiB for version 0.90.
pub(super) fn md(probed: &Probed<'_>) -> Result<Option<Signature>, BlockError> {
    const MAGIC: u32 = 0xa92b_4efc;
    let len = probed.block().len();
    let near_end = (len / 512).checked_sub(16).map(|sector| sector / 8 * 8 * 512);
    for offset in [Some(0), Some(4096), near_end].into_iter().flatten() {
        if let Some(superblock) = probed.window(offset, 256)?
            && superblock.u32(0) == MAGIC
            && superblock.u32(4) == 1
            // Where the superblock says it is.
            && superblock.u64(144) == offset / 512
        {
            let (label, uuid) = (superblock.text(32, 32), superblock.uuid(16));
            return Ok(Some(Signature { label, uuid, ..Signature::new(Kind::MdMember) }));
        }
    }
    let Some(offset) = (len / 65_536).checked_sub(1).map(|blocks| blocks * 65_536) else { return Ok(None) };
    let Some(superblock) = probed.window(offset, 4096)? else { return Ok(None) };
    if superblock.u32(0) != MAGIC || superblock.u32(4) != 0 {
        return Ok(None);
    }
    // Four numbers, the first of them apart from the others; shown as one UUID.
    let mut uuid = [0; 16];
    for (part, at) in uuid.chunks_exact_mut(4).zip([20, 52, 56, 60]) {
        part.copy_from_slice(&superblock.array::<4>(at));
    }
    let uuid = Some(Uuid::from_bytes(uuid).to_string());
    Ok(Some(Signature { uuid, ..Signature::new(Kind::MdMember) }))
}

/// The label of an LVM2 physical volume, in one of the first four sectors (LVM2, `lib/label/label.h` and
/// `lib/format_text/layout.h`).
pub(super) fn lvm(probed: &Probed<'_>) -> Result<Option<Signature>, BlockError> {
    let Some(head) = probed.window(0, 4 * 512)? else { return Ok(None) };
    let sector = [0, 512, 1024, 1536]
        .into_iter()
        .find(|sector| head.has(b"LABELONE", *sector) && head.has(b"LVM2 001", sector + 24));
    let Some(sector) = sector else { return Ok(None) };
    let header = usize::try_from(head.u32(sector + 20)).unwrap_or(0);
    let uuid = head.text(sector + header, 32).filter(|uuid| uuid.len() == 32 && uuid.is_ascii());
    Ok(Some(Signature { uuid: uuid.map(|uuid| grouped(&uuid)), ..Signature::new(Kind::LvmPv) }))
}

/// LVM shows the 32 characters of a UUID in groups of 6, 4, 4, 4, 4, 4, 6.
fn grouped(uuid: &str) -> String {
    let cuts = [0, 6, 10, 14, 18, 22, 26, 32];
    let groups = cuts.windows(2).map(|cut| uuid.get(cut[0]..cut[1]).unwrap_or_default());
    groups.collect::<Vec<_>>().join("-")
}

/// bcachefs (`fs/bcachefs/bcachefs_format.h`, `struct bch_sb`): the superblock is in sector 8.
pub(super) fn bcachefs(probed: &Probed<'_>) -> Result<Option<Signature>, BlockError> {
    const MAGIC: [u8; 16] = Uuid::from_u128(0xc68573f6_66ce90a9_d96a60cf_803df7ef).into_bytes();
    /// The first versions had the magic of bcache, whose own versions end with 6.
    const OLD_MAGIC: [u8; 16] = Uuid::from_u128(0xc68573f6_4e1a45ca_8265f57f_48ba6d81).into_bytes();
    let Some(superblock) = probed.window(4096, 512)? else { return Ok(None) };
    if superblock.has(&MAGIC, 24) || (superblock.has(&OLD_MAGIC, 24) && superblock.u16(16) > 6) {
        let (label, uuid) = (superblock.text(72, 32), superblock.uuid(56));
        return Ok(Some(Signature { label, uuid, ..Signature::new(Kind::Bcachefs) }));
    }
    Ok(None)
}

/// The header of a GUID partition table, in the second sector of whichever size (UEFI 2.10, table 5.5).
pub(super) fn gpt(probed: &Probed<'_>) -> Result<Option<Signature>, BlockError> {
    for sector_size in [SectorSize::S512, SectorSize::S4096] {
        if let Some(header) = probed.window(sector_size.bytes(), 512)?
            && header.has(b"EFI PART", 0)
        {
            let uuid = Some(Uuid::from_bytes_le(header.array(56)).to_string());
            return Ok(Some(Signature { uuid, ..Signature::new(Kind::Gpt) }));
        }
    }
    Ok(None)
}

/// A DOS partition table. Boot sectors of file systems end like one: they are told apart by what is where
/// the slots would be.
pub(super) fn dos(probed: &Probed<'_>) -> Result<Option<Signature>, BlockError> {
    let Some(sector) = probed.window(0, 512)? else { return Ok(None) };
    if !slots_are_plausible(&sector) {
        return Ok(None);
    }
    let record = match BootRecord::read(probed.block()) {
        Ok(record) => record,
        Err(mbr::ReadError::Block(error)) => return Err(error),
        Err(_) => return Ok(None),
    };
    if record.is_protective() || record.slots.iter().all(Option::is_none) || is_file_system(probed)? {
        return Ok(None);
    }
    let uuid = Some(record.disk_signature).filter(|id| *id != 0).map(|id| format!("{id:08x}"));
    Ok(Some(Signature { uuid, ..Signature::new(Kind::Dos) }))
}

fn slots_are_plausible(sector: &Window) -> bool {
    [446, 462, 478, 494].into_iter().all(|slot| matches!(sector.bytes().get(slot), Some(0 | 0x80)))
}

/// Whether the first sector is the boot sector of a file system.
fn is_file_system(probed: &Probed<'_>) -> Result<bool, BlockError> {
    Ok(super::other::fat(probed)?.is_some() || super::other::exfat_or_ntfs(probed)?.is_some())
}
