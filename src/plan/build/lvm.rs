//! Volume groups of LVM: extents are given out volume by volume, in disko's order.

use super::super::assembly::{LogicalVolume, VolumeGroup};
use super::super::content::{Assembly, AssemblyKind};
use super::super::error::{Cause, Exact};
use super::super::step::Action;
use super::{Builder, Leaf, Place};
use crate::layout::model::content::ContentRef;
use crate::layout::model::lvm::{LogicalVolume as VolumeOptions, LvmType, VolumeGroup as GroupOptions};
use crate::layout::syntax::source::Span;
use crate::units::{ByteSize, SectorSize, u64_of};
use crate::volume::lvm::{PoolOptions, pool_geometry, pool_options};

/// LVM's default extent.
const EXTENT: ByteSize = ByteSize::mib(4);

/// Where the extents of a physical volume begin: metadata, aligned to 1 MiB.
const DATA_OFFSET: ByteSize = ByteSize::mib(1);

/// Of so many bytes of a thin volume, its file system uses one from the start: copies of descriptors and bitmaps that lie
/// all over it.
const SPREAD: u64 = 1 << 14;

impl Builder<'_> {
    pub(super) fn volume_group(&mut self, set: &GroupOptions) {
        let of = Assembly { kind: AssemblyKind::VolumeGroup, name: set.name.clone() };
        let members = self.members_of(&of);
        if members.is_empty() {
            let cause = Cause::TooFewMembers { noun: of.kind.noun(), name: of.name, needed: 1, members: 0 };
            return self.problem(set.places.whole(), cause);
        }
        self.step(Action::Assemble, &set.name, format!("make volume group {}", set.name), true);
        let usable =
            |size: ByteSize| size.checked_sub(DATA_OFFSET).unwrap_or(ByteSize::ZERO).bytes() / EXTENT.bytes();
        let free = members.iter().map(|member| usable(member.size)).collect();
        let mut free = Extents { free, spare: 0 };
        let extents = free.total();
        let sector = members.iter().map(|member| member.sector).max().unwrap_or(SectorSize::S512);
        let mut volumes: Vec<&VolumeOptions> = set.lvs.values().collect();
        volumes.sort_by_key(|volume| volume.priority);
        let mut pools = Vec::new();
        let mut planned = Vec::new();
        for volume in volumes {
            let before = self.leaves.len();
            let made = self.volume(set, volume, &mut free, (extents, sector));
            // What lies in thin volumes lies in their pool.
            let content = self.leaves[before..].iter().map(|leaf| leaf.needed.bytes());
            let content = content.fold(0, u64::saturating_add);
            match volume.lvm_type {
                Some(LvmType::ThinPool) => pools.push(PoolNeed {
                    name: volume.name.clone(),
                    device: made.device.clone(),
                    size: made.size,
                    needed: 0,
                    span: volume.places.of("size"),
                }),
                Some(LvmType::ThinLv) => {
                    let pool = pools.iter_mut().find(|pool| volume.pool.as_ref() == Some(&pool.name));
                    if let Some(pool) = pool.filter(|_| content > 0) {
                        let overhead = made.size.bytes() / SPREAD;
                        pool.needed = pool.needed.saturating_add(content).saturating_add(overhead);
                    }
                }
                _ => {}
            }
            planned.push(made);
        }
        self.leaves.extend(pools.into_iter().map(PoolNeed::leaf));
        self.groups.push(VolumeGroup {
            name: set.name.clone(),
            uuid: self.request.seed.uuid(&format!("lvm_vg/{}", set.name)),
            members: members.into_iter().map(|member| member.device).collect(),
            extent_size: EXTENT,
            data_offset: DATA_OFFSET,
            extents,
            free_extents: free.total(),
            volumes: planned,
        });
    }

    fn volume(
        &mut self,
        group: &GroupOptions,
        set: &VolumeOptions,
        free: &mut Extents,
        (extents, sector): (u64, SectorSize),
    ) -> LogicalVolume {
        let device = format!("/dev/{}/{}", group.name, set.name);
        let size = match VolumeSize::parse(&set.size) {
            Some(size) => self.allocate(set, &device, size, free, extents),
            None => {
                let what = format!("logical volume `{}`", set.name);
                self.problem(set.places.of("size"), Cause::Size { what, text: set.size.clone() });
                ByteSize::ZERO
            }
        };
        self.step(Action::Create, &device, format!("make logical volume {}", set.name), false);
        let label = format!("lvm_vg/{}/{}", group.name, set.name);
        let uuid = self.request.seed.uuid(&label);
        let place = Place { label, size, sector, device: None };
        let content =
            set.content.as_ref().and_then(|content| self.content(ContentRef::from(content), &place));
        LogicalVolume {
            name: set.name.clone(),
            uuid,
            kind: match set.lvm_type {
                None => "linear".to_owned(),
                Some(LvmType::ThinLv) => "thin".to_owned(),
                Some(kind) => kind.word().to_owned(),
            },
            legs: Shape::of(set).legs,
            pool: set.pool.clone(),
            size,
            extra_args: set.extra_args.clone(),
            content,
            device,
        }
    }

    /// Gives a volume its extents; its size.
    fn allocate(
        &mut self,
        set: &VolumeOptions,
        device: &str,
        size: VolumeSize,
        free: &mut Extents,
        extents: u64,
    ) -> ByteSize {
        if set.lvm_type == Some(LvmType::ThinLv) {
            // A thin volume takes nothing of the group; lvcreate rounds what it pretends to have to extents.
            return size.bytes(extents, free.total()).round_up(EXTENT.bytes());
        }
        let shape = Shape::of(set);
        let left = free.total();
        // A part of what is free holds copies and metadata too; a size in bytes is of the data alone.
        let share =
            |extents: u64| extents.saturating_sub(shape.metadata * shape.legs) * shape.data / shape.legs;
        // The log of a mirror lies beside it.
        let log = u64::from(set.lvm_type == Some(LvmType::Mirror));
        let part = |extents: u64| {
            // Members may differ in size, and legs do not: a part is at most what the legs can be.
            share(extents.min(left).saturating_sub(log)).min(free.most(&shape))
        };
        let data = match size {
            VolumeSize::Bytes(bytes) => bytes.bytes().div_ceil(EXTENT.bytes()),
            VolumeSize::PercentFree(percent) => part(percent_of(left, percent)),
            VolumeSize::PercentGroup(percent) => part(percent_of(extents, percent)),
        };
        let data = match size {
            VolumeSize::Bytes(_) => data.next_multiple_of(shape.data),
            VolumeSize::PercentFree(_) | VolumeSize::PercentGroup(_) => data / shape.data * shape.data,
        };
        let (data, side) = if set.lvm_type == Some(LvmType::ThinPool) {
            // Arguments that are none are told where they are used.
            let options = pool_options(&set.extra_args).unwrap_or_default();
            free.thin_pool(data / shape.data, shape.data, (&options, matches!(size, VolumeSize::Bytes(_))))
        } else {
            (data, log)
        };
        let each = data / shape.data + shape.metadata;
        if data == 0 || !free.take(shape.legs, each) || !free.take(1, side) {
            let needed = Exact(ByteSize((each * shape.legs + side).max(1).saturating_mul(EXTENT.bytes())));
            let available = Exact(ByteSize(left * EXTENT.bytes()));
            let what = format!("logical volume `{}`", set.name);
            let cause = Cause::DoesNotFit { what, device: device.to_owned(), needed, available };
            self.problem(set.places.of("size"), cause);
        }
        ByteSize(data.saturating_mul(EXTENT.bytes()))
    }
}

