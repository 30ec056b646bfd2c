//! Reading an image: what is on it, and where.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use zerocopy::FromBytes;

use crate::error::ReadError;
use crate::format::{
    BootRecord, DESCRIPTORS, EL_TORITO, FLAG_DIRECTORY, FLAG_MULTI_EXTENT, InitialEntry, Primary,
    RECORD_HEAD, RecordHead, STANDARD, TYPE_BOOT_RECORD, TYPE_PRIMARY, TYPE_TERMINATOR, ValidationEntry,
};
use crate::susp;
use crate::time;
use crate::tree::Attributes;
use crate::units::{BLOCK, BLOCK_LEN, Lba, u64_of, usize_of};
use crate::write::sum;

/// Bytes of the largest directory that is read: a million files.
const DIRECTORY_MAX: u64 = 256 << 20;

/// Entries of the largest image that is listed.
const ENTRIES_MAX: usize = 4_000_000;

/// Descriptors that are looked at.
const DESCRIPTORS_MAX: u32 = 64;

/// An ISO 9660 image or medium.
#[derive(Debug)]
pub struct Image {
    file: File,
    pub(crate) primary: Primary,
    pub(crate) boot_record: Option<BootRecord>,
}

/// What UEFI boots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootImage {
    /// First byte.
    pub offset: u64,
    /// Sectors of 512 bytes as the boot catalog says; 0: to the end of the medium.
    pub sectors: u16,
}

/// Something on an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Names from the root, `/` between them.
    pub path: Vec<u8>,
    /// Owner, permissions, time.
    pub attributes: Attributes,
    /// What it is.
    pub kind: EntryKind,
    /// The pieces of the image that hold it, each as first byte and length.
    pub extents: Vec<(u64, u64)>,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A file.
    File,
    /// A symbolic link, and where it leads.
    Symlink(Vec<u8>),
}

