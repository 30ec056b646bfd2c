//! Images under test, and what the judges say of them.

use std::path::Path;
use std::sync::Arc;

use landfall::fs::squashfs::{Compression, GzipLevel, Options, Written, ZstdLevel, measure, read, write};
use landfall::progress::{Silent, Step, Unit};
use landfall::timestamp::Timestamp;
use landfall::tree::{Kind, NodeId, Tree, host_tree};
use landfall::units::SectorSize;
use landfall::volume::FileBlock;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::ext4::describe::{assert_same, lines};
use crate::oracle::{require_root, require_tool, run};

/// Every compressor; fast levels, since the format is under test.
pub fn compressions() -> [Compression; 4] {
    [
        Compression::Zstd(ZstdLevel::new(3).unwrap()),
        Compression::Xz,
        Compression::Lz4,
        Compression::Gzip(GzipLevel::new(6).unwrap()),
    ]
}

/// Options with a fast compressor and whatever else `change` sets.
pub fn options(change: impl FnOnce(&mut Options)) -> Options {
    let mut options = Options { compression: compressions()[0], ..Options::default() };
    change(&mut options);
    options
}

/// A file system in a temporary file.
pub struct Image {
    pub file: NamedTempFile,
    pub written: Written,
}

impl Image {
    /// `tree` packed.
    pub fn of(tree: &Tree, options: &Options) -> Self {
        let file = NamedTempFile::new().unwrap();
        let most = measure(tree, options).unwrap().at_most;
        let block = FileBlock::create(file.reopen().unwrap(), file.path(), most.bytes(), SectorSize::S512);
        let step = Step::start(&Silent, "squashfs", None, Unit::Bytes);
        let written = write(tree, options, &block.unwrap(), step).unwrap();
        assert!(written.size <= most, "{written:?} is more than {most}");
        assert_eq!(written.size.bytes() % 4096, 0);
        file.as_file().set_len(written.size.bytes()).unwrap();
        Self { file, written }
    }

    pub fn path(&self) -> &str {
        self.file.path().to_str().unwrap()
    }

    /// The image as it is now.
    pub fn block(&self) -> Arc<FileBlock> {
        Arc::new(open(self.file.path()))
    }

    /// Digest of all bytes.
    pub fn digest(&self) -> String {
        format!("{:x?}", Sha256::digest(std::fs::read(self.file.path()).unwrap()))
    }

    /// Our own reader must find nothing wrong.
    pub fn check(&self) {
        read(self.block()).unwrap().check().unwrap();
    }

    /// The tree that our own reader finds.
    pub fn tree(&self) -> Tree {
        Arc::new(read(self.block()).unwrap()).tree().unwrap()
    }

    /// `unsquashfs` must read all names and inodes. Not every host can unpack them: Linux takes attributes of
    /// users for files and directories only.
    pub fn is_listed(&self) {
        let Some(tool) = require_tool("unsquashfs") else { return };
        let output = run(&tool, &["-lls", self.path()]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// What `unsquashfs` unpacks must be `tree`. As another user than root, owners, devices and most attributes
    /// cannot be unpacked: then this is left to the listing.
    pub fn unsquashed_equals(&self, tree: &Tree) {
        let Some(tool) = require_tool("unsquashfs") else { return };
        if !require_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out");
        let output = run(&tool, &["-no-progress", "-quiet", "-d", target.to_str().unwrap(), self.path()]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // Linux gives every symbolic link these permissions.
        let mut expected = stored(tree);
        let links: Vec<NodeId> = tree
            .nodes()
            .filter(|(_, node)| matches!(node.kind, Kind::Symlink(_)))
            .map(|(id, _)| id)
            .collect();
        for id in links {
            expected.metadata_mut(id).permissions = 0o777;
        }
        assert_same(&lines(&expected), &lines(&host_tree(&target).unwrap()));
    }
}

/// The image at `path`.
pub fn open(path: &Path) -> FileBlock {
    FileBlock::open(std::fs::File::open(path).unwrap(), path, SectorSize::S512).unwrap()
}

/// `tree` with the times that Squashfs can hold: whole seconds from 1970 to 2106.
pub fn stored(tree: &Tree) -> Tree {
    let mut stored = tree.clone();
    let ids: Vec<NodeId> = tree.nodes().map(|(id, _)| id).collect();
    for id in ids {
        let metadata = stored.metadata_mut(id);
        metadata.modified = Timestamp::seconds(metadata.modified.seconds.clamp(0, u32::MAX.into()));
    }
    stored
}
