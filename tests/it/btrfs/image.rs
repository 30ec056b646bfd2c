//! File systems under test, and what the judges say of them.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use landfall::fs::btrfs::{Options, Volumes, measure, read, write};
use landfall::progress::{Silent, Step, Unit};
use landfall::tree::Tree;
use landfall::units::SectorSize;
use landfall::volume::{Block, FileBlock};
use tempfile::NamedTempFile;

use crate::ext4::describe::describe;
use crate::oracle::{require_tool, run};

/// Options with a fixed identity and whatever else `change` sets.
pub fn options(change: impl FnOnce(&mut Options)) -> Options {
    let seed = "6f1c1b0e-0000-4000-8000-000000000001".parse().unwrap();
    let mut options = Options::new(seed, "test");
    change(&mut options);
    options
}

/// A file system in sparse temporary files of the measured size, one for each device.
pub struct Image {
    pub files: Vec<NamedTempFile>,
}

impl Image {
    pub fn measured(volumes: &Volumes<'_>, options: &Options, devices: usize) -> Self {
        let size = measure(volumes, options, devices).unwrap().size.bytes();
        let files: Vec<NamedTempFile> = (0..devices).map(|_| NamedTempFile::new().unwrap()).collect();
        let blocks: Vec<FileBlock> = files
            .iter()
            .map(|file| {
                FileBlock::create(file.reopen().unwrap(), file.path(), size, SectorSize::S512).unwrap()
            })
            .collect();
        let mut refs: Vec<&dyn Block> = Vec::new();
        for block in &blocks {
            refs.push(block);
        }
        write(volumes, options, &refs, Step::start(&Silent, "btrfs", None, Unit::Bytes)).unwrap();
        Self { files }
    }

    pub fn path(&self) -> &str {
        self.files[0].path().to_str().unwrap()
    }

    /// The devices as they are now.
    pub fn blocks(&self) -> Vec<Arc<FileBlock>> {
        let open = |path: &Path| FileBlock::open(File::open(path).unwrap(), path, SectorSize::S512).unwrap();
        self.files.iter().map(|file| Arc::new(open(file.path()))).collect()
    }

    /// `btrfs check` (of file systems on one device; it finds the others only on block devices) and our own reader must
    /// find nothing wrong.
    pub fn check(&self) {
        if self.files.len() == 1
            && let Some(complaint) = complaint_of(self.path())
        {
            assert_eq!(complaint, "", "btrfs check of {}", self.path());
        }
        read(self.blocks()).unwrap().verify().unwrap();
    }
}

/// What `btrfs check` has against the file system, contents of files included: nothing when it is clean. `None` when it is
/// not installed.
pub fn complaint_of(path: &str) -> Option<String> {
    let tool = require_tool("btrfs")?;
    let output = run(&tool, &["check", "--check-data-csum", path]);
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    // A clean run names its seven steps and sums up; a remark has words that no clean run has.
    let bad = |line: &&str| {
        let line = line.to_lowercase();
        let words = ["error", "warning", "mismatch", "wrong", "bad", "missing", "corrupt", "invalid"];
        words.iter().any(|word| line.contains(word)) && !line.contains("no error found")
    };
    let remarks: Vec<&str> = text.lines().filter(bad).collect();
    match output.status.code() {
        Some(0) if remarks.is_empty() && text.contains("no error found") => Some(String::new()),
        code => Some(format!("exit {code:?}: {text}")),
    }
}

/// The lines of `tree` as btrfs shows them: directories count one name, and nobody adds a `lost+found`.
pub fn lines(tree: &Tree) -> Vec<String> {
    let own = tree.lookup("lost+found").is_some();
    as_btrfs(describe(tree)).into_iter().filter(|line| own || !line.starts_with(LOST_FOUND)).collect()
}

/// The path `lost+found` as lines have it.
const LOST_FOUND: &str = "/6c6f73742b666f756e64 ";

/// Lines with one name for each directory.
pub fn as_btrfs(lines: Vec<String>) -> Vec<String> {
    let one_link = |line: String| {
        let mut fields: Vec<&str> = line.split(' ').collect();
        if fields[1] == "d" {
            fields[6] = "1";
        }
        fields.join(" ")
    };
    lines.into_iter().map(one_link).collect()
}
