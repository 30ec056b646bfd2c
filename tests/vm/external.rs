//! What file systems made by their own tools hold, as Linux mounts them: exFAT and bcachefs, which hosts seldom can.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use landfall::fs::external::{self, Kind, Options};
use landfall::progress::{Silent, Step, Unit};
use landfall::timestamp::Timestamp;
use landfall::tree::{self, Metadata, Name, Node, Tree, host_tree};
use landfall::units::{ByteSize, SectorSize};
use landfall::volume::FileBlock;
use qemu::{Architecture, Drive, Machine, RunDirectory};
use serde_json::json;

use crate::harness::{Guest, Image, Sample};
use crate::layers::{disk, esp, ext4, machine, runner};
use crate::small::{Root, Small, reported};
use crate::tools;
use crate::vm_build::build_file;

/// Names, sizes, times and sums of all files below the working directory.
const LIST: &str = "export LC_ALL=C; for what in \"stat -c '%n %s %Y'\" md5sum; do \
                    eval \"find . -type f -exec $what {} +\" | sort | md5sum; done; find . -type d | sort | md5sum";

/// Files of all lengths around those of clusters, more than a cluster of entries in the root and below.
fn fill(folder: &Path) {
    for (number, len) in [0, 1, 511, 4095, 4096, 4097, 32_768, 32_769, 3_000_000].into_iter().enumerate() {
        let bytes: Vec<u8> =
            (0..len).map(|at: usize| u8::try_from((at / 7 + number) % 251).unwrap()).collect();
        fs::write(folder.join(format!("length {len}")), bytes).unwrap();
    }
    for number in 0..700 {
        fs::create_dir_all(folder.join(format!("Größe {number}/Ω-😀"))).unwrap();
        fs::write(
            folder.join(format!("Größe {number}/Ω-😀/{}", "n".repeat(number % 250 + 1))),
            number.to_string(),
        )
        .unwrap();
    }
    let file = File::create(folder.join("holes")).unwrap();
    file.set_len(2_000_000).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"in the middle", 1_000_000).unwrap();
}

/// Modes, owners and times of all that is below the working directory, but for what bcachefs makes in its root.
const LIST_NODES: &str = "export LC_ALL=C; find . -mindepth 1 ! -path './lost+found' -exec stat -c '%n %f %u %g %Y' {} + | \
                          sort | md5sum";

