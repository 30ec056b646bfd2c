//! What a group is to be, and which extents its volumes get.

use super::LvmError;
use super::format::{EXTENTS_OFFSET, Id, SECTOR};
use super::metadata::{Group, Logical, Physical, Segment, SegmentKind, Visibility};
use crate::identity::Seed;
use crate::timestamp::Timestamp;
use crate::units::{ByteSize, u64_of, usize_of};

/// Size of a stripe: LVM's default.
const STRIPE_SECTORS: u64 = 128;

/// What the group is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name of the group.
    pub name: String,
    /// Size of an extent: a power of two; LVM's default is 4 MiB.
    pub extent: ByteSize,
    /// The volumes in the order of their creation.
    pub volumes: Vec<Volume>,
    /// Where all identities come from.
    pub seed: Seed,
    /// Creation time.
    pub created: Timestamp,
}

/// A logical volume to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Name.
    pub name: String,
    /// Size, as lvcreate takes it.
    pub size: VolumeSize,
    /// How it lies on the members.
    pub kind: VolumeKind,
}

/// How a volume lies on the members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VolumeKind {
    /// One extent after the other.
    #[default]
    Linear,
    /// Over so many members in stripes, by dm-stripe.
    Striped(usize),
    /// Stripes by dm-raid over so many members.
    Raid0(usize),
    /// So many copies, at least two.
    Raid1(usize),
    /// Parity on the first of so many members, at least three.
    Raid4(usize),
    /// Parity over so many members, at least three.
    Raid5(usize),
    /// Two copies of each stripe over so many members, an even number from four on.
    Raid10(usize),
}

/// The size of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VolumeSize {
    /// So many bytes, rounded up to extents.
    Bytes(ByteSize),
    /// So many extents.
    Extents(u64),
    /// A part of what is free when its turn comes, in percent.
    PercentFree(u64),
    /// A part of the whole group, in percent.
    PercentGroup(u64),
}

impl VolumeSize {
    /// Reads what disko passes to lvcreate: `10G`, `100%FREE`, `50%VG`, `25%PVS`, `100%`; in the last
    /// form the percentage is of the group.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let Some((percent, of)) = text.split_once('%') else {
            return parse_lvm_size(text).map(Self::Bytes);
        };
        let percent = percent.parse().ok().filter(|percent| *percent <= 100)?;
        match of {
            "FREE" => Some(Self::PercentFree(percent)),
            "" | "VG" | "PVS" => Some(Self::PercentGroup(percent)),
            _ => None,
        }
    }
}

/// lvcreate's `-L`: MiB where no unit stands, decimal fractions allowed.
fn parse_lvm_size(text: &str) -> Option<ByteSize> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: ByteSize = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "m" | "mib" => ByteSize::mib(1),
        "k" | "kib" => ByteSize::kib(1),
        "g" | "gib" => ByteSize::gib(1),
        "t" | "tib" => ByteSize::gib(1024),
        "s" => ByteSize(SECTOR),
        "b" => ByteSize(1),
        _ => return None,
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole: u64 = whole.parse().ok()?;
    let scale = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let fraction: u64 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let part = unit.bytes().checked_mul(fraction)? / scale;
    whole.checked_mul(unit.bytes())?.checked_add(part).map(ByteSize)
}

/// Bytes of a member of this size that extents can use.
pub fn usable(member: ByteSize, extent: ByteSize) -> ByteSize {
    ByteSize(member.bytes().saturating_sub(EXTENTS_OFFSET)).round_down(extent.bytes())
}

/// The smallest member that holds `data` bytes of linear volumes, each rounded up to extents.
pub fn member_size(data: impl IntoIterator<Item = ByteSize>, extent: ByteSize) -> ByteSize {
    let sum = data.into_iter().map(|size| size.round_up(extent.bytes()).bytes()).fold(0, u64::saturating_add);
    ByteSize(sum.saturating_add(EXTENTS_OFFSET))
}

/// Free extents of one member: they are taken from the front, so one number says all.
struct Free {
    next: u64,
    end: u64,
}

/// Fails when a group of members of these sizes cannot be made as `options` say.
pub fn check(options: &Options, members: &[ByteSize]) -> Result<(), LvmError> {
    layout(options, members).map(drop)
}

