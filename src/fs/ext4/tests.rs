//! What takes writer and reader together: damage of every kind is an error that names its place, never a
//! panic.

use std::sync::Arc;

use zerocopy::{FromBytes, IntoBytes};

use super::block::BlockSize;
use super::checksum;
use super::error::Ext4Error;
use super::format::superblock::{OFFSET, Superblock};
use super::format::{incompat, ro_compat};
use super::options::{JournalPolicy, Options};
use super::{InodeKind, Reader, dump, measure, read, write};
use crate::error::chain;
use crate::progress::{Silent, Step, Unit};
use crate::timestamp::Timestamp;
use crate::tree::{Content, Kind, Metadata, Name, Node, Tree, Xattr};
use crate::units::{SectorSize, u64_of, usize_of};
use crate::volume::MemoryBlock;

/// A tree with a hash tree, an index of extents' worth of pieces, attributes in both places, links.
fn tree() -> Tree {
    let root = Metadata::root(0o755);
    let mut tree = Tree::new(root.clone());
    let mut put = |path: &str, kind: Kind| {
        let node = Node { metadata: Metadata::root(0o644), kind };
        tree.insert(path, node, &root).unwrap()
    };
    for number in 0..100 {
        put(&format!("many/a-rather-long-name-{number}"), Kind::Fifo);
    }
    put("file", Kind::File(Content::from(vec![b'x'; 20_000])));
    put("short", Kind::Symlink(b"target".to_vec()));
    put("long", Kind::Symlink(vec![b'l'; 200]));
    put("empty", Kind::directory());
    let id = put("attributes", Kind::File(Content::from(b"a".to_vec())));
    let xattr = |name: &[u8], len| Xattr { name: name.to_vec(), value: vec![b'v'; len] };
    tree.metadata_mut(id).xattrs = vec![xattr(b"user.block", 300), xattr(b"user.inode", 10)];
    tree.metadata_mut(id).modified = Timestamp::new(5_000_000_000, 7).unwrap();
    let again = Name::new(b"attributes-again").unwrap();
    tree.link(Tree::ROOT, again, id).unwrap();
    tree
}

fn options() -> Options {
    let seed = "6f1c1b0e-0000-4000-8000-000000000001".parse().unwrap();
    let journal = JournalPolicy::None;
    Options { block_size: BlockSize::B1024, journal, ..Options::new(seed, "test") }
}

fn image(options: &Options) -> Vec<u8> {
    let tree = tree();
    let block = MemoryBlock::new(measure(&tree, options).unwrap().size.bytes(), SectorSize::S512);
    write(&tree, options, &block, Step::start(&Silent, "ext4", None, Unit::Bytes)).unwrap();
    block.into_bytes()
}

fn open(bytes: Vec<u8>) -> Result<Reader<Arc<MemoryBlock>>, Ext4Error> {
    read(Arc::new(MemoryBlock::from_bytes(bytes, SectorSize::S512)))
}

/// The image with its superblock changed, the checksum made right again.
fn poke(change: impl FnOnce(&mut Superblock)) -> Vec<u8> {
    let mut bytes = image(&options());
    let at = usize_of(OFFSET)..usize_of(OFFSET) + size_of::<Superblock>();
    let mut superblock = Superblock::read_from_bytes(&bytes[at.clone()]).unwrap();
    change(&mut superblock);
    superblock.s_checksum = checksum::superblock(&superblock).into();
    bytes[at].copy_from_slice(superblock.as_bytes());
    bytes
}

#[test]
fn a_sound_image_is_opened_and_checked() {
    let reader = open(poke(|_| ())).unwrap();
    reader.check().unwrap();
    assert_eq!(reader.lookup("long").unwrap().unwrap().kind(), InodeKind::Symlink);
    assert!(reader.lookup("file/below").unwrap().is_none());
    assert!(reader.lookup("nowhere").unwrap().is_none());
}