/// What `LIST_NODES` prints of `tree`.
fn listed(tree: &Tree) -> String {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for (path, id) in tree.walk() {
        let node = tree.node(id);
        let Metadata { uid, gid, modified, .. } = &node.metadata;
        let rest = format!(" {:x} {uid} {gid} {}\n", node.mode(), modified.seconds);
        lines.push([b"./", path.as_slice(), rest.as_bytes()].concat());
    }
    lines.sort();
    let mut child = Command::new("md5sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&lines.concat()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

/// `tree` with what only bcachefs of the two can carry: owners, permissions, links, pipes, sockets.
fn with_more(mut tree: Tree) -> Tree {
    let nodes: Vec<_> = tree.walk().map(|(_, id)| id).collect();
    for (number, id) in nodes.into_iter().enumerate() {
        let metadata = tree.metadata_mut(id);
        (metadata.uid, metadata.gid) = (u32::try_from(number % 7).unwrap(), 30_000);
        metadata.modified = Timestamp::new(1 + i64::try_from(number).unwrap(), 7).unwrap();
    }
    for (name, permissions, kind) in [
        ("link", 0o777, tree::Kind::Symlink(b"/nix/store/x".to_vec())),
        ("fifo", 0o600, tree::Kind::Fifo),
        ("socket", 0o755, tree::Kind::Socket),
        ("program", 0o6755, tree::Kind::File(tree::Content::from(b"x".to_vec()))),
    ] {
        let node = Node { metadata: Metadata { gid: 5, ..Metadata::root(permissions) }, kind };
        let id = tree.add(Tree::ROOT, Name::new(name.as_bytes()).unwrap(), node).unwrap();
        if name == "program" {
            tree.link(Tree::ROOT, Name::new(b"its second name").unwrap(), id).unwrap();
        }
    }
    tree
}

/// A file of `size` with a file system that holds `tree`.
fn make(kind: Kind, tree: &Tree, path: &Path, size: ByteSize) {
    let file = File::options().read(true).write(true).create_new(true).open(path).unwrap();
    let block = FileBlock::create(file, path, size.bytes(), SectorSize::S512).unwrap();
    let options =
        Options { uuid: "6f1c1b0e-0000-4000-8000-000000000001".parse().unwrap(), arguments: Vec::new() };
    let step = Step::start(&Silent, "write", None, Unit::Bytes);
    external::write(kind, tree, &options, (&block, &step)).unwrap();
}

#[test]
fn linux_finds_every_file_of_exfat_and_bcachefs() {
    let Some(sample) = Sample::require(Architecture::X86_64) else { return };
    let has_bcachefs = tools::is_in_path("bcachefs");
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join("files");
    fs::create_dir(&files).unwrap();
    fill(&files);
    let (exfat, bcachefs) = (folder.path().join("exfat"), folder.path().join("bcachefs"));
    let tree = host_tree(&files).unwrap();
    make(Kind::Exfat, &tree, &exfat, ByteSize::mib(300));
    let more = with_more(tree);
    let mut drives = vec![exfat];
    if has_bcachefs {
        let size = external::measure(Kind::Bcachefs, &more, ByteSize::mib(16)).unwrap();
        make(Kind::Bcachefs, &more, &bcachefs, size);
        drives.push(bcachefs);
    }
    let expected = Command::new("sh").args(["-c", LIST]).current_dir(&files).output().unwrap();
    let expected = String::from_utf8(expected.stdout).unwrap();
    let expected: Vec<&str> = expected.lines().collect();

    let layout = json!({ "disk": { "main": disk(&json!({ "ESP": esp(), "root": { "size": "100%", "content": ext4("/") } })) } });
    let image = Image::build(&sample, &layout.to_string(), &[]);
    let machine = drives.iter().fold(machine(&sample, &image, &["main"]), |machine, drive| {
        machine.with_drive(Drive::image(drive).snapshot())
    });
    let guest = Guest::boot(&machine);
    guest.multi_user();
    let run = runner(&guest);
    run("mkdir -p /mnt /mnt2 && mount -t exfat /dev/vdb /mnt");
    let found = run(&format!("cd /mnt && {LIST}"));
    assert_eq!(found.lines().map(str::trim).collect::<Vec<_>>(), expected);
    // The kernel goes on with our bitmap and our root, whose clusters are a chain in the FAT.
    run("cd /mnt && for i in $(seq 500); do echo $i > new-$i; done && cp holes again && cd / && umount /mnt");
    run("mount -t exfat -o ro /dev/vdb /mnt && cmp /mnt/holes /mnt/again && test $(cat /mnt/new-500) = 500");
    let found = run("md5sum < '/mnt/length 3000000'");
    let sum =
        Command::new("sh").args(["-c", "md5sum < 'length 3000000'"]).current_dir(&files).output().unwrap();
    assert!(found.contains(String::from_utf8(sum.stdout).unwrap().trim()), "{found}");

    if has_bcachefs {
        run("mount -t bcachefs /dev/vdc /mnt2");
        assert_eq!(run(&format!("cd /mnt2 && {LIST_NODES}")).trim(), listed(&more).trim());
        let found = run("cd /mnt2 && readlink link && cat program 'its second name' && stat -c %h program");
        assert_eq!(found.split_whitespace().collect::<Vec<_>>(), ["/nix/store/x", "xx2"]);
        let sums = "export LC_ALL=C; find . -type f ! -name program ! -name 'its*' -exec md5sum {} + | sort | md5sum";
        let here = Command::new("sh").args(["-c", sums]).current_dir(&files).output().unwrap();
        let there = run(&format!("cd /mnt2 && {sums}"));
        assert_eq!(there.trim(), String::from_utf8(here.stdout).unwrap().trim());
        run(
            "cp /mnt2/holes /mnt2/again && umount /mnt2 && mount -t bcachefs /dev/vdc /mnt2 && cmp /mnt2/holes /mnt2/again",
        );
    }
}

/// A root that `bcachefs format` fills, without a machine, boots.
const LAYOUT: &str = r#"{ "disk": { "main": { "type": "disk", "device": "/dev/vda", "content": { "type": "gpt", "partitions": {
    "ESP": { "type": "EF00", "size": "128M", "content": { "type": "filesystem", "format": "vfat", "mountpoint": "/boot" } },
    "root": { "size": "100%", "content": { "type": "filesystem", "format": "bcachefs", "mountpoint": "/",
      "extraArgs": ["--compression=zstd", "--fs_label=root"] } } } } } } }"#;

#[test]
fn a_root_that_bcachefs_itself_fills_boots() {
    let Some(sample) = Sample::require(Architecture::X86_64) else { return };
    let Some(tools) = tools::bcachefs() else { return };
    if !tools::is_in_path("bcachefs") {
        return;
    }
    let root = Root {
        tools: &tools,
        programs: &["bcachefs"],
        modules: &["crc32c_generic", "bcachefs"],
        own_modules: &[],
        mount: "patiently test -b /dev/vda2; mount -t bcachefs /dev/vda2 /sysroot",
        report: "bcachefs show-super /dev/vda2 | grep -E 'Label|compression:'; ls -ld /nix/store",
    };
    let directory = RunDirectory::create(None).unwrap();
    let file = directory.path().join("layout.json");
    fs::write(&file, LAYOUT).unwrap();
    let out = directory.path().join("out");
    let ended = build_file(&Small::with_root(&sample, &root), &file, &out, &[]);
    let err = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && !err.contains("needs a VM"), "{err}");
    let drive = Drive::image(out.join("main.raw")).snapshot();
    let said = reported(&Guest::boot(&Machine::new(Architecture::X86_64).with_drive(drive)));
    for text in ["small: up from /dev/vda2 / bcachefs ", "zstd", "root", "drwxrwxr-t", "30000"] {
        assert!(said.contains(text), "no `{text}` in {said}");
    }
}
