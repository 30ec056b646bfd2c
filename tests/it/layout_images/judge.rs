//! Images on our own Blocks, opened by our readers alone, each part judged by the tools of its kind.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use landfall::fs::btrfs;
use landfall::image::{KeyFiles, Prepared, Request, System};
use landfall::layout::Layout;
use landfall::plan::Plan;
use landfall::plan::content::{Assembly, AssemblyKind, Content, Filesystem};
use landfall::progress::Silent;
use landfall::secret::Secret;
use landfall::units::u64_of;
use landfall::volume::{Block, FileBlock, SliceBlock, luks2, lvm, md};

use super::KEY;
use crate::oracle::{require_tool, run, run_ok};

/// The images of one layout, on our own Blocks.
pub(super) struct Built {
    pub(super) plan: Plan,
    pub(super) disks: BTreeMap<String, Arc<dyn Block>>,
    pub(super) folder: tempfile::TempDir,
}

pub(super) fn build(layout: &Layout, system: &System) -> Result<Built, String> {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    fs::write(&key, KEY).unwrap();
    let text = |error: landfall::image::ImageError| landfall::error::chain(&error);
    let plan = Prepared::plan_only(layout, system, &Request::default()).map_err(text)?;
    let mut by_name = BTreeMap::new();
    for_each(&plan, &mut |content| {
        if let Content::Luks(luks) = content {
            by_name.insert(luks.name.clone(), key.clone());
        }
    });
    let keys = KeyFiles { by_name, forced_seed: None };
    let prepared = Prepared::new(layout, system, &Request { keys, ..Request::default() }).map_err(text)?;
    write(&prepared, plan)
}

/// Fills files with what was decided.
pub(super) fn write(prepared: &Prepared, plan: Plan) -> Result<Built, String> {
    let text = |error: landfall::image::ImageError| landfall::error::chain(&error);
    let folder = tempfile::tempdir().unwrap();
    let mut disks: BTreeMap<String, Arc<dyn Block>> = BTreeMap::new();
    for disk in &prepared.plan().disks {
        let path = folder.path().join(&disk.key);
        let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
        let block = FileBlock::create(file, &path, disk.size.bytes(), disk.sector_size).unwrap();
        disks.insert(disk.key.clone(), Arc::new(block));
    }
    prepared.write(&disks, &Silent).map_err(text)?;
    Ok(Built { plan, disks, folder })
}

/// Calls `see` for everything that lies on a disk, array or volume.
fn for_each(plan: &Plan, see: &mut dyn FnMut(&Content)) {
    fn below(content: &Content, see: &mut dyn FnMut(&Content)) {
        see(content);
        match content {
            Content::Table(table) => {
                table
                    .partitions
                    .iter()
                    .filter_map(|p| p.content.as_ref())
                    .for_each(|inner| below(inner, see));
            }
            Content::Luks(luks) => luks.content.iter().for_each(|inner| below(inner, see)),
            _ => {}
        }
    }
    let volumes =
        plan.groups.iter().flat_map(|group| &group.volumes).filter_map(|volume| volume.content.as_ref());
    let arrays = plan.arrays.iter().filter_map(|array| array.content.as_ref());
    let disks = plan.disks.iter().filter_map(|disk| disk.content.as_ref());
    disks.chain(arrays).chain(volumes).for_each(|content| below(content, see));
}