fn percent_of(extents: u64, percent: u64) -> u64 {
    extents.saturating_mul(percent) / 100
}

/// A thin pool, and what lies in its volumes.
struct PoolNeed {
    name: String,
    device: String,
    size: ByteSize,
    /// Bytes.
    needed: u64,
    span: Span,
}

impl PoolNeed {
    /// What has to fit where.
    fn leaf(self) -> Leaf {
        Leaf {
            what: format!("what lies in thin pool `{}`", self.name),
            device: self.device,
            size: self.size,
            needed: ByteSize(self.needed),
            spare: ByteSize::ZERO,
            span: self.span,
        }
    }
}

/// How a volume lies on the members.
struct Shape {
    /// Members that it lies on.
    legs: u64,
    /// Of these, how many hold data rather than copies or parity.
    data: u64,
    /// Extents of metadata on each.
    metadata: u64,
}

impl Shape {
    fn of(set: &VolumeOptions) -> Self {
        let words: Vec<&str> =
            set.extra_args.iter().flat_map(|argument| argument.split_whitespace()).collect();
        let value = |flags: [&str; 2]| {
            words.iter().enumerate().find_map(|(index, word)| {
                let rest = flags.iter().find_map(|flag| word.strip_prefix(flag))?;
                let text = if rest.is_empty() {
                    words.get(index + 1).copied()?
                } else {
                    rest.trim_start_matches('=')
                };
                text.parse::<u64>().ok().filter(|count| (1..=64).contains(count))
            })
        };
        let stripes = value(["--stripes", "-i"]);
        let mirrors = value(["--mirrors", "-m"]).unwrap_or(1);
        let (legs, data, metadata) = match set.lvm_type {
            None | Some(LvmType::ThinPool | LvmType::ThinLv) => {
                (stripes.unwrap_or(1), stripes.unwrap_or(1), 0)
            }
            Some(LvmType::Raid0) => (stripes.unwrap_or(2), stripes.unwrap_or(2), 0),
            Some(LvmType::Mirror) => (1 + mirrors, 1, 0),
            Some(LvmType::Raid1) => (1 + mirrors, 1, 1),
            Some(LvmType::Raid4 | LvmType::Raid5) => (stripes.unwrap_or(2) + 1, stripes.unwrap_or(2), 1),
            Some(LvmType::Raid6) => (stripes.unwrap_or(3) + 2, stripes.unwrap_or(3), 1),
        };
        Self { legs, data, metadata }
    }
}

