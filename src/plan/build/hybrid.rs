//! Hybrid boot records: up to three partitions of a GUID table that firmware which only knows boot records sees too.
//!
//! disko makes the record with `sgdisk --hybrid` and then has sfdisk set the type of "partition N" of the record, N being the
//! partition's number in the *GUID* table. These are different numbers as soon as the protective entry comes first
//! (`efiGptPartitionFirst`, the default): the type then lands on the protective entry, and the disk no longer shows a GUID table
//! to anybody. Here each type goes to the entry of its partition; where that differs from what disko does, the plan says so.

use super::super::disk::{HybridEntry, Partition, PartitionKind};
use super::super::table::Extent;
use crate::layout::model::gpt::{Gpt as GptOptions, Partition as PartitionOptions};

/// A partition that goes into the record.
pub(super) struct Wanted<'a> {
    options: &'a PartitionOptions,
    partition: &'a Partition,
}

/// The partitions with the option `hybrid`, in the order of their numbers.
pub(super) fn wanted<'a>(set: &'a GptOptions, partitions: &'a [Partition]) -> Vec<Wanted<'a>> {
    let of = |partition: &'a Partition| {
        let options = set.partitions.in_order().into_iter().find(|options| options.name == partition.name)?;
        options.hybrid.as_ref().map(|_| Wanted { options, partition })
    };
    partitions.iter().filter_map(of).collect()
}

/// A partition that cannot be in the record, and why.
type Refused<'a> = (&'a PartitionOptions, String);

/// The record's entries, and what to tell of them.
pub(super) fn record<'a>(
    wanted: &[Wanted<'a>],
    protective_first: bool,
    sectors: u64,
) -> Result<(Vec<HybridEntry>, Vec<String>), Refused<'a>> {
    if let Some(fourth) = wanted.get(3) {
        return Err((fourth.options, "a hybrid boot record has room for three partitions".to_owned()));
    }
    let mut notes = Vec::new();
    let mut entries = Vec::new();
    for (index, Wanted { options, partition }) in (0_u32..).zip(wanted) {
        let extent = partition.extent;
        if u32::try_from(extent.last()).is_err() {
            let what = "a boot record reaches only the first 2^32 sectors, and this partition lies beyond"
                .to_owned();
            return Err((options, what));
        }
        let slot = index + 1 + u32::from(protective_first);
        entries.push(entry(options, partition)?);
        if options
            .hybrid
            .as_ref()
            .is_some_and(|hybrid| hybrid.mbr_partition_type.is_some() || hybrid.mbr_bootable_flag)
            && slot != partition.number
        {
            notes.push(format!(
                "partition `{}` is number {} of the disk and entry {slot} of its hybrid boot record: type and flag go to that \
                 entry (disko would set them on entry {})",
                options.name, partition.number, partition.number
            ));
        }
    }
    if let Some(protective) = protective(&entries, sectors) {
        entries.insert(if protective_first { 0 } else { entries.len() }, protective);
    }
    Ok((entries, notes))
}

fn entry<'a>(options: &'a PartitionOptions, partition: &Partition) -> Result<HybridEntry, Refused<'a>> {
    let hybrid = options.hybrid.as_ref();
    let kind = match hybrid.and_then(|hybrid| hybrid.mbr_partition_type.as_deref()) {
        Some(text) => {
            let digits = text.trim_start_matches("0x").trim_start_matches("0X");
            u8::from_str_radix(digits, 16).map_err(|_| {
                (options, format!("`{text}` is not the type of a boot record's entry, such as `0x0c`"))
            })?
        }
        None => code(partition),
    };
    Ok(HybridEntry {
        partition: Some(partition.number),
        extent: partition.extent,
        kind,
        active: hybrid.is_some_and(|hybrid| hybrid.mbr_bootable_flag),
    })
}

/// sgdisk's choice: the first two digits of its code for the partition's type.
fn code(partition: &Partition) -> u8 {
    let code = match partition.kind {
        PartitionKind::Gpt { type_guid, .. } => type_guid.code(),
        PartitionKind::Msdos { .. } => None,
    };
    let [high, _] = code.unwrap_or(0xffff).to_be_bytes();
    high
}

/// The entry that keeps programs without knowledge of GUID tables away: from sector 1 up to the first partition in the record.
/// Sector 1 holds the header of the table, so there is always one.
fn protective(entries: &[HybridEntry], sectors: u64) -> Option<HybridEntry> {
    let first = entries.iter().map(|entry| entry.extent.first()).min().unwrap_or(sectors);
    let extent = Extent::new(1, first.checked_sub(1)?)?;
    Some(HybridEntry { partition: None, extent, kind: 0xee, active: false })
}
