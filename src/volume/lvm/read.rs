//! Reading a group from its members.

use std::sync::Arc;

use zerocopy::FromBytes;

use super::LvmError;
use super::assemble::{Assembler, Volumes};
use super::format::{
    AREA_MAGIC, AREA_SUMMED_FROM, AreaHeader, Id, LABEL_MAGIC, LABEL_SUMMED_FROM, LABEL_TYPE, Label, SECTOR,
    sum,
};
use super::metadata::{Group, Logical, Physical, Segment, SegmentKind, Visibility};
use super::text::{Item, corrupt, parse};
use super::thin::{Discards, Zeroing};
use crate::units::{u64_of, usize_of};
use crate::volume::Block;

/// The largest metadata area that is read, in bytes.
const MAX_AREA: u64 = 64 << 20;

/// The group that `member` belongs to, and the member's own identity.
pub fn read(member: &dyn Block) -> Result<(Group, Id), LvmError> {
    let label = read_label(member)?;
    let id = std::str::from_utf8(&label.pv_uuid).ok().and_then(Id::parse);
    let id = id.ok_or_else(|| corrupt("the volume's identity"))?;
    let text = read_text(member, label.area_offset.get(), label.area_size.get())?;
    Ok((group(&parse(&text)?)?, id))
}

/// Reads the group on `members`, all of which must be there, in any order, and gives its volumes.
pub fn open(members: &[Arc<dyn Block>]) -> Result<(Group, Volumes), LvmError> {
    let mut found = Vec::new();
    for member in members {
        found.push((read(member)?, member.clone()));
    }
    let newest = found.iter().map(|((group, _), _)| group).max_by_key(|group| group.seqno);
    let group = newest.ok_or(LvmError::NotLvm)?.clone();
    let mut ordered = Vec::new();
    for physical in &group.physical {
        let member = found.iter().find(|((_, id), _)| *id == physical.id);
        let (_, member) =
            member.ok_or_else(|| corrupt(&format!("physical volume {} is missing", physical.id)))?;
        ordered.push(member.clone());
    }
    let volumes = Assembler::open(&group, &ordered)?.volumes()?;
    Ok((group, volumes))
}

fn read_label(member: &dyn Block) -> Result<Label, LvmError> {
    // The label may be in any of the first four sectors.
    for sector in 0..4_u64 {
        let mut bytes = [0; 512];
        if (sector + 1) * SECTOR > member.len() {
            break;
        }
        member.read_at(&mut bytes, sector * SECTOR)?;
        let label = Label::read_from_bytes(&bytes).map_err(|_| LvmError::NotLvm)?;
        if label.id == LABEL_MAGIC && label.kind == LABEL_TYPE {
            if sum(&bytes[LABEL_SUMMED_FROM..]) != label.crc.get() {
                return Err(corrupt("wrong sum of the label"));
            }
            if label.offset.get() != 32 {
                return Err(LvmError::Unsupported("a label of another shape".to_owned()));
            }
            return Ok(label);
        }
    }
    Err(LvmError::NotLvm)
}

fn read_text(member: &dyn Block, offset: u64, size: u64) -> Result<String, LvmError> {
    let outside = |end: Option<u64>| end.is_none_or(|end| end > member.len());
    if !(1024..=MAX_AREA).contains(&size) || outside(offset.checked_add(size)) {
        return Err(corrupt("the metadata area lies outside of the volume"));
    }
    let mut bytes = [0; 512];
    member.read_at(&mut bytes, offset)?;
    let header = AreaHeader::read_from_bytes(&bytes).map_err(|_| LvmError::NotLvm)?;
    if header.magic != AREA_MAGIC || sum(&bytes[AREA_SUMMED_FROM..]) != header.crc.get() {
        return Err(corrupt("wrong sum of the metadata area"));
    }
    let location = header.texts[0];
    let (start, len) = (location.offset.get(), location.size.get());
    if start < SECTOR || start >= size || len == 0 || len > size - SECTOR {
        return Err(corrupt("the text lies outside of its area"));
    }
    // The ring goes on behind the header when it reaches the end.
    let first = len.min(size - start);
    let mut text = vec![0; usize_of(len)];
    let (head, tail) = text.split_at_mut(usize_of(first));
    member.read_at(head, offset + start)?;
    if !tail.is_empty() {
        member.read_at(tail, offset + SECTOR)?;
    }
    if sum(&text) != location.crc.get() {
        return Err(corrupt("wrong sum of the text"));
    }
    String::from_utf8(text).map_err(|_| corrupt("the text is not UTF-8"))
}

fn group(text: &Item) -> Result<Group, LvmError> {
    let Item::Section(items) = text else { return Err(corrupt("no text")) };
    let group = items.iter().find(|(_, item)| matches!(item, Item::Section(_)));
    let (name, section) = group.ok_or_else(|| corrupt("no group"))?;
    let mut physical_names = Vec::new();
    let mut physical = Vec::new();
    for (name, section) in section.sections("physical_volumes") {
        physical_names.push(name);
        physical.push(Physical {
            id: id(section)?,
            device_sectors: section.number("dev_size")?,
            first_sector: section.number("pe_start")?,
            extents: section.number("pe_count")?,
        });
    }
    let mut logical = Vec::new();
    for (name, section) in section.sections("logical_volumes") {
        logical.push(logical_volume(name, section, &physical_names)?);
    }
    Ok(Group {
        name: name.clone(),
        id: id(section)?,
        seqno: section.number("seqno")?,
        extent_sectors: section.number("extent_size")?,
        physical,
        logical,
    })
}