/// Free extents of each member.
struct Extents {
    free: Vec<u64>,
    /// Extents of the spare for the metadata of thin pools: as many as the largest of them has.
    spare: u64,
}

impl Extents {
    fn total(&self) -> u64 {
        self.free.iter().sum()
    }

    /// Data of a thin pool, and its metadata with what the spare lacks, in extents. Where the size is a part of the
    /// group, both come out of it.
    fn thin_pool(
        &mut self,
        stripe: u64,
        stripes: u64,
        (options, in_bytes): (&PoolOptions, bool),
    ) -> (u64, u64) {
        let metadata = |data: u64| {
            let (_, metadata) = pool_geometry(ByteSize(data.saturating_mul(EXTENT.bytes())), options);
            metadata.bytes().div_ceil(EXTENT.bytes())
        };
        let beside = |metadata: u64, spare: u64| metadata + metadata.saturating_sub(spare);
        let mut data = stripe * stripes;
        if !in_bytes {
            data = data.saturating_sub(beside(metadata(data), self.spare)) / stripes * stripes;
        }
        let side = beside(metadata(data), self.spare);
        self.spare = self.spare.max(metadata(data));
        (data, side)
    }

    /// The most extents of data in a volume of this shape, each of its legs on a member of its own.
    fn most(&self, shape: &Shape) -> u64 {
        if shape.legs == 1 {
            return self.total();
        }
        let mut free = self.free.clone();
        free.sort_unstable_by(|a, b| b.cmp(a));
        let last = usize::try_from(shape.legs).ok().and_then(|legs| free.get(legs.checked_sub(1)?));
        last.map_or(0, |leg| leg.saturating_sub(shape.metadata) * shape.data)
    }

    /// Takes `each` extents on `legs` members; one leg may spread over all of them. False when they are not there.
    fn take(&mut self, legs: u64, each: u64) -> bool {
        if legs == 1 {
            if self.total() < each {
                return false;
            }
            let mut rest = each;
            for free in &mut self.free {
                let part = rest.min(*free);
                *free -= part;
                rest -= part;
            }
            return true;
        }
        let roomy: Vec<usize> = (0..self.free.len()).filter(|&index| self.free[index] >= each).collect();
        if u64_of(roomy.len()) < legs {
            return false;
        }
        for index in roomy.into_iter().take(usize::try_from(legs).unwrap_or(usize::MAX)) {
            self.free[index] -= each;
        }
        true
    }
}

/// A size as disko passes it to lvcreate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum VolumeSize {
    Bytes(ByteSize),
    PercentFree(u64),
    PercentGroup(u64),
}

