//! The structures around the files.

use std::fs::File;
use std::os::unix::fs::FileExt;

use zerocopy::IntoBytes;

use crate::directory::{self, Places};
use crate::error::WriteError;
use crate::format::{
    BootRecord, DESCRIPTORS, EL_TORITO, InitialEntry, LongDate, PLATFORM_EFI, Primary, STANDARD,
    TYPE_BOOT_RECORD, TYPE_PRIMARY, TYPE_TERMINATOR, ValidationEntry,
};
use crate::plan::{CATALOG, Plan, path_record_len};
use crate::time;
use crate::units::{BLOCK, BLOCK_LEN, Lba, usize_of};

/// Bytes of a sector as El Torito counts them.
const BOOT_SECTOR: u64 = 512;

impl Plan {
    /// Writes descriptors, boot catalog, path tables and directories to `file`, whose system area, files and
    /// boot image are the caller's. The primary descriptor is the last write: before it, there is no file
    /// system.
    pub fn write(&self, file: &File) -> Result<(), WriteError> {
        let write = |lba: Lba, bytes: &[u8]| {
            let offset = lba.offset();
            file.write_all_at(bytes, offset).map_err(|source| WriteError { offset, source })
        };
        for index in 0..self.directories.len() {
            let rendered = directory::render(&self.tree, &self.directories, index, self);
            let place = self.directory(index);
            // A file that became shorter may have fewer parts: the room stays the directory's.
            let mut records = rendered.records;
            records.resize(usize_of(place.len), 0);
            records.extend_from_slice(&rendered.continuation);
            write(place.start, &records)?;
        }
        write(Self::PATH_TABLE_L, &self.path_table(Order::Little))?;
        write(self.path_table_m(), &self.path_table(Order::Big))?;
        if self.boot_image().is_some() {
            write(Lba(CATALOG), &self.catalog())?;
            write(Lba(DESCRIPTORS + 1), boot_record().as_bytes())?;
            write(Lba(DESCRIPTORS + 2), &terminator())?;
        } else {
            write(Lba(DESCRIPTORS + 1), &terminator())?;
        }
        write(Lba(DESCRIPTORS), self.primary().as_bytes())
    }

    fn primary(&self) -> Primary {
        let date = time::long(self.options.time);
        let root = self.tree.nodes[0].attributes.modified;
        let blocks = u32::try_from(self.image_len() / BLOCK).unwrap_or(u32::MAX);
        Primary {
            kind: TYPE_PRIMARY,
            standard: STANDARD,
            version: 1,
            unused_1: 0,
            system_identifier: [b' '; 32],
            volume_identifier: padded(self.options.volume_id.as_str()),
            unused_2: [0; 8],
            volume_space_size: blocks.into(),
            unused_3: [0; 32],
            volume_set_size: 1.into(),
            volume_sequence_number: 1.into(),
            logical_block_size: 2048.into(),
            path_table_size: u32::try_from(self.path_table_len).unwrap_or(u32::MAX).into(),
            path_table_l: Self::PATH_TABLE_L.0.into(),
            optional_path_table_l: 0.into(),
            path_table_m: self.path_table_m().0.into(),
            optional_path_table_m: 0.into(),
            root: directory::root_record(self.directory(0), root),
            root_identifier: 0,
            volume_set_identifier: [b' '; 128],
            publisher_identifier: padded(&self.options.publisher),
            preparer_identifier: [b' '; 128],
            application_identifier: padded(&self.options.application),
            copyright_file: [b' '; 37],
            abstract_file: [b' '; 37],
            bibliographic_file: [b' '; 37],
            created: date,
            modified: date,
            expires: LongDate::UNSPECIFIED,
            effective: LongDate::UNSPECIFIED,
            file_structure_version: 1,
            reserved_1: 0,
            application_use: [0; 512],
            reserved_2: [0; 653],
        }
    }

    /// The records of all directories (ECMA-119, 9.4), whole blocks.
    fn path_table(&self, order: Order) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (index, directory) in self.directories.iter().enumerate() {
            let identifier = &directory.identifier;
            bytes.extend([u8::try_from(identifier.len()).unwrap_or(u8::MAX), 0]);
            let start = self.directory(index).start.0;
            // Directories are numbered from 1; there are at most 65535.
            let parent = u16::try_from(directory.parent + 1).unwrap_or(u16::MAX);
            match order {
                Order::Little => {
                    bytes.extend(start.to_le_bytes());
                    bytes.extend(parent.to_le_bytes());
                }
                Order::Big => {
                    bytes.extend(start.to_be_bytes());
                    bytes.extend(parent.to_be_bytes());
                }
            }
            bytes.extend_from_slice(identifier);
            let filling = usize_of(path_record_len(identifier.len())) - 8 - identifier.len();
            bytes.resize(bytes.len() + filling, 0);
        }
        bytes.resize(bytes.len().next_multiple_of(BLOCK_LEN), 0);
        bytes
    }

    /// The boot catalog: one entry for UEFI (El Torito, chapter 2).
    fn catalog(&self) -> Vec<u8> {
        let (offset, len) = self.boot_image().unwrap_or_default();
        // More sectors than 16 bits can say are "all to the end of the medium".
        let sectors = u16::try_from(len.div_ceil(BOOT_SECTOR)).unwrap_or(0);
        let mut bytes = validation_entry().as_bytes().to_vec();
        let entry = InitialEntry {
            indicator: 0x88,
            media: 0,
            segment: 0.into(),
            system: 0,
            unused: 0,
            sectors: sectors.into(),
            start: Lba::at(offset).unwrap_or_default().0.into(),
            reserved: [0; 20],
        };
        bytes.extend_from_slice(entry.as_bytes());
        bytes.resize(BLOCK_LEN, 0);
        bytes
    }
}

/// Byte order of a path table.
#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

fn boot_record() -> BootRecord {
    let mut boot_system = [0; 32];
    boot_system[..EL_TORITO.len()].copy_from_slice(EL_TORITO);
    BootRecord {
        kind: TYPE_BOOT_RECORD,
        standard: STANDARD,
        version: 1,
        boot_system,
        unused_1: [0; 32],
        catalog: CATALOG.into(),
        unused_2: [0; 1973],
    }
}

fn terminator() -> [u8; BLOCK_LEN] {
    let mut bytes = [0; BLOCK_LEN];
    bytes[0] = TYPE_TERMINATOR;
    bytes[1..6].copy_from_slice(&STANDARD);
    bytes[6] = 1;
    bytes
}

fn validation_entry() -> ValidationEntry {
    let mut entry = ValidationEntry {
        header: 1,
        platform: PLATFORM_EFI,
        reserved: [0; 2],
        developer: [0; 24],
        checksum: 0.into(),
        key: [0x55, 0xaa],
    };
    entry.checksum = 0_u16.wrapping_sub(sum(&entry)).into();
    entry
}

/// The sum of the sixteen words of a validation entry.
pub(crate) fn sum(entry: &ValidationEntry) -> u16 {
    let words = entry.as_bytes().chunks_exact(2);
    words.map(|word| u16::from_le_bytes([word[0], word[1]])).fold(0, u16::wrapping_add)
}

/// `text` with blanks behind it, cut where the field ends.
fn padded<const LEN: usize>(text: &str) -> [u8; LEN] {
    let mut field = [b' '; LEN];
    for (place, byte) in field.iter_mut().zip(text.bytes()) {
        *place = byte;
    }
    field
}
