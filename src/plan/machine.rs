//! What of a plan only a running kernel can do, so that an image of it takes a virtual machine.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

use super::Plan;
use super::content::{Content, Maker};
use super::walk::{change_filesystems, contents};
use crate::layout::model::hooks::Hooks;

/// Something for which a virtual machine is started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MachineNeed {
    /// What it is: the kind of a file system, or `hooks`.
    pub what: String,
    /// Where it is: devices as a person calls them, options of the layout.
    pub places: Vec<String>,
}

impl MachineNeed {
    /// What [`what`](Self::what) is for hooks.
    pub const HOOKS: &'static str = "hooks";

    /// Whether it is hooks.
    pub fn is_hooks(&self) -> bool {
        self.what == Self::HOOKS
    }

    /// One line: `needs a VM: zfs (disk main, partition zfs)`.
    pub fn text(&self) -> String {
        format!("needs a VM: {} ({})", self.what, self.places.join("; "))
    }

    /// What it costs that a virtual machine does it.
    pub fn cost(&self) -> &'static str {
        if self.is_hooks() {
            "hooks are shell: everything is made as they may expect it and filled by the system's own kernel, \
             so that the image takes longer and is not the same bytes each time"
        } else {
            "the system's own kernel and tools make it in QEMU, so that it is not the same bytes each time"
        }
    }
}

impl Plan {
    /// What of the plan takes a virtual machine when it becomes an image, each kind once; hooks come last.
    pub fn machine_needs(&self) -> Vec<MachineNeed> {
        let mut needs: Vec<MachineNeed> = Vec::new();
        let mut add = |what: &str, devices: &[String]| {
            let places = devices.iter().map(|device| self.place_of(device));
            match needs.iter_mut().find(|need| need.what == what) {
                Some(need) => need.places.extend(places),
                None => needs.push(MachineNeed { what: what.to_owned(), places: places.collect() }),
            }
        };
        for content in contents(self) {
            if let Content::Filesystem(filesystem) = content
                && filesystem.maker == Maker::Machine
            {
                add(&filesystem.format, std::slice::from_ref(&filesystem.device));
            }
        }
        for pool in &self.pools {
            let members: Vec<String> = pool.groups.iter().flat_map(|group| &group.members).cloned().collect();
            add("zfs", &members);
        }
        for filesystem in &self.bcachefs {
            add("bcachefs", &filesystem.members);
        }
        let hooks = hook_paths(&self.layout);
        if !hooks.is_empty() {
            needs.push(MachineNeed { what: MachineNeed::HOOKS.to_owned(), places: hooks });
        }
        needs
    }

    /// What a person calls the device at this path of the running system.
    fn place_of(&self, device: &str) -> String {
        for disk in &self.disks {
            let mut partitions = disk.table().into_iter().flat_map(|table| &table.partitions);
            if let Some(partition) = partitions.find(|partition| partition.device == device) {
                return format!("disk {}, partition {}", disk.key, partition.name);
            }
            if disk.device == device {
                return format!("disk {}", disk.key);
            }
        }
        device.to_owned()
    }
}

/// Leaves bcachefs to the machine where there is one anyway: the system that it runs has the tools for what else it makes,
/// and a kernel fills any tree, the tool from outside not all of them. Where there is none, a note says what that costs.
pub(super) fn settle(plan: &mut Plan) {
    let (mut by_machine, mut bcachefs) = (!plan.pools.is_empty() || !plan.bcachefs.is_empty(), false);
    for content in contents(plan) {
        if let Content::Filesystem(filesystem) = content {
            by_machine |= filesystem.maker == Maker::Machine;
            bcachefs |= filesystem.format == "bcachefs";
        }
    }
    if bcachefs && by_machine {
        change_filesystems(plan, &mut |filesystem| {
            if filesystem.format == "bcachefs" {
                filesystem.maker = Maker::Machine;
            }
        });
    } else if bcachefs {
        plan.notes.push(
            "an image with bcachefs is not the same bytes each time: its program takes seeds from the operating system"
                .to_owned(),
        );
    }
}

/// Paths of all hooks with something in them in `layout` (the resolved one): `disk.main.preCreateHook`.
pub fn hook_paths(layout: &Json) -> Vec<String> {
    let mut found = Vec::new();
    collect(layout, "", &mut found);
    found
}

