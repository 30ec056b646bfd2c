//! File systems that their own tools make: judged by their fsck and by the kernel, and the same every time.

use std::fs::{self, File};
use std::path::Path;

use landfall::fs::external::{self, ExternalError, Kind, Options};
use landfall::progress::{Silent, Step, Unit};
use landfall::timestamp::Timestamp;
use landfall::tree::{
    self, Content, DeviceNumber, HostFile, Metadata, Name, Node, NodeId, Tree, Xattr, host_tree,
};
use landfall::units::{ByteRange, ByteSize, SectorSize};
use landfall::volume::FileBlock;

use crate::image::Build;
use crate::oracle::{require_root, require_tool, run, run_ok};

fn file(bytes: &[u8]) -> Node {
    Node { metadata: Metadata::root(0o644), kind: tree::Kind::File(Content::from(bytes.to_vec())) }
}

fn node(metadata: Metadata, kind: tree::Kind) -> Node {
    Node { metadata, kind }
}

fn add(tree: &mut Tree, path: &str, node: Node) -> NodeId {
    tree.insert(path, node, &Metadata::root(0o755)).unwrap()
}

/// Everything that every one of these can carry.
fn everything(dir: &Path) -> Tree {
    everything_with_names_of(255, dir)
}

fn everything_with_names_of(longest: usize, dir: &Path) -> Tree {
    let mut tree = Tree::new(Metadata::root(0o755));
    for number in 0..3000 {
        add(&mut tree, &format!("flat/a-name-of-some-length-{number}"), file(number.to_string().as_bytes()));
    }
    add(&mut tree, "few/a", file(b""));
    add(&mut tree, "deep/b/c/d/e/f/g/h", file(&[7; 70_000]));
    add(&mut tree, "module::name.3pm", file(b"colons"));
    add(&mut tree, &"n".repeat(longest), file(b"long"));
    add(&mut tree, "sl/short", node(Metadata::root(0o777), tree::Kind::Symlink(b"/nix/store/x".to_vec())));
    add(&mut tree, "sl/long", node(Metadata::root(0o777), tree::Kind::Symlink(vec![b'x'; 336])));
    let store = tree.make_directories("nix/store", &Metadata::root(0o755)).unwrap();
    *tree.metadata_mut(store) = Metadata { gid: 30_000, ..Metadata::root(0o1775) };
    let later = Timestamp::new(1_700_000_000, 123_456_789).unwrap();
    let metadata = Metadata { uid: 1000, gid: 100, modified: later, ..Metadata::root(0o6755) };
    add(&mut tree, "owned", node(metadata, tree::Kind::File(Content::from(b"someone's".to_vec()))));
    let large = dir.join("large");
    let bytes: Vec<u8> = (0..20_000_000_u32).map(|at| u8::try_from((at ^ at >> 9) & 0xff).unwrap()).collect();
    fs::write(&large, &bytes).unwrap();
    let host = HostFile { path: large, len: 20_000_000, data: None };
    add(&mut tree, "large", node(Metadata::root(0o444), tree::Kind::File(Content::Host(host))));
    tree
}

fn options(arguments: &[&str]) -> Options {
    Options {
        uuid: "6f1c1b0e-0000-4000-8000-000000000001".parse().unwrap(),
        arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
    }
}

fn write(
    kind: Kind,
    tree: &Tree,
    arguments: &[&str],
    (path, size): (&Path, ByteSize),
) -> Result<(), ExternalError> {
    let file = File::options().read(true).write(true).create(true).truncate(true).open(path).unwrap();
    let block = FileBlock::create(file, path, size.bytes(), SectorSize::S512).unwrap();
    let step = Step::start(&Silent, "write", None, Unit::Bytes);
    external::write(kind, tree, &options(arguments), (&block, &step))
}

