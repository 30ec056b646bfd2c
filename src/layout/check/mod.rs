//! Checks beyond types: that the parts of a layout fit together.
//!
//! Errors are for layouts that cannot work. What disko accepts and makes work is never an error here; where it is likely not
//! what its author means, it is a warning.

mod boot;
mod effects;
mod keys;
mod mounts;
mod names;
mod redundancy;
mod references;
mod space;
mod swap;

use super::diagnostic::Diagnostic;
use super::graph::{BlockDevice, Group};
use super::model::devices::Devices;
use super::options::reader::Losses;

/// What a check looks at.
struct View<'a> {
    devices: &'a Devices,
    blocks: &'a [BlockDevice<'a>],
    groups: &'a [Group<'a>],
}

/// All findings about a layout. Where reading lost parts of it to mistakes, nothing is said about what seems to be missing.
pub(super) fn check(devices: &Devices, losses: Losses) -> Vec<Diagnostic> {
    let (blocks, groups) = (devices.blocks(), devices.groups());
    let view = View { devices, blocks: &blocks, groups: &groups };
    let mut findings = Vec::new();
    if !losses.groups {
        references::unresolved(&view, &mut findings);
    }
    if !losses.contents && !losses.groups {
        references::without_members(&view, &mut findings);
        redundancy::check(&view, &mut findings);
    }
    boot::esps(&view, &mut findings);
    if !losses.anything {
        boot::firmware(&view, &mut findings);
    }
    references::cycles(&view, &mut findings);
    names::check(&view, &mut findings);
    mounts::check(&view, &mut findings);
    space::check(&view, &mut findings);
    swap::check(&view, &mut findings);
    keys::check(&view, &mut findings);
    effects::check(&view, &mut findings);
    findings
}
