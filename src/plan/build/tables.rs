//! Tables of type `gpt`: what disko has sgdisk make.

use super::super::disk::{BootRole, Label, Partition, PartitionKind, Table};
use super::super::error::Cause;
use super::super::step::Action;
use super::super::table::sgdisk::{Gpt, Wanted};
use super::{Builder, Place, hybrid};
use crate::layout::model::content::ContentRef;
use crate::layout::model::gpt::{Gpt as GptOptions, Partition as PartitionOptions};
use crate::units::ByteSize;
use crate::volume::gpt::{Attributes, PartitionName, TypeGuid};
use uuid::Uuid;

/// Type of an extended boot loader partition (UAPI.2, Discoverable Partitions Specification).
const XBOOTLDR: Uuid = Uuid::from_u128(0xbc13c2ff_59e6_4262_a352_b275fd6f7172);

impl Builder<'_> {
    /// Plans a GUID partition table; `None` when the device cannot hold one.
    pub(super) fn gpt(&mut self, set: &GptOptions, place: &Place) -> Option<Table> {
        let device = place.device.clone().unwrap_or_else(|| set.device.clone());
        let sectors = place.size.bytes() / place.sector.bytes();
        let Ok(mut table) = Gpt::new(place.sector, sectors) else {
            let cause = Cause::DiskTooSmall { disk: device, size: place.size };
            self.problem(set.places.whole(), cause);
            return None;
        };
        let what = format!("write a GUID partition table on {device}");
        self.step(Action::Partition, &device, what, true);
        let mut partitions = Vec::new();
        let mut stopped = false;
        for (number, options) in (1..).zip(set.partitions.in_order()) {
            let wanted = Wanted {
                number,
                start: &options.start,
                end: &options.end,
                // A negative alignment is no alignment to sgdisk; disko passes on only what is not zero.
                alignment: u64::try_from(options.alignment).unwrap_or(0),
            };
            match table.add(&wanted) {
                // disko's script ends at the first partition that sgdisk refuses.
                Ok(_) if stopped => {}
                Ok(extent) => partitions.extend(self.gpt_partition(number, options, extent, place)),
                Err(cause) => {
                    stopped = true;
                    let span = options.places.whole();
                    let partition = options.name.clone();
                    let (device, sector) = (device.clone(), place.sector);
                    self.problem(span, Cause::Placement { partition, device, cause, sector });
                }
            }
        }
        let hybrid = self.hybrid(set, &partitions, sectors);
        let guid = self.request.seed.uuid(&format!("{}/table", place.label));
        let label = Label::Gpt { guid, usable: table.usable(), hybrid };
        Some(Table { device, label, partitions })
    }

    fn gpt_partition(
        &mut self,
        number: u32,
        options: &PartitionOptions,
        extent: super::super::table::Extent,
        place: &Place,
    ) -> Option<Partition> {
        let type_guid = self.type_guid(options);
        let attributes = self.attributes(options)?;
        let label = self.label(options);
        let inner = place.below(
            &format!("partition/{}", options.name),
            ByteSize(extent.sectors().saturating_mul(place.sector.bytes())),
        );
        let guid = options.uuid.as_ref().and_then(|guid| guid.as_str().parse().ok());
        let content =
            options.content.as_ref().and_then(|content| self.content(ContentRef::from(content), &inner));
        Some(Partition {
            number,
            name: options.name.clone(),
            label,
            device: options.device.clone(),
            extent,
            range: extent.bytes(place.sector)?,
            kind: PartitionKind::Gpt {
                type_guid,
                guid: guid.unwrap_or_else(|| self.request.seed.uuid(&inner.label)),
                attributes,
            },
            role: role(type_guid),
            content,
        })
    }

    /// The type of a partition. sgdisk takes a code that it does not know for a Linux file system.
    fn type_guid(&mut self, options: &PartitionOptions) -> TypeGuid {
        options.type_code.as_str().parse().unwrap_or_else(|_| {
            self.notes.push(format!(
                "partition `{}`: the type code `{}` is unknown; the partition becomes a Linux filesystem (8300)",
                options.name, options.type_code
            ));
            TypeGuid::LINUX_FILESYSTEM
        })
    }

    /// The label of a partition. sgdisk cuts one that is too long; nothing would find the partition by it then.
    fn label(&mut self, options: &PartitionOptions) -> String {
        let Err(error) = options.label.parse::<PartitionName>() else { return options.label.clone() };
        let cause = Cause::Label { partition: options.name.clone(), what: error.to_string() };
        self.problem(options.places.of("label"), cause);
        let kept = options.label.char_indices().map(|(at, character)| at + character.len_utf8()).take_while(
            |&end| options.label.get(..end).is_some_and(|start| start.parse::<PartitionName>().is_ok()),
        );
        kept.last().and_then(|end| options.label.get(..end)).unwrap_or_default().to_owned()
    }

    fn attributes(&mut self, options: &PartitionOptions) -> Option<Attributes> {
        let mut attributes = Attributes::NONE;
        for &bit in &options.attributes {
            let with = u32::try_from(bit).ok().and_then(|bit| attributes.with_bit(bit));
            match with {
                Some(with) => attributes = with,
                None => {
                    self.impossible(
                        options,
                        "attributes",
                        format!("there is no attribute bit {bit}; they go from 0 to 63"),
                    );
                    return None;
                }
            }
        }
        Some(attributes)
    }

    pub(super) fn impossible(&mut self, options: &PartitionOptions, option: &str, what: String) {
        let cause = Cause::Partition { partition: options.name.clone(), what };
        self.problem(options.places.of(option), cause);
    }

    fn hybrid(
        &mut self,
        set: &GptOptions,
        partitions: &[Partition],
        sectors: u64,
    ) -> Option<Vec<super::super::disk::HybridEntry>> {
        let wanted = hybrid::wanted(set, partitions);
        if wanted.is_empty() {
            return None;
        }
        match hybrid::record(&wanted, set.efi_gpt_partition_first, sectors) {
            Ok((entries, notes)) => {
                self.notes.extend(notes);
                Some(entries)
            }
            Err((options, what)) => {
                self.impossible(options, "hybrid", what);
                None
            }
        }
    }
}

/// What a partition of this type does when the machine starts.
pub(super) fn role(type_guid: TypeGuid) -> Option<BootRole> {
    match type_guid {
        TypeGuid::EFI_SYSTEM => Some(BootRole::Esp),
        TypeGuid::BIOS_BOOT => Some(BootRole::BiosBoot),
        other if other.guid() == XBOOTLDR => Some(BootRole::Xbootldr),
        _ => None,
    }
}