fn collect(value: &Json, path: &str, found: &mut Vec<String>) {
    match value {
        Json::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                match value {
                    Json::String(text) if Hooks::NAMES.contains(&name.as_str()) => {
                        if !text.trim().is_empty() {
                            found.push(path);
                        }
                    }
                    other => collect(other, &path, found),
                }
            }
        }
        Json::Array(items) => items.iter().for_each(|item| collect(item, path, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Seed;
    use crate::layout::{Layout, Source};
    use crate::plan::Request;

    fn plan(text: &str) -> Plan {
        let source = Source::Json { name: "disk.json".to_owned(), text: text.into() };
        let (layout, _) = Layout::parse(source).unwrap();
        Plan::new(&layout, &Request::new(Seed::from_inputs([b"test".as_slice()]))).unwrap()
    }

    #[test]
    fn hooks_with_something_in_them_are_named_by_their_path() {
        let layout = serde_json::json!({ "disk": { "main": { "preCreateHook": " ", "content": {
            "partitions": [{ "postCreateHook": "echo made" }] } } } });
        assert_eq!(hook_paths(&layout), ["disk.main.content.partitions.postCreateHook"]);
        assert!(hook_paths(&serde_json::json!({ "postMountHook": "" })).is_empty());
    }

    #[test]
    fn what_takes_a_machine_is_named_with_its_place() {
        let plan = plan(
            r#"{ "disk": { "main": { "type": "disk", "device": "/dev/vda", "content": { "type": "gpt", "partitions": {
              "zfs": { "size": "1G", "content": { "type": "zfs", "pool": "tank" } },
              "data": { "size": "100%", "content": { "type": "filesystem", "format": "minix", "mountpoint": "/data",
                "postMountHook": "true" } } } } } },
              "zpool": { "tank": { "type": "zpool" } } }"#,
        );
        let texts: Vec<String> = plan.machine_needs().iter().map(MachineNeed::text).collect();
        assert_eq!(
            texts,
            [
                "needs a VM: minix (disk main, partition data)",
                "needs a VM: zfs (disk main, partition zfs)",
                "needs a VM: hooks (disk.main.content.partitions.data.content.postMountHook)",
            ]
        );
        assert!(plan.text().contains("\nneeds a VM: zfs (disk main, partition zfs)\n"));
        assert_eq!(plan.json()["machine"][1]["what"], "zfs");
    }

    #[test]
    fn bcachefs_is_left_to_a_machine_that_is_there_anyway() {
        let with = |format: &str| {
            let filesystem = |format: &str, path: &str| {
                serde_json::json!({ "size": "1G",
                "content": { "type": "filesystem", "format": format, "mountpoint": path } })
            };
            let luks = serde_json::json!({ "size": "1G", "content": { "type": "luks", "name": "crypt",
                "passwordFile": "/key", "content": filesystem("bcachefs", "/data")["content"] } });
            let layout = serde_json::json!({ "disk": { "main": { "type": "disk", "device": "/dev/vda",
                "content": { "type": "gpt", "partitions": { "root": filesystem("bcachefs", "/"), "data": luks,
                    "other": filesystem(format, "/other") } } } } });
            plan(&layout.to_string())
        };
        let alone = with("xfs");
        assert_eq!(alone.machine_needs(), []);
        assert_eq!(alone.notes.len(), 1, "{:?}", alone.notes);
        let both = with("nilfs2");
        assert!(both.notes.is_empty(), "{:?}", both.notes);
        let texts: Vec<String> = both.machine_needs().iter().map(MachineNeed::text).collect();
        assert_eq!(texts.len(), 2, "{texts:?}");
        let expected = "needs a VM: bcachefs (/dev/mapper/crypt; disk main, partition root)";
        assert!(texts.iter().any(|text| text == expected), "{texts:?}");
    }

    #[test]
    fn a_plain_layout_needs_none() {
        let plan = plan(
            r#"{ "disk": { "main": { "type": "disk", "device": "/dev/vda", "content": {
              "type": "filesystem", "format": "ext4", "mountpoint": "/" } } } }"#,
        );
        assert_eq!(plan.machine_needs(), []);
    }
}