/// Gives every volume its extents on members of these sizes.
pub(super) fn layout(options: &Options, members: &[ByteSize]) -> Result<Group, LvmError> {
    let extent = options.extent.bytes();
    if !extent.is_power_of_two() || extent < SECTOR {
        return Err(LvmError::Options(format!("extents of {extent} bytes; a power of two is needed")));
    }
    let free =
        members.iter().map(|size| Free { next: 0, end: usable(*size, options.extent).bytes() / extent });
    let mut allocator = Allocator { options, free: free.collect(), logical: Vec::new() };
    for volume in &options.volumes {
        allocator.allocate(volume)?;
    }
    let physical = members.iter().zip(&allocator.free).enumerate().map(|(number, (size, free))| Physical {
        id: allocator.id(&format!("pv/{number}")),
        device_sectors: size.bytes() / SECTOR,
        first_sector: EXTENTS_OFFSET / SECTOR,
        extents: free.end,
    });
    Ok(Group {
        name: options.name.clone(),
        id: allocator.id("group"),
        seqno: 1,
        extent_sectors: extent / SECTOR,
        physical: physical.collect(),
        logical: allocator.logical,
    })
}

/// Takes extents of the members, volume by volume.
struct Allocator<'a> {
    options: &'a Options,
    free: Vec<Free>,
    logical: Vec<Logical>,
}

impl Allocator<'_> {
    fn id(&self, label: &str) -> Id {
        Id::from_bytes(self.options.seed.bytes(&format!("lvm/{}/{label}", self.options.name)))
    }

    fn allocate(&mut self, volume: &Volume) -> Result<(), LvmError> {
        let extent = self.options.extent.bytes();
        let total: u64 = self.free.iter().map(|free| free.end).sum();
        let left: u64 = self.free.iter().map(|free| free.end - free.next).sum();
        let (parts, copies) = shape(volume, self.free.len())?;
        // RAID keeps an extent of metadata beside each image.
        let has_metadata =
            !matches!(volume.kind, VolumeKind::Linear | VolumeKind::Striped(_) | VolumeKind::Raid0(_));
        let metadata = u64::from(has_metadata);
        let share = |extents: u64| extents.saturating_sub(metadata * parts.legs) * parts.data / parts.legs;
        let wanted = match volume.size {
            VolumeSize::Bytes(size) => size.bytes().div_ceil(extent),
            VolumeSize::Extents(extents) => extents,
            VolumeSize::PercentFree(percent) => {
                share(left * percent / 100).min(self.most(volume, &parts, metadata))
            }
            VolumeSize::PercentGroup(percent) => {
                share(total * percent / 100).min(self.most(volume, &parts, metadata))
            }
        };
        // Stripes are of one length: a size is rounded up to it, a share of what there is down.
        let extents = match volume.size {
            VolumeSize::Bytes(_) | VolumeSize::Extents(_) => wanted.next_multiple_of(parts.data),
            VolumeSize::PercentFree(_) | VolumeSize::PercentGroup(_) => wanted / parts.data * parts.data,
        };
        let no_room = || LvmError::NoRoom {
            volume: volume.name.clone(),
            needed: ByteSize(extents.saturating_mul(copies).saturating_mul(extent)),
            available: ByteSize(left * extent),
        };
        if extents == 0 {
            return Err(no_room());
        }
        if volume.kind == VolumeKind::Linear {
            let segments = self.take_linear(extents).ok_or_else(no_room)?;
            self.push(&volume.name, Visibility::Visible, segments);
            return Ok(());
        }
        let each = extents / parts.data;
        let members = self.pick(parts.legs, each + metadata).ok_or_else(no_room)?;
        self.push_legs(volume, &members, each, extents);
        Ok(())
    }

    /// The most extents that a volume of this kind can have: its legs are equal and on different members.
    fn most(&self, volume: &Volume, parts: &Parts, metadata: u64) -> u64 {
        let mut free: Vec<u64> = self.free.iter().map(|free| free.end - free.next).collect();
        if volume.kind == VolumeKind::Linear {
            return free.iter().sum();
        }
        free.sort_unstable_by(|a, b| b.cmp(a));
        let leg = free.get(usize_of(parts.legs - 1)).copied().unwrap_or(0);
        leg.saturating_sub(metadata) * parts.data
    }

    fn push(&mut self, name: &str, visibility: Visibility, segments: Vec<Segment>) {
        let id = self.id(&format!("lv/{name}"));
        self.logical.push(Logical { name: name.to_owned(), id, visibility, segments });
    }

    /// Takes extents from the members in their order.
    fn take_linear(&mut self, extents: u64) -> Option<Vec<Segment>> {
        let mut segments = Vec::new();
        let mut start = 0;
        for (number, free) in self.free.iter_mut().enumerate() {
            let count = (free.end - free.next).min(extents - start);
            if count > 0 {
                let kind = SegmentKind::Striped { stripe_sectors: 0, stripes: vec![(number, free.next)] };
                segments.push(Segment { start, extents: count, kind });
                free.next += count;
                start += count;
            }
        }
        (start == extents).then_some(segments)
    }

    /// The first `legs` members that have `extents` free.
    fn pick(&self, legs: u64, extents: u64) -> Option<Vec<usize>> {
        let roomy = self.free.iter().enumerate().filter(|(_, free)| free.end - free.next >= extents);
        let members: Vec<usize> = roomy.map(|(number, _)| number).take(usize_of(legs)).collect();
        (u64_of(members.len()) == legs).then_some(members)
    }

    /// Takes `count` extents in one piece from a member that has them.
    fn take(&mut self, member: usize, count: u64) -> (usize, u64) {
        let first = self.free[member].next;
        self.free[member].next += count;
        (member, first)
    }

    /// Adds a volume of `extents` with `each` on every leg, and the hidden volumes that it is made of.
    fn push_legs(&mut self, volume: &Volume, members: &[usize], each: u64, extents: u64) {
        let (raid, stripe_sectors, visibility) = match volume.kind {
            VolumeKind::Linear | VolumeKind::Striped(_) => {
                let stripes = members.iter().map(|member| self.take(*member, each)).collect();
                let kind = SegmentKind::Striped { stripe_sectors: STRIPE_SECTORS, stripes };
                self.push(&volume.name, Visibility::Visible, vec![Segment { start: 0, extents, kind }]);
                return;
            }
            VolumeKind::Raid0(_) => ("raid0", STRIPE_SECTORS, Visibility::Visible),
            VolumeKind::Raid1(_) => ("raid1", 0, Visibility::VisibleInSync),
            VolumeKind::Raid4(_) => ("raid4", STRIPE_SECTORS, Visibility::VisibleInSync),
            VolumeKind::Raid5(_) => ("raid5", STRIPE_SECTORS, Visibility::VisibleInSync),
            VolumeKind::Raid10(_) => ("raid10", STRIPE_SECTORS, Visibility::VisibleInSync),
        };
        let mut legs = Vec::new();
        for (number, member) in members.iter().enumerate() {
            let metadata = (raid != "raid0")
                .then(|| self.push_part(format!("{}_rmeta_{number}", volume.name), *member, 1));
            legs.push((metadata, self.push_part(format!("{}_rimage_{number}", volume.name), *member, each)));
        }
        let kind = SegmentKind::Raid { name: raid, stripe_sectors, legs };
        self.push(&volume.name, visibility, vec![Segment { start: 0, extents, kind }]);
    }

    /// Adds a hidden volume in one piece; its name.
    fn push_part(&mut self, name: String, member: usize, count: u64) -> String {
        let kind = SegmentKind::Striped { stripe_sectors: 0, stripes: vec![self.take(member, count)] };
        self.push(&name, Visibility::Hidden, vec![Segment { start: 0, extents: count, kind }]);
        name
    }
}

