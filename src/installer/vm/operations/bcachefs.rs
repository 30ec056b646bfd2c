//! bcachefs: its own program makes a filesystem on all of its devices, and subvolumes where it is mounted, as disko has it.

use serde_json::Value as Json;

use super::{Operation, Run, Walk, child};
use crate::plan::Plan;
use crate::plan::assembly::Bcachefs;
use crate::plan::content::{AssemblyKind, Member};
use crate::plan::mount::Mount;

/// The kernel's name for a filesystem on several devices: all of them, with colons between.
fn source(filesystem: &Bcachefs) -> String {
    filesystem.members.join(":")
}

/// `mount` as the kernel takes it here, where no udev has made a name for the UUID.
pub(super) fn by_devices(plan: &Plan, mount: &Mount) -> Mount {
    let is_of = |filesystem: &&Bcachefs| filesystem.mounts().any(|own| own.path == mount.path);
    match plan.bcachefs.iter().find(is_of) {
        Some(filesystem) => Mount { source: source(filesystem), ..mount.clone() },
        None => mount.clone(),
    }
}

impl<'a> Walk<'a> {
    /// Keeps what the layout says of a member for its filesystem.
    pub(super) fn bcachefs_member(&mut self, member: &Member, json: &Json) {
        if member.of.kind != AssemblyKind::Bcachefs {
            return;
        }
        let mut words = Vec::new();
        let label = json.get("label").and_then(Json::as_str).filter(|label| !label.is_empty());
        words.extend(label.map(|label| format!("--label={label}")));
        let more = json.get("extraFormatArgs").and_then(Json::as_array).into_iter().flatten();
        words.extend(more.filter_map(Json::as_str).map(str::to_owned));
        words.push(member.device.clone());
        self.bcachefs_members.entry(member.of.name.clone()).or_default().push(words);
    }

    pub(super) fn bcachefs(&mut self, filesystem: &'a Bcachefs) {
        let json = child(&self.plan.layout, &["bcachefs_filesystems", &filesystem.name]);
        let path = format!("bcachefs_filesystems.{}", filesystem.name);
        self.enter(json, &path);
        let mut words = vec!["bcachefs".to_owned(), "format".to_owned()];
        let mut members = self.bcachefs_members.remove(&filesystem.name).unwrap_or_default();
        // What is said of one device holds for those behind it too: those of which nothing is said come first.
        members.sort_by_key(|words| words.len() > 1);
        words.extend(members.into_iter().flatten());
        words.push(format!("--uuid={}", filesystem.uuid));
        words.extend(filesystem.extra_format_args.iter().cloned());
        match &filesystem.password_file {
            None => self.making.push(Operation::Run(Run(words))),
            Some(key) => {
                words.push("--encrypted".to_owned());
                // The keyring of root's user is the one that the first process, which mounts, looks into.
                let device = filesystem.members.first().map_or("", String::as_str);
                let unlock = Run::new(["bcachefs", "unlock", "-k", "user", device]);
                for run in [Run(words), unlock] {
                    self.making.push(Operation::RunWithInput { run, input: key.clone() });
                }
            }
        }
        if !filesystem.subvolumes.is_empty() {
            let names = filesystem.subvolumes.iter().map(|subvolume| subvolume.name.clone()).collect();
            self.making.push(Operation::MakeSubvolumes { source: source(filesystem), names });
        }
        self.mounting.wanted.extend(filesystem.mounts().map(|mount| mount.path.clone()));
        self.leave(json, &path, filesystem.mount.as_ref().map(|mount| mount.path.as_str()));
    }
}