/// The judge of each kind, and how it is asked not to mend; `None` when something is not installed.
fn judge(kind: Kind) -> Option<(std::path::PathBuf, &'static [&'static str])> {
    let (tools, fsck, arguments): (&[&str], &str, &[&str]) = match kind {
        Kind::Xfs => (&["mkfs.xfs"], "xfs_repair", &["-n"]),
        Kind::F2fs => (&["mkfs.f2fs", "sload.f2fs"], "fsck.f2fs", &["--dry-run"]),
        Kind::Exfat => (&["mkfs.exfat"], "fsck.exfat", &["-n"]),
        Kind::Ext2 | Kind::Ext3 => (&["mke2fs", "debugfs"], "e2fsck", &["-fn"]),
        Kind::Erofs => (&["mkfs.erofs"], "fsck.erofs", &["-d1"]),
        Kind::Bcachefs => (&["fakeroot"], "bcachefs", &["fsck", "-n", "-f"]),
    };
    for tool in tools {
        require_tool(tool)?;
    }
    Some((require_tool(fsck)?, arguments))
}

/// Every path with what is known of it, in one order.
fn lines(tree: &Tree) -> Vec<String> {
    let root = std::iter::once((Vec::new(), Tree::ROOT));
    let mut lines: Vec<String> = root
        .chain(tree.walk())
        .map(|(path, id)| {
            let Node { metadata, kind } = tree.node(id);
            let kind = match kind {
                tree::Kind::Directory(entries) => format!("directory of {}", entries.len()),
                tree::Kind::File(content) => {
                    let bytes = content.to_vec().unwrap();
                    format!("file of {} bytes, crc {:08x}", bytes.len(), crc32fast::hash(&bytes))
                }
                other => format!("{other:?}"),
            };
            let Metadata { permissions, uid, gid, modified, .. } = metadata;
            format!("/{} {permissions:o} {uid}:{gid} {modified:?} {kind}", String::from_utf8_lossy(&path))
        })
        .collect();
    lines.sort();
    lines
}