/// In how many legs a volume lies, and how many of them are data rather than copies or parity.
struct Parts {
    legs: u64,
    data: u64,
}

/// The legs of a volume and how often its bytes are stored, rounded up; an error when the members are too few.
fn shape(volume: &Volume, members: usize) -> Result<(Parts, u64), LvmError> {
    let (legs, data, copies) = match volume.kind {
        VolumeKind::Linear => (1, 1, 1),
        VolumeKind::Striped(legs) | VolumeKind::Raid0(legs) => (legs, legs, 1),
        VolumeKind::Raid1(legs) => (legs, 1, u64_of(legs)),
        VolumeKind::Raid4(legs) | VolumeKind::Raid5(legs) => (legs, legs.saturating_sub(1), 2),
        VolumeKind::Raid10(legs) => (legs, legs / 2, 2),
    };
    let least = match volume.kind {
        VolumeKind::Linear => 1,
        VolumeKind::Striped(_) | VolumeKind::Raid0(_) | VolumeKind::Raid1(_) => 2,
        VolumeKind::Raid4(_) | VolumeKind::Raid5(_) => 3,
        VolumeKind::Raid10(_) => 4,
    };
    if legs < least || legs > members {
        let (volume, needed) = (volume.name.clone(), legs.max(least));
        return Err(LvmError::TooFewMembers { volume, needed, members });
    }
    Ok((Parts { legs: u64_of(legs), data: u64_of(data) }, copies))
}
