//! Directories: records in their order, rendered with the places of what they lead to.

use zerocopy::IntoBytes;

use crate::format::{FLAG_DIRECTORY, FLAG_MULTI_EXTENT, RECORD_HEAD, RecordHead};
use crate::identifier::Identifier;
use crate::susp::{self, Continuation, FileType};
use crate::time;
use crate::tree::{Attributes, Kind, NodeId, Tree};
use crate::units::{BLOCK, BLOCK_LEN, Lba};

/// Bytes of the longest extent: a whole number of blocks that 32 bits can say.
pub(crate) const EXTENT_MAX: u64 = 0xffff_ffff / BLOCK * BLOCK;

/// Bytes of the longest record: its length is a byte, and even.
const RECORD_MAX: usize = 254;

/// A directory in the plan.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    pub(crate) node: NodeId,
    /// Position of the directory it is in; the root is in itself.
    pub(crate) parent: usize,
    /// Its own identifier; for the root, one that is not used.
    pub(crate) identifier: Vec<u8>,
    /// Identifier, name and node of what is in it, in the order of the records.
    pub(crate) entries: Vec<(Identifier, Vec<u8>, NodeId)>,
    /// How many of the entries are directories.
    pub(crate) folders: u32,
}

/// A piece of the image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) start: Lba,
    pub(crate) len: u64,
}

impl Extent {
    /// This piece in parts that a record can describe; one without bytes is one part.
    pub(crate) fn parts(self) -> impl Iterator<Item = Self> {
        let count = self.len.div_ceil(EXTENT_MAX).max(1);
        (0..count).map(move |number| {
            let done = number * EXTENT_MAX;
            // The image ends below 2^32 blocks, as the plan has checked.
            let skipped = u32::try_from(done / BLOCK).unwrap_or(u32::MAX);
            let start = Lba(self.start.0.saturating_add(skipped));
            Self { start, len: (self.len - done).min(EXTENT_MAX) }
        })
    }
}

/// Where things are: filled with zeroes while sizes are found out.
pub(crate) trait Places {
    /// The records of directory number `index`, whole blocks.
    fn directory(&self, index: usize) -> Extent;
    /// The number of the directory that `node` is.
    fn index(&self, node: NodeId) -> usize;
    /// The bytes of the file `node`.
    fn file(&self, node: NodeId) -> Extent;
}

/// A directory's bytes.
#[derive(Debug, Default)]
pub(crate) struct Rendered {
    pub(crate) records: Vec<u8>,
    pub(crate) continuation: Vec<u8>,
}

/// A record to be: what is in its fixed part.
struct Record<'a> {
    identifier: &'a [u8],
    extent: Extent,
    flags: u8,
    modified: i64,
}

/// Renders directory number `index`. The lengths of the results do not depend on the places.
pub(crate) fn render(tree: &Tree, directories: &[Directory], index: usize, places: &dyn Places) -> Rendered {
    let own = places.directory(index);
    let blocks = u32::try_from(own.len / BLOCK).unwrap_or(u32::MAX);
    let base = Lba(own.start.0.saturating_add(blocks));
    let continuation = Continuation { base, bytes: Vec::new() };
    let mut records = Records { bytes: Vec::new(), continuation };
    records.push_dots(tree, directories, (index, places));
    for (identifier, name, node) in &directories[index].entries {
        let fields = |kind, links| {
            let attributes = &tree.nodes[node.index()].attributes;
            let mut fields = vec![susp::posix(kind, attributes, links), susp::times(attributes)];
            fields.extend(susp::name(name));
            fields
        };
        let modified = tree.nodes[node.index()].attributes.modified;
        let identifier = identifier.bytes();
        let record = |extent, flags| Record { identifier: &identifier, extent, flags, modified };
        match &tree.nodes[node.index()].kind {
            Kind::Directory(_) => {
                let child = places.index(*node);
                let fields = fields(FileType::Directory, directories[child].folders.saturating_add(2));
                records.push(&record(places.directory(child), FLAG_DIRECTORY), &fields);
            }
            Kind::File(_) => {
                let parts: Vec<Extent> = places.file(*node).parts().collect();
                for (number, part) in parts.iter().enumerate() {
                    let flags = if number + 1 < parts.len() { FLAG_MULTI_EXTENT } else { 0 };
                    records.push(&record(*part, flags), &fields(FileType::Regular, 1));
                }
            }
            Kind::Symlink(target) => {
                let mut fields = fields(FileType::Symlink, 1);
                fields.extend(susp::link(target));
                records.push(&record(Extent::default(), 0), &fields);
            }
        }
    }
    let Records { bytes: mut records, continuation: Continuation { bytes: mut continuation, .. } } = records;
    for bytes in [&mut records, &mut continuation] {
        bytes.resize(bytes.len().next_multiple_of(BLOCK_LEN), 0);
    }
    Rendered { records, continuation }
}

