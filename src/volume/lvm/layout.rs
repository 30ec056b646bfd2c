//! What a group is to be, and which extents its volumes get.

use super::LvmError;
use super::format::{EXTENTS_OFFSET, Id, SECTOR};
use super::metadata::{Group, Logical, Physical, REGION_SECTORS, Segment, SegmentKind, Visibility};
use super::size::VolumeSize;
use super::thin::{PoolOptions, pool_geometry};
use crate::identity::Seed;
use crate::timestamp::Timestamp;
use crate::units::{ByteSize, u64_of, usize_of};

/// Size of a stripe: LVM's default.
const STRIPE_SECTORS: u64 = 128;

/// Name of the spare for the metadata of thin pools: there is one in a group.
const SPARE: &str = "lvol0_pmspare";

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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// Two parities over so many members, at least five.
    Raid6(usize),
    /// Two copies of each stripe over so many members, an even number from four on.
    Raid10(usize),
    /// So many copies, at least two, by dm-mirror, with a log beside.
    Mirror(usize),
    /// A pool for thin volumes, its data over so many members in stripes.
    ThinPool(usize, PoolOptions),
    /// In the thin pool of this name, which comes before.
    Thin(String),
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
    let mut allocator = Allocator { options, free: free.collect(), logical: Vec::new(), spare: 0 };
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
    /// Extents of the spare for the metadata of pools: as many as the largest of them has.
    spare: u64,
}

