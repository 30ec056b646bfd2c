//! exFAT by `mkfs.exfat`: an empty volume. Its tools fill none.
//!
//! mkfs takes the serial number from the clock; it is set afterwards, and with it the sum over the boot region
//! ("exFAT file system specification", sections 3.1.11 and 3.4).

use super::arguments::{Allowed, passed_on};
use super::staging::Staging;
use super::{ExternalError, Options};
use crate::command::Program;
use crate::progress::Step;
use crate::tree::Tree;
use crate::units::{ByteSize, u64_of};
use crate::volume::Block;

/// Boot region, FAT, bitmap, upcase table and root folder at their alignments.
const OVERHEAD: ByteSize = ByteSize::mib(8);

/// Sectors of the boot region, its copy behind it; the last of each holds the sum.
const BOOT_SECTORS: usize = 12;
/// Offset of the serial number.
const SERIAL: usize = 100;
/// Bytes that the sum leaves out: flags, and how full the volume is.
const NOT_SUMMED: [usize; 3] = [106, 107, 112];
/// Offset of the sector size, as a power of two.
const SECTOR_SHIFT: usize = 108;

/// See [`super::measure`].
pub(super) fn measure(tree: &Tree, free: ByteSize) -> Result<ByteSize, ExternalError> {
    if let Some((path, _)) = tree.walk().next() {
        return Err(ExternalError::unsupported(&path, "would lie on exfat, which can only be made empty"));
    }
    Ok(ByteSize(free.bytes().saturating_add(OVERHEAD.bytes())).round_up(1 << 20))
}

/// What may be asked of mkfs.exfat.
pub(super) const ARGUMENTS: Allowed =
    Allowed { flags: &["--pack-bitmap", "-f", "-q"], values: &["-L", "-n", "-c", "-b"], refused: &[] };

/// See [`super::write`].
pub(super) fn write(
    tree: &Tree,
    options: &Options,
    (block, step): (&dyn Block, &Step<'_>),
) -> Result<(), ExternalError> {
    measure(tree, ByteSize::ZERO)?;
    let staging = Staging::new(block.len())?;
    let passed = passed_on(&options.arguments, &ARGUMENTS)?;
    // A full format would fill the file, and older tools call the label `-n`.
    let words = passed.iter().filter(|word| !["-f", "-q"].contains(&word.as_str()));
    let words = words.map(|word| if word == "-n" { "-L" } else { word.as_str() });
    Program::new("mkfs.exfat", "exfatprogs").args(words).arg(staging.image_path()).run()?;
    let (serial, _, _, _) = options.uuid.as_fields();
    set_serial(&staging, serial)?;
    staging.copy_to(block, step)
}

/// Sets the serial number in both boot regions.
fn set_serial(staging: &Staging, serial: u32) -> Result<(), ExternalError> {
    let mut head = [0; 512];
    staging.read_at(&mut head, 0)?;
    let wrong = || ExternalError::Result { program: "mkfs.exfat", why: "there is no boot sector".to_owned() };
    let sector =
        1_usize.checked_shl(u32::from(head[SECTOR_SHIFT])).filter(|sector| [512, 4096].contains(sector));
    let sector = sector.filter(|_| head[3..11] == *b"EXFAT   ").ok_or_else(wrong)?;
    let mut region = vec![0; sector * BOOT_SECTORS];
    staging.read_at(&mut region, 0)?;
    region[SERIAL..SERIAL + 4].copy_from_slice(&serial.to_le_bytes());
    let (summed, sums) = region.split_at_mut(sector * (BOOT_SECTORS - 1));
    let included = summed.iter().enumerate().filter(|(at, _)| !NOT_SUMMED.contains(at));
    let sum = included.fold(0_u32, |sum, (_, byte)| sum.rotate_right(1).wrapping_add(u32::from(*byte)));
    for place in sums.chunks_exact_mut(4) {
        place.copy_from_slice(&sum.to_le_bytes());
    }
    for copy in 0..2 {
        staging.write_at(&region, u64_of(copy * region.len()))?;
    }
    Ok(())
}
