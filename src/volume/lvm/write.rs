//! Making a group: label, metadata area and text on each member.

use std::sync::Arc;

use super::assemble::{Assembler, Volumes};
use super::format::{AREA_HEADER, AREA_OFFSET, AREA_SIZE, EXTENTS_OFFSET, LABEL_OFFSET, area_header, label};
use super::layout::{Options, layout};
use super::metadata::{Group, SegmentKind, render};
use super::thin::Pools;
use super::{LvmError, mirror_log};
use crate::units::{ByteRange, ByteSize, u64_of};
use crate::volume::Block;

/// A group that was made.
#[derive(Debug)]
pub struct Made {
    /// Its volumes, to be filled.
    pub volumes: Volumes,
    /// Its thin pools: each must be committed when its volumes are filled.
    pub pools: Pools,
}

/// Makes a group of `members` and gives its volumes.
///
/// Fails before anything is written when the volumes do not fit. The extents must read as zeroes where
/// a RAID volume with parity will lie (new image files do).
pub fn write(members: &[Arc<dyn Block>], options: &Options) -> Result<Made, LvmError> {
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
    let assembler = Assembler::create(&group, members)?;
    for logical in &group.logical {
        // dm-raid takes a metadata image for its own only when it holds something of its own; the spare of a
        // pool's metadata is to be blank.
        if logical.name.contains("_rmeta_") || logical.name.ends_with("_pmspare") {
            let block = assembler.volume(logical, 1)?;
            if let Some(everything) = ByteRange::new(0, block.len()) {
                block.zero_range(everything)?;
            }
        }
    }
    write_mirror_logs(&group, &assembler)?;
    Ok(Made { volumes: assembler.volumes()?, pools: assembler.pools })
}

/// Says in the log of each mirror that its copies are equal: all that is written is written to each.
fn write_mirror_logs(group: &Group, assembler: &Assembler<'_>) -> Result<(), LvmError> {
    for segment in group.logical.iter().flat_map(|logical| &logical.segments) {
        if let SegmentKind::Mirror { region_sectors, log, .. } = &segment.kind {
            let regions = (segment.extents * group.extent_sectors).div_ceil(*region_sectors);
            mirror_log::write(&assembler.hidden(log, 1)?, regions)?;
        }
    }
    Ok(())
}
