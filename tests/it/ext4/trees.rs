//! Trees that hold everything a file system can be asked to hold.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use landfall::timestamp::Timestamp;
use landfall::tree::{Content, DeviceNumber, HostFile, Kind, Metadata, Name, Node, NodeId, Tree, Xattr};
use landfall::units::{ByteRange, GIB};

/// Size of the sparse file.
pub const SPARSE_LEN: u64 = 5 * GIB;

/// A tree with nothing but its root.
pub fn empty() -> Tree {
    Tree::new(Metadata::root(0o755))
}

/// A regular file of root's.
pub fn file(bytes: &[u8]) -> Node {
    Node { metadata: Metadata::root(0o644), kind: Kind::File(Content::from(bytes.to_vec())) }
}

/// A node of some kind, owned by root.
pub fn node(kind: Kind) -> Node {
    Node { metadata: Metadata::root(0o644), kind }
}

/// Adds `node` at `path`, with directories as needed.
pub fn put(tree: &mut Tree, path: &str, node: Node) -> NodeId {
    tree.insert(path, node, &Metadata::root(0o755)).unwrap()
}

/// A tree with `count` small files in one directory.
pub fn flat(count: usize) -> Tree {
    let mut tree = empty();
    let folder = tree.make_directories("flat", &Metadata::root(0o755)).unwrap();
    for number in 0..count {
        let name = Name::new(format!("file-number-{number}").as_bytes()).unwrap();
        tree.add(folder, name, file(number.to_string().as_bytes())).unwrap();
    }
    tree
}

/// Every kind of node and everything that is hard about one. Symbolic links are at most `link_max` bytes;
/// host files are made in `dir`.
pub fn everything(dir: &Path, link_max: usize) -> Tree {
    let mut tree = flat(10_000);
    add_names(&mut tree);
    add_links(&mut tree, link_max);
    add_devices(&mut tree);
    add_times(&mut tree);
    add_xattrs(&mut tree);
    add_large(&mut tree, dir);
    tree
}

fn add_names(tree: &mut Tree) {
    for name in ["grün", "日本語", "with space", "-dash", "new\nline", &"n".repeat(255), &"ü".repeat(127)]
    {
        put(tree, &format!("names/{name}"), file(name.as_bytes()));
    }
    let folder = tree.lookup("names").unwrap();
    tree.add(folder, Name::new(b"not-utf8-\xff\xfe").unwrap(), file(b"")).unwrap();
    put(tree, "deep/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/empty", node(Kind::directory()));
}

fn add_links(tree: &mut Tree, link_max: usize) {
    let original = put(tree, "links/original", file(b"three names"));
    for path in ["links", "deep"] {
        let folder = tree.lookup(path).unwrap();
        tree.link(folder, Name::new(b"other-name").unwrap(), original).unwrap();
    }
    for len in [1, 58, 59, 60, 61, 1000, link_max] {
        // Parts of at most 100 bytes: no component of a path is longer than 255.
        let target = (1..=len).map(|at| if at % 101 == 0 { b'/' } else { b't' }).collect();
        put(tree, &format!("links/symlink-{len}"), node(Kind::Symlink(target)));
    }
    // A hard link to a symbolic link, and to a device.
    let symlink = tree.lookup("links/symlink-61").unwrap();
    let folder = tree.lookup("links").unwrap();
    tree.link(folder, Name::new(b"symlink-again").unwrap(), symlink).unwrap();
}

fn add_devices(tree: &mut Tree) {
    for (name, major, minor) in
        [("null", 1, 3), ("big-minor", 8, 256), ("big", 4095, 1_048_575), ("zero", 0, 0)]
    {
        let device = DeviceNumber { major, minor };
        put(tree, &format!("dev/char-{name}"), node(Kind::CharDevice(device)));
        put(tree, &format!("dev/block-{name}"), node(Kind::BlockDevice(device)));
    }
    put(tree, "dev/fifo", node(Kind::Fifo));
    put(tree, "dev/socket", node(Kind::Socket));
}

fn add_times(tree: &mut Tree) {
    for (name, seconds, nanoseconds) in [
        ("epoch", 0, 0),
        ("store", 1, 0),
        ("nanoseconds", 1_700_000_000, 123_456_789),
        ("before-1970", -1_000_000, 5),
        ("after-2038", 1 << 31, 999_999_999),
        ("after-2106", (1 << 32) + 7, 1),
        ("last", (1 << 34) - (1 << 31) - 1, 999_999_999),
    ] {
        let id = put(tree, &format!("times/{name}"), file(name.as_bytes()));
        let metadata = tree.metadata_mut(id);
        metadata.modified = Timestamp::new(seconds, nanoseconds).unwrap();
        metadata.uid = 1000;
        metadata.gid = 3_000_000_000;
        metadata.permissions = 0o4751;
    }
    let id = put(tree, "times/sticky", node(Kind::directory()));
    tree.metadata_mut(id).permissions = 0o1777;
}

/// An attribute.
pub fn xattr(name: &str, value: &[u8]) -> Xattr {
    Xattr { name: name.into(), value: value.to_vec() }
}

