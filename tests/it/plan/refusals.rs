//! What is refused, and in which words.

use landfall::layout::diagnostic::Severity;
use landfall::layout::{Draft, Layout, Source};
use landfall::plan::{Plan, Problem, Request};
use landfall::units::ByteSize;
use serde_json::{Value as Json, json};

use super::disko::request;

pub fn parsed(devices: &Json) -> Layout {
    let source = Source::Json { name: "layout.json".to_owned(), text: devices.to_string().into_bytes() };
    match Layout::parse(source) {
        Ok((layout, _)) => layout,
        Err(error) => panic!("{error}"),
    }
}

/// A disk `main` with a GUID table of these partitions.
pub fn gpt(partitions: &Json) -> Json {
    json!({ "disk": { "main": {
        "type": "disk", "device": "/dev/vda",
        "content": { "type": "gpt", "partitions": partitions },
    } } })
}

pub fn filesystem(format: &str, mountpoint: &str) -> Json {
    json!({ "type": "filesystem", "format": format, "mountpoint": mountpoint })
}

fn refused(devices: &Json, request: &Request) -> String {
    Plan::new(&parsed(devices), request).map(|plan| plan.text()).unwrap_err().to_string()
}

#[test]
fn partitions_that_do_not_fit_are_refused_with_the_numbers() {
    let devices = gpt(&json!({ "a": { "size": "600M" }, "b": { "size": "600M" } }));
    assert_eq!(
        refused(&devices, &request("main=1G")),
        "partition `b` of /dev/vda: it needs 600 MiB from sector 1230848 on, and 422.9 MiB (443530752 bytes) are free there"
    );
}

#[test]
fn a_boot_partition_too_small_for_its_kernels_says_how_much_is_needed() {
    let devices = gpt(&json!({
        "ESP": { "type": "EF00", "size": "64M", "content": filesystem("vfat", "/boot") },
        "root": { "size": "100%", "content": filesystem("ext4", "/") },
    }));
    let mut request = request("main=8G");
    request.contents.need("/boot", ByteSize::mib(150));
    request.contents.need("/", ByteSize::gib(2));
    let error = Plan::new(&parsed(&devices), &request).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the boot partition (vfat at /boot) on /dev/disk/by-partlabel/disk-main-ESP needs 150 MiB, and there are 64 MiB"
    );
    assert_eq!(error.problems()[0].cause.hint().unwrap(), "give it 150M or more");
    let finding = &error.diagnostics()[0];
    assert_eq!(finding.code, "does-not-fit");
    assert!(finding.span.is_some());
}

#[test]
fn everything_that_is_too_small_is_told_at_once() {
    let devices = gpt(&json!({
        "a": { "size": "100M", "content": filesystem("xfs", "/") },
        "b": { "size": "100M", "content": { "type": "btrfs", "mountpoint": "/b" } },
    }));
    let error = refused(&devices, &request("main=1G"));
    assert_eq!(
        error,
        "xfs at / on /dev/disk/by-partlabel/disk-main-a needs 300 MiB, and there are 100 MiB\n\
         btrfs at /b on /dev/disk/by-partlabel/disk-main-b needs 109 MiB, and there are 100 MiB"
    );
}

#[test]
fn disks_and_positions_that_cannot_be_are_refused() {
    let plain = gpt(&json!({ "a": { "size": "100M" } }));
    for (devices, disk, message) in [
        (&plain, "other=1G", "the layout has no disk `other`; it has `main`"),
        (&plain, "main=20K", "disk `/dev/vda` has 20 KiB, too little for a partition table"),
        (
            &gpt(&json!({ "a": { "start": "1.5G", "end": "2G" } })),
            "main=4G",
            "partition `a` of /dev/vda: `1.5G` has a decimal point, which sgdisk does not read: write whole numbers of a smaller \
             unit",
        ),
        (
            &gpt(&json!({ "a": { "start": "1M", "end": "100M" }, "b": { "start": "50M", "end": "200M" } })),
            "main=4G",
            "partition `b` of /dev/vda: its start, sector 102400, is not free (usable sectors are 34..=8388574)",
        ),
        (
            &gpt(&json!({ "a": { "start": "200M", "end": "100M" } })),
            "main=4G",
            "partition `a` of /dev/vda: it would end at sector 204800, before its start at sector 409600",
        ),
    ] {
        assert_eq!(refused(devices, &request(disk)), message);
    }
}

#[test]
fn volumes_larger_than_their_group_are_refused() {
    let mut devices =
        gpt(&json!({ "pv": { "size": "100%", "content": { "type": "lvm_pv", "vg": "data" } } }));
    devices["lvm_vg"] = json!({ "data": { "type": "lvm_vg", "lvs": {
        "a": { "size": "600M" }, "b": { "size": "600M" },
    } } });
    assert_eq!(
        refused(&devices, &request("main=1G")),
        "logical volume `b` on /dev/data/b needs 600 MiB, and there are 420 MiB"
    );
}

