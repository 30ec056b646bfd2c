//! Finds the devices in a document: they may be all of it, or stand under `disko.devices` in a NixOS configuration.

use super::value::{Attr, Attrs, Kind, Value};
use crate::layout::diagnostic::Diagnostic;
use crate::layout::options::suggest;

/// Options beside `devices` in `disko`, which tell disko how to go about things.
const DISKO_OPTIONS: [&str; 12] = [
    "checkScripts",
    "enableConfig",
    "extraDependencies",
    "extraPostVM",
    "extraRootModules",
    "imageBuilder",
    "imageBuilderQemu",
    "memSize",
    "rootMountPoint",
    "testMode",
    "tests",
    "tmpImageSize",
];

/// Kinds of devices: the names that a devices set has.
const DEVICE_KINDS: [&str; 6] = ["bcachefs_filesystems", "disk", "lvm_vg", "mdadm", "nodev", "zpool"];

/// The devices set of a document, with notes on what beside it is passed over. `None`, with the reason among the findings,
/// where there is none.
pub fn devices(document: Value) -> (Option<Value>, Vec<Diagnostic>) {
    let mut findings = Vec::new();
    let Kind::Attrs(mut attrs) = document.kind else {
        let message = format!("a layout is an attribute set, but this is {}", document.describe());
        return (None, vec![Diagnostic::error("not-a-layout", document.span, message)]);
    };
    // As an option name written out: what some tools print.
    if let Some(devices) = attrs.remove("disko.devices") {
        pass_over(&attrs, "", &mut findings);
        return (Some(devices.value), findings);
    }
    if let Some(Attr { value: disko, .. }) = attrs.remove("disko") {
        misplaced(&attrs, &mut findings);
        pass_over(&attrs, "", &mut findings);
        let span = disko.span;
        let Kind::Attrs(mut disko) = disko.kind else {
            let message = format!("`disko` is an attribute set, but this is {}", disko.describe());
            findings.push(Diagnostic::error("wrong-type", span, message));
            return (None, findings);
        };
        let devices = disko.remove("devices");
        disko_options(&disko, devices.as_ref(), &mut findings);
        let is_told = findings.iter().any(|finding| finding.code == "unknown-option");
        if devices.is_none() && !is_told {
            findings.push(Diagnostic::error("not-a-layout", span, "`disko` has no `devices`"));
        }
        return (devices.map(|attr| attr.value), findings);
    }
    if let Some(devices) = attrs.remove("devices") {
        misplaced(&attrs, &mut findings);
        disko_options(&attrs, Some(&devices), &mut findings);
        return (Some(devices.value), findings);
    }
    if !attrs.is_empty() && !DEVICE_KINDS.iter().any(|kind| attrs.get(kind).is_some()) {
        let finding =
            Diagnostic::error("not-a-layout", document.span, "there are no devices in this document")
                .hint("devices stand under `disko.devices`, like `disko.devices.disk.main = { … }`");
        findings.push(finding);
        return (None, findings);
    }
    (Some(Value::new(Kind::Attrs(attrs), document.span)), findings)
}

/// Notes options of NixOS that a layout file sets beside its devices.
fn pass_over(attrs: &Attrs, prefix: &str, findings: &mut Vec<Diagnostic>) {
    for (name, attr) in attrs.iter().filter(|(name, _)| !DEVICE_KINDS.contains(&&***name)) {
        findings.push(Diagnostic::note(
            "no-effect",
            attr.name_span,
            format!("`{prefix}{name}` has no effect here: only `disko.devices` is read"),
        ));
    }
}

/// Kinds of devices that stand beside `disko` or `devices` instead of in it.
fn misplaced(attrs: &Attrs, findings: &mut Vec<Diagnostic>) {
    for kind in DEVICE_KINDS {
        if let Some(attr) = attrs.get(kind) {
            let finding = Diagnostic::error(
                "misplaced-devices",
                attr.name_span,
                format!("`{kind}` is outside the devices"),
            )
            .hint(format!("write `disko.devices.{kind}`"));
            findings.push(finding);
        }
    }
}

/// Options of `disko` beside the devices. Configurations add their own there (`disko.primaryDisk`), so one that disko does not
/// know is told but not refused, unless it seems to be meant for the devices that are missing.
fn disko_options(attrs: &Attrs, devices: Option<&Attr>, findings: &mut Vec<Diagnostic>) {
    for (name, attr) in attrs.iter().filter(|(name, _)| !DEVICE_KINDS.contains(&&***name)) {
        if devices.is_none() && suggest::nearest(name, ["devices"]).is_some() {
            let message = format!("`disko` has no option `{name}`");
            let finding = Diagnostic::error("unknown-option", attr.name_span, message);
            findings.push(finding.label("did you mean `devices`?"));
            continue;
        }
        let why = if DISKO_OPTIONS.contains(&&**name) {
            "it tells disko how to work"
        } else {
            "disko has no such option"
        };
        let message = format!("`disko.{name}` has no effect here: {why}");
        findings.push(Diagnostic::note("no-effect", attr.name_span, message));
    }
}