/// What is changed in the superblock, and what is said of it.
type Poke = (fn(&mut Superblock), &'static str);

#[test]
fn every_impossible_superblock_is_refused_by_its_reason() {
    let cases: [Poke; 10] = [
        (|sb| sb.s_magic = 0.into(), "superblock: there is no ext4 file system"),
        (
            |sb| sb.s_blocks_count_lo = u32::MAX.into(),
            "superblock: the file system is larger than its volume",
        ),
        (|sb| sb.s_blocks_count_lo = 1.into(), "superblock: the number of blocks is impossible"),
        (|sb| sb.s_blocks_per_group = 0.into(), "superblock: the number of blocks in a group is impossible"),
        (|sb| sb.s_inodes_per_group = 12.into(), "superblock: the number of inodes in a group is impossible"),
        (|sb| sb.s_inodes_count = 1.into(), "superblock: the number of inodes is not that of its groups"),
        (|sb| sb.s_inode_size = 200.into(), "superblock: the size of inodes is impossible"),
        (|sb| sb.s_desc_size = 0.into(), "superblock: the size of group descriptors is impossible"),
        (|sb| sb.s_blocks_per_group = 8.into(), "superblock: the number of inodes is not that of its groups"),
        (
            |sb| sb.s_log_block_size = 6.into(),
            "this ext4 file system uses blocks larger than 4 KiB, which landfall does not read",
        ),
    ];
    for (change, message) in cases {
        assert_eq!(chain(&open(poke(change)).unwrap_err()), message);
    }
}

#[test]
fn unknown_features_are_unsupported_and_not_corrupt() {
    let encrypted = poke(|sb| sb.s_feature_incompat = (sb.s_feature_incompat.get() | 0x1_0000).into());
    let error = open(encrypted).unwrap_err();
    assert!(matches!(error, Ext4Error::Unsupported(_)), "{error}");
}

#[test]
fn a_wrong_checksum_names_its_place() {
    let mut bytes = image(&options());
    bytes[usize_of(OFFSET) + 0x78] ^= 1;
    assert_eq!(chain(&open(bytes).unwrap_err()), "superblock: its checksum is wrong");
    let mut bytes = image(&options());
    bytes[2048] ^= 1;
    assert_eq!(chain(&open(bytes).unwrap_err()), "group 0: the descriptor's checksum is wrong");
}

#[test]
fn a_journal_with_changes_is_seen() {
    let dirty = poke(|sb| sb.s_feature_incompat = (sb.s_feature_incompat.get() | incompat::RECOVER).into());
    let reader = open(dirty).unwrap();
    assert!(!reader.is_clean());
    assert!(reader.check().is_err());
}

#[test]
fn a_volume_that_is_cut_off_is_an_error() {
    let bytes = image(&options());
    for len in [0, 512, 1024, 2047, 2048, 4096, bytes.len() / 2, bytes.len() - 1024] {
        assert!(open(bytes[..len].to_vec()).is_err(), "{len}");
    }
}

/// Looks at everything there is. What comes of it is of no interest.
fn explore(bytes: Vec<u8>) {
    const CONTENT_MAX: u64 = 1 << 20;
    let Ok(reader) = open(bytes) else { return };
    reader.check().ok();
    dump(&reader, &mut String::new()).ok();
    let Ok(tree) = reader.tree() else { return };
    for (_, node) in tree.nodes() {
        if let Kind::File(content) = &node.kind
            && content.len() < CONTENT_MAX
        {
            content.to_vec().ok();
        }
    }
}

/// Numbers that look random and are the same each time (xorshift).
fn numbers() -> impl FnMut(usize) -> usize {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize_of(state % u64_of(below))
    }
}

#[test]
fn damaged_bytes_never_make_the_reader_panic() {
    let sound = image(&options());
    // Without checksums the damage gets further than to the first sum.
    let mut unprotected = sound.clone();
    let features = usize_of(OFFSET) + std::mem::offset_of!(Superblock, s_feature_ro_compat);
    let [low, high] = ro_compat::METADATA_CSUM.to_le_bytes()[..2] else { unreachable!("two bytes") };
    unprotected[features] &= !low;
    unprotected[features + 1] &= !high;
    // Most bytes are zero; damage to those that are not, and to their neighbours, means something.
    let used: Vec<usize> = (0..sound.len()).filter(|at| sound[*at] != 0 && sound[*at] != b'x').collect();
    let mut number = numbers();
    for base in [&sound, &unprotected] {
        for _ in 0..1500 {
            let mut bytes = base.clone();
            for _ in 0..=number(3) {
                let at = (used[number(used.len())] + number(4)).min(bytes.len() - 1);
                bytes[at] = match number(4) {
                    0 => 0,
                    1 => 0xFF,
                    2 => bytes[at] ^ (1 << number(8)),
                    _ => u8::try_from(number(256)).unwrap(),
                };
            }
            explore(bytes);
        }
    }
}

#[test]
fn a_block_of_attributes_is_shared_by_at_most_1024_inodes() {
    let mut tree = Tree::new(Metadata::root(0o755));
    let xattrs = vec![Xattr { name: b"user.shared".to_vec(), value: vec![b's'; 500] }];
    for number in 0..1500 {
        let metadata = Metadata { xattrs: xattrs.clone(), ..Metadata::root(0o644) };
        let name = Name::new(format!("{number}").as_bytes()).unwrap();
        tree.add(Tree::ROOT, name, Node { metadata, kind: Kind::Fifo }).unwrap();
    }
    let options = options();
    let block = MemoryBlock::new(measure(&tree, &options).unwrap().size.bytes(), SectorSize::S512);
    write(&tree, &options, &block, Step::start(&Silent, "ext4", None, Unit::Bytes)).unwrap();
    let reader = read(&block).unwrap();
    reader.check().unwrap();
    let block_of = |name: &str| reader.lookup(name).unwrap().unwrap().xattr_block();
    assert_eq!(block_of("0"), block_of("1"));
    assert_ne!(block_of("0"), None);
    // Of 1500 users one block takes 1024, in the order of names.
    let mut blocks: Vec<_> = (0..1500).map(|number| block_of(&number.to_string())).collect();
    blocks.sort();
    blocks.dedup();
    assert_eq!(blocks.len(), 2);
}