/// Goes through what was built by our readers alone and has everything judged.
pub(super) struct Judge<'a> {
    built: &'a Built,
    /// Formats of which a damaged one has been shown to its judge: once is enough.
    twins: &'a mut BTreeSet<String>,
    members: BTreeMap<Assembly, BTreeMap<usize, Arc<dyn Block>>>,
    /// What was judged, by kind.
    judged: BTreeMap<String, usize>,
    /// The devices of a btrfs that has several, and what is opened and blank.
    pool: Vec<Arc<dyn Block>>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(built: &'a Built, twins: &'a mut BTreeSet<String>) -> Self {
        Self { built, twins, members: BTreeMap::new(), judged: BTreeMap::new(), pool: Vec::new() }
    }

    pub(super) fn all(mut self) -> Option<BTreeMap<String, usize>> {
        for disk in &self.built.plan.disks {
            if let Some(content) = &disk.content {
                self.content(content, self.built.disks[&disk.key].clone(), &disk.key)?;
            }
        }
        while let Some((of, members)) = self.members.pop_last() {
            let members: Vec<Arc<dyn Block>> = members.into_values().collect();
            match of.kind {
                AssemblyKind::Array => {
                    let array = self.built.plan.arrays.iter().find(|array| array.name == of.name).unwrap();
                    // One missing, where the level can do without.
                    let members = if array.level == 0 { members } else { members[1..].to_vec() };
                    let opened: Arc<dyn Block> = Arc::new(md::open(members).unwrap());
                    assert_eq!(opened.len(), array.size.bytes());
                    if let Some(content) = &array.content {
                        self.content(content, opened, &of.name)?;
                    }
                }
                AssemblyKind::VolumeGroup => {
                    let group = self.built.plan.groups.iter().find(|group| group.name == of.name).unwrap();
                    let (_, volumes) = lvm::open(&members).unwrap();
                    let filled: Vec<_> =
                        group.volumes.iter().filter(|volume| volume.kind != "thin-pool").collect();
                    assert_eq!(volumes.len(), filled.len());
                    for volume in filled {
                        let block = volumes[&volume.name].clone();
                        assert_eq!(block.len(), volume.size.bytes());
                        if let Some(content) = &volume.content {
                            self.content(content, Arc::new(block), &volume.name)?;
                        }
                    }
                }
                other => panic!("{other:?}"),
            }
        }
        if !self.pool.is_empty() {
            // `btrfs check` looks for the other devices among those of the host, where they are not.
            btrfs::read(std::mem::take(&mut self.pool)).unwrap().verify().unwrap();
        }
        Some(self.judged)
    }

    fn content(&mut self, content: &Content, block: Arc<dyn Block>, name: &str) -> Option<()> {
        match content {
            Content::Table(table) => {
                if let Some(disk) = self.built.plan.disks.iter().find(|disk| disk.key == name) {
                    let path = self.built.folder.path().join(&disk.key);
                    run_ok(&require_tool("sfdisk")?, &["--verify", path.to_str().unwrap()]);
                    self.count("table");
                }
                for partition in &table.partitions {
                    if let Some(content) = &partition.content {
                        let slice = SliceBlock::new(block.clone(), partition.range).unwrap();
                        self.content(content, Arc::new(slice), &partition.name)?;
                    }
                }
            }
            Content::Filesystem(filesystem)
                if filesystem.extra_args.iter().any(|word| word.starts_with('/')) =>
            {
                self.pool.push(block);
            }
            Content::Filesystem(filesystem) => self.filesystem(filesystem, &*block)?,
            Content::Swap(swap) if swap.random_encryption => {}
            Content::Swap(swap) => {
                let file = self.copy(&*block, 1 << 20);
                let text = run_ok(&require_tool("swaplabel")?, &[file.to_str().unwrap()]);
                assert!(text.contains(&swap.uuid.to_string()), "{text}");
                self.count("swap");
            }
            Content::Luks(luks) => {
                let file = self.copy(&*block, 16 << 20);
                let text = run_ok(&require_tool("cryptsetup")?, &["luksDump", file.to_str().unwrap()]);
                assert!(text.contains(&luks.uuid.to_string()), "{text}");
                self.count("luks");
                let opened = luks2::open(block, &[Secret::new(KEY.as_bytes().to_vec())]).unwrap();
                match &luks.content {
                    Some(content) => self.content(content, Arc::new(opened), &luks.name)?,
                    None => self.pool.push(Arc::new(opened)),
                }
            }
            Content::Member(member) => {
                self.member(&member.of, &*block)?;
                self.members.entry(member.of.clone()).or_default().insert(member.index, block);
            }
        }
        Some(())
    }

    fn member(&mut self, of: &Assembly, block: &dyn Block) -> Option<()> {
        match of.kind {
            AssemblyKind::Array => {
                // mdadm looks at either end.
                let file = self.copy(block, block.len());
                let text = run_ok(&require_tool("mdadm")?, &["--examine", file.to_str().unwrap()]);
                assert!(text.contains("State : clean") && text.contains("- correct"), "{text}");
                self.count("array member");
            }
            AssemblyKind::VolumeGroup => {
                let file = self.copy(block, 1 << 20);
                let text = run_ok(&require_tool("pvck")?, &["--dump", "metadata", file.to_str().unwrap()]);
                assert!(text.contains(&format!("{} {{", of.name)), "{text}");
                self.count("physical volume");
            }
            other => panic!("{other:?}"),
        }
        Some(())
    }

    fn filesystem(&mut self, filesystem: &Filesystem, block: &dyn Block) -> Option<()> {
        let (tool, arguments): (&str, &[&str]) = match filesystem.format.as_str() {
            "vfat" => ("fsck.fat", &["-n"]),
            "ext2" | "ext3" | "ext4" => ("e2fsck", &["-fn"]),
            "erofs" => ("fsck.erofs", &["-d1"]),
            "xfs" => ("xfs_repair", &["-n", "-f"]),
            "f2fs" => ("fsck.f2fs", &["--dry-run"]),
            "exfat" => ("fsck.exfat", &["-n"]),
            "btrfs" => ("btrfs", &["check", "--check-data-csum"]),
            other => panic!("nobody judges {other}"),
        };
        let tool = require_tool(tool)?;
        let file = self.copy(block, block.len());
        run_ok(&tool, &[arguments, &[file.to_str().unwrap()]].concat());
        self.count(&filesystem.format);
        if filesystem.format != "btrfs" && self.twins.insert(filesystem.format.clone()) {
            // Without its first blocks nobody takes it for sound; copies of a superblock alone do not help.
            File::options().write(true).open(&file).unwrap().write_all_at(&vec![0x5a; 1 << 20], 0).unwrap();
            let output = run(&tool, &[arguments, &[file.to_str().unwrap()]].concat());
            assert!(!output.status.success(), "{tool:?} did not notice: {output:?}");
        }
        Some(())
    }

    /// The first `len` bytes of `block` in a sparse file.
    fn copy(&self, block: &dyn Block, len: u64) -> PathBuf {
        let path = self.built.folder.path().join("judged");
        let file = File::create(&path).unwrap();
        let len = len.min(block.len());
        file.set_len(len).unwrap();
        let mut buffer = vec![0; 1 << 20];
        let mut at = 0;
        while at < len {
            let piece = usize::try_from((len - at).min(u64_of(buffer.len()))).unwrap();
            block.read_at(&mut buffer[..piece], at).unwrap();
            for (number, page) in buffer[..piece].chunks(4096).enumerate() {
                if page.iter().any(|byte| *byte != 0) {
                    file.write_all_at(page, at + u64_of(number * 4096)).unwrap();
                }
            }
            at += u64_of(piece);
        }
        path
    }

    fn count(&mut self, kind: &str) {
        *self.judged.entry(kind.to_owned()).or_default() += 1;
    }
}
