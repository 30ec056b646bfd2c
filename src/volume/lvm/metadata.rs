//! The text that describes a volume group: its model, written and read.
//!
//! Source: LVM's own text (lvm.conf(5), section "Syntax", gives the grammar): sections in braces, `name = value`,
//! values that are numbers, strings in double quotes, or lists; `#` begins a comment.

use std::fmt::{self, Write};

use super::format::Id;
use super::thin::{Discards, Zeroing};

/// A volume group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its identity.
    pub id: Id,
    /// Count of changes of the text.
    pub seqno: u64,
    /// Sectors of an extent.
    pub extent_sectors: u64,
    /// The physical volumes; segments name them `pv0`, `pv1` … by their place here.
    pub physical: Vec<Physical>,
    /// The logical volumes, hidden ones (images and metadata of RAID volumes) included.
    pub logical: Vec<Logical>,
}

/// A physical volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Physical {
    /// Its identity.
    pub id: Id,
    /// Sectors of the device.
    pub device_sectors: u64,
    /// First sector of the first extent.
    pub first_sector: u64,
    /// Number of extents.
    pub extents: u64,
}

/// Who sees a logical volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// It has a device node.
    Visible,
    /// It is a part of another volume.
    Hidden,
    /// It has a device node, and its RAID is in sync from the start.
    VisibleInSync,
}

/// A logical volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logical {
    /// Its name.
    pub name: String,
    /// Its identity.
    pub id: Id,
    /// Who sees it.
    pub visibility: Visibility,
    /// Its segments in the order of their extents.
    pub segments: Vec<Segment>,
}

/// A run of extents of a logical volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// First extent.
    pub start: u64,
    /// Number of extents.
    pub extents: u64,
    /// Where they lie.
    pub kind: SegmentKind,
}

/// Where the extents of a segment lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SegmentKind {
    /// On physical volumes: one is linear, more are stripes.
    Striped {
        /// Sectors of a stripe; 0 for one that is linear.
        stripe_sectors: u64,
        /// Physical volume and first extent of each stripe.
        stripes: Vec<(usize, u64)>,
    },
    /// In hidden volumes, by dm-raid.
    Raid {
        /// `raid1`, `raid5` …
        name: &'static str,
        /// Sectors of a stripe; 0 where the level has none.
        stripe_sectors: u64,
        /// Names of metadata and image of each leg; without metadata for raid0.
        legs: Vec<(Option<String>, String)>,
    },
    /// In hidden volumes that are equal, by dm-mirror.
    Mirror {
        /// Sectors of a region, the unit of the log.
        region_sectors: u64,
        /// Name of the log.
        log: String,
        /// Names of the copies.
        images: Vec<String>,
    },
    /// Nowhere: a pool for thin volumes.
    ThinPool {
        /// Name of the volume with the metadata.
        metadata: String,
        /// Name of the volume with the data.
        data: String,
        /// Count of changes; the metadata have the same.
        transaction: u64,
        /// Sectors of a chunk.
        chunk_sectors: u64,
        /// What becomes of discards.
        discards: Discards,
        /// Whether chunks are zeroed.
        zeroing: Zeroing,
    },
    /// In a thin pool.
    Thin {
        /// Name of the pool.
        pool: String,
        /// Transaction that made it.
        transaction: u64,
        /// Number in the pool.
        device: u64,
    },
}

/// Sectors of a region of dm-raid and dm-mirror: LVM's default of 2 MiB.
pub(super) const REGION_SECTORS: u64 = 4096;

/// The text of `group`, ended by a NUL as LVM ends it. `created` is in seconds since 1970.
pub(super) fn render(group: &Group, created: i64) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = render_group(group, created, &mut text);
    text.push('\0');
    text
}

fn render_group(group: &Group, created: i64, out: &mut String) -> fmt::Result {
    writeln!(out, "{} {{", group.name)?;
    writeln!(out, "id = \"{}\"\nseqno = {}\nformat = \"lvm2\"", group.id, group.seqno)?;
    writeln!(out, "status = [\"RESIZEABLE\", \"READ\", \"WRITE\"]\nflags = []")?;
    writeln!(out, "extent_size = {}\nmax_lv = 0\nmax_pv = 0\nmetadata_copies = 0\n", group.extent_sectors)?;
    writeln!(out, "physical_volumes {{")?;
    for (number, physical) in group.physical.iter().enumerate() {
        writeln!(out, "\npv{number} {{\nid = \"{}\"\ndevice = \"/dev/null\"\n", physical.id)?;
        writeln!(out, "status = [\"ALLOCATABLE\"]\nflags = []\ndev_size = {}", physical.device_sectors)?;
        writeln!(out, "pe_start = {}\npe_count = {}\n}}", physical.first_sector, physical.extents)?;
    }
    writeln!(out, "}}\n\nlogical_volumes {{")?;
    for logical in &group.logical {
        render_logical(logical, created, out)?;
    }
    writeln!(
        out,
        "}}\n}}\n# Generated by landfall\n\ncontents = \"Text Format Volume Group\"\nversion = 1\n"
    )?;
    writeln!(out, "description = \"\"\n\ncreation_host = \"landfall\"\ncreation_time = {created}\n")
}