impl Allocator<'_> {
    fn id(&self, label: &str) -> Id {
        Id::from_bytes(self.options.seed.bytes(&format!("lvm/{}/{label}", self.options.name)))
    }

    fn allocate(&mut self, volume: &Volume) -> Result<(), LvmError> {
        if let VolumeKind::Thin(pool) = &volume.kind {
            return self.thin(volume, pool);
        }
        let extent = self.options.extent.bytes();
        let left: u64 = self.free.iter().map(|free| free.end - free.next).sum();
        let parts = shape(volume, self.free.len())?;
        let extents = self.extents(volume, &parts, left);
        let side = match &volume.kind {
            VolumeKind::ThinPool(_, options) => 2 * self.pool_metadata(extents, options),
            VolumeKind::Mirror(_) => 1,
            _ => 0,
        };
        let no_room = || LvmError::NoRoom {
            volume: volume.name.clone(),
            needed: ByteSize(
                extents.saturating_mul(parts.copies).saturating_add(side).saturating_mul(extent),
            ),
            available: ByteSize(left * extent),
        };
        if extents == 0 {
            return Err(no_room());
        }
        let each = extents / parts.data;
        let single = matches!(volume.kind, VolumeKind::Linear | VolumeKind::ThinPool(1, _));
        let members = if single { Some(Vec::new()) } else { self.pick(parts.legs, each + parts.metadata) };
        let members = members.ok_or_else(no_room)?;
        let data = match &volume.kind {
            VolumeKind::Linear => {
                let segments = self.take_linear(0, extents).ok_or_else(no_room)?;
                self.push(&volume.name, Visibility::Visible, segments);
                return Ok(());
            }
            VolumeKind::ThinPool(1, _) => self.take_linear(0, extents).ok_or_else(no_room)?,
            VolumeKind::Striped(_) | VolumeKind::ThinPool(..) => {
                let stripes = members.iter().map(|member| self.take(*member, each)).collect();
                let kind = SegmentKind::Striped { stripe_sectors: STRIPE_SECTORS, stripes };
                vec![Segment { start: 0, extents, kind }]
            }
            VolumeKind::Mirror(_) => return self.mirror(volume, &members, extents).ok_or_else(no_room),
            _ => {
                self.push_legs(volume, &members, each, extents);
                return Ok(());
            }
        };
        match &volume.kind {
            VolumeKind::ThinPool(_, options) => self.pool(volume, options, data).ok_or_else(no_room),
            _ => {
                self.push(&volume.name, Visibility::Visible, data);
                Ok(())
            }
        }
    }

    /// Extents of data of a volume: a size is rounded up to whole stripes, a share of what there is down.
    fn extents(&self, volume: &Volume, parts: &Parts, left: u64) -> u64 {
        let total: u64 = self.free.iter().map(|free| free.end).sum();
        let share =
            |extents: u64| extents.saturating_sub(parts.metadata * parts.legs) * parts.data / parts.legs;
        let part = |extents: u64| {
            let wanted = share(extents).min(self.most(parts));
            // What lies beside a pool or a mirror comes out of its share.
            let beside = match &volume.kind {
                VolumeKind::ThinPool(_, options) => 2 * self.pool_metadata(wanted, options),
                VolumeKind::Mirror(_) => 1,
                _ => 0,
            };
            wanted.saturating_sub(beside) / parts.data * parts.data
        };
        match volume.size {
            VolumeSize::Bytes(size) => {
                size.bytes().div_ceil(self.options.extent.bytes()).next_multiple_of(parts.data)
            }
            VolumeSize::Extents(extents) => extents.next_multiple_of(parts.data),
            VolumeSize::PercentFree(percent) => part(left * percent / 100),
            VolumeSize::PercentGroup(percent) => part(total * percent / 100),
        }
    }

    /// The most extents that a volume of this kind can have: its legs are equal and on different members.
    fn most(&self, parts: &Parts) -> u64 {
        let mut free: Vec<u64> = self.free.iter().map(|free| free.end - free.next).collect();
        if parts.legs == 1 {
            return free.iter().sum();
        }
        free.sort_unstable_by(|a, b| b.cmp(a));
        let leg = free.get(usize_of(parts.legs - 1)).copied().unwrap_or(0);
        leg.saturating_sub(parts.metadata) * parts.data
    }

    /// Extents of the metadata of a pool with so many extents of data.
    fn pool_metadata(&self, data: u64, options: &PoolOptions) -> u64 {
        let extent = self.options.extent.bytes();
        let (_, metadata) = pool_geometry(ByteSize(data.saturating_mul(extent)), options);
        metadata.bytes().div_ceil(extent)
    }

    /// Adds a pool whose data are `segments`; `None` when there is no room for its metadata.
    fn pool(&mut self, volume: &Volume, options: &PoolOptions, segments: Vec<Segment>) -> Option<()> {
        let extents = segments.iter().map(|segment| segment.extents).sum();
        let bytes = u64::saturating_mul(extents, self.options.extent.bytes());
        let (chunk, _) = pool_geometry(ByteSize(bytes), options);
        let metadata_extents = self.pool_metadata(extents, options);
        let metadata_segments = self.take_linear(0, metadata_extents)?;
        let more = metadata_extents.saturating_sub(self.spare);
        let spare_segments = self.take_linear(self.spare, more)?;
        self.spare += more;
        let (data, metadata) = (format!("{}_tdata", volume.name), format!("{}_tmeta", volume.name));
        self.push(&data, Visibility::Hidden, segments);
        self.push(&metadata, Visibility::Hidden, metadata_segments);
        match self.logical.iter_mut().find(|logical| logical.name == SPARE) {
            Some(spare) => spare.segments.extend(spare_segments),
            None => self.push(SPARE, Visibility::Hidden, spare_segments),
        }
        let kind = SegmentKind::ThinPool {
            metadata,
            data,
            transaction: 0,
            chunk_sectors: chunk.bytes() / SECTOR,
            discards: options.discards,
            zeroing: options.zeroing,
        };
        self.push(&volume.name, Visibility::Visible, vec![Segment { start: 0, extents, kind }]);
        Some(())
    }

    /// Adds a thin volume.
    fn thin(&mut self, volume: &Volume, pool: &str) -> Result<(), LvmError> {
        let extents = match volume.size {
            VolumeSize::Bytes(size) => size.bytes().div_ceil(self.options.extent.bytes()),
            VolumeSize::Extents(extents) => extents,
            VolumeSize::PercentFree(_) | VolumeSize::PercentGroup(_) => 0,
        };
        if extents == 0 {
            return Err(LvmError::Options(format!("the thin volume `{}` without a size", volume.name)));
        }
        let found =
            self.logical.iter_mut().filter(|logical| logical.name == pool).find_map(|logical| match logical
                .segments
                .first_mut()
                .map(|segment| &mut segment.kind)
            {
                Some(SegmentKind::ThinPool { transaction, .. }) => Some(transaction),
                _ => None,
            });
        let no_pool = || LvmError::NoPool { volume: volume.name.clone(), pool: pool.to_owned() };
        let count = found.ok_or_else(no_pool)?;
        let transaction = *count;
        *count += 1;
        let kind = SegmentKind::Thin { pool: pool.to_owned(), transaction, device: transaction + 1 };
        self.push(&volume.name, Visibility::Visible, vec![Segment { start: 0, extents, kind }]);
        Ok(())
    }

    /// Adds a mirror, its copies and its log; `None` when there is no room for the log.
    fn mirror(&mut self, volume: &Volume, members: &[usize], extents: u64) -> Option<()> {
        let mut images = Vec::new();
        for (number, member) in members.iter().enumerate() {
            images.push(self.push_part(format!("{}_mimage_{number}", volume.name), *member, extents));
        }
        let log = format!("{}_mlog", volume.name);
        let segments = self.take_linear(0, 1)?;
        self.push(&log, Visibility::Hidden, segments);
        let kind = SegmentKind::Mirror { region_sectors: REGION_SECTORS, log, images };
        self.push(&volume.name, Visibility::Visible, vec![Segment { start: 0, extents, kind }]);
        Some(())
    }

    fn push(&mut self, name: &str, visibility: Visibility, segments: Vec<Segment>) {
        let id = self.id(&format!("lv/{name}"));
        self.logical.push(Logical { name: name.to_owned(), id, visibility, segments });
    }

    /// Takes extents from the members in their order, for a volume that has `start` already.
    fn take_linear(&mut self, mut start: u64, extents: u64) -> Option<Vec<Segment>> {
        let mut segments = Vec::new();
        let end = start + extents;
        for (number, free) in self.free.iter_mut().enumerate() {
            let count = (free.end - free.next).min(end - start);
            if count > 0 {
                let kind = SegmentKind::Striped { stripe_sectors: 0, stripes: vec![(number, free.next)] };
                segments.push(Segment { start, extents: count, kind });
                free.next += count;
                start += count;
            }
        }
        (start == end).then_some(segments)
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

    /// Adds a RAID volume of `extents` with `each` on every leg, and the hidden volumes that it is made of.
    fn push_legs(&mut self, volume: &Volume, members: &[usize], each: u64, extents: u64) {
        let (raid, stripe_sectors, visibility) = match volume.kind {
            VolumeKind::Raid0(_) => ("raid0", STRIPE_SECTORS, Visibility::Visible),
            VolumeKind::Raid4(_) => ("raid4", STRIPE_SECTORS, Visibility::VisibleInSync),
            VolumeKind::Raid5(_) => ("raid5", STRIPE_SECTORS, Visibility::VisibleInSync),
            VolumeKind::Raid6(_) => ("raid6", STRIPE_SECTORS, Visibility::VisibleInSync),
            VolumeKind::Raid10(_) => ("raid10", STRIPE_SECTORS, Visibility::VisibleInSync),
            _ => ("raid1", 0, Visibility::VisibleInSync),
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

/// How a volume lies on the members.
struct Parts {
    /// Members that it lies on.
    legs: u64,
    /// Of these, how many hold data rather than copies or parity.
    data: u64,
    /// How often its bytes are stored, rounded up.
    copies: u64,
    /// Extents of metadata beside each image.
    metadata: u64,
}

/// How a volume lies on the members; an error when these are too few.
fn shape(volume: &Volume, members: usize) -> Result<Parts, LvmError> {
    // Members, those with data, copies, extents of metadata, and the least members.
    let (legs, data, copies, metadata, least) = match volume.kind {
        VolumeKind::Linear | VolumeKind::Thin(_) | VolumeKind::ThinPool(1, _) => (1, 1, 1, 0, 1),
        VolumeKind::Striped(legs) | VolumeKind::Raid0(legs) | VolumeKind::ThinPool(legs, _) => {
            (legs, legs, 1, 0, 2)
        }
        VolumeKind::Mirror(legs) => (legs, 1, legs, 0, 2),
        VolumeKind::Raid1(legs) => (legs, 1, legs, 1, 2),
        VolumeKind::Raid4(legs) | VolumeKind::Raid5(legs) => (legs, legs.saturating_sub(1), 2, 1, 3),
        VolumeKind::Raid6(legs) => (legs, legs.saturating_sub(2), 2, 1, 5),
        VolumeKind::Raid10(legs) => (legs, legs / 2, 2, 1, 4),
    };
    if legs < least || legs > members {
        let (volume, needed) = (volume.name.clone(), legs.max(least));
        return Err(LvmError::TooFewMembers { volume, needed, members });
    }
    Ok(Parts { legs: u64_of(legs), data: u64_of(data), copies: u64_of(copies), metadata })
}
