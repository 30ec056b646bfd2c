//! What firmware needs to start the system.

use std::collections::BTreeSet;

use super::View;
use super::mounts::mounts;
use crate::layout::diagnostic::Diagnostic;
use crate::layout::graph::{BlockDevice, BlockKind, GroupKind, members};
use crate::layout::model::content::ContentRef;
use crate::layout::model::gpt::Partition;
use crate::layout::model::md::{MdArray, MdMetadata};
use crate::layout::model::table::TableFormat;

/// Type GUID of an EFI system partition (UEFI 2.10, table 5.7).
const ESP: &str = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";

/// Type GUID of GRUB's BIOS boot partition.
const BIOS_BOOT: &str = "21686148-6449-6e6f-744e-656564454649";

/// EFI system partitions that firmware cannot read.
pub(super) fn esps(view: &View<'_>, findings: &mut Vec<Diagnostic>) {
    let mut arrays = BTreeSet::new();
    for block in view.blocks {
        let BlockKind::Partition(partition) = block.kind else { continue };
        if !is_type(partition, "EF00", ESP) {
            continue;
        }
        match partition.content.as_ref().map(ContentRef::from) {
            // Told once for all members.
            Some(ContentRef::MdMember(member)) => drop(arrays.insert(member.name.as_str())),
            content => esp(partition, content, findings),
        }
    }
    for array in view.devices.mdadm.values().filter(|array| arrays.contains(array.name.as_str())) {
        mirrored_esp(view, array, findings);
    }
}

/// A root filesystem, but nothing that starts the system on it.
pub(super) fn firmware(view: &View<'_>, findings: &mut Vec<Diagnostic>) {
    let has_root = mounts(view).iter().any(|mount| mount.path == "/");
    if has_root && !view.blocks.iter().any(|block| can_boot(view, block)) {
        nothing_boots(view, findings);
    }
}

/// Whether a partition has a type, given by sgdisk's code or by GUID.
fn is_type(partition: &Partition, code: &str, guid: &str) -> bool {
    let given = partition.type_code.as_str();
    given.eq_ignore_ascii_case(code) || given.eq_ignore_ascii_case(guid)
}

/// Whether firmware of some kind can start from here: an ESP, a BIOS boot partition, an MBR, a table of the older form with a
/// boot flag, a hybrid MBR.
fn can_boot(view: &View<'_>, block: &BlockDevice<'_>) -> bool {
    match block.kind {
        BlockKind::Partition(partition) => {
            is_type(partition, "EF00", ESP)
                || is_type(partition, "EF02", BIOS_BOOT)
                || partition.hybrid.is_some()
                || partition.attributes.contains(&LEGACY_BOOTABLE)
        }
        BlockKind::TablePartition(partition) => {
            let is_mbr = block.parent.and_then(|parent| view.blocks.get(parent)).is_some_and(|parent| {
                matches!(parent.content, Some(ContentRef::Table(table)) if table.format == TableFormat::Msdos)
            });
            is_mbr
                || partition.bootable
                || partition.flags.iter().any(|flag| matches!(&**flag, "esp" | "boot" | "bios_grub"))
        }
        _ => false,
    }
}

/// The attribute bit of a partition that a legacy BIOS may boot (UEFI 2.10, table 5.8).
const LEGACY_BOOTABLE: i64 = 2;

fn nothing_boots(view: &View<'_>, findings: &mut Vec<Diagnostic>) {
    let message = "the layout has a root filesystem but nothing that firmware boots from";
    let finding = Diagnostic::warning("no-esp", view.devices.places.of("disk"), message);
    // A FAT filesystem at /boot is most likely an ESP whose type was forgotten.
    let meant = view.blocks.iter().find_map(|block| match (block.kind, block.content) {
        (BlockKind::Partition(partition), Some(ContentRef::Filesystem(set))) if set.format == "vfat" => {
            Some(partition)
        }
        _ => None,
    });
    findings.push(match meant {
        Some(partition) => finding
            .other(partition.places.of("type"), format!("`{}` is not an EFI system partition", partition.name))
            .hint("give it `type = \"EF00\"`"),
        None => finding.hint(
            "UEFI needs a partition with `type = \"EF00\"` and a `vfat` filesystem, mounted at `/boot` or `/efi`",
        ),
    });
}

/// An ESP must hold FAT that the firmware can read without knowing of arrays or encryption.
fn esp(partition: &Partition, content: Option<ContentRef<'_>>, findings: &mut Vec<Diagnostic>) {
    let Some(content) = content else {
        let message = format!("the EFI system partition `{}` has no filesystem", partition.name);
        findings.push(Diagnostic::warning("esp-without-fat", partition.places.of("type"), message).hint(
            "give it `content = { type = \"filesystem\"; format = \"vfat\"; mountpoint = \"/boot\"; }`",
        ));
        return;
    };
    match content {
        ContentRef::Filesystem(set) if set.format == "vfat" || set.format.is_empty() => {}
        ContentRef::Filesystem(set) => {
            let message = format!("firmware cannot read `{}` on an EFI system partition", set.format);
            let finding = Diagnostic::warning("esp-without-fat", set.places.of("format"), message);
            findings.push(finding.hint("use `format = \"vfat\"`"));
        }
        other => {
            let message = format!("firmware cannot read `{}` on an EFI system partition", other.type_name());
            findings.push(Diagnostic::warning("esp-without-fat", other.places().of("type"), message));
        }
    }
}

/// Firmware sees the members of a mirrored ESP one by one; it finds a FAT on them only if md's own data is at the end.
fn mirrored_esp(view: &View<'_>, array: &MdArray, findings: &mut Vec<Diagnostic>) {
    let is_mirror = array.level == 1;
    if is_mirror && array.metadata == MdMetadata::V1_0 {
        return;
    }
    let option = if is_mirror { "metadata" } else { "level" };
    let members = members(view.blocks, GroupKind::MdArray, &array.name);
    let message = format!("firmware cannot read the members of `{}` as EFI system partitions", array.name);
    let mut finding = Diagnostic::warning("esp-in-array", array.places.of(option), message)
        .hint("use `level = 1` and `metadata = \"1.0\"`, which keeps md's own data at the end");
    for member in members {
        finding = finding.other(member.place, "a member");
    }
    findings.push(finding);
}
