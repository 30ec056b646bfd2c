//! `--grow`: what the image carries, and which layouts cannot have it.

use serde_json::{Value, json};

use crate::image::{Build, partition};
use crate::oracle::{require_tool, run_ok};

fn layout(partitions: &Value) -> Value {
    json!({ "disk": { "main": { "type": "disk", "device": "/dev/vda", "content": { "type": "gpt", "partitions": partitions } } } })
}

fn esp() -> Value {
    json!({ "priority": 1, "type": "EF00", "size": "64M",
        "content": { "type": "filesystem", "format": "vfat", "mountpoint": "/boot" } })
}

fn ext4() -> Value {
    json!({ "type": "filesystem", "format": "ext4", "mountpoint": "/" })
}

#[test]
fn the_image_carries_a_unit_a_script_and_the_flag() {
    let tools = ["debugfs", "sfdisk", "sh"].map(require_tool);
    let [Some(debugfs), Some(sfdisk), Some(sh)] = tools else { return };
    let build = Build::new(
        &layout(&json!({ "ESP": esp(), "root": { "size": "100%", "content": ext4() } })).to_string(),
    );
    build.ok(&["--grow"]);
    let image = build.disk();
    let table: Value = serde_json::from_str(&run_ok(&sfdisk, &["--json", image.to_str().unwrap()])).unwrap();
    let root = &table["partitiontable"]["partitions"][1];
    assert_eq!(root["attrs"], "GUID:59");
    let file = partition(&image, 2, build.dir.path());
    let cat = |path: &str| run_ok(&debugfs, &["-R", &format!("cat {path}"), file.to_str().unwrap()]);
    let script = cat("/etc/landfall/grow");
    assert!(script.contains(&root["uuid"].as_str().unwrap().to_lowercase()), "{script}");
    assert!(
        script.contains("sfdisk") && !script.contains("pvresize") && !script.contains("cryptsetup"),
        "{script}"
    );
    let path = build.dir.path().join("grow");
    std::fs::write(&path, &script).unwrap();
    run_ok(&sh, &["-n", path.to_str().unwrap()]);
    assert!(
        cat("/etc/systemd/system.attached/landfall-grow.service")
            .contains("ExecStart=/bin/sh /etc/landfall/grow")
    );
    // Without the option there is none of it.
    build.ok(&[]);
    let file = partition(&build.disk(), 2, build.dir.path());
    assert_eq!(run_ok(&debugfs, &["-R", "cat /etc/landfall/grow", file.to_str().unwrap()]), "");
}

#[test]
fn each_layer_has_its_step() {
    let Some(debugfs) = require_tool("debugfs") else { return };
    let mut value = layout(
        &json!({ "ESP": esp(), "lvm": { "size": "100%", "content": { "type": "lvm_pv", "vg": "main" } } }),
    );
    value["lvm_vg"] =
        json!({ "main": { "type": "lvm_vg", "lvs": { "root": { "size": "100%FREE", "content": ext4() } } } });
    let build = Build::new(&value.to_string());
    build.ok(&["--grow"]);
    let file = partition(&build.disk(), 2, build.dir.path());
    // The volume is linear and begins with its group's first extent.
    let bytes = std::fs::read(file).unwrap();
    let volume = build.dir.path().join("volume");
    std::fs::write(&volume, &bytes[1 << 20..]).unwrap();
    let script = run_ok(&debugfs, &["-R", "cat /etc/landfall/grow", volume.to_str().unwrap()]);
    assert!(script.contains("volume=/dev/main/root\npvresize"), "{script}");
}

#[test]
fn what_cannot_grow_is_refused() {
    let not_last = layout(
        &json!({ "ESP": esp(), "root": { "priority": 2, "size": "400M", "content": ext4() }, "swap": { "size": "64M", "content": { "type": "swap" } } }),
    );
    let member = json!({ "size": "100%", "content": { "type": "mdraid", "name": "root" } });
    let mut array = layout(&json!({ "ESP": esp(), "root": member.clone() }));
    array["disk"]["other"] = json!({ "type": "disk", "device": "/dev/vdb", "content": { "type": "gpt", "partitions": { "root": member } } });
    array["mdadm"] = json!({ "root": { "type": "mdadm", "level": 1, "content": ext4() } });
    for (value, words) in [(not_last, "is not the last of its disk"), (array, "lies on an array")] {
        let (code, err) = Build::new(&value.to_string()).fails(&["--grow"]);
        assert!(
            code == 3 && err.contains("the image cannot be made to grow") && err.contains(words),
            "{err}"
        );
    }
}
