//! Making a group: label, metadata area and text on each member.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::format::{
    AREA_HEADER, AREA_OFFSET, AREA_SIZE, EXTENTS_OFFSET, LABEL_OFFSET, SECTOR, area_header, label,
};
use super::layout::{Options, layout};
use super::metadata::{Group, Logical, SegmentKind, Visibility, render};
use super::{LogicalBlock, LvmError};
use crate::units::{ByteRange, ByteSize, u64_of, usize_of};
use crate::volume::md::{Level, MdBlock};
use crate::volume::{Block, SliceBlock};

/// The visible volumes of a group by name.
pub type Volumes = BTreeMap<String, LogicalBlock>;

/// Makes a group of `members` and gives its volumes.
///
/// Fails before anything is written when the volumes do not fit. The extents must read as zeroes where
/// a RAID volume with parity will lie (new image files do).
pub fn write(members: &[Arc<dyn Block>], options: &Options) -> Result<Volumes, LvmError> {
    let sizes: Vec<ByteSize> = members.iter().map(|member| ByteSize(member.len())).collect();
    let group = layout(options, &sizes)?;
    let text = render(&group, options.created.seconds);
    if u64_of(text.len()) > AREA_SIZE - AREA_HEADER {
        return Err(LvmError::Options("so many volumes that the metadata area overflows".to_owned()));
    }
    for (member, physical) in members.iter().zip(&group.physical) {
        if let Some(everything) = ByteRange::new(0, EXTENTS_OFFSET.min(member.len())) {
            member.zero_range(everything)?;
        }
        member.write_at(text.as_bytes(), AREA_OFFSET + AREA_HEADER)?;
        member.write_at(&area_header(text.as_bytes()), AREA_OFFSET)?;
        member.write_at(&label(physical.id, member.len()), LABEL_OFFSET)?;
    }
    // dm-raid takes a metadata image for its own only when it holds something of its own.
    for logical in group.logical.iter().filter(|logical| logical.name.contains("_rmeta_")) {
        let block = volume(&group, logical, members)?;
        if let Some(everything) = ByteRange::new(0, block.len()) {
            block.zero_range(everything)?;
        }
    }
    volumes(&group, members)
}

/// The visible volumes of `group` on `members`, which are in the order of its physical volumes.
pub(super) fn volumes(group: &Group, members: &[Arc<dyn Block>]) -> Result<Volumes, LvmError> {
    let visible = group.logical.iter().filter(|logical| logical.visibility != Visibility::Hidden);
    visible.map(|logical| Ok((logical.name.clone(), volume(group, logical, members)?))).collect()
}

fn volume(group: &Group, logical: &Logical, members: &[Arc<dyn Block>]) -> Result<LogicalBlock, LvmError> {
    let extent = group.extent_sectors.saturating_mul(SECTOR);
    let mut blocks: Vec<Arc<dyn Block>> = Vec::new();
    for segment in &logical.segments {
        blocks.push(match &segment.kind {
            SegmentKind::Striped { stripe_sectors, stripes } => {
                let each = segment.extents / u64_of(stripes.len().max(1));
                let legs = stripes.iter().map(|(number, first)| leg(group, members, *number, (*first, each)));
                striped(legs.collect::<Result<_, _>>()?, stripe_sectors.saturating_mul(SECTOR), Level::Raid0)?
            }
            SegmentKind::Raid { name, stripe_sectors, legs } => {
                let level =
                    Level::from_name(name).ok_or_else(|| LvmError::Unsupported(format!("type `{name}`")))?;
                let find = |name: &String| {
                    let hidden = group.logical.iter().find(|logical| logical.name == *name);
                    let hidden = hidden.filter(|hidden| hidden.visibility == Visibility::Hidden);
                    hidden.ok_or_else(|| LvmError::Corrupt(format!("volume `{name}` is missing")))
                };
                let images = legs.iter().map(|(_, image)| -> Result<Arc<dyn Block>, LvmError> {
                    Ok(Arc::new(volume(group, find(image)?, members)?))
                });
                let mut images = images.collect::<Result<Vec<_>, _>>()?;
                if level == Level::Raid4 && !images.is_empty() {
                    // dm-raid has the parity of raid4 on the first leg, md on the last member.
                    images.rotate_left(1);
                }
                striped(images, stripe_sectors.saturating_mul(SECTOR), level)?
            }
        });
        // A segment may end before the last stripe does.
        if let (Some(block), Some(len)) = (blocks.pop(), segment.extents.checked_mul(extent)) {
            let whole = ByteRange::new(0, len)
                .ok_or_else(|| LvmError::Corrupt("a segment is too long".to_owned()))?;
            blocks.push(Arc::new(SliceBlock::new(block, whole)?));
        }
    }
    Ok(LogicalBlock::new(blocks))
}

/// A run of extents of a member.
fn leg(
    group: &Group,
    members: &[Arc<dyn Block>],
    number: usize,
    (first, count): (u64, u64),
) -> Result<Arc<dyn Block>, LvmError> {
    let corrupt = || LvmError::Corrupt("a segment lies outside of its physical volume".to_owned());
    let (member, physical) = members.get(number).zip(group.physical.get(number)).ok_or_else(corrupt)?;
    let extent = group.extent_sectors.checked_mul(SECTOR).ok_or_else(corrupt)?;
    let from = physical.first_sector.checked_mul(SECTOR).ok_or_else(corrupt)?;
    let start = first.checked_mul(extent).and_then(|offset| offset.checked_add(from)).ok_or_else(corrupt)?;
    let len = count.checked_mul(extent).ok_or_else(corrupt)?;
    Ok(Arc::new(SliceBlock::new(member.clone(), ByteRange::new(start, len).ok_or_else(corrupt)?)?))
}

/// Legs as one Block: one is itself, several are stripes, copies or parity.
fn striped(mut legs: Vec<Arc<dyn Block>>, stripe: u64, level: Level) -> Result<Arc<dyn Block>, LvmError> {
    if legs.len() == 1 {
        return legs.pop().ok_or_else(|| LvmError::Corrupt("a segment without stripes".to_owned()));
    }
    let fits = legs.len() >= level.min_members()
        && (level == Level::Raid1 || (stripe.is_power_of_two() && stripe >= 512));
    let len = legs.iter().map(Block::len).min().unwrap_or(0);
    if !fits || usize_of(len) == 0 {
        return Err(LvmError::Corrupt("a segment with impossible stripes".to_owned()));
    }
    Ok(Arc::new(MdBlock::assemble(legs, level, stripe)))
}