/// Records of a directory, while they are collected.
struct Records {
    bytes: Vec<u8>,
    continuation: Continuation,
}

impl Records {
    /// The records of the directory itself and of the one above, which come first (ECMA-119, 6.8.2.2).
    fn push_dots(&mut self, tree: &Tree, directories: &[Directory], (index, places): (usize, &dyn Places)) {
        let parent = directories[index].parent;
        for (identifier, target) in [(&[0_u8], index), (&[1_u8], parent)] {
            let directory = &directories[target];
            let attributes: &Attributes = &tree.nodes[directory.node.index()].attributes;
            let mut fields = Vec::new();
            let is_root_itself = index == 0 && identifier == &[0];
            if is_root_itself {
                fields.push(susp::beginning());
            }
            let links = directory.folders.saturating_add(2);
            fields.extend([susp::posix(FileType::Directory, attributes, links), susp::times(attributes)]);
            if is_root_itself {
                fields.push(susp::extension());
            }
            let record = Record {
                identifier,
                extent: places.directory(target),
                flags: FLAG_DIRECTORY,
                modified: attributes.modified,
            };
            self.push(&record, &fields);
        }
    }

    fn push(&mut self, record: &Record<'_>, fields: &[Vec<u8>]) {
        // An identifier of even length is filled up, so that what follows begins at an even byte (9.1.12).
        let base =
            RECORD_HEAD + record.identifier.len() + usize::from(record.identifier.len().is_multiple_of(2));
        let mut system_use = self.continuation.fit(fields, RECORD_MAX - base);
        let mut length = base + system_use.len();
        if length % 2 == 1 {
            system_use.push(0);
            length += 1;
        }
        let used = self.bytes.len() % BLOCK_LEN;
        if used + length > BLOCK_LEN {
            // A record does not cross the end of a block (6.8.1.1).
            self.bytes.resize(self.bytes.len() + BLOCK_LEN - used, 0);
        }
        let head = head(record, length);
        self.bytes.extend_from_slice(head.as_bytes());
        self.bytes.extend_from_slice(record.identifier);
        self.bytes.resize(self.bytes.len() + base - RECORD_HEAD - record.identifier.len(), 0);
        self.bytes.extend_from_slice(&system_use);
    }
}

/// The fixed part of a record of `length` bytes.
fn head(record: &Record<'_>, length: usize) -> RecordHead {
    RecordHead {
        // Lengths are below 255, as RECORD_MAX says; identifiers have at most 33 bytes.
        length: u8::try_from(length).unwrap_or(u8::MAX),
        attribute_length: 0,
        extent: record.extent.start.0.into(),
        data_length: u32::try_from(record.extent.len).unwrap_or(u32::MAX).into(),
        date: time::short(record.modified),
        flags: record.flags,
        unit_size: 0,
        gap: 0,
        volume: 1.into(),
        identifier_length: u8::try_from(record.identifier.len()).unwrap_or(u8::MAX),
    }
}

/// The record of the root directory in the volume descriptor, without its identifier (8.4.18).
pub(crate) fn root_record(extent: Extent, modified: i64) -> RecordHead {
    head(&Record { identifier: &[0], extent, flags: FLAG_DIRECTORY, modified }, RECORD_HEAD + 1)
}
