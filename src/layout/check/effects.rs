//! Options without effect, older forms, and words that are likely typing mistakes.

use super::View;
use crate::layout::diagnostic::Diagnostic;
use crate::layout::model::btrfs::Btrfs;
use crate::layout::model::content::ContentRef;
use crate::layout::model::filesystem::{FORMATS, Filesystem};
use crate::layout::model::gpt::Gpt;
use crate::layout::model::luks::Luks;
use crate::layout::model::table::{Table, TableFormat};
use crate::layout::options::suggest;

pub(super) fn check(view: &View<'_>, findings: &mut Vec<Diagnostic>) {
    for block in view.blocks {
        match block.content {
            Some(ContentRef::Btrfs(set)) => btrfs(set, findings),
            Some(ContentRef::Filesystem(set)) => filesystem(set, findings),
            Some(ContentRef::Gpt(set)) => gpt(set, findings),
            Some(ContentRef::Luks(set)) => luks(set, findings),
            Some(ContentRef::Table(set)) => table(set, findings),
            _ => {}
        }
    }
}

fn btrfs(btrfs: &Btrfs, findings: &mut Vec<Diagnostic>) {
    for subvolume in btrfs.subvolumes.values() {
        if subvolume.mountpoint.is_none() && subvolume.mount_options != ["defaults"] {
            let message = format!("`mountOptions` has no effect: `{}` is not mounted", subvolume.name);
            findings.push(Diagnostic::warning(
                "no-effect",
                subvolume.places.name_of("mountOptions"),
                message,
            ));
        }
    }
}

fn filesystem(set: &Filesystem, findings: &mut Vec<Diagnostic>) {
    let format = set.format.as_str();
    if format.is_empty() || FORMATS.contains(&format) {
        return;
    }
    let message = format!("`{format}` is not a filesystem that is known here");
    let finding = Diagnostic::warning("unknown-filesystem", set.places.of("format"), message);
    let near = match format.to_ascii_lowercase().as_str() {
        "fat" | "fat12" | "fat16" | "fat32" | "msdos" | "esp" | "efi" => Some("vfat"),
        _ => suggest::nearest(format, FORMATS),
    };
    findings.push(match near {
        Some(near) => finding.label(format!("did you mean `{near}`?")),
        None => finding,
    });
}

/// Tokens and recovery keys are enrolled on the machine, with the token at hand.
fn luks(luks: &Luks, findings: &mut Vec<Diagnostic>) {
    for name in ["enrollFido2", "extraFido2EnrollArgs", "enrollRecovery"] {
        if luks.places.has(name) {
            let message = format!("`{name}` has no effect here");
            findings.push(
                Diagnostic::warning("no-effect", luks.places.name_of(name), message)
                    .hint("enroll with `systemd-cryptenroll` on the installed machine"),
            );
        }
    }
}

/// The highest attribute bit, and the bits that UEFI keeps for itself (UEFI 2.10, table 5.8).
const LAST_ATTRIBUTE: i64 = 63;
const RESERVED_ATTRIBUTES: std::ops::RangeInclusive<i64> = 3..=47;

fn gpt(gpt: &Gpt, findings: &mut Vec<Diagnostic>) {
    for (_, partition) in gpt.partitions.iter() {
        let place = partition.places.of("attributes");
        for bit in &partition.attributes {
            if !(0..=LAST_ATTRIBUTE).contains(bit) {
                let message = format!("there is no attribute {bit}: bits are numbered 0 to 63");
                findings.push(Diagnostic::error("attribute-range", place, message));
            } else if RESERVED_ATTRIBUTES.contains(bit) {
                let message = format!("attribute {bit} is reserved and must be zero");
                findings.push(Diagnostic::warning("reserved-attribute", place, message));
            }
        }
    }
}

fn table(table: &Table, findings: &mut Vec<Diagnostic>) {
    findings.push(
        Diagnostic::warning(
            "deprecated",
            table.places.of("type"),
            "`table` is disko's older form of partition tables",
        )
        .hint("use `type = \"gpt\"`"),
    );
    // A `name` has no effect in an MBR either, but disko documents it as required, so giving it is no mistake.
    for partition in table.partitions.iter().filter(|_| table.format == TableFormat::Gpt) {
        if partition.name.is_none() {
            let whole = partition.places.whole();
            let finding =
                Diagnostic::error("missing-option", whole, "a partition of a GPT needs the option `name`")
                    .label("`name` (a string) is missing");
            findings.push(finding);
        }
        if partition.places.has("part-type") {
            let message = "`part-type` has no effect: GPT has no such kinds";
            findings.push(Diagnostic::note("no-effect", partition.places.name_of("part-type"), message));
        }
    }
}
