//! Archives before their judge: GNU cpio.

use std::path::Path;

use landfall::fs::cpio;
use landfall::timestamp::Timestamp;
use landfall::tree::{Content, Kind, Metadata, Name, Node, Tree};

use crate::oracle::{require_tool, run, run_ok};

fn initrd() -> Tree {
    let folder = Metadata::root(0o755);
    let mut tree = Tree::new(Metadata::root(0o755));
    let mut add = |path: &str, permissions: u16, kind: Kind| {
        let metadata =
            Metadata { modified: Timestamp::seconds(1_700_000_000), ..Metadata::root(permissions) };
        tree.insert(path, Node { metadata, kind }, &folder).unwrap()
    };
    let init = add("init", 0o755, Kind::File(Content::from(b"#!/bin/sh\nexec /bin/sh\n".to_vec())));
    add("bin/sh", 0o777, Kind::Symlink(b"busybox".to_vec()));
    add("run/pipe", 0o600, Kind::Fifo);
    add("large", 0o444, Kind::File(Content::from(vec![7; 3_000_001])));
    add("Größe 😀", 0o644, Kind::File(Content::from(Vec::new())));
    let bin = tree.lookup("bin").unwrap();
    tree.link(bin, Name::new(b"init2").unwrap(), init).unwrap();
    tree
}

fn archive(dir: &Path, tree: &Tree) -> std::path::PathBuf {
    let path = dir.join("initrd.cpio");
    let mut bytes = Vec::new();
    cpio::write(tree, &mut bytes).unwrap();
    std::fs::write(&path, bytes).unwrap();
    path
}

fn shell(command: &str) -> String {
    run_ok(Path::new("/bin/sh"), &["-c", command])
}

#[test]
fn gnu_cpio_lists_and_unpacks_it() {
    let Some(tool) = require_tool("cpio") else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = archive(dir.path(), &initrd());
    let (tool, path) = (tool.display(), path.display());
    let said = shell(&format!("{tool} -t --quiet <{path}"));
    let names: Vec<&str> = said.lines().collect();
    assert_eq!(names.len(), 9, "{said}");
    assert_eq!(names[..5], [".", "Gr\u{f6}\u{df}e 😀", "bin", "bin/init2", "bin/sh"]);
    let out = dir.path().join("out");
    std::fs::create_dir(&out).unwrap();
    shell(&format!("cd {} && {tool} -i --quiet --preserve-modification-time <{path}", out.display()));
    assert_eq!(std::fs::read(out.join("bin/init2")).unwrap(), b"#!/bin/sh\nexec /bin/sh\n");
    assert_eq!(std::fs::read(out.join("large")).unwrap(), vec![7; 3_000_001]);
    assert_eq!(std::fs::read_link(out.join("bin/sh")).unwrap(), Path::new("busybox"));
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(out.join("init")).unwrap();
    assert_eq!((metadata.nlink(), metadata.mode(), metadata.mtime()), (2, 0o100_755, 1_700_000_000));
}

#[test]
fn gnu_cpio_sees_a_flipped_byte() {
    let Some(tool) = require_tool("cpio") else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = archive(dir.path(), &initrd());
    let mut bytes = std::fs::read(&path).unwrap();
    // The magic of the second member: the root takes 112 bytes.
    bytes[112] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let command = format!("{} -t <{}", tool.display(), path.display());
    let output = run(Path::new("/bin/sh"), &["-c", &command]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("malformed") || said.contains("junk"), "{said}");
    assert!(cpio::read(&mut &bytes[..]).is_err());
}

#[test]
fn archives_of_gnu_cpio_are_read() {
    let Some(tool) = require_tool("cpio") else { return };
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("source");
    std::fs::create_dir_all(source.join("sub")).unwrap();
    std::fs::write(source.join("sub/file"), b"content").unwrap();
    std::fs::hard_link(source.join("sub/file"), source.join("sub/link")).unwrap();
    let path = dir.path().join("theirs.cpio");
    shell(&format!(
        "cd {} && find . | sort | {} -o -H newc --quiet >{}",
        source.display(),
        tool.display(),
        path.display()
    ));
    let mut file = std::fs::File::open(&path).unwrap();
    let tree = cpio::tree(&cpio::read(&mut file).unwrap()).unwrap();
    let id = tree.lookup("sub/file").unwrap();
    assert_eq!(tree.lookup("sub/link"), Some(id));
    let Kind::File(content) = &tree.node(id).kind else { panic!("not a file") };
    assert_eq!(content.to_vec().unwrap(), b"content");
}
