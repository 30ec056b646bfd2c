//! Tables of type `table`: what disko has parted make.
//!
//! Two things are done otherwise than disko does them, because what comes of it makes no sense:
//!
//! * `bootable` of a partition in a GUID table has parted set its flag `boot`, which there means "EFI system partition" and
//!   changes the type. A root partition on ext4 would become a second EFI system partition that no firmware can read. Here
//!   `bootable` does so only for partitions that hold FAT; the others keep the type of their file system.
//! * Partitions are numbered by their place in the list, but parted numbers logical partitions from 5: disko then sets flags of,
//!   and mounts, partitions that do not exist. Here they get the number that they have.

use uuid::Uuid;

use super::super::disk::{BootRole, Label, MsdosPlace, Partition, PartitionKind, Table};
use super::super::error::Cause;
use super::super::step::Action;
use super::super::table::parted::{Device, Label as PartedLabel, Parted, Placed, Role};
use super::{Builder, Place, tables};
use crate::layout::model::content::{Content as ContentOptions, ContentRef};
use crate::layout::model::table::{
    FsType, PartType, Table as TableOptions, TableFormat, TablePartition, numbered,
};
use crate::units::ByteSize;
use crate::volume::gpt::{Attributes, TypeGuid};

impl Builder<'_> {
    /// Plans a table of the older form; `None` when the device cannot hold one.
    pub(super) fn legacy(&mut self, set: &TableOptions, place: &Place) -> Option<Table> {
        let device = place.device.clone().unwrap_or_else(|| set.device.clone());
        let sectors = place.size.bytes() / place.sector.bytes();
        let parted_label = match set.format {
            TableFormat::Gpt => PartedLabel::Gpt,
            TableFormat::Msdos => PartedLabel::Msdos,
        };
        let Ok(mut table) = Parted::new(parted_label, Device { sector: place.sector, sectors }) else {
            self.problem(set.places.whole(), Cause::DiskTooSmall { disk: device, size: place.size });
            return None;
        };
        self.step(Action::Partition, &device, format!("write a partition table on {device}"), true);
        let mut partitions = Vec::new();
        let mut stopped = false;
        for (position, options) in (1..).zip(&set.partitions) {
            let name = options.name.clone().unwrap_or_else(|| format!("partition {position}"));
            let role = match options.part_type {
                PartType::Primary => Role::Primary,
                PartType::Extended => Role::Extended,
                PartType::Logical => Role::Logical,
            };
            match table.add(role, &options.start, &options.end) {
                // disko's script ends at the first partition that parted refuses.
                Ok(_) if stopped => {}
                Ok(placed) => {
                    let named = Named { name, position, device: &device };
                    partitions.extend(self.legacy_partition(set.format, options, &named, placed, place));
                }
                Err(cause) => {
                    stopped = true;
                    let (device, span) = (device.clone(), options.places.whole());
                    self.problem(span, Cause::Refusal { partition: name, device, cause });
                }
            }
        }
        partitions.sort_by_key(|partition| partition.number);
        let label = match set.format {
            TableFormat::Gpt => {
                let guid = self.request.seed.uuid(&format!("{}/table", place.label));
                Label::Gpt { guid, usable: table.usable()?, hybrid: None }
            }
            TableFormat::Msdos => {
                Label::Msdos { signature: self.request.seed.serial(&format!("{}/table", place.label)) }
            }
        };
        Some(Table { device, label, partitions })
    }

    fn legacy_partition(
        &mut self,
        format: TableFormat,
        options: &TablePartition,
        named: &Named<'_>,
        placed: Placed,
        place: &Place,
    ) -> Option<Partition> {
        let size = ByteSize(placed.extent.sectors().saturating_mul(place.sector.bytes()));
        let mut inner = place.below(&format!("partition/{}", named.name), size);
        let number = usize::try_from(placed.number).unwrap_or(named.position);
        if number != named.position {
            self.notes.push(format!(
                "partition `{}` is number {number} of its table (disko takes it for number {})",
                named.name, named.position
            ));
            inner.device = numbered(named.device, number);
        }
        let kind = self.kind(format, options, &named.name, &inner);
        let content =
            options.content.as_ref().and_then(|content| self.content(ContentRef::from(content), &inner));
        let role = match kind {
            PartitionKind::Gpt { type_guid, .. } => tables::role(type_guid),
            PartitionKind::Msdos { kind: 0xef, .. } => Some(BootRole::Esp),
            PartitionKind::Msdos { kind: 0xea, .. } => Some(BootRole::Xbootldr),
            PartitionKind::Msdos { .. } => None,
        };
        Some(Partition {
            number: placed.number,
            label: if format == TableFormat::Gpt { named.name.clone() } else { String::new() },
            device: numbered(named.device, number)
                .unwrap_or_else(|| format!("{}-part{number}", named.device)),
            name: named.name.clone(),
            extent: placed.extent,
            range: placed.extent.bytes(place.sector)?,
            kind,
            role,
            content,
        })
    }

    fn kind(
        &mut self,
        format: TableFormat,
        options: &TablePartition,
        name: &str,
        place: &Place,
    ) -> PartitionKind {
        match format {
            TableFormat::Gpt => {
                let (mut type_guid, mut attributes) = (gpt_type(options.fs_type), Attributes::NONE);
                if options.bootable {
                    if holds_fat(options) {
                        type_guid = TypeGuid::EFI_SYSTEM;
                    } else {
                        self.notes.push(format!(
                            "partition `{name}`: `bootable` would make it an EFI system partition, which it cannot be; it keeps \
                             its type"
                        ));
                    }
                }
                for flag in &options.flags {
                    self.gpt_flag(options, flag, &mut type_guid, &mut attributes);
                }
                PartitionKind::Gpt { type_guid, guid: self.request.seed.uuid(&place.label), attributes }
            }
            TableFormat::Msdos => {
                let placed = match options.part_type {
                    PartType::Primary => MsdosPlace::Primary,
                    PartType::Extended => MsdosPlace::Extended,
                    PartType::Logical => MsdosPlace::Logical,
                };
                let (mut kind, mut active) = (msdos_type(options.fs_type), options.bootable);
                for flag in &options.flags {
                    self.msdos_flag(options, flag, &mut kind, &mut active);
                }
                // An extended partition has its own type (0x0f, by sector numbers), whatever is asked for.
                let kind = if placed == MsdosPlace::Extended { 0x0f } else { kind };
                PartitionKind::Msdos { kind, active, place: placed }
            }
        }
    }

    fn gpt_flag(
        &mut self,
        options: &TablePartition,
        flag: &str,
        kind: &mut TypeGuid,
        attributes: &mut Attributes,
    ) {
        let guid = match flag {
            "boot" | "esp" => Some(TypeGuid::EFI_SYSTEM.guid()),
            "bios_grub" => Some(TypeGuid::BIOS_BOOT.guid()),
            "swap" => Some(TypeGuid::LINUX_SWAP.guid()),
            "raid" => Some(Uuid::from_u128(0xa19d880f_05fc_4d3b_a006_743f0f84911e)),
            "lvm" => Some(Uuid::from_u128(0xe6d6d379_f507_44c2_a23c_238f2a3df928)),
            "prep" => Some(Uuid::from_u128(0x9e1a2d38_c612_4316_aa26_8b49521e5a8b)),
            "msftres" => Some(Uuid::from_u128(0xe3c9e316_0b5c_4db8_817d_f92df00215ae)),
            "msftdata" => Some(BASIC_DATA),
            "diag" => Some(Uuid::from_u128(0xde94bba4_06d1_4d40_a16a_bfd50179d6ac)),
            "irst" => Some(Uuid::from_u128(0xd3bfe2de_3daf_11df_ba40_e3a556d89593)),
            "hp-service" => Some(Uuid::from_u128(0xe2a1e728_32e3_11d6_a682_7b03a0000000)),
            "atvrecv" => Some(Uuid::from_u128(0x5265636f_7665_11aa_aa11_00306543ecac)),
            "chromeos_kernel" => Some(Uuid::from_u128(0xfe3a2a5d_4f32_41a7_b725_accc3285a309)),
            "bls_boot" => Some(Uuid::from_u128(0xbc13c2ff_59e6_4262_a352_b275fd6f7172)),
            "linux-home" => Some(Uuid::from_u128(0x933ac7e1_2eb4_4f13_b844_0e14e2aef915)),
            _ => None,
        };
        let bit = match flag {
            "hidden" => Some(0),
            "legacy_boot" => Some(2),
            "no_automount" => Some(63),
            _ => None,
        };
        match (guid, bit) {
            (Some(guid), _) => *kind = TypeGuid::new(guid),
            (None, Some(bit)) => *attributes = attributes.with_bit(bit).unwrap_or(*attributes),
            (None, None) => self.unknown_flag(options, flag, "gpt"),
        }
    }

    fn msdos_flag(&mut self, options: &TablePartition, flag: &str, kind: &mut u8, active: &mut bool) {
        match flag {
            "boot" => *active = true,
            "esp" => *kind = 0xef,
            "swap" => *kind = 0x82,
            "raid" => *kind = 0xfd,
            "lvm" => *kind = 0x8e,
            "palo" => *kind = 0xf0,
            "prep" => *kind = 0x41,
            "msftres" => *kind = 0x27,
            "diag" => *kind = 0x12,
            "irst" => *kind = 0x84,
            "bls_boot" => *kind = 0xea,
            // A hidden type is 0x10 more; only DOS and Windows types have one.
            "hidden" if HIDEABLE.contains(kind) => *kind += 0x10,
            // parted sets it by itself where the type has such a form.
            "hidden" | "lba" => {}
            _ => self.unknown_flag(options, flag, "msdos"),
        }
    }

    fn unknown_flag(&mut self, options: &TablePartition, flag: &str, table: &str) {
        let partition = options.name.clone().unwrap_or_default();
        let what = format!("parted knows no flag `{flag}` in a table of format `{table}`");
        self.problem(options.places.of("flags"), Cause::Partition { partition, what });
    }
}

