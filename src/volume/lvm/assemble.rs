//! The volumes of a group as Blocks made of its members.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::format::SECTOR;
use super::metadata::{Group, Logical, Segment, SegmentKind, Visibility};
use super::text::corrupt;
use super::thin::{PoolParts, Pools, ThinPool};
use super::{LogicalBlock, LvmError};
use crate::units::{ByteRange, ByteSize, u64_of, usize_of};
use crate::volume::md::{Level, MdBlock, Rotation};
use crate::volume::{Block, SliceBlock};

/// The visible volumes of a group by name, but for pools, which hold nothing of their own.
pub type Volumes = BTreeMap<String, LogicalBlock>;

/// How deep volumes lie in each other: thin, data of the pool, its image, extents.
const DEEPEST: usize = 6;

/// A group with its members, in the order of its physical volumes.
pub(super) struct Assembler<'a> {
    group: &'a Group,
    members: &'a [Arc<dyn Block>],
    /// The thin pools.
    pub(super) pools: Pools,
}

impl<'a> Assembler<'a> {
    /// A group that is being made: its pools are new.
    pub(super) fn create(group: &'a Group, members: &'a [Arc<dyn Block>]) -> Result<Self, LvmError> {
        Self { group, members, pools: Pools::new() }.with_pools(|assembler, logical| {
            let SegmentKind::ThinPool { chunk_sectors, .. } = pool_kind(logical) else { return Ok(None) };
            let chunk = ByteSize(chunk_sectors.saturating_mul(SECTOR));
            let of = |other: &&Logical| {
                other.segments.iter().any(
                    |segment| matches!(&segment.kind, SegmentKind::Thin { pool, .. } if *pool == logical.name),
                )
            };
            let devices = u64_of(assembler.group.logical.iter().filter(of).count());
            ThinPool::create(&logical.name, assembler.parts(logical)?, chunk, devices).map(Some)
        })
    }

    /// A group that is there.
    pub(super) fn open(group: &'a Group, members: &'a [Arc<dyn Block>]) -> Result<Self, LvmError> {
        Self { group, members, pools: Pools::new() }.with_pools(|assembler, logical| {
            let SegmentKind::ThinPool { transaction, .. } = pool_kind(logical) else { return Ok(None) };
            let pool = ThinPool::open(&logical.name, assembler.parts(logical)?)?;
            if pool.transaction() != *transaction {
                let name = &logical.name;
                return Err(corrupt(&format!(
                    "thin pool `{name}` and its group differ in their transactions"
                )));
            }
            Ok(Some(pool))
        })
    }

    fn with_pools(
        mut self,
        pool: impl Fn(&Self, &Logical) -> Result<Option<ThinPool>, LvmError>,
    ) -> Result<Self, LvmError> {
        for logical in &self.group.logical {
            if let Some(pool) = pool(&self, logical)? {
                self.pools.insert(logical.name.clone(), pool);
            }
        }
        Ok(self)
    }

    /// Data and metadata of a pool.
    fn parts(&self, logical: &Logical) -> Result<PoolParts, LvmError> {
        let SegmentKind::ThinPool { metadata, data, .. } = pool_kind(logical) else {
            return Err(corrupt("a thin pool that is none"));
        };
        Ok((self.hidden(data, 1)?, self.hidden(metadata, 1)?))
    }

    /// The visible volumes.
    pub(super) fn volumes(&self) -> Result<Volumes, LvmError> {
        let visible = self.group.logical.iter().filter(|logical| logical.visibility != Visibility::Hidden);
        let volumes = visible.filter(|logical| !self.pools.contains_key(&logical.name));
        volumes.map(|logical| Ok((logical.name.clone(), self.volume(logical, 0)?))).collect()
    }

    /// A volume, `depth` volumes below one that is seen.
    pub(super) fn volume(&self, logical: &Logical, depth: usize) -> Result<LogicalBlock, LvmError> {
        if depth > DEEPEST {
            return Err(corrupt("volumes lie in each other without end"));
        }
        let extent = self.group.extent_sectors.saturating_mul(SECTOR);
        let mut blocks: Vec<Arc<dyn Block>> = Vec::new();
        for segment in &logical.segments {
            let len = segment.extents.checked_mul(extent).and_then(|len| ByteRange::new(0, len));
            let whole = len.ok_or_else(|| corrupt("a segment is too long"))?;
            // A segment may end before the last stripe does.
            let block = self.segment(segment, whole.len(), depth)?;
            blocks.push(Arc::new(SliceBlock::new(block, whole)?));
        }
        Ok(LogicalBlock::new(blocks))
    }

