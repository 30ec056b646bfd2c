//! Filling disks: down from the table into each partition, up again through arrays and groups.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::assemblies::Parity;
use super::machine::is_made_there;
use super::visit::mapper_path;
use super::{Contents, ImageError, Keys, assemblies, btrfs, filesystem, tables};
use crate::fs::swap;
use crate::parallel;
use crate::plan::Plan;
use crate::plan::assembly::VolumeGroup;
use crate::plan::content::{Assembly, AssemblyKind, Content, Filesystem, Luks, Member, Swap};
use crate::plan::disk::Table;
use crate::progress::{Progress, Step, Unit};
use crate::volume::{Block, SliceBlock, luks2, lvm, md};

/// The disks by attribute name, who watches, and who judges what was written before the tables are.
type Target<'a> = (&'a BTreeMap<String, Arc<dyn Block>>, &'a dyn Progress, &'a mut Check<'a>);

/// Things that belong onto a device each, with their devices.
type OnDevices<T> = Vec<(T, Arc<dyn Block>)>;

/// Judges what was written.
type Check<'a> = dyn FnMut() -> Result<(), ImageError> + 'a;

/// Fills `disks` as `plan` says. Tables come last: before them nothing on a disk is found.
pub(super) fn write(
    plan: &Plan,
    contents: &Contents,
    keys: &Keys,
    target: Target<'_>,
) -> Result<(), ImageError> {
    let (disks, progress, check) = target;
    let fat = fat_partitions(plan, disks)?;
    let mut stack = Stack::new((plan, contents, keys), progress);
    stack.beside = fat.iter().map(|(filesystem, _)| *filesystem).collect();
    let write_fat = || {
        fat.iter().try_for_each(|(filesystem, block)| {
            write_filesystem((plan, contents, progress), filesystem, &**block)
        })
    };
    let (fat_written, of_disks) = parallel::both(write_fat, || stack.fill(disks));
    let of_disks = of_disks?;
    fat_written?;
    check()?;
    stack.commit_headers()?;
    // Those in arrays and volumes come first: with the disks' own everything is found.
    write_tables(std::mem::take(&mut stack.tables))?;
    stack.commit_pools()?;
    write_tables(of_disks)?;
    Ok(())
}

/// The FAT volumes in partitions of disks, and where they are. What starts from them is small, and no layer lies below that
/// others share, so they are written beside all else.
fn fat_partitions<'p>(
    plan: &'p Plan,
    disks: &BTreeMap<String, Arc<dyn Block>>,
) -> Result<OnDevices<&'p Filesystem>, ImageError> {
    let mut found: OnDevices<&Filesystem> = Vec::new();
    for disk in &plan.disks {
        let (Some(table), Some(block)) = (disk.table(), disks.get(&disk.key)) else { continue };
        for partition in &table.partitions {
            if let Some(Content::Filesystem(filesystem)) = &partition.content
                && filesystem::is_fat(filesystem)
            {
                found.push((filesystem, Arc::new(SliceBlock::new(block.clone(), partition.range)?)));
            }
        }
    }
    Ok(found)
}

fn write_filesystem(
    (plan, contents, progress): (&Plan, &Contents, &dyn Progress),
    filesystem: &Filesystem,
    block: &dyn Block,
) -> Result<(), ImageError> {
    let path = format!("write {}", filesystem.mount.as_ref().map_or(&filesystem.device, |mount| &mount.path));
    let tree = contents.of(filesystem);
    let step = Step::start(progress, &path, Some(tree.content_len()), Unit::Bytes);
    filesystem::write(plan.seed, filesystem, tree, (block, step))?;
    step.finish();
    Ok(())
}

fn write_tables(tables: OnDevices<&Table>) -> Result<(), ImageError> {
    tables.into_iter().try_for_each(|(table, block)| tables::write(table, &*block))
}

