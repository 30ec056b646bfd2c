//! What takes writer and reader together: what is written is read back, damage is an error and never a panic.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;
use crate::error::chain;
use crate::progress::{Event, Progress, Silent, Step, Unit};
use crate::timestamp::Timestamp;
use crate::tree::{Content, DeviceNumber, Kind, Metadata, Name, Node, NodeId, Tree, Xattr};
use crate::units::{ByteSize, SectorSize, u64_of, usize_of};
use crate::volume::{Block, MemoryBlock};

fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    })
    .take(len)
    .collect()
}

/// A tree with links in two kinds of items, attributes, inline and other files, and every kind of node.
fn tree() -> Tree {
    let root = Metadata::root(0o755);
    let mut tree = Tree::new(root.clone());
    let mut put = |path: &str, kind: Kind| {
        let node = Node { metadata: Metadata::root(0o644), kind };
        tree.insert(path, node, &root).unwrap()
    };
    for number in 0..150 {
        put(&format!("many/a-rather-long-name-{number}"), Kind::Fifo);
    }
    let text: Vec<u8> = (0..60_000_u32).flat_map(|number| number.to_string().into_bytes()).collect();
    put("text", Kind::File(Content::from(text)));
    put("noise", Kind::File(Content::from(noise(300_001))));
    put("small", Kind::File(Content::from(noise(2048))));
    put("not-so-small", Kind::File(Content::from(noise(2049))));
    put("empty", Kind::File(Content::from(Vec::new())));
    put("short", Kind::Symlink(b"target".to_vec()));
    put("device", Kind::CharDevice(DeviceNumber { major: 4095, minor: 0xf_fffe }));
    put("socket", Kind::Socket);
    put("folder", Kind::directory());
    let id = put("attributes", Kind::File(Content::from(b"a".to_vec())));
    let xattr = |name: &[u8], len| Xattr { name: name.to_vec(), value: vec![b'v'; len] };
    tree.metadata_mut(id).xattrs = vec![xattr(b"user.long", 2000), xattr(b"user.short", 0)];
    tree.metadata_mut(id).modified = Timestamp::new(-5_000_000_000, 7).unwrap();
    for number in 0..40 {
        // Together longer than one item of names takes.
        let name = Name::new(format!("{:0>200}", number).as_bytes()).unwrap();
        tree.link(Tree::ROOT, name, id).unwrap();
    }
    tree
}

fn options() -> Options {
    Options::new("6f1c1b0e-0000-4000-8000-000000000001".parse().unwrap(), "test")
}

fn devices(volumes: &Volumes<'_>, options: &Options, count: usize) -> Vec<Arc<MemoryBlock>> {
    let size = usize_of(measure(volumes, options, count).unwrap().size.bytes());
    // What was on the device before must be of no influence.
    let block = || Arc::new(MemoryBlock::from_bytes(vec![0xa5; size], SectorSize::S512));
    let blocks: Vec<Arc<MemoryBlock>> = std::iter::repeat_with(block).take(count).collect();
    let mut refs: Vec<&dyn Block> = Vec::new();
    for block in &blocks {
        refs.push(&**block);
    }
    write(volumes, options, &refs, Step::start(&Silent, "btrfs", None, Unit::Bytes)).unwrap();
    blocks
}

fn bytes(block: &MemoryBlock) -> Vec<u8> {
    let mut bytes = vec![0; usize_of(block.len())];
    block.read_at(&mut bytes, 0).unwrap();
    bytes
}

/// A line for each name of a tree.
fn lines(tree: &Tree) -> Vec<String> {
    let counts = tree.link_counts();
    let root = (Vec::new(), Tree::ROOT);
    let line = |(path, id): (Vec<u8>, NodeId)| {
        let node = tree.node(id);
        let kind = match &node.kind {
            Kind::File(content) => format!("{:?}", content.to_vec().unwrap()),
            Kind::Directory(_) => "directory".to_owned(),
            other => format!("{other:?}"),
        };
        let links = if kind == "directory" { 1 } else { counts[id.index()] };
        format!("{} {:?} {links} {kind}", path.escape_ascii(), node.metadata)
    };
    std::iter::once(root).chain(tree.walk()).map(line).collect()
}

fn assert_same(expected: &Tree, found: &Tree) {
    for (expected, found) in lines(expected).iter().zip(&lines(found)) {
        assert!(expected == found, "expected {expected:.300}\n   found {found:.300}");
    }
    assert_eq!(expected.walk().count(), found.walk().count());
}