/// What is too small within a partition can be looked at, but nothing is made from it.
#[test]
fn a_draft_shows_what_does_not_fit() {
    let mut devices =
        gpt(&json!({ "pv": { "size": "100%", "content": { "type": "lvm_pv", "vg": "data" } } }));
    devices["lvm_vg"] = json!({ "data": { "type": "lvm_vg", "lvs": { "a": { "size": "600G" } } } });
    let layout = parsed(&devices);
    let (plan, problems) = Plan::draft(&layout.clone().into(), &request("main=64G"));
    assert_eq!(plan.disks[0].table().unwrap().partitions.len(), 1);
    assert_eq!(problems.len(), 1);
    assert!(problems.iter().all(Problem::leaves_partitions));
    assert!(Plan::new(&layout, &request("main=64G")).is_err());
}

/// Of a table with a partition that cannot be placed, a draft has what disko's own script leaves: the partitions before it.
#[test]
fn a_draft_ends_at_the_first_partition_without_a_place() {
    for devices in [
        gpt(&json!({ "a": { "size": "10G" }, "b": { "size": "600G" }, "c": { "size": "1G" } })),
        json!({ "disk": { "main": { "type": "disk", "device": "/dev/vda", "content": {
            "type": "table", "format": "gpt", "partitions": [
                { "name": "a", "start": "1MiB", "end": "10GiB" },
                { "name": "b", "start": "2GiB", "end": "3GiB" },
                { "name": "c", "start": "11GiB", "end": "12GiB" },
            ],
        } } } }),
    ] {
        let layout = parsed(&devices);
        for wanted in ["main=64G", "*=64G"] {
            let (plan, problems) = Plan::draft(&layout.clone().into(), &request(wanted));
            let table = plan.disks[0].table().unwrap();
            let names: Vec<&str> = table.partitions.iter().map(|each| each.name.as_str()).collect();
            assert_eq!((names, problems.len()), (vec!["a"], 1));
            assert!(!problems[0].leaves_partitions());
            assert_eq!(plan.json()["layout"], layout.resolved_json());
            assert!(Plan::new(&layout, &request(wanted)).is_err());
        }
    }
}

/// disko accepts members of what is not declared, labels that sgdisk cuts and file systems at one path; a draft shows what comes
/// of it.
#[test]
fn a_draft_shows_what_disko_accepts() {
    let long = "x".repeat(40);
    let devices = gpt(&json!({
        "a": { "size": "1G", "label": long, "content": filesystem("ext4", "/data") },
        "b": { "size": "1G", "content": filesystem("ext4", "/data") },
        "c": { "size": "1G", "content": { "type": "lvm_pv", "vg": "missing" } },
        "d": { "size": "1G", "content": { "type": "mdraid", "name": "missing" } },
        "e": { "size": "1G", "content": { "type": "zfs", "pool": "missing" } },
        "f": { "size": "1G", "content": { "type": "bcachefs", "filesystem": "missing" } },
    }));
    let source = || Source::Json { name: "layout.json".to_owned(), text: devices.to_string().into_bytes() };
    assert!(Layout::parse(source()).is_err());
    let (draft, findings) = Draft::parse(source()).unwrap();
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    let codes: Vec<&str> = errors.map(|finding| finding.code).collect();
    assert_eq!(
        codes,
        [
            "long-label",
            "duplicate-mount",
            "unresolved-name",
            "unresolved-name",
            "unresolved-name",
            "unresolved-name"
        ]
    );
    let (plan, problems) = Plan::draft(&draft, &request("main=64G"));
    assert!(problems.iter().all(Problem::leaves_partitions));
    assert_eq!(problems.len(), 5);
    let table = plan.disks[0].table().unwrap();
    let labels: Vec<&str> = table.partitions.iter().map(|each| each.label.as_str()).collect();
    assert_eq!(
        labels,
        [&long[..36], "disk-main-b", "disk-main-c", "disk-main-d", "disk-main-e", "disk-main-f"]
    );
    let document = plan.json_with(&findings, draft.sources());
    assert_eq!(document["findings"].as_array().unwrap().len(), findings.len());
    assert_eq!(document["layout"], draft.resolved_json());
}

/// A layout whose parts lie on each other in a circle has no order in which it could be made: what is left is its resolved form.
#[test]
fn a_draft_of_a_circle_has_the_layout_alone() {
    let member = |name: &str| json!({ "type": "mdraid", "name": name });
    let devices = json!({ "mdadm": {
        "one": { "type": "mdadm", "level": 1, "content": member("two") },
        "two": { "type": "mdadm", "level": 1, "content": member("one") },
    } });
    let source = Source::Json { name: "layout.json".to_owned(), text: devices.to_string().into_bytes() };
    let (draft, _) = Draft::parse(source).unwrap();
    let (plan, problems) = Plan::draft(&draft, &request("*=64G"));
    assert!(plan.arrays.is_empty());
    assert_eq!(
        problems[0].cause.to_string(),
        "the array `one` and the array `two` lie on each other in a circle"
    );
    assert!(!problems[0].leaves_partitions());
}

#[test]
fn a_size_that_no_disk_has_is_refused() {
    let devices = gpt(&json!({ "a": { "size": "100P" } }));
    let mut anything = request("main=1G");
    anything.disks.clear();
    let error = refused(&devices, &anything);
    assert!(error.starts_with("partition `a` of /dev/vda: it needs "), "{error}");
}
