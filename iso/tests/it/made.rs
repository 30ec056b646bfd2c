//! Images that the tests look at.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use iso::{Attributes, Image, NodeId, Options, Plan, Tree};

/// A time that every reader shows: 2001-09-09 01:46:40 UTC.
pub const TIME: i64 = 1_000_000_000;

/// A tree with the contents of its files.
#[derive(Debug)]
pub struct Filled {
    pub tree: Tree,
    pub contents: Vec<(NodeId, Vec<u8>)>,
}

impl Filled {
    pub fn new() -> Self {
        Self { tree: Tree::new(Attributes::directory(TIME)), contents: Vec::new() }
    }

    pub fn file(mut self, path: &str, content: &[u8]) -> Self {
        let len = u64::try_from(content.len()).unwrap();
        let id = self.tree.file(path, len, Attributes::file(TIME)).unwrap();
        self.contents.push((id, content.to_vec()));
        self
    }

    pub fn link(mut self, path: &str, target: &str) -> Self {
        self.tree.symlink(path, target, Attributes { permissions: 0o777, ..Attributes::file(TIME) }).unwrap();
        self
    }

    /// Writes the image to `path`, with a boot image of `boot` bytes.
    pub fn write(self, path: &Path, boot: Option<&[u8]>) -> Plan {
        let boot_len = boot.map(|bytes| u64::try_from(bytes.len()).unwrap());
        let options = Options { boot_image: boot_len, ..Options::new("landfall-test-1", TIME).unwrap() };
        let plan = Plan::new(self.tree, options).unwrap();
        let file = File::options().read(true).write(true).create(true).truncate(true).open(path).unwrap();
        file.set_len(plan.image_len()).unwrap();
        for (id, content) in &self.contents {
            file.write_all_at(content, plan.offset(*id)).unwrap();
        }
        if let (Some(bytes), Some((offset, _))) = (boot, plan.boot_image()) {
            file.write_all_at(bytes, offset).unwrap();
        }
        plan.write(&file).unwrap();
        plan
    }
}

/// Names of all kinds: deep, long, alike after shortening, not ASCII; links of all kinds.
pub fn varied() -> Filled {
    let deep =
        format!("{}/leaf", (0..14).map(|level| format!("level-{level}")).collect::<Vec<_>>().join("/"));
    let long = "n".repeat(255);
    let mut filled = Filled::new()
        .file("nix-store.squashfs", &[7; 5000])
        .file("boot/nix/store/nqxa5k8g6ny7l8ckvlpnxs4796chcyw8-linux-6.12/bzImage", b"kernel")
        .file("boot/nix/store/nqxa5k8g6ny7l8ckvlpnxs4796chcyw8-linux-6.13/bzImage", b"another")
        .file(&deep, b"deep")
        .file(&long, b"long")
        .file("empty", b"")
        .file("Same", b"1")
        .file("same", b"2")
        .file("größe-数", b"unicode")
        .link("absolute", "/nix/store")
        .link("relative", "../a/./b")
        .link("root", "/")
        .link("long-link", &format!("{}/end", "p".repeat(255).as_str()))
        .link("very-long-link", &["part-of-a-link"; 60].join("/"));
    for number in 0..300 {
        filled = filled.file(&format!("many/file-number-{number:03}-of-three-hundred"), b"x");
    }
    filled
}

/// Opens the image at `path`.
pub fn open(path: &Path) -> Image {
    Image::open(File::open(path).unwrap()).unwrap()
}