#[test]
fn every_checksum_profile_and_compression_reads_back() {
    let tree = tree();
    let mut cases: Vec<(Options, Storage, usize)> = Vec::new();
    for checksum in Checksum::ALL {
        cases.push((Options { checksum, ..options() }, Storage::default(), 1));
    }
    for how in [Compression::Zstd(3), Compression::Zlib(3), Compression::Lzo] {
        let storage = Storage { compression: Some(how), ..Storage::default() };
        cases.push((options(), storage, 1));
        cases.push((Options { data: Profile::Raid0, metadata: Profile::Raid1, ..options() }, storage, 3));
    }
    for (data, metadata, count) in [
        (Profile::Raid1, Profile::Raid1c3, 3),
        (Profile::Raid10, Profile::Raid10, 4),
        (Profile::Dup, Profile::Dup, 1),
        (Profile::Single, Profile::Single, 2),
        (Profile::Raid1c4, Profile::Raid1c4, 4),
    ] {
        cases.push((Options { data, metadata, ..options() }, Storage::default(), count));
    }
    let unchecked = Storage { overwriting: Overwriting::InPlace, ..Storage::default() };
    cases.push((Options { node_size: NodeSize::from_bytes(4096).unwrap(), ..options() }, unchecked, 1));
    for (options, storage, count) in cases {
        let filling = Filling { storage, ..Filling::from(&tree) };
        let volumes = Volumes { top: filling, ..Volumes::from(&tree) };
        let reader = Arc::new(read(devices(&volumes, &options, count)).unwrap());
        reader.verify().unwrap();
        assert_same(&tree, &reader.tree(5).unwrap());
    }
}

#[test]
fn subvolumes_are_where_they_should_be() {
    let (tree, empty) = (tree(), Tree::new(Metadata::root(0o755)));
    let mut volumes = Volumes::from(&empty);
    for (path, tree) in [("root", &tree), ("persist", &empty), ("persist/home", &tree), ("a/b/c", &empty)] {
        volumes.subvolumes.insert(path.parse().unwrap(), Filling::from(tree));
    }
    let swap = SwapFile { path: "swap/file".parse().unwrap(), size: ByteSize::mib(1) };
    volumes.subvolumes.get_mut(&"persist".parse().unwrap()).unwrap().swap_files.push(swap);
    let options = Options { default_subvolume: Some("root".parse().unwrap()), ..options() };
    let reader = Arc::new(read(devices(&volumes, &options, 1)).unwrap());
    reader.verify().unwrap();
    let found = reader.subvolumes().unwrap();
    let found: Vec<(u64, u64, &str)> =
        found.iter().map(|found| (found.number, found.parent, found.path.as_str())).collect();
    let expected =
        [(5, 0, ""), (256, 5, "a/b/c"), (257, 5, "persist"), (258, 257, "persist/home"), (259, 5, "root")];
    assert_eq!(found, expected);
    assert_eq!(reader.default_subvolume().unwrap(), 259);
    assert_same(&tree, &reader.tree(259).unwrap());
    let persist = reader.tree(257).unwrap();
    let Kind::File(content) = &persist.node(persist.lookup("swap/file").unwrap()).kind else {
        panic!("no swap file")
    };
    let area = MemoryBlock::from_bytes(content.to_vec().unwrap(), SectorSize::S512);
    assert_eq!(crate::fs::swap::read(&area).unwrap().size, ByteSize::mib(1));
}

#[test]
fn what_is_in_the_way_of_a_subvolume_is_named() {
    let tree = tree();
    for (path, message) in [
        ("many", "`many` cannot be made: what is there is not an empty directory"),
        ("text/below", "`text` cannot be made: something that is no directory is in its way"),
    ] {
        let mut volumes = Volumes::from(&tree);
        volumes.subvolumes.insert(path.parse().unwrap(), Filling::from(&tree));
        assert_eq!(chain(&measure(&volumes, &options(), 1).unwrap_err()), message);
    }
    let mut volumes = Volumes::from(&tree);
    volumes.subvolumes.insert("folder".parse().unwrap(), Filling::from(&tree));
    assert!(measure(&volumes, &options(), 1).is_ok(), "an empty directory is a mount point");
}

