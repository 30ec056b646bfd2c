//! What a tree holds, one line for each name: equal lines mean equal trees, whoever has read them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use landfall::tree::{Content, Kind, Name, Node, NodeId, Tree};
use landfall::units::{u64_of, usize_of};
use sha2::{Digest, Sha256};

use crate::oracle::{require_tool, run_ok};

/// Files are read in pieces of this size; pieces that are all zero do not count.
const PIECE: usize = 1 << 16;

/// What does not count.
static ZEROES: [u8; PIECE] = [0; PIECE];

/// A node as a line, but for its path.
struct Line<'t> {
    first_path: String,
    node: &'t Node,
    links: u32,
}

/// The lines of `tree`, root first, as ext4 will show them: with a `lost+found` where the tree has none.
pub fn describe(tree: &Tree) -> Vec<String> {
    let mut tree = tree.clone();
    if tree.lookup("lost+found").is_none() {
        let mut metadata = landfall::tree::Metadata::root(0o700);
        metadata.modified = landfall::timestamp::Timestamp::STORE;
        let node = Node { metadata, kind: Kind::directory() };
        tree.add(Tree::ROOT, Name::new(b"lost+found").unwrap(), node).unwrap();
    }
    lines(&tree)
}

/// The lines of `tree`, root first.
pub fn lines(tree: &Tree) -> Vec<String> {
    let links = tree.link_counts();
    let mut first: BTreeMap<NodeId, String> = BTreeMap::new();
    let root = (Vec::new(), Tree::ROOT);
    std::iter::once(root)
        .chain(tree.walk())
        .map(|(path, id)| {
            let path = hex(&path);
            let first_path = first.entry(id).or_insert_with(|| path.clone()).clone();
            let line = Line { first_path, node: tree.node(id), links: links[id.index()] };
            format!("/{path} {}", line.text())
        })
        .collect()
}

impl Line<'_> {
    fn text(&self) -> String {
        let Node { metadata, kind } = self.node;
        let (letter, size, rest) = match kind {
            Kind::Directory(_) => ('d', 0, String::new()),
            Kind::File(content) => ('f', content.len(), digest(content)),
            Kind::Symlink(target) => ('l', u64::try_from(target.len()).unwrap(), hex(target)),
            Kind::CharDevice(device) => ('c', 0, format!("{}:{}", device.major, device.minor)),
            Kind::BlockDevice(device) => ('b', 0, format!("{}:{}", device.major, device.minor)),
            Kind::Fifo => ('p', 0, String::new()),
            Kind::Socket => ('s', 0, String::new()),
        };
        // A directory that counts no more says 1.
        let links = if letter == 'd' && self.links > 65_000 { 1 } else { self.links };
        let time = format!("{}.{:09}", metadata.modified.seconds, metadata.modified.nanoseconds);
        let mut text = format!(
            "{letter} {:o} {} {} {time} {links} /{} {size} {rest}",
            metadata.permissions, metadata.uid, metadata.gid, self.first_path
        );
        for xattr in &metadata.xattrs {
            write!(text, " {}={}", hex(&xattr.name), hex(&xattr.value)).unwrap();
        }
        text
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Digest of the pieces that are not zero, each with its number.
fn digest(content: &Content) -> String {
    let mut hasher = Sha256::new();
    let open = content.open().unwrap();
    let ranges: Vec<_> = content.data_ranges().collect();
    let mut piece = vec![0; PIECE];
    let pieces = content.len().div_ceil(u64_of(PIECE));
    for index in 0..pieces {
        let start = index * u64_of(PIECE);
        let end = (start + u64_of(PIECE)).min(content.len());
        if !ranges.iter().any(|range| range.start() < end && start < range.end()) {
            continue;
        }
        let piece = &mut piece[..usize_of(end - start)];
        open.read_at(piece, start).unwrap();
        if *piece != ZEROES[..piece.len()] {
            hasher.update(index.to_le_bytes());
            hasher.update(&*piece);
        }
    }
    hex(&hasher.finalize())
}

/// The same lines of a mounted directory, as the kernel shows it. `None` without Python.
pub fn describe_mounted(folder: &Path) -> Option<Vec<String>> {
    let python = require_tool("python3")?;
    let text = run_ok(&python, &["-c", SCRIPT, folder.to_str().unwrap()]);
    Some(text.lines().map(str::to_owned).collect())
}

/// Fails with the first lines that differ.
pub fn assert_same(expected: &[String], found: &[String]) {
    let differing = expected.iter().zip(found).find(|(expected, found)| expected != found);
    if let Some((expected, found)) = differing {
        panic!("expected {expected}\n   found {found}");
    }
    assert_eq!(expected.len(), found.len(), "one has more names than the other");
}

const SCRIPT: &str = r#"
import hashlib, os, stat, sys
PIECE = 1 << 16
first = {}
KINDS = {stat.S_IFDIR: "d", stat.S_IFREG: "f", stat.S_IFLNK: "l", stat.S_IFCHR: "c", stat.S_IFBLK: "b",
         stat.S_IFIFO: "p", stat.S_IFSOCK: "s"}

def digest(path, size):
    h = hashlib.sha256()
    with open(path, "rb", buffering=0) as f:
        fd = f.fileno()
        at = 0
        while at < size:
            try:
                data = os.lseek(fd, at, os.SEEK_DATA)
            except OSError:
                break
            index = data // PIECE
            piece = os.pread(fd, PIECE, index * PIECE)
            if piece.count(0) != len(piece):
                h.update(index.to_bytes(8, "little"))
                h.update(piece)
            at = (index + 1) * PIECE
    return h.hexdigest()

def line(full, path):
    st = os.lstat(full)
    kind = KINDS[stat.S_IFMT(st.st_mode)]
    key = first.setdefault(st.st_ino, path.hex())
    size, rest = 0, ""
    if kind == "f":
        size, rest = st.st_size, digest(full, st.st_size)
    elif kind == "l":
        size, rest = st.st_size, os.readlink(full).hex()
    elif kind in "cb":
        rest = "%d:%d" % (os.major(st.st_rdev), os.minor(st.st_rdev))
    assert st.st_atime_ns == st.st_mtime_ns == st.st_ctime_ns, full
    seconds, nanoseconds = divmod(st.st_mtime_ns, 10**9)
    text = "/%s %s %o %d %d %d.%09d %d /%s %d %s" % (path.hex(), kind, stat.S_IMODE(st.st_mode), st.st_uid,
        st.st_gid, seconds, nanoseconds, st.st_nlink, key, size, rest)
    for name in sorted(os.fsencode(n) for n in os.listxattr(full, follow_symlinks=False)):
        text += " %s=%s" % (name.hex(), os.getxattr(full, name, follow_symlinks=False).hex())
    print(text)
    if kind == "d":
        for name in sorted(os.listdir(full)):
            line(os.path.join(full, name), os.path.join(path, name))

line(os.fsencode(sys.argv[1]), b"")
"#;