impl Entry {
    /// Bytes of the file; of a directory, those of its records.
    pub fn len(&self) -> u64 {
        self.extents.iter().map(|(_, len)| *len).fold(0, u64::saturating_add)
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Image {
    /// Opens the image or medium `file`.
    ///
    /// # Errors
    ///
    /// When it has no ISO 9660 file system or its descriptors are wrong.
    pub fn open(file: File) -> Result<Self, ReadError> {
        let mut primary = None;
        let mut boot_record = None;
        for lba in DESCRIPTORS..DESCRIPTORS + DESCRIPTORS_MAX {
            let block = match read(&file, Lba(lba).offset(), BLOCK_LEN) {
                Err(ReadError::Io { source, .. }) if source.kind() == io::ErrorKind::UnexpectedEof => break,
                block => block?,
            };
            if block[1..6] != STANDARD {
                break;
            }
            match block[0] {
                TYPE_PRIMARY if primary.is_none() => primary = Primary::read_from_bytes(&block).ok(),
                TYPE_BOOT_RECORD if block[7..].starts_with(EL_TORITO) => {
                    boot_record = BootRecord::read_from_bytes(&block).ok();
                }
                TYPE_TERMINATOR => break,
                _ => {}
            }
        }
        let primary = primary.ok_or(ReadError::NoVolume)?;
        let image = Self { file, primary, boot_record };
        image.root()?;
        Ok(image)
    }

    /// The volume's name.
    pub fn volume_id(&self) -> String {
        String::from_utf8_lossy(&self.primary.volume_identifier).trim_end().to_owned()
    }

    /// Bytes of the volume.
    pub fn volume_len(&self) -> Result<u64, ReadError> {
        let blocks = self.primary.volume_space_size.get();
        Ok(Lba(blocks.ok_or_else(|| self.descriptor("its sizes differ"))?).offset())
    }

    /// What UEFI boots; `None` when it boots nothing.
    pub fn boot_image(&self) -> Result<Option<BootImage>, ReadError> {
        let Some(record) = &self.boot_record else { return Ok(None) };
        let offset = Lba(record.catalog.get()).offset();
        let corrupt = |why| ReadError::Corrupt { what: "boot catalog", offset, why };
        let block = self.bytes(offset, BLOCK_LEN)?;
        let (validation, entry) = block.split_at(size_of::<ValidationEntry>());
        let validation =
            ValidationEntry::read_from_bytes(validation).map_err(|_| corrupt("it is too short"))?;
        if validation.header != 1 || validation.key != [0x55, 0xaa] || sum(&validation) != 0 {
            return Err(corrupt("its first entry is damaged"));
        }
        let (entry, _) = InitialEntry::read_from_prefix(entry).map_err(|_| corrupt("it is too short"))?;
        if entry.indicator != 0x88 || entry.media != 0 {
            return Err(corrupt("its image is not one that can be booted without emulation"));
        }
        Ok(Some(BootImage { offset: Lba(entry.start.get()).offset(), sectors: entry.sectors.get() }))
    }

    /// Everything on the image, directories before what is in them, the root left out.
    pub fn entries(&self) -> Result<Vec<Entry>, ReadError> {
        let mut all = Vec::new();
        let root = self.root()?;
        let mut known = BTreeSet::from([root.0]);
        let mut open = vec![(Vec::new(), root)];
        while let Some((path, extent)) = open.pop() {
            for mut entry in self.directory(extent)? {
                entry.path = join(&path, &entry.path);
                if entry.kind == EntryKind::Directory
                    && let Some(extent) = entry.extents.first()
                {
                    // One that holds one above it has no end, and its paths would fill the memory first.
                    if !known.insert(extent.0) {
                        return Err(self.descriptor("a directory has two names"));
                    }
                    open.push((entry.path.clone(), *extent));
                }
                all.push(entry);
                if all.len() > ENTRIES_MAX {
                    return Err(self.descriptor("there are too many entries"));
                }
            }
        }
        all.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(all)
    }

    /// The entry at `path`; symbolic links are not followed.
    pub fn find(&self, path: &[u8]) -> Result<Option<Entry>, ReadError> {
        let mut extent = self.root()?;
        let parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect();
        for (number, part) in parts.iter().enumerate() {
            let found = self.directory(extent)?.into_iter().find(|entry| entry.path == *part);
            match found {
                Some(entry) if number + 1 == parts.len() => {
                    return Ok(Some(Entry { path: parts.join(&b'/'), ..entry }));
                }
                Some(Entry { kind: EntryKind::Directory, extents, .. }) if !extents.is_empty() => {
                    extent = extents[0];
                }
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Fills `buffer` with bytes of `entry` from its byte `offset` on, all of which must be there.
    pub fn read_at(&self, entry: &Entry, buffer: &mut [u8], offset: u64) -> Result<(), ReadError> {
        let (mut skip, mut done) = (offset, 0);
        for (start, len) in &entry.extents {
            if skip >= *len {
                skip -= len;
                continue;
            }
            let count = usize_of((len - skip).min(u64_of(buffer.len() - done)));
            let at = start + skip;
            self.file
                .read_exact_at(&mut buffer[done..done + count], at)
                .map_err(|source| ReadError::Io { offset: at, source })?;
            done += count;
            skip = 0;
        }
        if done == buffer.len() {
            return Ok(());
        }
        Err(ReadError::Io { offset, source: io::ErrorKind::UnexpectedEof.into() })
    }

    /// All bytes of a small file.
    pub fn read_file(&self, entry: &Entry) -> Result<Vec<u8>, ReadError> {
        let mut bytes = vec![0; usize_of(entry.len())];
        self.read_at(entry, &mut bytes, 0)?;
        Ok(bytes)
    }

    pub(crate) fn bytes(&self, offset: u64, len: usize) -> Result<Vec<u8>, ReadError> {
        read(&self.file, offset, len)
    }

    pub(crate) fn descriptor(&self, why: &'static str) -> ReadError {
        ReadError::Corrupt { what: "primary volume descriptor", offset: Lba(DESCRIPTORS).offset(), why }
    }

    /// Bytes of the root directory's records.
    pub(crate) fn root(&self) -> Result<(u64, u64), ReadError> {
        if self.primary.logical_block_size.get().map(u64::from) != Some(BLOCK) {
            return Err(self.descriptor("its blocks have not 2048 bytes"));
        }
        let RecordHead { extent, data_length, .. } = self.primary.root;
        match (extent.get(), data_length.get()) {
            (Some(extent), Some(len)) => Ok((Lba(extent).offset(), len.into())),
            _ => Err(self.descriptor("the places of the root differ")),
        }
    }

    /// What is in the directory with these records; names only, no paths.
    pub(crate) fn directory(&self, (offset, len): (u64, u64)) -> Result<Vec<Entry>, ReadError> {
        let corrupt = |why| ReadError::Corrupt { what: "directory", offset, why };
        if len > DIRECTORY_MAX || len % BLOCK != 0 {
            return Err(corrupt("its size is none of a directory"));
        }
        let bytes = self.bytes(offset, usize_of(len))?;
        let mut entries: Vec<Entry> = Vec::new();
        let mut continues = false;
        let mut at = 0;
        while at < bytes.len() {
            let rest_of_block = BLOCK_LEN - at % BLOCK_LEN;
            let length = usize::from(bytes[at]);
            if length == 0 {
                at += rest_of_block;
                continue;
            }
            let record = bytes.get(at..at + length).filter(|_| length <= rest_of_block);
            let record = record.ok_or_else(|| corrupt("a record crosses the end of a block"))?;
            at += length;
            let Some((head, entry)) = self.record(record, offset)? else { continue };
            match entries.last_mut().filter(|_| continues) {
                Some(last) => last.extents.extend(entry.extents),
                None => entries.push(entry),
            }
            continues = head.flags & FLAG_MULTI_EXTENT != 0;
        }
        Ok(entries)
    }

    /// Reads one record; `None` for those of the directory itself and of the one above.
    fn record(&self, record: &[u8], offset: u64) -> Result<Option<(RecordHead, Entry)>, ReadError> {
        let corrupt = |why| ReadError::Corrupt { what: "directory", offset, why };
        let (head, rest) =
            RecordHead::read_from_prefix(record).map_err(|_| corrupt("a record is too short"))?;
        let identifier_length = usize::from(head.identifier_length);
        let identifier = rest.get(..identifier_length).ok_or_else(|| corrupt("an identifier is too long"))?;
        match (identifier, head.extent.get()) {
            ([0], Some(own)) if Lba(own).offset() == offset => return Ok(None),
            ([1], Some(_)) => return Ok(None),
            ([0 | 1], _) => return Err(corrupt("its record of itself or of the one above leads elsewhere")),
            _ => {}
        }
        let base = (RECORD_HEAD + identifier_length).next_multiple_of(2);
        let found =
            susp::read::fields(record.get(base..).unwrap_or_default(), &|at, len| self.bytes(at, len))?;
        let (Some(extent), Some(len)) = (head.extent.get(), head.data_length.get()) else {
            return Err(corrupt("the places of a file differ"));
        };
        let kind = match found.link {
            Some(target) => EntryKind::Symlink(target),
            None if head.flags & FLAG_DIRECTORY != 0 => EntryKind::Directory,
            None => EntryKind::File,
        };
        let modified = time::from_short(&head.date).ok_or_else(|| corrupt("a date is none"))?;
        let attributes = found.attributes.unwrap_or(Attributes::file(modified));
        let extents = match kind {
            EntryKind::Symlink(_) => Vec::new(),
            _ => vec![(Lba(extent).offset(), u64::from(len))],
        };
        let path = found.name.unwrap_or_else(|| plain_name(identifier));
        Ok(Some((head, Entry { path, attributes: Attributes { modified, ..attributes }, kind, extents })))
    }
}

/// An identifier without what only ISO 9660 wants of it.
fn plain_name(identifier: &[u8]) -> Vec<u8> {
    let name = identifier.split(|byte| *byte == b';').next().unwrap_or(identifier);
    name.strip_suffix(b".").unwrap_or(name).to_ascii_lowercase()
}

fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if folder.is_empty() { name.to_vec() } else { [folder, b"/", name].concat() }
}

fn read(file: &File, offset: u64, len: usize) -> Result<Vec<u8>, ReadError> {
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, offset).map_err(|source| ReadError::Io { offset, source })?;
    Ok(bytes)
}