#[test]
fn one_mib_less_than_measured_is_refused_before_anything_is_written() {
    let tree = tree();
    let volumes = Volumes::from(&tree);
    let options = Options { free: ByteSize::mib(20), ..options() };
    let size = measure(&volumes, &options, 1).unwrap().size;
    let block = MemoryBlock::from_bytes(vec![7; usize_of(size.bytes()) - 4096], SectorSize::S512);
    let step = Step::start(&Silent, "btrfs", None, Unit::Bytes);
    let error = write(&volumes, &options, &[&block], step).unwrap_err();
    assert!(matches!(error, BtrfsError::DoesNotFit { needed, .. } if needed == size), "{error}");
    assert!(block.into_bytes().iter().all(|byte| *byte == 7));
}

#[test]
fn files_that_say_they_are_compressed_are_tried_only_by_force() {
    let mut archive = b"\x1f\x8b\x08".to_vec();
    archive.resize(500_000, b'x');
    let root = Metadata::root(0o755);
    let mut tree = Tree::new(root.clone());
    let kind = Kind::File(Content::from(archive));
    tree.insert("archive", Node { metadata: Metadata::root(0o644), kind }, &root).unwrap();
    let data = |effort, threads| {
        let compression = Some(Compression::Zstd(3));
        let mut volumes = Volumes::from(&tree);
        volumes.top.storage = Storage { compression, effort, ..Storage::default() };
        let options = Options { threads: NonZeroUsize::new(threads).unwrap(), ..options() };
        let size = usize_of(measure(&volumes, &options, 1).unwrap().size.bytes());
        let block = MemoryBlock::from_bytes(vec![0; size], SectorSize::S512);
        let step = Step::start(&Silent, "btrfs", None, Unit::Bytes);
        write(&volumes, &options, &[&block], step).unwrap().data.bytes()
    };
    for threads in [1, 4] {
        assert_eq!(data(Effort::Promising, threads), 123 * 4096, "each of four extents is stored plain");
        assert_eq!(data(Effort::Always, threads), 4 * 4096, "each is a sector of repetitions");
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let tree = tree();
    let storage = Storage { compression: Some(Compression::Zstd(3)), ..Storage::default() };
    let volumes = Volumes { top: Filling { storage, ..Filling::from(&tree) }, ..Volumes::from(&tree) };
    let made = |threads| {
        let options = Options { threads: NonZeroUsize::new(threads).unwrap(), ..options() };
        bytes(&devices(&volumes, &options, 1)[0])
    };
    assert!(made(1) == made(4));
}

/// Adds up what was done.
#[derive(Default)]
struct Sum(AtomicU64);

impl Progress for Sum {
    fn report(&self, event: Event<'_>) {
        if let Event::Advance { amount, .. } = event {
            self.0.fetch_add(amount, Ordering::Relaxed);
        }
    }
}

#[test]
fn progress_counts_the_bytes_of_files_and_not_their_sectors() {
    let mut tree = Tree::new(Metadata::root(0o755));
    for number in 0..20 {
        let kind = Kind::File(Content::from(noise(5000)));
        let node = Node { metadata: Metadata::root(0o644), kind };
        tree.insert(&format!("file-{number}"), node, &Metadata::root(0o755)).unwrap();
    }
    let (volumes, sum) = (Volumes::from(&tree), Sum::default());
    let size = usize_of(measure(&volumes, &options(), 1).unwrap().size.bytes());
    let block = MemoryBlock::from_bytes(vec![0; size], SectorSize::S512);
    write(&volumes, &options(), &[&block], Step::start(&sum, "btrfs", None, Unit::Bytes)).unwrap();
    assert_eq!(sum.0.into_inner(), tree.content_len());
}

#[test]
fn what_measuring_counted_is_used_where_it_holds_and_changes_nothing() {
    let tree = tree();
    let volumes = Volumes::from(&tree);
    let counted = measure(&volumes, &options(), 1).unwrap().counted;
    let again = Volumes { counted: Some(&counted), ..volumes.clone() };
    let larger = Options { checksum: Checksum::Sha256, ..options() };
    for options in
        [options(), Options { node_size: NodeSize::from_bytes(4096).unwrap(), ..options() }, larger]
    {
        let made = |volumes| bytes(&devices(volumes, &options, 1)[0]);
        assert!(made(&again) == made(&volumes), "{options:?}");
    }
}

#[test]
fn a_damaged_copy_is_passed_over_and_damage_of_all_copies_is_named() {
    let tree = tree();
    let volumes = Volumes::from(&tree);
    let options = Options { data: Profile::Raid1, metadata: Profile::Raid1, ..options() };
    let blocks = devices(&volumes, &options, 2);
    let ruin = |block: &MemoryBlock| {
        let len = usize_of(block.len()) - (2 << 20);
        block.write_at(&vec![0x5a; len], 1 << 20).unwrap();
    };
    ruin(&blocks[1]);
    let reader = Arc::new(read(blocks.clone()).unwrap());
    reader.verify().unwrap();
    assert_same(&tree, &reader.tree(5).unwrap());
    ruin(&blocks[0]);
    let error = chain(&read(blocks).unwrap_err());
    assert!(error.starts_with("node ") && error.ends_with(": its checksum is wrong"), "{error}");
}

/// Looks at everything there is. What comes of it is of no interest.
fn explore(bytes: Vec<u8>) {
    let Ok(reader) = read(vec![Arc::new(MemoryBlock::from_bytes(bytes, SectorSize::S512))]) else { return };
    let reader = Arc::new(reader);
    reader.verify().ok();
    dump(&reader).ok();
    for subvolume in reader.subvolumes().unwrap_or_default() {
        let Ok(tree) = reader.tree(subvolume.number) else { continue };
        for (_, id) in tree.walk() {
            if let Kind::File(content) = &tree.node(id).kind
                && content.len() < 1 << 20
            {
                content.to_vec().ok();
            }
        }
    }
}

/// An image with its trees, and where in it nodes are.
fn small_image() -> (Vec<u8>, Vec<usize>) {
    let tree = tree();
    let mut volumes = Volumes::from(&tree);
    volumes.subvolumes.insert("sub/volume".parse().unwrap(), Filling::from(&tree));
    let options = Options { metadata: Profile::Single, ..options() };
    let bytes = bytes(&devices(&volumes, &options, 1)[0]);
    let fsid = *options.uuid.as_bytes();
    let nodes = (0..bytes.len()).step_by(16 << 10).filter(|at| bytes[at + 32..at + 48] == fsid).collect();
    (bytes, nodes)
}

#[test]
fn damaged_nodes_never_make_the_reader_panic() {
    let (sound, nodes) = small_image();
    let mut state = 1_u64;
    let mut number = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize_of((state >> 33) % u64_of(below))
    };
    for _ in 0..300 {
        let mut bytes = sound.clone();
        for _ in 0..=number(3) {
            let node = nodes[number(nodes.len())];
            // Headers, keys and items' places are in front, items behind.
            let at = if number(2) == 0 { 32 + number(400) } else { 32 + number((16 << 10) - 32) };
            bytes[node + at] = if number(2) == 0 { 0xff } else { u8::try_from(number(256)).unwrap() };
            // With a checksum that is right the damage gets further than to the first look.
            let sum = Checksum::Crc32c.of(&bytes[node + 32..node + (16 << 10)]);
            bytes[node..node + 32].copy_from_slice(&sum);
        }
        explore(bytes);
    }
}