struct Stack<'a> {
    plan: &'a Plan,
    contents: &'a Contents,
    keys: &'a Keys,
    progress: &'a dyn Progress,
    /// File systems that are written by somebody else.
    beside: Vec<&'a Filesystem>,
    /// Devices of what is made of several, by their place among them.
    members: BTreeMap<Assembly, BTreeMap<usize, Arc<dyn Block>>>,
    /// Tables still to be written.
    tables: OnDevices<&'a Table>,
    /// Devices without content, by their paths in the running system.
    blank: BTreeMap<String, Arc<dyn Block>>,
    /// File systems of several devices, each with its first.
    waiting: OnDevices<&'a Filesystem>,
    /// Encrypted volumes whose headers are still to be written.
    headers: Vec<(&'a Luks, luks2::PendingHeader, Arc<dyn Block>)>,
    /// Thin pools, those below before those on them.
    pools: Vec<(&'a VolumeGroup, lvm::ThinPool)>,
}

/// Fills `block`, the device of one `content` of the plan.
pub(super) fn write_content(
    what: (&Plan, &Contents, &Keys),
    content: &Content,
    block: Arc<dyn Block>,
    progress: &dyn Progress,
) -> Result<(), ImageError> {
    let mut stack = Stack::new(what, progress);
    stack.content(content, block)?;
    stack.commit_headers()?;
    write_tables(stack.tables)
}

impl<'a> Stack<'a> {
    fn new((plan, contents, keys): (&'a Plan, &'a Contents, &'a Keys), progress: &'a dyn Progress) -> Self {
        Self {
            plan,
            contents,
            keys,
            progress,
            beside: Vec::new(),
            members: BTreeMap::new(),
            tables: Vec::new(),
            blank: BTreeMap::new(),
            waiting: Vec::new(),
            headers: Vec::new(),
            pools: Vec::new(),
        }
    }

    /// Fills the disks with all but their tables, which are returned.
    fn fill(&mut self, disks: &BTreeMap<String, Arc<dyn Block>>) -> Result<OnDevices<&'a Table>, ImageError> {
        for disk in &self.plan.disks {
            if let (Some(content), Some(block)) = (&disk.content, disks.get(&disk.key)) {
                self.content(content, block.clone())?;
            }
        }
        let of_disks = std::mem::take(&mut self.tables);
        self.assemble()?;
        self.write_waiting()?;
        Ok(of_disks)
    }

    fn content(&mut self, content: &'a Content, block: Arc<dyn Block>) -> Result<(), ImageError> {
        match content {
            Content::Table(table) => self.table(table, block),
            // A virtual machine makes and fills it.
            Content::Filesystem(filesystem) if is_made_there(filesystem) => Ok(()),
            Content::Filesystem(filesystem)
                if self.beside.iter().any(|other| std::ptr::eq(*other, filesystem.as_ref())) =>
            {
                Ok(())
            }
            Content::Filesystem(filesystem) if !btrfs::more_devices(filesystem).is_empty() => {
                self.waiting.push((filesystem, block));
                Ok(())
            }
            Content::Filesystem(filesystem) if btrfs::is_btrfs(filesystem) => {
                self.write_btrfs(filesystem, &[block])
            }
            Content::Filesystem(filesystem) => {
                write_filesystem((self.plan, self.contents, self.progress), filesystem, &*block)
            }
            Content::Swap(swap) => write_swap(swap, &*block),
            Content::Luks(luks) => self.luks(luks, block),
            Content::Member(Member { of, index, .. }) => {
                self.members.entry(of.clone()).or_default().insert(*index, block);
                Ok(())
            }
        }
    }

    fn table(&mut self, table: &'a Table, block: Arc<dyn Block>) -> Result<(), ImageError> {
        for partition in &table.partitions {
            let inner = Arc::new(SliceBlock::new(block.clone(), partition.range)?);
            match &partition.content {
                Some(content) => self.content(content, inner)?,
                None => {
                    self.blank.insert(partition.device.clone(), inner);
                }
            }
        }
        self.tables.push((table, block));
        Ok(())
    }

    fn luks(&mut self, luks: &'a Luks, block: Arc<dyn Block>) -> Result<(), ImageError> {
        let mut options = luks2::Options::new(luks.uuid);
        luks2::apply_format_args(&mut options, &luks.extra_format_args)
            .map_err(|source| ImageError::FormatArguments { name: luks.name.clone(), source })?;
        let (opened, header) =
            luks2::begin(block.clone(), &options, self.keys.of(&luks.name), self.keys.randomness())
                .map_err(|source| ImageError::Luks { name: luks.name.clone(), source })?;
        self.headers.push((luks, header, block));
        match &luks.content {
            Some(content) => self.content(content, Arc::new(opened)),
            None => {
                self.blank.insert(mapper_path(&luks.name), Arc::new(opened));
                Ok(())
            }
        }
    }

    /// Writes the file systems of several devices: whatever they lie on is there now.
    fn write_waiting(&mut self) -> Result<(), ImageError> {
        for (filesystem, first) in std::mem::take(&mut self.waiting) {
            let mut blocks = vec![first];
            for device in btrfs::more_devices(filesystem) {
                // Each was found in the plan before anything was written.
                let why = || filesystem::wrong(filesystem, format!("the device `{device}` is not there"));
                blocks.push(self.blank.get(&device).cloned().ok_or_else(why)?);
            }
            self.write_btrfs(filesystem, &blocks)?;
        }
        Ok(())
    }

    /// Writes the headers of encrypted volumes: their keys were derived beside the writing.
    fn commit_headers(&mut self) -> Result<(), ImageError> {
        for (luks, header, block) in std::mem::take(&mut self.headers) {
            let path = format!("encrypt {}", luks.name);
            let step = Step::start(self.progress, &path, None, Unit::Items);
            header.commit(&*block).map_err(|source| ImageError::Luks { name: luks.name.clone(), source })?;
            step.finish();
        }
        Ok(())
    }

    /// Ends the thin pools: all that lies on them is there now.
    fn commit_pools(&self) -> Result<(), ImageError> {
        for (group, pool) in self.pools.iter().rev() {
            let wrong = |source| ImageError::VolumeGroup { name: group.name.clone(), source };
            pool.commit().map_err(wrong)?;
        }
        Ok(())
    }

    fn write_btrfs(
        &mut self,
        filesystem: &'a Filesystem,
        devices: &[Arc<dyn Block>],
    ) -> Result<(), ImageError> {
        let path = format!("write {}", filesystem::place(filesystem));
        let len = btrfs::content_len(filesystem, self.contents);
        let step = Step::start(self.progress, &path, Some(len), Unit::Bytes);
        let blocks: Vec<&dyn Block> = devices.iter().map(AsRef::as_ref).collect();
        btrfs::write(self.plan.seed, filesystem, self.contents, (&blocks, step))?;
        step.finish();
        Ok(())
    }

    /// Puts together what has all its members, until nothing is left: an array may be a member of a group.
    fn assemble(&mut self) -> Result<(), ImageError> {
        while let Some((assembly, members)) = self.complete() {
            match assembly.kind {
                AssemblyKind::Array => {
                    if let Some(array) = self.plan.arrays.iter().find(|array| array.name == assembly.name) {
                        let options = assemblies::array_options(array, self.plan, members.len())?;
                        assemblies::zero_for_parity(&members, assemblies::has_parity(&options))?;
                        let made = md::write(members, &options);
                        let wrong = |source| ImageError::Array { name: array.name.clone(), source };
                        let block: Arc<dyn Block> = Arc::new(made.map_err(wrong)?);
                        if let Some(content) = &array.content {
                            self.content(content, block)?;
                        }
                    }
                }
                AssemblyKind::VolumeGroup => {
                    if let Some(group) = self.plan.groups.iter().find(|group| group.name == assembly.name) {
                        self.group(group, &members)?;
                    }
                }
                // Never complete here: a virtual machine makes them, or they were refused before.
                AssemblyKind::Bcachefs | AssemblyKind::Pool => {}
            }
        }
        Ok(())
    }

    /// Takes an assembly all of whose members are there.
    fn complete(&mut self) -> Option<(Assembly, Vec<Arc<dyn Block>>)> {
        let expected = |assembly: &Assembly| match assembly.kind {
            AssemblyKind::Array => self
                .plan
                .arrays
                .iter()
                .find(|array| array.name == assembly.name)
                .map(|array| array.members.len()),
            AssemblyKind::VolumeGroup => self
                .plan
                .groups
                .iter()
                .find(|group| group.name == assembly.name)
                .map(|group| group.members.len()),
            AssemblyKind::Bcachefs | AssemblyKind::Pool => None,
        };
        let ready = self.members.iter().find(|(assembly, members)| expected(assembly) == Some(members.len()));
        let assembly = ready.map(|(assembly, _)| assembly.clone())?;
        let members = self.members.remove(&assembly)?.into_values().collect();
        Some((assembly, members))
    }

    fn group(&mut self, group: &'a VolumeGroup, members: &[Arc<dyn Block>]) -> Result<(), ImageError> {
        let options = assemblies::group_options(group, self.plan);
        let has_parity = |volume: &lvm::Volume| {
            use lvm::VolumeKind::{Raid4, Raid5, Raid6};
            matches!(volume.kind, Raid4(_) | Raid5(_) | Raid6(_))
        };
        let parity = if options.volumes.iter().any(has_parity) { Parity::Some } else { Parity::None };
        assemblies::zero_for_parity(members, parity)?;
        let lvm::Made { mut volumes, pools } = lvm::write(members, &options)
            .map_err(|source| ImageError::VolumeGroup { name: group.name.clone(), source })?;
        self.pools.extend(pools.into_values().map(|pool| (group, pool)));
        for volume in &group.volumes {
            match (&volume.content, volumes.remove(&volume.name)) {
                (Some(content), Some(block)) => self.content(content, Arc::new(block))?,
                (None, Some(block)) => {
                    self.blank.insert(volume.device.clone(), Arc::new(block));
                }
                (_, None) => {}
            }
        }
        Ok(())
    }
}

fn write_swap(swap: &Swap, block: &dyn Block) -> Result<(), ImageError> {
    if swap.random_encryption {
        // A new key encrypts it at each start: there is nothing that could be written now.
        return Ok(());
    }
    let wrong = |why: String| ImageError::Arguments { place: swap.device.clone(), why };
    let label = swap.label.as_deref().map(str::parse).transpose();
    let options = swap::Options {
        label: label.map_err(|error: swap::LabelError| wrong(error.to_string()))?,
        uuid: swap.uuid,
    };
    swap::write(&options, block).map_err(|error| wrong(crate::error::chain(&error)))
}