impl VolumeSize {
    /// Reads `10G`, `512`, `1.5t`, `100%FREE`, `50%VG`, `100%`: MiB where no unit stands, and where nothing is said of what the
    /// percentage is of, of the group (lvcreate(8)).
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let Some((percent, of)) = text.split_once('%') else {
            return bytes(text).map(Self::Bytes);
        };
        let percent: u64 = percent.trim_start_matches('+').parse().ok().filter(|percent| *percent <= 100)?;
        match of.to_ascii_uppercase().as_str() {
            "FREE" | "F" => Some(Self::PercentFree(percent)),
            "" | "VG" | "V" | "PVS" | "P" => Some(Self::PercentGroup(percent)),
            _ => None,
        }
    }

    fn bytes(self, extents: u64, free: u64) -> ByteSize {
        let of = |extents| ByteSize(u64::saturating_mul(extents, EXTENT.bytes()));
        match self {
            Self::Bytes(bytes) => bytes,
            Self::PercentFree(percent) => of(percent_of(free, percent)),
            Self::PercentGroup(percent) => of(percent_of(extents, percent)),
        }
    }
}

/// lvcreate's `-L`: units in powers of 1024 whatever their case, decimal fractions allowed.
fn bytes(text: &str) -> Option<ByteSize> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match text[digits.len()..].chars().next().map(|unit| unit.to_ascii_lowercase()) {
        Some('b') => 1,
        Some('s') => 512,
        Some('k') => 1 << 10,
        None | Some('m') => 1 << 20,
        Some('g') => 1 << 30,
        Some('t') => 1 << 40,
        Some('p') => 1 << 50,
        Some('e') => 1 << 60,
        Some(_) => return None,
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let scale = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let fraction: u64 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let part = u64::try_from(u128::from(unit) * u128::from(fraction) / u128::from(scale)).ok()?;
    whole.parse::<u64>().ok()?.checked_mul(unit)?.checked_add(part).map(ByteSize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_lvcreate_reads_them() {
        for (text, size) in [
            ("10G", VolumeSize::Bytes(ByteSize::gib(10))),
            ("512", VolumeSize::Bytes(ByteSize::mib(512))),
            ("1.5g", VolumeSize::Bytes(ByteSize::mib(1536))),
            ("24GB", VolumeSize::Bytes(ByteSize::gib(24))),
            ("100%FREE", VolumeSize::PercentFree(100)),
            ("50%VG", VolumeSize::PercentGroup(50)),
            ("100%", VolumeSize::PercentGroup(100)),
        ] {
            assert_eq!(VolumeSize::parse(text), Some(size), "{text}");
        }
        for text in ["", "G", "big", "101%FREE", "10%ORIGIN", "1.2.3G"] {
            assert_eq!(VolumeSize::parse(text), None, "{text}");
        }
    }

    fn of(free: &[u64]) -> Extents {
        Extents { free: free.to_vec(), spare: 0 }
    }

    #[test]
    fn pools_of_a_group_share_a_spare() {
        let mut free = of(&[1000]);
        let options = PoolOptions::default();
        // 64 bytes for each 64 KiB: an extent up to 4 GiB.
        assert_eq!(free.thin_pool(100, 1, (&options, true)), (100, 2));
        assert_eq!(free.thin_pool(100, 1, (&options, false)), (99, 1));
        assert_eq!(free.thin_pool(1000, 2, (&options, true)), (2000, 3));
        assert_eq!(free.spare, 2);
    }

    #[test]
    fn copies_take_extents_of_several_members() {
        let mut free = of(&[100, 50, 10]);
        assert!(free.take(2, 40));
        assert_eq!(free.free, [60, 10, 10]);
        assert!(!free.take(2, 20));
        assert!(free.take(1, 75));
        assert_eq!(free.free, [0, 0, 5]);
    }

    #[test]
    fn legs_are_as_large_as_the_smallest_of_their_members() {
        let raid5 = Shape { legs: 3, data: 2, metadata: 1 };
        assert_eq!(of(&[100, 50, 10]).most(&raid5), 18);
        assert_eq!(of(&[100, 50, 10, 60]).most(&raid5), 98);
        assert_eq!(of(&[100, 50]).most(&raid5), 0);
        assert_eq!(of(&[100, 50]).most(&Shape { legs: 1, data: 1, metadata: 0 }), 150);
    }
}
