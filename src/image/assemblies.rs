//! Arrays and volume groups as the plan has them: what their writers are told.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{ImageError, visit};
use crate::plan::Plan;
use crate::plan::assembly::{Array, LogicalVolume, VolumeGroup};
use crate::plan::content::{Assembly, AssemblyKind, Content};
use crate::timestamp::Timestamp;
use crate::units::{ByteRange, ByteSize, usize_of};
use crate::volume::Block;
use crate::volume::lvm::{self, Volume, VolumeKind, VolumeSize};
use crate::volume::md::{self, Bitmap, Level, Version};

/// Fails when an array or a group of `plan` could not be made on the members that it has, or not as its
/// arguments ask: what would otherwise show in the middle of writing.
pub(super) fn check(plan: &Plan) -> Result<(), ImageError> {
    let mut members: BTreeMap<&Assembly, BTreeMap<usize, ByteSize>> = BTreeMap::new();
    visit::contents(plan, &mut |content| {
        if let Content::Member(member) = content {
            members.entry(&member.of).or_default().insert(member.index, member.size);
        }
    });
    let sizes = |kind, name: &str| -> Vec<ByteSize> {
        let assembly = Assembly { kind, name: name.to_owned() };
        members.get(&assembly).map(|sizes| sizes.values().copied().collect()).unwrap_or_default()
    };
    for array in &plan.arrays {
        let sizes = sizes(AssemblyKind::Array, &array.name);
        let wrong = |source| ImageError::Array { name: array.name.clone(), source };
        let size = md::capacity(&array_options(array, plan, sizes.len())?, &sizes).map_err(wrong)?;
        if size != array.size {
            let what = format!("{size} where {} are planned", array.size);
            return Err(wrong(md::MdError::Options(what)));
        }
    }
    for group in &plan.groups {
        for volume in &group.volumes {
            let arguments = lvm::check_create_args(&volume.extra_args)
                .and_then(|()| lvm::pool_options(&volume.extra_args).map(drop));
            arguments.map_err(|error| ImageError::Arguments {
                place: volume.device.clone(),
                why: error.to_string(),
            })?;
        }
        let sizes = sizes(AssemblyKind::VolumeGroup, &group.name);
        lvm::check(&group_options(group, plan), &sizes)
            .map_err(|source| ImageError::VolumeGroup { name: group.name.clone(), source })?;
    }
    Ok(())
}

/// What the writer of `array` over so many members is told.
pub(super) fn array_options(array: &Array, plan: &Plan, members: usize) -> Result<md::Options, ImageError> {
    let level = Level::from_name(&array.level.to_string());
    let version = Version::from_name(&array.metadata);
    let (Some(level), Some(version)) = (level, version) else {
        let what = format!("level {} and metadata {}", array.level, array.metadata);
        return Err(ImageError::Array { name: array.name.clone(), source: md::MdError::Options(what) });
    };
    let member_uuid = |number| plan.seed.uuid(&format!("md/{}/member/{number}", array.name));
    let mut options = md::Options {
        level,
        version,
        uuid: array.uuid,
        member_uuids: (0..members).map(member_uuid).collect(),
        name: array.name.clone(),
        chunk: array.chunk,
        bitmap: Bitmap::Internal,
        created: Timestamp::STORE,
    };
    md::apply_create_args(&mut options, &array.extra_args)
        .map_err(|error| ImageError::Arguments { place: array.device.clone(), why: error.to_string() })?;
    Ok(options)
}

/// Whether something on the members has parity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parity {
    /// It has.
    Some,
    /// It has not.
    None,
}

/// Whether an array has parity.
pub(super) fn has_parity(options: &md::Options) -> Parity {
    match options.level {
        Level::Raid4 | Level::Raid5 | Level::Raid6 => Parity::Some,
        Level::Raid0 | Level::Raid1 | Level::Raid10 => Parity::None,
    }
}

/// Parity is right from the start only where the members read as zeroes. Those of a new image do, unless they are
/// encrypted: then all of them is written.
pub(super) fn zero_for_parity(members: &[Arc<dyn Block>], parity: Parity) -> Result<(), ImageError> {
    let mut sample = [0; 4096];
    for member in members.iter().filter(|_| parity == Parity::Some) {
        member.read_at(&mut sample, member.len() / 2 / 4096 * 4096)?;
        if sample.iter().any(|byte| *byte != 0) {
            let whole = ByteRange::new(0, member.len()).unwrap_or_else(ByteRange::empty);
            member.zero_range(whole)?;
        }
    }
    Ok(())
}

/// What the writer of `group` is told.
pub(super) fn group_options(group: &VolumeGroup, plan: &Plan) -> lvm::Options {
    let volume = |volume: &LogicalVolume| {
        let extents = volume.size.bytes() / group.extent_size.bytes();
        let kind = volume_kind(volume)?;
        Some(Volume { name: volume.name.clone(), size: VolumeSize::Extents(extents), kind })
    };
    lvm::Options {
        name: group.name.clone(),
        extent: group.extent_size,
        volumes: group.volumes.iter().filter_map(volume).collect(),
        seed: plan.seed,
        created: Timestamp::STORE,
    }
}

/// How a volume is written; `None` when that takes LVM's own tools.
pub(super) fn volume_kind(volume: &LogicalVolume) -> Option<VolumeKind> {
    let legs = usize_of(volume.legs);
    Some(match volume.kind.as_str() {
        "linear" if legs == 1 => VolumeKind::Linear,
        "linear" => VolumeKind::Striped(legs),
        "raid0" => VolumeKind::Raid0(legs),
        "raid1" => VolumeKind::Raid1(legs),
        "raid4" => VolumeKind::Raid4(legs),
        "raid5" => VolumeKind::Raid5(legs),
        "raid6" => VolumeKind::Raid6(legs),
        "mirror" => VolumeKind::Mirror(legs),
        // Arguments that are none were refused.
        "thin-pool" => VolumeKind::ThinPool(legs, lvm::pool_options(&volume.extra_args).unwrap_or_default()),
        "thin" => VolumeKind::Thin(volume.pool.clone()?),
        _ => return None,
    })
}