#[test]
fn every_flipped_byte_of_a_node_or_superblock_is_seen() {
    let (sound, nodes) = small_image();
    for at in nodes.iter().map(|node| node + 200).chain([65_536 + 100, 65_536 + 3000]) {
        let mut bytes = sound.clone();
        bytes[at] ^= 1;
        let block = Arc::new(MemoryBlock::from_bytes(bytes, SectorSize::S512));
        let outcome = read(vec![block]).and_then(|reader| reader.verify());
        assert!(matches!(outcome, Err(BtrfsError::Corrupt(_))), "byte {at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_files_survive_the_way_to_disk_and_back(
        files in prop::collection::vec((1..200_000_usize, 0..4_u8), 0..12),
        method in prop::sample::select(vec![
            None, Some(Compression::Zstd(1)), Some(Compression::Lzo), Some(Compression::Zlib(1)),
        ]),
    ) {
        let mut tree = Tree::new(Metadata::root(0o755));
        for (index, (len, kind)) in files.iter().enumerate() {
            let bytes = match kind {
                0 => vec![0; *len],
                1 => noise(*len),
                2 => noise(*len).into_iter().map(|byte| byte & 3).collect(),
                _ => noise(len % 3000),
            };
            let node = Node { metadata: Metadata::root(0o600), kind: Kind::File(Content::from(bytes)) };
            tree.insert(&format!("d{}/{index}", index % 3), node, &Metadata::root(0o755)).unwrap();
        }
        let storage = Storage { compression: method, ..Storage::default() };
        let volumes = Volumes { top: Filling { storage, ..Filling::from(&tree) }, ..Volumes::from(&tree) };
        let reader = Arc::new(read(devices(&volumes, &options(), 1)).unwrap());
        reader.verify().unwrap();
        assert_same(&tree, &reader.tree(5).unwrap());
    }
}