/// The tree that the kernel shows of an image; `None` where it cannot be asked.
fn mounted(kind: Kind, image: &Path) -> Option<Vec<String>> {
    let (mount, umount) = (require_tool("mount")?, require_tool("umount")?);
    let known = fs::read_to_string("/proc/filesystems").unwrap();
    if !known.lines().any(|line| line.trim().trim_start_matches("nodev").trim() == kind.format()) {
        eprintln!("skipped: this kernel does not mount {}", kind.format());
        return None;
    }
    if !require_root() {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_str().unwrap();
    run_ok(&mount, &["-t", kind.format(), "-o", "loop,ro", image.to_str().unwrap(), place]);
    let found = host_tree(folder.path()).map(|tree| lines(&tree));
    run_ok(&umount, &[place]);
    Some(found.unwrap())
}

/// What a judge has against an image. That of erofs finds errors and ends well all the same.
fn complaint(fsck: &Path, arguments: &[&str], image: &str) -> Option<String> {
    let output = run(fsck, &[arguments, &[image]].concat());
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (!output.status.success() || text.contains("<E>")).then_some(text)
}

fn carries_everything(kind: Kind, tree: &Tree, arguments: &[&str]) {
    let Some((fsck, check)) = judge(kind) else { return };
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("image");
    let size = external::measure(kind, tree, ByteSize::mib(8)).unwrap();
    write(kind, tree, arguments, (&image, size)).unwrap();
    let path = image.to_str().unwrap();
    assert_eq!(complaint(&fsck, check, path), None);
    if let Some(found) = mounted(kind, &image) {
        // Made by mke2fs; none of the tree's.
        let own = |line: &&String| !line.starts_with("/lost+found ");
        let found: Vec<&String> = found.iter().filter(own).collect();
        let count = usize::from(matches!(kind, Kind::Ext2 | Kind::Ext3));
        let mut expected = lines(tree);
        let root = format!("directory of {}", tree.entries(Tree::ROOT).count());
        let with_own = format!("directory of {}", tree.entries(Tree::ROOT).count() + count);
        for line in expected.iter_mut().filter(|line| line.starts_with("/ ")) {
            *line = line.replace(&root, &with_own);
        }
        assert_eq!(found, expected.iter().collect::<Vec<_>>());
    }
    let other = tempfile::tempdir().unwrap();
    let again = other.path().join("another-name");
    // Once more, elsewhere: the same bytes. The program of bcachefs takes seeds from the operating system.
    if kind != Kind::Bcachefs {
        std::thread::sleep(std::time::Duration::from_millis(1100));
        write(kind, tree, arguments, (&again, size)).unwrap();
        assert!(fs::read(&image).unwrap() == fs::read(&again).unwrap(), "the bytes differ");
    }
    // The twin: a byte of the superblock.
    let mut bytes = fs::read(&image).unwrap();
    match kind {
        Kind::Xfs => bytes[88] ^= 1,
        Kind::F2fs => {
            // Both copies: there is a checksum only where that is asked for.
            bytes[1024 + 48] ^= 0x40;
            bytes[4096 + 1024 + 48] ^= 0x40;
        }
        Kind::Exfat => bytes[100] ^= 1,
        // The count of inodes, no longer that of the groups.
        Kind::Ext2 | Kind::Ext3 => bytes[1024] ^= 1,
        // The root's number, under the sum.
        Kind::Erofs => bytes[1024 + 14] ^= 1,
        // All copies of the superblock, and what the journal and the trees begin with.
        Kind::Bcachefs => bytes[..4 << 20].fill(0xa5),
    }
    fs::write(&again, bytes).unwrap();
    assert_ne!(complaint(&fsck, check, again.to_str().unwrap()), None);
}

#[test]
fn xfs_carries_everything_and_is_the_same_every_time() {
    let dir = tempfile::tempdir().unwrap();
    let mut tree = everything(dir.path());
    let null = tree::Kind::CharDevice(DeviceNumber { major: 1, minor: 3 });
    add(&mut tree, "null", node(Metadata::root(0o666), null));
    add(&mut tree, "fifo", node(Metadata::root(0o600), tree::Kind::Fifo));
    carries_everything(Kind::Xfs, &tree, &["-L home", "-m", "reflink=1"]);
}

#[test]
fn f2fs_carries_everything_and_is_the_same_every_time() {
    let dir = tempfile::tempdir().unwrap();
    let mut tree = everything(dir.path());
    add(&mut tree, "with a space/and another", file(b"space"));
    let features = "extra_attr,inode_checksum,sb_checksum,inode_crtime";
    carries_everything(Kind::F2fs, &tree, &["-O", features]);
    carries_everything(Kind::F2fs, &tree, &["-l files"]);
}

/// `everything` with what only some can carry: devices, hard links, attributes, names with all characters.
fn more_than_everything(dir: &Path) -> Tree {
    let mut tree = everything(dir);
    let null = tree::Kind::CharDevice(DeviceNumber { major: 1, minor: 300 });
    add(&mut tree, "null", node(Metadata::root(0o666), null));
    add(&mut tree, "fifo", node(Metadata::root(0o600), tree::Kind::Fifo));
    let xattr = Xattr { name: b"user.x".to_vec(), value: vec![0xff, 0, b'"'] };
    let metadata = Metadata { xattrs: vec![xattr], ..Metadata::root(0o640) };
    let id = add(
        &mut tree,
        "with \"a\" space/<12>",
        node(metadata, tree::Kind::File(Content::from(b"x".to_vec()))),
    );
    tree.link(Tree::ROOT, Name::new(b"#second").unwrap(), id).unwrap();
    tree
}

#[test]
fn ext2_carries_everything_and_is_the_same_every_time() {
    let dir = tempfile::tempdir().unwrap();
    carries_everything(Kind::Ext2, &more_than_everything(dir.path()), &["-L old", "-m", "1"]);
}

#[test]
fn ext3_carries_everything_and_is_the_same_every_time() {
    let dir = tempfile::tempdir().unwrap();
    carries_everything(Kind::Ext3, &more_than_everything(dir.path()), &[]);
}

#[test]
fn erofs_carries_everything_and_is_the_same_every_time() {
    let dir = tempfile::tempdir().unwrap();
    let mut tree = everything_with_names_of(254, dir.path());
    let id = add(&mut tree, "with a space/and another", file(b"space"));
    tree.link(Tree::ROOT, Name::new(b"second").unwrap(), id).unwrap();
    carries_everything(Kind::Erofs, &tree, &[]);
    carries_everything(Kind::Erofs, &tree, &["-z", "lz4hc"]);
}

/// What it carries is seen in `tests/vm/external.rs`, by a kernel that has it.
#[test]
fn bcachefs_carries_everything_for_its_fsck() {
    let dir = tempfile::tempdir().unwrap();
    let mut tree = everything(dir.path());
    let id = add(&mut tree, "with a space/and another", file(b"space"));
    tree.link(Tree::ROOT, Name::new(b"second").unwrap(), id).unwrap();
    add(&mut tree, "fifo", node(Metadata { uid: 7, ..Metadata::root(0o600) }, tree::Kind::Fifo));
    add(&mut tree, "socket", node(Metadata::root(0o755), tree::Kind::Socket));
    carries_everything(Kind::Bcachefs, &tree, &["--compression=zstd --fs_label files", "--acl"]);
    carries_everything(Kind::Bcachefs, &Tree::new(Metadata::root(0o755)), &[]);
}

/// A root on bcachefs.
const BCACHEFS: &str = r#"{ "disk": { "main": { "type": "disk", "device": "/dev/vda", "content": { "type": "gpt", "partitions": {
    "ESP": { "type": "EF00", "size": "64M", "content": { "type": "filesystem", "format": "vfat", "mountpoint": "/boot" } },
    "root": { "size": "100%", "content": { "type": "filesystem", "format": "bcachefs", "mountpoint": "/" } } } } } } }"#;

