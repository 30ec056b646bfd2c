//! The smallest file system that holds a tree: the first pass of writing one.

use super::block::BlockSize;
use super::error::Ext4Error;
use super::geometry::{Demand, Geometry, GeometryError};
use super::layout::{Layout, Shortage, extra_blocks};
use super::options::Options;
use super::survey::Survey;
use crate::tree::Tree;
use crate::units::ByteSize;

/// What a file system for a tree takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// The whole file system.
    pub size: ByteSize,
    /// Bytes of files that will be copied into it: what progress counts to.
    pub data: ByteSize,
    /// All inodes, free ones included.
    pub inodes: u64,
}

/// The smallest size at which `tree` fits and `options.free` stays free for ordinary users: one block less is
/// refused by [`write`](super::write()).
///
/// Fails where a node cannot be stored on ext4 at all, and where no file system would be large enough.
pub fn measure(tree: &Tree, options: &Options) -> Result<Measure, Ext4Error> {
    let survey = Survey::new(tree, options)?;
    let layout = smallest(&survey, options)?;
    Ok(Measure::of(&survey, &layout))
}

impl Measure {
    fn of(survey: &Survey<'_>, layout: &Layout) -> Self {
        Self {
            size: layout.geometry.size(),
            data: ByteSize(survey.data_bytes),
            inodes: layout.geometry.inodes(),
        }
    }
}

/// What a geometry for `survey` must provide.
fn demand(survey: &Survey<'_>) -> Demand {
    Demand { inodes: u64::from(survey.last_inode()), content: survey.content_blocks }
}

/// The layout of `survey` in a file system of at most `blocks` blocks.
pub(super) fn layout_in(survey: &Survey<'_>, options: &Options, blocks: u64) -> Result<Layout, Ext4Error> {
    let fitted = match Geometry::new(blocks, demand(survey), options) {
        Ok(geometry) => Layout::new(survey, geometry, options.free_blocks()).ok(),
        Err(GeometryError::TooSmall) => None,
        Err(GeometryError::TooLarge) => return Err(too_large(options.block_size)),
    };
    match fitted {
        Some(layout) => Ok(layout),
        None => Err(Ext4Error::DoesNotFit {
            needed: smallest(survey, options)?.geometry.size(),
            available: ByteSize(blocks * options.block_size.bytes()),
        }),
    }
}

/// The layout in the smallest file system that will do.
///
/// For a given number of groups, the blocks needed never become fewer as the file system grows, so going up
/// from too little by exactly what is missing stops at the least size that has no shortage. Over the number
/// of groups that does not hold (tables are rounded up for each), so every number is tried in turn.
pub(super) fn smallest(survey: &Survey<'_>, options: &Options) -> Result<Layout, Ext4Error> {
    let block_size = options.block_size;
    let content = survey.content_blocks.saturating_add(options.free_blocks());
    let first = content.div_ceil(block_size.blocks_per_group()).max(1);
    for groups in first.. {
        let (least, most) = Geometry::range_of(groups, options);
        let mut blocks = least.max(content);
        while blocks <= most {
            let geometry = match Geometry::new(blocks, demand(survey), options) {
                Ok(geometry) => geometry,
                // No more inodes fit so many groups.
                Err(GeometryError::TooSmall) => break,
                Err(GeometryError::TooLarge) => return Err(too_large(block_size)),
            };
            let needed = needed_blocks(survey, options, &geometry);
            if needed > blocks {
                blocks = needed;
                continue;
            }
            match Layout::new(survey, geometry, options.free_blocks()) {
                Ok(layout) => return Ok(layout),
                // Files had to be divided, which takes more extents, or a table had no place in one piece.
                Err(Shortage(missing)) => blocks += missing.max(1),
            }
        }
    }
    Err(too_large(block_size))
}

/// Sum of all that `geometry` must hold, files taken to lie in one piece.
fn needed_blocks(survey: &Survey<'_>, options: &Options, geometry: &Geometry) -> u64 {
    geometry.fixed_blocks()
        + extra_blocks(geometry, options.block_size)
        + survey.content_blocks
        + options.free_blocks()
        + geometry.root_blocks
}

fn too_large(block_size: BlockSize) -> Ext4Error {
    Ext4Error::TooLarge { block_size: block_size.bytes(), limit: Geometry::limit(block_size) }
}