fn id(section: &Item) -> Result<Id, LvmError> {
    Id::parse(section.text("id")?).ok_or_else(|| corrupt("an identity that is none"))
}

fn logical_volume(name: &str, section: &Item, physical: &[&str]) -> Result<Logical, LvmError> {
    let has = |flag: &str| {
        let flags = section.list("status").unwrap_or_default();
        flags.iter().any(|item| *item == Item::Text(flag.to_owned()))
    };
    let visibility = match (has("VISIBLE"), has("NOTSYNCED")) {
        (false, _) => Visibility::Hidden,
        (true, true) => Visibility::VisibleInSync,
        (true, false) => Visibility::Visible,
    };
    let count = section.number("segment_count")?;
    let mut segments = Vec::new();
    // Each segment is in the text: a count that is too large ends at the first missing one.
    for number in 1..=count {
        let segment_name = format!("segment{number}");
        let segment =
            section.get(&segment_name).ok_or_else(|| corrupt(&format!("`{segment_name}` is missing")))?;
        segments.push(Segment {
            start: segment.number("start_extent")?,
            extents: segment.number("extent_count")?,
            kind: segment_kind(segment, physical)?,
        });
    }
    Ok(Logical { name: name.to_owned(), id: id(section)?, visibility, segments })
}

fn segment_kind(segment: &Item, physical: &[&str]) -> Result<SegmentKind, LvmError> {
    let stripe_sectors = || segment.get("stripe_size").map_or(Ok(0), |_| segment.number("stripe_size"));
    let names = |list: &str| -> Result<Vec<String>, LvmError> {
        let text = |item: &Item| match item {
            Item::Text(text) => Ok(text.clone()),
            _ => Err(corrupt("a leg without a name")),
        };
        segment.list(list)?.iter().map(text).collect()
    };
    let kind = segment.text("type")?;
    let raid = |name, legs| Ok(SegmentKind::Raid { name, stripe_sectors: stripe_sectors()?, legs });
    match kind {
        "striped" | "linear" => {
            let stripes = segment.list("stripes")?.chunks(2).map(|pair| stripe(pair, physical));
            let stripes: Vec<_> = stripes.collect::<Result<_, _>>()?;
            if stripes.is_empty() {
                return Err(corrupt("a segment without stripes"));
            }
            Ok(SegmentKind::Striped { stripe_sectors: stripe_sectors()?, stripes })
        }
        "raid0" => raid("raid0", names("raid0_lvs")?.into_iter().map(|image| (None, image)).collect()),
        "raid1" | "raid4" | "raid5" | "raid5_ls" | "raid6" | "raid6_zr" | "raid10" => {
            let legs =
                names("raids")?.chunks_exact(2).map(|leg| (Some(leg[0].clone()), leg[1].clone())).collect();
            raid(known(kind), legs)
        }
        "mirror" => {
            let areas = segment.list("mirrors")?.chunks(2).map(|area| match area {
                [Item::Text(image), Item::Number(0)] => Ok(image.clone()),
                _ => Err(corrupt("a copy that is no whole volume")),
            });
            Ok(SegmentKind::Mirror {
                region_sectors: segment.number("region_size")?,
                log: segment.text("mirror_log")?.to_owned(),
                images: areas.collect::<Result<_, _>>()?,
            })
        }
        "thin-pool" => Ok(SegmentKind::ThinPool {
            metadata: segment.text("metadata")?.to_owned(),
            data: segment.text("pool")?.to_owned(),
            transaction: segment.number("transaction_id")?,
            chunk_sectors: segment.number("chunk_size")?,
            discards: Discards::from_name(segment.text("discards")?)
                .ok_or_else(|| corrupt("discards of no kind"))?,
            zeroing: if matches!(segment.number("zero_new_blocks"), Ok(1)) {
                Zeroing::On
            } else {
                Zeroing::Off
            },
        }),
        "thin" if segment.get("origin").is_none() => Ok(SegmentKind::Thin {
            pool: segment.text("thin_pool")?.to_owned(),
            transaction: segment.number("transaction_id")?,
            device: segment.number("device_id")?,
        }),
        other => Err(LvmError::Unsupported(format!("segments of type `{other}`"))),
    }
}

/// The static name of a RAID type that we write.
fn known(kind: &str) -> &'static str {
    match kind {
        "raid1" => "raid1",
        "raid4" => "raid4",
        "raid5" | "raid5_ls" => "raid5",
        "raid6" | "raid6_zr" => "raid6",
        _ => "raid10",
    }
}

fn stripe(pair: &[Item], physical: &[&str]) -> Result<(usize, u64), LvmError> {
    let [Item::Text(name), Item::Number(extent)] = pair else { return Err(corrupt("a stripe that is none")) };
    let number = physical.iter().position(|known| known == name);
    let number =
        number.ok_or_else(|| corrupt(&format!("a stripe on `{name}`, which is no physical volume")))?;
    let extent = u64::try_from(*extent).map_err(|_| corrupt("a negative extent"))?;
    debug_assert!(u64_of(number) < u64_of(physical.len()));
    Ok((number, extent))
}
