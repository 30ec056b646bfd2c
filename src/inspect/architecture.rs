//! Which machines an image boots on.

use std::path::Path;

use super::{InspectError, bytes, open};
use crate::fs::fat;
use crate::volume::{Block, SliceBlock, gpt};

/// The boot loaders that firmware starts from a disk without a boot entry (UEFI 2.10, section 3.5.1.1),
/// with the name of the machine type.
const LOADERS: [(&str, &str); 2] = [("EFI/BOOT/BOOTX64.EFI", "x86_64"), ("EFI/BOOT/BOOTAA64.EFI", "aarch64")];

/// The machine type whose boot loader is on an EFI system partition of the image at `path`; `None` when
/// there is none.
pub fn boot_architecture(path: &Path) -> Result<Option<&'static str>, InspectError> {
    let disk = open(path)?;
    for entry in gpt::read(&disk)?.table.entries.values() {
        let Some(range) = bytes(entry, disk.sector_size()) else { continue };
        let Ok(partition) = SliceBlock::new(&disk, range) else { continue };
        let Ok(volume) = fat::read(&partition) else { continue };
        let found = LOADERS.iter().find(|(file, _)| volume.find(file).is_some());
        if let Some((_, architecture)) = found {
            return Ok(Some(architecture));
        }
    }
    Ok(None)
}