#[test]
fn bcachefs_says_what_it_cannot_read_and_that_it_is_not_the_same_each_time() {
    let Some(_) = judge(Kind::Bcachefs) else { return };
    let build = Build::new(BCACHEFS);
    let ended = build.command(&build.out(), &[]).output().unwrap();
    let err = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && err.contains("not the same bytes each time"), "{err}");
    let in_memory = Path::new("/dev/shm");
    if rustix::fs::statfs(in_memory).is_ok_and(|of| of.f_type == 0x0102_1994) {
        fs::remove_dir_all(build.out()).unwrap();
        let ended = build.command(&build.out(), &[]).env("TMPDIR", in_memory).output().unwrap();
        let err = String::from_utf8_lossy(&ended.stderr);
        assert!(
            err.contains("it cannot read files of a folder in memory; let TMPDIR name one on a disk"),
            "{err}"
        );
        assert_eq!(ended.status.code(), Some(1), "{err}");
        assert!(!build.disk().exists());
    } else {
        eprintln!("skipped: /dev/shm is no folder in memory");
    }
}

/// What exFAT can carry: names of all lengths and scripts, more in the root than a cluster has room for, holes.
fn files_alone(dir: &Path) -> Tree {
    let mut tree = Tree::new(Metadata::root(0o755));
    let later = Timestamp::new(1_700_000_001, 120_000_000).unwrap();
    for number in 0..3000 {
        let mut file = file(number.to_string().as_bytes());
        file.metadata.modified = later;
        add(&mut tree, &format!("flat/a-name-of-some-length-{number}"), file);
        if number % 10 == 0 {
            add(
                &mut tree,
                &format!("in-the-root-{number}"),
                node(Metadata::root(0o755), tree::Kind::directory()),
            );
        }
    }
    add(&mut tree, "few/a", file(b""));
    add(&mut tree, "deep/b/c/d/e/f/g/h", file(&[7; 70_000]));
    add(&mut tree, &"n".repeat(255), file(b"long"));
    add(&mut tree, "Größe/ΑΒΓ 😀", file(b"more than ASCII"));
    let id = add(&mut tree, "fifteen-letters", file(b"twice"));
    tree.link(Tree::ROOT, Name::new(b"sixteen--letters").unwrap(), id).unwrap();
    let holes = dir.join("holes");
    let file = File::create(&holes).unwrap();
    file.set_len(3_000_001).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"in the middle", 1_500_000).unwrap();
    let data = ByteRange::new(1_499_136, 4096).unwrap();
    let host = HostFile { path: holes, len: 3_000_001, data: Some(vec![data]) };
    add(&mut tree, "holes", node(Metadata::root(0o444), tree::Kind::File(Content::Host(host))));
    tree
}