/// What a partition is called.
struct Named<'a> {
    name: String,
    /// Its place in the list, from 1.
    position: usize,
    /// The device that the table lies on.
    device: &'a str,
}

/// Microsoft's type for FAT and NTFS.
const BASIC_DATA: Uuid = Uuid::from_u128(0xebd0a0a2_b9e5_4433_87c0_68b6b72699c7);

/// Type bytes that have a hidden form.
const HIDEABLE: [u8; 7] = [0x01, 0x04, 0x06, 0x07, 0x0b, 0x0c, 0x0e];

fn holds_fat(options: &TablePartition) -> bool {
    match &options.content {
        Some(ContentOptions::Filesystem(filesystem)) => {
            matches!(filesystem.format.as_str(), "vfat" | "fat" | "msdos")
        }
        // What is not formatted here may well be made FAT elsewhere, and so may the array that this is a member of.
        None | Some(ContentOptions::MdMember(_)) => true,
        Some(_) => false,
    }
}

/// The type that parted gives a partition of a GUID table for a file system.
fn gpt_type(format: Option<FsType>) -> TypeGuid {
    match format {
        Some(FsType::Fat16 | FsType::Fat32 | FsType::Ntfs | FsType::Udf) => TypeGuid::new(BASIC_DATA),
        Some(FsType::Hfs | FsType::HfsPlus) => {
            TypeGuid::new(Uuid::from_u128(0x48465300_0000_11aa_aa11_00306543ecac))
        }
        Some(FsType::LinuxSwap) => TypeGuid::LINUX_SWAP,
        None
        | Some(
            FsType::Bcachefs
            | FsType::Btrfs
            | FsType::Ext2
            | FsType::Ext3
            | FsType::Ext4
            | FsType::Reiserfs
            | FsType::Xfs,
        ) => TypeGuid::LINUX_FILESYSTEM,
    }
}

/// The same in a boot record.
fn msdos_type(format: Option<FsType>) -> u8 {
    match format {
        Some(FsType::Fat16) => 0x0e,
        Some(FsType::Fat32) => 0x0c,
        Some(FsType::Ntfs | FsType::Udf) => 0x07,
        Some(FsType::Hfs | FsType::HfsPlus) => 0xaf,
        Some(FsType::LinuxSwap) => 0x82,
        None
        | Some(
            FsType::Bcachefs
            | FsType::Btrfs
            | FsType::Ext2
            | FsType::Ext3
            | FsType::Ext4
            | FsType::Reiserfs
            | FsType::Xfs,
        ) => 0x83,
    }
}
