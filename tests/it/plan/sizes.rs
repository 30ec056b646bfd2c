//! How large disks become.

use landfall::plan::disk::SizeFrom;
use landfall::plan::{Plan, Request};
use landfall::units::{ByteSize, MIB};
use serde_json::{Value as Json, json};

use super::disko::request;
use super::refusals::{filesystem, gpt, parsed};

fn unsized_request() -> Request {
    Request { disks: Vec::new(), ..request("main=1G") }
}

fn simple() -> Json {
    gpt(&json!({
        "ESP": { "type": "EF00", "size": "128M", "content": filesystem("vfat", "/boot") },
        "root": { "size": "100%", "content": filesystem("ext4", "/") },
    }))
}

fn size_of(plan: &Plan, disk: &str) -> (ByteSize, SizeFrom) {
    let disk = plan.disk(disk).unwrap();
    (disk.size, disk.size_from)
}

#[test]
fn a_disk_is_as_large_as_asked_else_as_declared_else_as_its_contents_need() {
    let mut declared = simple();
    declared["disk"]["main"]["imageSize"] = json!("10G");
    let mut asked = unsized_request();
    asked.disks.push("*=20G".parse().unwrap());
    let plan = |devices: &Json, request: &Request| Plan::new(&parsed(devices), request).unwrap();
    assert_eq!(size_of(&plan(&declared, &asked), "main"), (ByteSize::gib(20), SizeFrom::Request));
    assert_eq!(size_of(&plan(&declared, &unsized_request()), "main"), (ByteSize::gib(10), SizeFrom::Layout));
    let (size, from) = size_of(&plan(&simple(), &unsized_request()), "main");
    assert_eq!(from, SizeFrom::Content);
    assert!(size < ByteSize::gib(1), "{size}");
    asked.disks.push("main=30G".parse().unwrap());
    assert_eq!(size_of(&plan(&declared, &asked), "main").0, ByteSize::gib(30));
}

/// `nix eval` prints disko's default of 2G for every disk: nobody wrote that.
#[test]
fn the_default_in_an_evaluated_layout_is_no_declaration() {
    let evaluated = parsed(&simple()).resolved_json();
    assert_eq!(evaluated["disk"]["main"]["imageSize"], "2G");
    let plan = Plan::new(&parsed(&evaluated), &unsized_request()).unwrap();
    assert_eq!(size_of(&plan, "main").1, SizeFrom::Content);
}

/// The smallest disk holds contents and free space, and a mebibyte less does not.
#[test]
fn the_smallest_disk_holds_contents_and_free_space_exactly() {
    let mut request = unsized_request();
    request.contents.need("/boot", ByteSize::mib(60));
    request.contents.need("/", ByteSize::mib(700));
    request.free = ByteSize::mib(100);
    let layout = parsed(&simple());
    let plan = Plan::new(&layout, &request).unwrap();
    let (size, _) = size_of(&plan, "main");
    // The table and its alignment take a mebibyte in front and, rounded, one behind; the boot partition has its own size.
    assert_eq!(size, ByteSize::mib(1 + 128 + 800 + 1));
    let root = &plan.disk("main").unwrap().table().unwrap().partitions[1];
    assert_eq!(root.range.len(), 800 * MIB);
}

#[test]
fn mirrored_disks_become_equally_large_and_striped_ones_share() {
    let member = |device: &str| {
        json!({ "type": "disk", "device": device, "content": { "type": "gpt", "partitions": {
            "raid": { "size": "100%", "content": { "type": "mdraid", "name": "data" } },
        } } })
    };
    for (level, expected) in [(1, 1000), (0, 500)] {
        let devices = json!({
            "disk": { "one": member("/dev/vda"), "two": member("/dev/vdb") },
            "mdadm": { "data": { "type": "mdadm", "level": level, "content": filesystem("ext4", "/") } },
        });
        let mut request = unsized_request();
        request.contents.need("/", ByteSize::mib(1000));
        request.free = ByteSize::ZERO;
        let plan = Plan::new(&parsed(&devices), &request).unwrap();
        let sizes = ["one", "two"].map(|disk| size_of(&plan, disk).0.bytes() / MIB);
        assert!(sizes.iter().all(|size| (expected..expected + 8).contains(size)), "level {level}: {sizes:?}");
        assert!(plan.arrays[0].size >= ByteSize::mib(1000));
    }
}

/// Numbers decided from the same things are the same numbers, and another seed changes identities only.
#[test]
fn a_plan_is_a_function_of_its_inputs() {
    let layout = parsed(&simple());
    let plan = |seed: &str| {
        let request = Request { seed: seed.parse().unwrap(), ..unsized_request() };
        Plan::new(&layout, &request).unwrap()
    };
    let (one, two) = ("6f1c1b0e-0000-4000-8000-000000000001", "6f1c1b0e-0000-4000-8000-000000000002");
    assert_eq!(plan(one).json(), plan(one).json());
    assert_ne!(plan(one).json(), plan(two).json());
    assert_eq!(plan(one).json()["disks"]["main"]["table"], plan(two).json()["disks"]["main"]["table"]);
}