#[test]
fn exfat_carries_files_and_is_the_same_every_time() {
    let dir = tempfile::tempdir().unwrap();
    carries_everything(Kind::Exfat, &Tree::new(Metadata::root(0o755)), &["-n", "STICK"]);
    carries_everything(Kind::Exfat, &files_alone(dir.path()), &[]);
    carries_everything(Kind::Exfat, &files_alone(dir.path()), &["-c", "512"]);
}

/// What lay on a disk before is not what a file's holes read as.
#[test]
fn exfat_writes_over_what_was_there() {
    let Some((fsck, check)) = judge(Kind::Exfat) else { return };
    let dir = tempfile::tempdir().unwrap();
    let tree = files_alone(dir.path());
    let (clean, used) = (dir.path().join("clean"), dir.path().join("used"));
    write(Kind::Exfat, &tree, &[], (&clean, ByteSize::mib(64))).unwrap();
    fs::write(&used, vec![0x85; 64 << 20]).unwrap();
    let file = File::options().read(true).write(true).open(&used).unwrap();
    let block = FileBlock::open(file, &used, SectorSize::S512).unwrap();
    let step = Step::start(&Silent, "write", None, Unit::Bytes);
    external::write(Kind::Exfat, &tree, &options(&[]), (&block, &step)).unwrap();
    run_ok(&fsck, &[check, &[used.to_str().unwrap()]].concat());
    // All that is a file's: no run of zeroes of the clean volume that lies between data is anything else.
    let (clean, used) = (fs::read(&clean).unwrap(), fs::read(&used).unwrap());
    let at = clean.windows(13).position(|bytes| bytes == b"in the middle").unwrap() - 1_500_000;
    assert!(clean[at..at + 3_000_001] == used[at..at + 3_000_001]);
}

#[test]
fn exfat_that_is_too_small_says_so() {
    let Some(_) = judge(Kind::Exfat) else { return };
    let dir = tempfile::tempdir().unwrap();
    let error = write(Kind::Exfat, &files_alone(dir.path()), &[], (&dir.path().join("x"), ByteSize::mib(12)));
    let text = error.unwrap_err().to_string();
    assert!(text.contains("clusters of 4 KiB are not enough"), "{text}");
}

/// The sizes that are worked out are enough, with no space to spare.
#[test]
fn what_is_measured_is_enough() {
    let dir = tempfile::tempdir().unwrap();
    let large = dir.path().join("large");
    File::create(&large).unwrap().set_len(600 << 20).unwrap();
    let mut trees = vec![Tree::new(Metadata::root(0o755))];
    for (count, len, folder) in [(20_000, 10, "one"), (300, 1_000_000, "one/two"), (1, 0, "x")] {
        let mut tree = Tree::new(Metadata::root(0o755));
        for number in 0..count {
            add(&mut tree, &format!("{folder}/{}/name-{number}", number % 7), file(&vec![1; len]));
        }
        trees.push(tree);
    }
    let one = HostFile { path: large, len: 600 << 20, data: Some(Vec::new()) };
    let mut tree = Tree::new(Metadata::root(0o755));
    add(&mut tree, "large", node(Metadata::root(0o644), tree::Kind::File(Content::Host(one))));
    trees.push(tree);
    for kind in [Kind::Xfs, Kind::F2fs, Kind::Ext3, Kind::Erofs, Kind::Exfat, Kind::Bcachefs] {
        let Some((fsck, check)) = judge(kind) else { return };
        for tree in &trees {
            let image = dir.path().join("image");
            let size = external::measure(kind, tree, ByteSize::ZERO).unwrap();
            write(kind, tree, &[], (&image, size)).unwrap();
            run_ok(&fsck, &[check, &[image.to_str().unwrap()]].concat());
        }
    }
}

