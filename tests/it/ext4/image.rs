//! Images under test, and what the judges say of them.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use landfall::fs::ext4::{Ext4Error, Options, Written, measure, read, write};
use landfall::progress::{Silent, Step, Unit};
use landfall::tree::Tree;
use landfall::units::{ByteSize, SectorSize};
use landfall::volume::FileBlock;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::oracle::{require_tool, run};

/// Options with a fixed identity and whatever else `change` sets.
pub fn options(change: impl FnOnce(&mut Options)) -> Options {
    let seed = "6f1c1b0e-0000-4000-8000-000000000001".parse().unwrap();
    let mut options = Options::new(seed, "test");
    change(&mut options);
    options
}

/// A file system in a sparse temporary file.
pub struct Image {
    pub file: NamedTempFile,
    pub written: Written,
}

impl Image {
    /// `tree` in a file system of the measured size.
    pub fn measured(tree: &Tree, options: &Options) -> Self {
        let size = measure(tree, options).unwrap().size;
        Self::of_size(tree, options, size).unwrap()
    }

    /// `tree` in a file system of `size`.
    pub fn of_size(tree: &Tree, options: &Options, size: ByteSize) -> Result<Self, Ext4Error> {
        let file = NamedTempFile::new().unwrap();
        let block = FileBlock::create(file.reopen().unwrap(), file.path(), size.bytes(), SectorSize::S512)?;
        let step = Step::start(&Silent, "ext4", None, Unit::Bytes);
        let written = write(tree, options, &block, step)?;
        Ok(Self { file, written })
    }

    pub fn path(&self) -> &str {
        self.file.path().to_str().unwrap()
    }

    /// Digest of all bytes.
    pub fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        let mut file = self.file.reopen().unwrap();
        let mut piece = vec![0; 1 << 20];
        loop {
            let len = file.read(&mut piece).unwrap();
            if len == 0 {
                return format!("{:x?}", hasher.finalize());
            }
            hasher.update(&piece[..len]);
        }
    }

    /// The image as it is now.
    pub fn block(&self) -> Arc<FileBlock> {
        Arc::new(open(self.file.path()))
    }

    /// `e2fsck` and our own reader must find nothing to mend and nothing to remark.
    pub fn check(&self) {
        self.check_with_e2fsck();
        read(self.block()).unwrap().check().unwrap();
    }

    /// `e2fsck` must find nothing to mend and nothing to remark.
    pub fn check_with_e2fsck(&self) {
        let Some(complaint) = complaint_of(self.file.path()) else { return };
        assert_eq!(complaint, "", "e2fsck of {}", self.path());
    }

    /// What `debugfs` answers to `request`.
    pub fn debugfs(&self, request: &str) -> Option<String> {
        let tool = require_tool("debugfs")?;
        let output = run(&tool, &["-R", request, self.path()]);
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// The image at `path`.
pub fn open(path: &Path) -> FileBlock {
    FileBlock::open(File::open(path).unwrap(), path, SectorSize::S512).unwrap()
}

/// What `e2fsck -fn` has against a file system: nothing when it is clean. `None` when it is not installed.
pub fn complaint_of(path: &Path) -> Option<String> {
    let tool = require_tool("e2fsck")?;
    let output = run(&tool, &["-fn", path.to_str().unwrap()]);
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    // A clean run names its five passes and one line of statistics; anything else is a complaint.
    let is_usual = |line: &&str| line.starts_with("Pass ") || line.contains(" non-contiguous), ");
    let remarks: Vec<&str> = out.lines().filter(|line| !is_usual(line)).collect();
    match output.status.code() {
        Some(0) if remarks.is_empty() => Some(String::new()),
        code => Some(format!("exit {code:?}: {}", remarks.join("\n"))),
    }
}