    fn segment(&self, segment: &Segment, len: u64, depth: usize) -> Result<Arc<dyn Block>, LvmError> {
        match &segment.kind {
            SegmentKind::Striped { stripe_sectors, stripes } => {
                let each = segment.extents / u64_of(stripes.len().max(1));
                let legs = stripes.iter().map(|(number, first)| self.leg(*number, (*first, each)));
                let stripe = stripe_sectors.saturating_mul(SECTOR);
                joined(legs.collect::<Result<_, _>>()?, stripe, Level::Raid0)
            }
            SegmentKind::Raid { name, stripe_sectors, legs } => {
                let level =
                    Level::from_name(name).ok_or_else(|| LvmError::Unsupported(format!("type `{name}`")))?;
                let images = legs.iter().map(|(_, image)| self.hidden(image, depth + 1));
                let mut images = images.collect::<Result<Vec<_>, _>>()?;
                if level == Level::Raid4 && !images.is_empty() {
                    // dm-raid has the parity of raid4 on the first leg, md on the last member.
                    images.rotate_left(1);
                }
                joined(images, stripe_sectors.saturating_mul(SECTOR), level)
            }
            SegmentKind::Mirror { images, .. } => {
                let images = images.iter().map(|image| self.hidden(image, depth + 1));
                joined(images.collect::<Result<_, _>>()?, 0, Level::Raid1)
            }
            SegmentKind::Thin { pool, device, .. } => {
                let missing = || corrupt(&format!("thin pool `{pool}` is missing"));
                let pool = self.pools.get(pool).ok_or_else(missing)?;
                Ok(Arc::new(pool.volume(*device, len)?))
            }
            SegmentKind::ThinPool { .. } => Err(corrupt("a thin pool is a part of another volume")),
        }
    }

    /// The hidden volume `name`.
    pub(super) fn hidden(&self, name: &str, depth: usize) -> Result<Arc<dyn Block>, LvmError> {
        let hidden = self.group.logical.iter().find(|logical| logical.name == name);
        let hidden = hidden.filter(|hidden| hidden.visibility == Visibility::Hidden);
        let hidden = hidden.ok_or_else(|| corrupt(&format!("volume `{name}` is missing")))?;
        Ok(Arc::new(self.volume(hidden, depth)?))
    }

    /// A run of extents of a member.
    fn leg(&self, number: usize, (first, count): (u64, u64)) -> Result<Arc<dyn Block>, LvmError> {
        let outside = || corrupt("a segment lies outside of its physical volume");
        let (member, physical) =
            self.members.get(number).zip(self.group.physical.get(number)).ok_or_else(outside)?;
        let extent = self.group.extent_sectors.checked_mul(SECTOR).ok_or_else(outside)?;
        let from = physical.first_sector.checked_mul(SECTOR).ok_or_else(outside)?;
        let start =
            first.checked_mul(extent).and_then(|offset| offset.checked_add(from)).ok_or_else(outside)?;
        let len = count.checked_mul(extent).ok_or_else(outside)?;
        Ok(Arc::new(SliceBlock::new(member.clone(), ByteRange::new(start, len).ok_or_else(outside)?)?))
    }
}

/// What the first segment of a volume is; a pool has just one.
fn pool_kind(logical: &Logical) -> &SegmentKind {
    const NONE: &SegmentKind = &SegmentKind::Striped { stripe_sectors: 0, stripes: Vec::new() };
    match logical.segments.as_slice() {
        [segment] => &segment.kind,
        _ => NONE,
    }
}

/// Legs as one Block: one is itself, several are stripes, copies or parity.
fn joined(mut legs: Vec<Arc<dyn Block>>, stripe: u64, level: Level) -> Result<Arc<dyn Block>, LvmError> {
    if legs.len() == 1 {
        return legs.pop().ok_or_else(|| corrupt("a segment without stripes"));
    }
    let fits = legs.len() >= level.min_members()
        && (level == Level::Raid1 || (stripe.is_power_of_two() && stripe >= 512));
    let len = legs.iter().map(Block::len).min().unwrap_or(0);
    if !fits || usize_of(len) == 0 {
        return Err(corrupt("a segment with impossible stripes"));
    }
    // LVM's default for raid6 is another than md's.
    let rotation = if level == Level::Raid6 { Rotation::ZeroRestart } else { Rotation::LeftSymmetric };
    Ok(Arc::new(MdBlock::assemble(legs, level, stripe, rotation)))
}
