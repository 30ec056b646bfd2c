//! Every layout in `disko-layouts/` becomes images, and what is on them is opened again by our readers and judged
//! by the tools of its kind. What cannot be made yet is refused with the words that are listed here.
//!
//! Sizes beyond 2 GB become a few hundred megabytes, so that all of it can be read: what matters is how things lie
//! in each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use landfall::fs::btrfs;
use landfall::image::{KeyFiles, Prepared, Request, System};
use landfall::layout::{Layout, Source};
use landfall::plan::Plan;
use landfall::plan::content::{Assembly, AssemblyKind, Content, Filesystem};
use landfall::progress::Silent;
use landfall::secret::Secret;
use landfall::units::u64_of;
use landfall::volume::{Block, FileBlock, SliceBlock, luks2, lvm, md};
use serde_json::Value;
use uefi::Architecture;

use crate::disko_layouts::{examples, layout};
use crate::fixture::Fixture;
use crate::oracle::{require_tool, run, run_ok};

/// Layouts of which there is no image, and the words that say why.
const REFUSED: [(&str, &str); 7] = [
    ("bcachefs", "not supported yet: bcachefs"),
    ("bios-boot", "the layout has no EFI system partition"),
    ("legacy-mbr", "the layout has no EFI system partition"),
    ("lvm-thin", "not supported yet: LVM volume of type thin-pool"),
    ("zfs-mirror-encrypted", "not supported yet: zfs pool `tank`"),
    ("zfs-raidz2-storage", "not supported yet: zfs pool `backup`"),
    ("zfs-root", "not supported yet: zfs pool `rpool`"),
];

/// The key of every encrypted volume.
const KEY: &str = "correct horse";

/// The layout with its large sizes made small, and with keys that are quickly derived.
fn scaled(mut value: Value) -> Value {
    scale(&mut value);
    value
}

fn scale(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(scale),
        Value::Object(fields) => {
            if fields.get("type").is_some_and(|kind| kind == "luks") {
                let cheap = serde_json::json!(["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"]);
                fields.insert("extraFormatArgs".to_owned(), cheap);
            }
            for (name, value) in fields {
                match value {
                    // Positions in older tables belong together and stay; those from the end or the start are sizes.
                    Value::String(text)
                        if name == "size" || (name == "end" && text.starts_with(['-', '+'])) =>
                    {
                        if let Some(small) = smaller(text) {
                            *text = small;
                        }
                    }
                    // Room for an ESP of the usual size and a system.
                    Value::String(text) if name == "imageSize" && smaller(text).is_some() => {
                        "2G".clone_into(text);
                    }
                    other => scale(other),
                }
            }
        }
        _ => {}
    }
}

/// `64G` as `512M`; `None` for what is small already, or no size. xfs needs 300 MB.
fn smaller(text: &str) -> Option<String> {
    let body = text.trim_start_matches(['-', '+']);
    let sign = &text[..text.len() - body.len()];
    let unit = body.find(|c: char| !c.is_ascii_digit())?;
    let (digits, unit) = body.split_at(unit);
    let gigabytes = match unit {
        "G" | "GiB" => digits.parse::<u64>().ok()?,
        "T" | "TiB" => digits.parse::<u64>().ok()? * 1024,
        _ => return None,
    };
    (gigabytes > 2).then(|| format!("{sign}{}M", (gigabytes * 8).clamp(320, 640)))
}

#[test]
fn large_sizes_become_small_and_others_stay() {
    assert_eq!(smaller("64G").as_deref(), Some("512M"));
    assert_eq!(smaller("-16G").as_deref(), Some("-320M"));
    assert_eq!(smaller("+100G").as_deref(), Some("+640M"));
    assert_eq!((smaller("100%"), smaller("512M"), smaller("2G")), (None, None, None));
}

/// The images of one layout, on our own Blocks.
struct Built {
    plan: Plan,
    disks: BTreeMap<String, Arc<dyn Block>>,
    folder: tempfile::TempDir,
}

fn build(layout: &Layout, system: &System) -> Result<Built, String> {
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
struct Judge<'a> {
    built: &'a Built,
    /// Formats of which a damaged one has been shown to its judge: once is enough.
    twins: &'a mut BTreeSet<String>,
    members: BTreeMap<Assembly, BTreeMap<usize, Arc<dyn Block>>>,
    /// What was judged, by kind.
    judged: BTreeMap<String, usize>,
    /// The devices of a btrfs that has several, and what is opened and blank.
    pool: Vec<Arc<dyn Block>>,
}

