//! Checking an image: everything that its structures say twice must agree, and nothing may overlap.

use crate::error::ReadError;
use crate::format::{DESCRIPTORS, Primary};
use crate::image::{Entry, EntryKind, Image};
use crate::units::{BLOCK, Lba, u64_of, usize_of};

/// Something that is wrong with an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(String);

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Image {
    /// Everything wrong with the image; `len` is the size of the file or device that it is on.
    ///
    /// # Errors
    ///
    /// When a structure cannot be read at all.
    pub fn check(&self, len: u64) -> Result<Vec<Problem>, ReadError> {
        let mut check = Check { image: self, problems: Vec::new(), claims: Vec::new() };
        check.descriptor(len)?;
        let entries = self.entries()?;
        check.path_tables(&entries)?;
        check.places(&entries)?;
        Ok(check.problems)
    }
}

struct Check<'a> {
    image: &'a Image,
    problems: Vec<Problem>,
    /// First byte, length, and what is there.
    claims: Vec<(u64, u64, String)>,
}

impl Check<'_> {
    fn problem(&mut self, text: impl Into<String>) {
        self.problems.push(Problem(text.into()));
    }

    fn descriptor(&mut self, len: u64) -> Result<(), ReadError> {
        let volume = self.image.volume_len()?;
        if volume > len {
            self.problem(format!("the volume has {volume} bytes, but {len} are there: it is truncated"));
        }
        let Primary { volume_set_size, volume_sequence_number, version, file_structure_version, .. } =
            self.image.primary;
        if (volume_set_size.get(), volume_sequence_number.get()) != (Some(1), Some(1)) {
            self.problem("the volume is one of a set");
        }
        if (version, file_structure_version) != (1, 1) {
            self.problem("the volume descriptor is of an unknown version");
        }
        // The system area and the descriptors.
        self.claims.push((0, Lba(DESCRIPTORS + 3).offset(), "the volume descriptors".to_owned()));
        if let Some(boot) = self.image.boot_image()? {
            let catalog = self.image.boot_record.map_or(0, |record| record.catalog.get());
            self.claims.push((Lba(catalog).offset(), BLOCK, "the boot catalog".to_owned()));
            let sectors = u64::from(boot.sectors).max(1) * 512;
            self.claims.push((boot.offset, sectors, "the boot image".to_owned()));
        }
        Ok(())
    }

    /// Both path tables must lead to exactly the directories that the tree has.
    fn path_tables(&mut self, entries: &[Entry]) -> Result<(), ReadError> {
        let primary = &self.image.primary;
        let size = primary.path_table_size.get();
        let size = size.ok_or_else(|| self.image.descriptor("the sizes of the path tables differ"))?;
        let mut wanted = vec![self.image.root()?.0];
        let directories = entries.iter().filter(|entry| entry.kind == EntryKind::Directory);
        wanted.extend(directories.filter_map(|entry| entry.extents.first().map(|extent| extent.0)));
        wanted.sort_unstable();
        let tables = [
            (primary.path_table_l.get(), Order::Little, "the little-endian path table"),
            (primary.path_table_m.get(), Order::Big, "the big-endian path table"),
        ];
        for (lba, order, name) in tables {
            let offset = Lba(lba).offset();
            let bytes = self.image.bytes(offset, usize_of(u64::from(size).min(64 << 20)))?;
            self.claims.push((offset, u64::from(size), name.to_owned()));
            let mut found = path_table(&bytes, order);
            found.sort_unstable();
            if found != wanted {
                self.problem(format!("{name} does not lead to the directories that there are"));
            }
        }
        Ok(())
    }

    /// Everything is within the volume, and nothing is in two places at once.
    fn places(&mut self, entries: &[Entry]) -> Result<(), ReadError> {
        let volume = self.image.volume_len()?;
        let (start, len) = self.image.root()?;
        self.claims.push((start, len, "the root directory".to_owned()));
        for entry in entries {
            let path = String::from_utf8_lossy(&entry.path).into_owned();
            for (start, len) in entry.extents.iter().filter(|(_, len)| *len > 0) {
                self.claims.push((*start, *len, format!("`{path}`")));
            }
        }
        let mut claims = std::mem::take(&mut self.claims);
        claims.sort();
        for pair in claims.windows(2) {
            let ((start, len, first), (next, _, second)) = (&pair[0], &pair[1]);
            if start + len > *next {
                self.problem(format!("{first} and {second} overlap"));
            }
        }
        for (start, len, what) in &claims {
            if start + len > volume {
                self.problem(format!("{what} ends behind the end of the volume"));
            }
        }
        Ok(())
    }
}

/// Byte order of a path table.
#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

/// First bytes of the directories that a path table leads to.
fn path_table(bytes: &[u8], order: Order) -> Vec<u64> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while let [length, _, a, b, c, d, ..] = *rest {
        let lba = match order {
            Order::Little => u32::from_le_bytes([a, b, c, d]),
            Order::Big => u32::from_be_bytes([a, b, c, d]),
        };
        found.push(Lba(lba).offset());
        let record = crate::plan::path_record_len(usize::from(length));
        if record > u64_of(rest.len()) {
            break;
        }
        rest = &rest[usize_of(record)..];
    }
    found
}