fn render_logical(logical: &Logical, created: i64, out: &mut String) -> fmt::Result {
    let status = match logical.visibility {
        Visibility::Visible => r#""READ", "WRITE", "VISIBLE""#,
        Visibility::Hidden => r#""READ", "WRITE""#,
        Visibility::VisibleInSync => r#""READ", "WRITE", "VISIBLE", "NOTSYNCED""#,
    };
    writeln!(out, "\n{} {{\nid = \"{}\"\nstatus = [{status}]\nflags = []", logical.name, logical.id)?;
    writeln!(out, "creation_time = {created}\ncreation_host = \"landfall\"")?;
    writeln!(out, "segment_count = {}", logical.segments.len())?;
    for (number, segment) in logical.segments.iter().enumerate() {
        writeln!(out, "\nsegment{} {{", number + 1)?;
        writeln!(out, "start_extent = {}\nextent_count = {}\n", segment.start, segment.extents)?;
        render_kind(&segment.kind, out)?;
        writeln!(out, "}}")?;
    }
    writeln!(out, "}}")
}

fn render_kind(kind: &SegmentKind, out: &mut String) -> fmt::Result {
    match kind {
        SegmentKind::Striped { stripe_sectors, stripes } => {
            writeln!(out, "type = \"striped\"\nstripe_count = {}", stripes.len())?;
            if stripes.len() > 1 {
                writeln!(out, "stripe_size = {stripe_sectors}")?;
            }
            let list: Vec<String> =
                stripes.iter().map(|(physical, extent)| format!("\"pv{physical}\", {extent}")).collect();
            writeln!(out, "\nstripes = [\n{}\n]", list.join(",\n"))
        }
        SegmentKind::Raid { name, stripe_sectors, legs } => {
            let (count, list) =
                if *name == "raid0" { ("stripe_count", "raid0_lvs") } else { ("device_count", "raids") };
            writeln!(out, "type = \"{name}\"\n{count} = {}", legs.len())?;
            if *name == "raid10" {
                writeln!(out, "data_copies = 2")?;
            }
            if *name != "raid0" {
                writeln!(out, "region_size = {REGION_SECTORS}")?;
            }
            if *stripe_sectors > 0 {
                writeln!(out, "stripe_size = {stripe_sectors}")?;
            }
            let quoted = |(meta, image): &(Option<String>, String)| match meta {
                Some(meta) => format!("\"{meta}\", \"{image}\""),
                None => format!("\"{image}\""),
            };
            writeln!(out, "\n{list} = [\n{}\n]", legs.iter().map(quoted).collect::<Vec<_>>().join(",\n"))
        }
        SegmentKind::Mirror { region_sectors, log, images } => {
            writeln!(out, "type = \"mirror\"\nmirror_count = {}\nmirror_log = \"{log}\"", images.len())?;
            let list: Vec<String> = images.iter().map(|image| format!("\"{image}\", 0")).collect();
            writeln!(out, "region_size = {region_sectors}\n\nmirrors = [\n{}\n]", list.join(",\n"))
        }
        SegmentKind::ThinPool { metadata, data, transaction, chunk_sectors, discards, zeroing } => {
            writeln!(out, "type = \"thin-pool\"\nmetadata = \"{metadata}\"\npool = \"{data}\"")?;
            writeln!(out, "transaction_id = {transaction}\nchunk_size = {chunk_sectors}")?;
            writeln!(out, "discards = \"{}\"", discards.name())?;
            writeln!(out, "zero_new_blocks = {}", u8::from(*zeroing == Zeroing::On))
        }
        SegmentKind::Thin { pool, transaction, device } => {
            writeln!(out, "type = \"thin\"\nthin_pool = \"{pool}\"")?;
            writeln!(out, "transaction_id = {transaction}\ndevice_id = {device}")
        }
    }
}
