//! disko's rules for values that follow from others, where its examples do not show them. The expected values were worked out
//! by hand from disko's option types at commit 878ec37.

use super::{Json, Layout, Source};

/// The value at a JSON pointer of the resolved layout.
fn resolved(text: &str, pointer: &str) -> Json {
    let source = Source::Json { name: "derived.json".to_owned(), text: text.as_bytes().to_vec() };
    match Layout::parse(source) {
        Ok((layout, _)) => {
            layout.resolved_json().pointer(pointer).cloned().unwrap_or(Json::String("(missing)".to_owned()))
        }
        Err(error) => panic!("{error}\n{text}"),
    }
}

/// A disk `main` with these partitions.
fn partitions(text: &str) -> String {
    format!(
        r#"{{"disk": {{"main": {{"device": "/dev/sda", "content": {{"type": "gpt", "partitions": {text}}}}}}}}}"#
    )
}

#[test]
fn partitions_derive_what_is_left_out() {
    const P: &str = "/disk/main/content/partitions";
    let uuid = "809B3A2B-828a-4730-95e1-75b6343e415a";
    for (partition, field, expected) in [
        (r#"{"size": "1G"}"#, "end", "+1G"),
        (r#"{"size": "100%"}"#, "end", "-0"),
        ("{}", "end", "+0"),
        ("{}", "size", "0"),
        (r#"{"name": "b c"}"#, "label", "disk-main-b c"),
        (r#"{"name": "b c"}"#, "device", "/dev/disk/by-partlabel/disk-main-b\\x20c"),
        (r#"{"label": "a/b,c(d)"}"#, "device", "/dev/disk/by-partlabel/a/b,c\\x28d\\x29"),
        (&format!(r#"{{"uuid": "{uuid}"}}"#), "device", &format!("/dev/disk/by-partuuid/{uuid}")),
        (r#"{"content": {"type": "swap"}}"#, "type", "8200"),
        (r#"{"content": {"type": "swap"}, "type": "8300"}"#, "type", "8300"),
        (r#"{"device": "/dev/x", "content": {"type": "swap"}}"#, "content/device", "/dev/x"),
    ] {
        let text = partitions(&format!(r#"{{"p": {partition}}}"#));
        assert_eq!(resolved(&text, &format!("{P}/p/{field}")), expected, "{partition} {field}");
    }
    for (partition, field, expected) in [
        (r#"{"size": "100%"}"#, "priority", 9001),
        (r#"{"size": "1M", "type": "EF02"}"#, "priority", 100),
        (r#"{"size": "1M", "type": "ef02"}"#, "priority", 1000),
        (r#"{"size": "100%", "type": "EF02"}"#, "priority", 9001),
        (r#"{"start": "34s"}"#, "alignment", 1),
        (r#"{"end": "+2047s"}"#, "alignment", 1),
        (r#"{"end": "+2047S"}"#, "alignment", 0),
    ] {
        let text = partitions(&format!(r#"{{"p": {partition}}}"#));
        assert_eq!(resolved(&text, &format!("{P}/p/{field}")), expected, "{partition} {field}");
    }
    let text = partitions(r#"{"p": {"size": "1G", "hybrid": {"mbrBootableFlag": true}}}"#);
    let hybrid = serde_json::json!({ "mbrPartitionType": null, "mbrBootableFlag": true });
    assert_eq!(resolved(&text, &format!("{P}/p/hybrid")), hybrid);
}

#[test]
fn labels_name_what_the_table_lies_on() {
    let inner = r#"{"type": "gpt", "partitions": {"p": {"content": {"type": "swap"}}}}"#;
    let luks = format!(
        r#"{{"disk": {{"m": {{"device": "/dev/sda", "content": {{"type": "luks", "name": "crypt", "passwordFile": "/x", "content": {inner}}}}}}}}}"#
    );
    assert_eq!(resolved(&luks, "/disk/m/content/content/device"), "/dev/mapper/crypt");
    assert_eq!(resolved(&luks, "/disk/m/content/content/partitions/p/label"), "luks-crypt-p");
    let array = format!(
        r#"{{"disk": {{"m": {{"device": "/dev/sda", "content": {{"type": "mdraid", "name": "r"}}}}}},
            "mdadm": {{"key": {{"name": "r", "content": {inner}}}}}}}"#
    );
    assert_eq!(resolved(&array, "/mdadm/key/content/device"), "/dev/md/r");
    assert_eq!(resolved(&array, "/mdadm/key/content/partitions/p/label"), "mdadm-r-p");
    assert_eq!(
        resolved(&array, "/mdadm/key/content/partitions/p/device"),
        "/dev/disk/by-id/md-name-any:r-part1"
    );
    let named = r#"{"disk": {"/dev/sda": {"device": "/dev/sda"}}}"#;
    assert_eq!(resolved(named, "/disk/~1dev~1sda/name"), "_dev_sda");
    assert_eq!(resolved(named, "/disk/~1dev~1sda/imageName"), "_dev_sda");
}

#[test]
fn partitions_on_arrays_are_numbered_by_priority_then_name() {
    let text = r#"{"disk": {"m": {"device": "/dev/sda", "content": {"type": "mdraid", "name": "r"}}},
        "mdadm": {"r": {"content": {"type": "gpt", "partitions": {
            "z": {"size": "1G", "priority": 1}, "a": {"size": "100%"}, "m": {"size": "1G"}, "b": {"size": "1G"},
            "boot": {"size": "1M", "type": "EF02"}, "own": {"size": "1G", "_index": 9}
        }}}}}"#;
    for (name, number) in [("z", 1), ("boot", 2), ("b", 3), ("m", 4), ("own", 9), ("a", 6)] {
        let device = resolved(text, &format!("/mdadm/r/content/partitions/{name}/device"));
        assert_eq!(device, format!("/dev/disk/by-id/md-name-any:r-part{number}"), "{name}");
    }
}

#[test]
fn logical_volumes_derive_their_order_and_device() {
    let text = r#"{"disk": {"m": {"device": "/dev/sda", "content": {"type": "lvm_pv", "vg": "g"}}},
        "lvm_vg": {"g": {"type": "lvm_vg", "lvs": {
            "pool": {"size": "50G", "lvm_type": "thin-pool"},
            "thin": {"size": "1T", "lvm_type": "thinlv", "pool": "pool", "content": {"type": "swap"}},
            "rest": {"size": "100%FREE", "name": "other", "content": {"type": "swap"}}
        }}}}"#;
    assert_eq!(resolved(text, "/lvm_vg/g/lvs/pool/priority"), 501);
    assert_eq!(resolved(text, "/lvm_vg/g/lvs/thin/priority"), 1000);
    assert_eq!(resolved(text, "/lvm_vg/g/lvs/rest/priority"), 1251);
    assert_eq!(resolved(text, "/lvm_vg/g/lvs/rest/content/device"), "/dev/g/other");
    let full = text
        .replace("50G", "100%FREE")
        .replace(r#""size": "100%FREE", "name""#, r#""size": "1G", "priority": 1, "name""#);
    assert_eq!(resolved(&full, "/lvm_vg/g/lvs/pool/priority"), 752);
}

#[test]
fn luks_asks_for_a_password_only_when_no_key_is_given() {
    for (options, asks) in [
        ("", true),
        (r#", "settings": {"allowDiscards": true}"#, true),
        (r#", "passwordFile": "/x""#, false),
        (r#", "keyFile": "/x""#, false),
        (r#", "settings": {"keyFile": "/x"}"#, false),
        (r#", "settings": {"keyFile": null}"#, false),
        (r#", "settings": {"keyFile": "/x"}, "askPassword": true"#, true),
        (r#", "enrollFido2": false"#, true),
        (
            r#", "enrollFido2": true, "extraFido2EnrollArgs": ["--fido2-with-client-pin=yes"], "enrollRecovery": true"#,
            false,
        ),
    ] {
        let text = format!(
            r#"{{"disk": {{"m": {{"device": "/dev/sda", "content": {{"type": "luks", "name": "c"{options}}}}}}}}}"#
        );
        assert_eq!(resolved(&text, "/disk/m/content/askPassword"), asks, "{options}");
    }
}

#[test]
fn what_disko_computes_for_itself_is_passed_over() {
    let text = r#"{"_config": [], "disk": {"m": {"device": "/dev/sda", "_create": "x", "_module": {}, "content":
        {"type": "zfs", "pool": "tank", "_meta": null}}},
        "zpool": {"tank": {"_pkgs": 1, "datasets": {"__root": {"_name": "tank", "type": "zfs_fs"}, "a": {"type": "zfs_fs"}}}}}"#;
    assert_eq!(resolved(text, "/zpool/tank/datasets").as_object().unwrap().len(), 1);
}