/// `u::rw-,u:1000:r--,g::r--,m::rw-,o::---` as `getxattr` returns it.
pub fn acl() -> Vec<u8> {
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    let none = u32::MAX;
    for (tag, perm, id) in
        [(1_u16, 6_u16, none), (2, 4, 1000), (4, 4, none), (0x10, 6, none), (0x20, 0, none)]
    {
        bytes.extend_from_slice(&tag.to_le_bytes());
        bytes.extend_from_slice(&perm.to_le_bytes());
        bytes.extend_from_slice(&id.to_le_bytes());
    }
    bytes
}

fn add_xattrs(tree: &mut Tree) {
    // A capability of version 2: cap_net_raw, effective.
    let mut capability = vec![0; 20];
    capability[..8].copy_from_slice(&[1, 0, 0, 2, 0, 0x20, 0, 0]);
    let large = xattr("user.large", &(0..200_u8).cycle().take(900).collect::<Vec<_>>());
    let sets = [
        ("small", vec![xattr("user.comment", b"hello")]),
        ("empty-value", vec![xattr("user.empty", b"")]),
        ("capability", vec![xattr("security.capability", &capability)]),
        ("large", vec![large.clone()]),
        ("large-again", vec![large.clone()]),
        ("both", vec![xattr("security.capability", &capability), large, xattr("user.z", b"last")]),
        ("acl", vec![xattr("system.posix_acl_access", &acl())]),
        ("trusted", vec![xattr("trusted.overlay.opaque", b"y")]),
    ];
    for (name, xattrs) in sets {
        let id = put(tree, &format!("xattrs/{name}"), file(name.as_bytes()));
        tree.metadata_mut(id).xattrs = xattrs;
    }
    let id = tree.lookup("xattrs/acl").unwrap();
    // The mask is what stat shows as the group's permissions.
    tree.metadata_mut(id).permissions = 0o660;
    let id = put(tree, "xattrs/folder", node(Kind::directory()));
    let metadata = tree.metadata_mut(id);
    metadata.permissions = 0o660;
    metadata.xattrs =
        vec![xattr("system.posix_acl_access", &acl()), xattr("system.posix_acl_default", &acl())];
    let id = put(tree, "xattrs/symlink", node(Kind::Symlink(b"target".to_vec())));
    tree.metadata_mut(id).xattrs = vec![xattr("trusted.on-link", &[7; 300])];
    let id = put(tree, "xattrs/fifo", node(Kind::Fifo));
    tree.metadata_mut(id).xattrs = vec![xattr("trusted.on-fifo", &[8; 200])];
}

/// The 2,000-byte attribute that blocks of 4 KiB hold.
pub fn add_huge_xattr(tree: &mut Tree) {
    let id = put(tree, "xattrs/huge", file(b"huge"));
    tree.metadata_mut(id).xattrs = vec![xattr("user.huge", &[0xA5; 2000])];
}

fn add_large(tree: &mut Tree, dir: &Path) {
    for len in [1_usize, 1023, 1024, 1025, 4095, 4096, 4097, 65_535, 65_536, 65_537, 3_000_001] {
        let bytes: Vec<u8> = (0..251_u8).cycle().take(len).collect();
        let path = dir.join(format!("{len}"));
        std::fs::write(&path, &bytes).unwrap();
        let content = Content::Host(HostFile { path, len: u64::try_from(len).unwrap(), data: None });
        put(tree, &format!("sizes/host-{len}"), node(Kind::File(content)));
        put(tree, &format!("sizes/memory-{len}"), file(&bytes));
    }
    let path = dir.join("sparse");
    let host = File::create(&path).unwrap();
    host.set_len(SPARSE_LEN).unwrap();
    // Data at the start, around 4 GiB, in a place that no block size is aligned to, and at the end.
    let ranges = [(0, 5000), (4 * GIB - 4096, 8192), (4 * GIB + 777_777, 1), (SPARSE_LEN - 10, 10)];
    for (start, len) in ranges {
        host.write_all_at(&vec![b'd'; usize::try_from(len).unwrap()], start).unwrap();
    }
    let data = Some(ranges.map(|(start, len)| ByteRange::new(start, len).unwrap()).to_vec());
    let content = Content::Host(HostFile { path: path.clone(), len: SPARSE_LEN, data });
    put(tree, "sizes/sparse", node(Kind::File(content)));
    // So many pieces that the extent tree needs an index: every second block of 4 KiB.
    let path = dir.join("comb");
    let host = File::create(&path).unwrap();
    let teeth: Vec<ByteRange> = (0..2000).map(|tooth| ByteRange::new(tooth * 8192, 4096).unwrap()).collect();
    for tooth in &teeth {
        host.write_all_at(&[b'c'; 4096], tooth.start()).unwrap();
    }
    let len = host.metadata().unwrap().len();
    let content = Content::Host(HostFile { path, len, data: Some(teeth) });
    put(tree, "sizes/comb", node(Kind::File(content)));
    let hole = Content::Host(HostFile { path: dir.join("hole"), len: 1 << 20, data: Some(Vec::new()) });
    File::create(dir.join("hole")).unwrap().set_len(1 << 20).unwrap();
    put(tree, "sizes/hole", node(Kind::File(hole)));
}