#[test]
fn what_a_tool_cannot_carry_is_refused_by_name() {
    let said = |kind: Kind, node: Node, path: &[u8]| {
        let mut tree = Tree::new(Metadata::root(0o755));
        tree.add(Tree::ROOT, Name::new(path).unwrap(), node).unwrap();
        external::measure(kind, &tree, ByteSize::ZERO).unwrap_err().to_string()
    };
    let with_xattr = || {
        let xattr = Xattr { name: b"user.x".to_vec(), value: b"y".to_vec() };
        node(Metadata { xattrs: vec![xattr], ..Metadata::root(0o644) }, tree::Kind::Fifo)
    };
    for (text, words) in [
        (said(Kind::Xfs, file(b""), b"a name"), "`/a name` has a name that no protofile"),
        (said(Kind::Xfs, file(b""), b":x"), "`/:x` has a name that no protofile"),
        (said(Kind::Xfs, with_xattr(), b"x"), "`/x` has extended attributes"),
        (said(Kind::F2fs, with_xattr(), b"x"), "`/x` has extended attributes"),
        (
            said(Kind::F2fs, node(Metadata::root(0o644), tree::Kind::Socket), b"s"),
            "`/s` is a device, pipe or socket",
        ),
        (
            said(Kind::Exfat, node(Metadata::root(0o777), tree::Kind::Symlink(b"x".to_vec())), b"l"),
            "`/l` is a link, device, pipe or socket",
        ),
        (said(Kind::Exfat, file(b""), b"a:b"), "`/a:b` has a name that exFAT cannot hold: it holds"),
        (said(Kind::Ext2, file(b""), b"a\nb"), "has a line feed in its name"),
        (said(Kind::Ext3, node(Metadata::root(0o644), tree::Kind::Socket), b"s"), "`/s` is a socket"),
        (said(Kind::Erofs, with_xattr(), b"x"), "`/x` has extended attributes"),
        (said(Kind::Bcachefs, with_xattr(), b"x"), "`/x` has extended attributes"),
        (
            said(Kind::Bcachefs, node(Metadata::root(0o755), tree::Kind::directory()), b"lost+found"),
            "`/lost+found` has the name of a folder",
        ),
    ] {
        assert!(text.contains(words), "{text}");
    }
    for (kind, arguments) in [
        (Kind::Ext2, "-d /etc"),
        (Kind::Ext3, "-J device=/dev/sda"),
        (Kind::Xfs, "-p /etc/passwd"),
        (Kind::Xfs, "-d name=/dev/sda"),
        (Kind::F2fs, "-c /dev/sdb"),
        (Kind::Bcachefs, "--source /etc"),
        (Kind::Bcachefs, "--encrypted"),
    ] {
        let error = kind.check_arguments(&[arguments.to_owned()]).unwrap_err();
        assert_eq!(error.to_string(), format!("mkfs argument `{}` is not supported", said_of(arguments)));
    }
}

/// Of an argument whose flag is unknown, the flag alone is named.
fn said_of(arguments: &str) -> &str {
    if arguments.starts_with("-d name") { arguments } else { arguments.split(' ').next().unwrap() }
}