impl Judge<'_> {
    fn all(mut self) -> Option<BTreeMap<String, usize>> {
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
                    assert_eq!(volumes.len(), group.volumes.len());
                    for volume in &group.volumes {
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
            "ext4" => ("e2fsck", &["-fn"]),
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
            // Without its first blocks nobody takes it for sound.
            File::options().write(true).open(&file).unwrap().write_all_at(&[0x5a; 8192], 0).unwrap();
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

fn parsed(value: &Value) -> Layout {
    let source = Source::Json { name: "layout.json".to_owned(), text: value.to_string().into_bytes() };
    Layout::parse(source).unwrap().0
}

fn system(fixture: &Fixture) -> System {
    System::open(fixture.root(), Path::new(&fixture.toplevel.to_string())).unwrap()
}

#[test]
fn every_layout_becomes_images_that_its_tools_find_sound() {
    let fixture = Fixture::new(Architecture::X64);
    let system = system(&fixture);
    let mut judged: BTreeMap<String, usize> = BTreeMap::new();
    let mut twins = BTreeSet::new();
    let mut refused = Vec::new();
    for example in examples() {
        let layout = parsed(&scaled(layout(&example).resolved_json()));
        match build(&layout, &system) {
            Ok(built) => {
                let Some(found) = (Judge {
                    built: &built,
                    twins: &mut twins,
                    members: BTreeMap::new(),
                    judged: BTreeMap::new(),
                    pool: Vec::new(),
                })
                .all() else {
                    return;
                };
                assert!(
                    found.contains_key("table") || found.contains_key("vfat"),
                    "{}: {found:?}",
                    example.name
                );
                for (kind, count) in found {
                    *judged.entry(kind).or_default() += count;
                }
            }
            Err(why) => refused.push((example.name, why)),
        }
    }
    refused.sort();
    let expected: Vec<&str> = REFUSED.iter().map(|(name, _)| *name).collect();
    let found: Vec<&str> = refused.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(found, expected, "{refused:#?}");
    for ((name, why), (_, words)) in refused.iter().zip(REFUSED) {
        assert!(why.contains(words), "{name}: {why}");
    }
    for kind in
        ["table", "vfat", "ext4", "xfs", "f2fs", "btrfs", "swap", "luks", "array member", "physical volume"]
    {
        assert!(judged.contains_key(kind), "no layout has {kind}: {judged:?}");
    }
}

/// What is not in the layouts: every level of array, every kind of volume, and one in the other.
#[test]
fn arrays_and_volumes_in_each_other_are_sound_too() {
    let fixture = Fixture::new(Architecture::X64);
    let system = system(&fixture);
    let mut twins = BTreeSet::new();
    for (level, count) in [(0, 2), (1, 3), (4, 3), (5, 4), (6, 4), (10, 3)] {
        let mut disks = serde_json::Map::new();
        for number in 0..count {
            let mut partitions = serde_json::json!({
                "raid": { "size": "400M", "content": { "type": "mdraid", "name": "below" } }
            });
            if number == 0 {
                partitions["ESP"] = serde_json::json!({ "type": "EF00", "size": "64M",
                    "content": { "type": "filesystem", "format": "vfat", "mountpoint": "/boot" } });
            }
            disks.insert(
                format!("d{number}"),
                serde_json::json!({ "type": "disk", "device": format!("/dev/vd{number}"),
                "content": { "type": "gpt", "partitions": partitions } }),
            );
        }
        let value = serde_json::json!({
            "disk": disks,
            "mdadm": { "below": { "type": "mdadm", "level": level, "extraArgs": ["--chunk=64"],
                "content": { "type": "luks", "name": "crypt", "passwordFile": "/key",
                    "content": { "type": "lvm_pv", "vg": "top" } } } },
            "lvm_vg": { "top": { "type": "lvm_vg", "lvs": {
                "root": { "size": "100M", "content": { "type": "filesystem", "format": "ext4", "mountpoint": "/" } },
                "swap": { "size": "100%FREE", "content": { "type": "swap" } } } } }
        });
        let built =
            build(&parsed(&scaled(value)), &system).unwrap_or_else(|why| panic!("level {level}: {why}"));
        let judge = Judge {
            built: &built,
            twins: &mut twins,
            members: BTreeMap::new(),
            judged: BTreeMap::new(),
            pool: Vec::new(),
        };
        let Some(judged) = judge.all() else { return };
        assert_eq!(judged["array member"], count, "{judged:?}");
        assert_eq!((judged["luks"], judged["ext4"], judged["swap"]), (1, 1, 1));
    }
}
