//! Our rules of `sgdisk --align-end --new` against sgdisk, over random lists of partitions.

use std::path::Path;

use landfall::plan::table::sgdisk::{Gpt, Wanted};
use landfall::units::SectorSize;
use proptest::prelude::*;

use crate::oracle::{require_tool, run, run_ok};

#[derive(Clone, Debug)]
struct Request {
    start: String,
    end: String,
    alignment: u64,
}

/// Positions near what layouts write, near the borders of a 64 MiB disk, and anywhere.
fn position(signs: &'static [&'static str]) -> impl Strategy<Value = String> {
    let number = prop_oneof![
        (0_u64..70).prop_map(|count| format!("{count}M")),
        (0_u64..70_000).prop_map(|count| format!("{count}K")),
        (0_u64..140_000).prop_map(|count| format!("{count}")),
        (0_u64..4_100).prop_map(|count| format!("{count}s")),
        Just("1G".to_owned()),
    ];
    prop_oneof![
        3 => Just("0".to_owned()),
        1 => Just("-0".to_owned()),
        6 => (prop::sample::select(signs), number).prop_map(|(sign, number)| format!("{sign}{number}")),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    let alignment =
        prop_oneof![6 => Just(0_u64), 1 => Just(1), 1 => Just(8), 1 => Just(2048), 1 => 1_u64..5000];
    (position(&["", "", "+", "-"]), position(&["+", "+", "+", "-", ""]), alignment)
        .prop_map(|(start, end, alignment)| Request { start, end, alignment })
}

/// What sgdisk makes of the list on `disk`: for each request whether it was accepted, then the table.
fn judge(sgdisk: &Path, disk: &str, requests: &[Request]) -> (Vec<bool>, Vec<(u64, u64)>) {
    run_ok(sgdisk, &["--clear", disk]);
    let accepted = (1..)
        .zip(requests)
        .map(|(number, request): (u32, &Request)| {
            let new = format!("--new={number}:{}:{}", request.start, request.end);
            let set = format!("--set-alignment={}", request.alignment);
            let mut arguments = vec!["--align-end"];
            if request.alignment != 0 {
                arguments.push(&set);
            }
            arguments.extend([new.as_str(), disk]);
            run(sgdisk, &arguments).status.success()
        })
        .collect();
    (accepted, partitions(sgdisk, disk))
}

/// First and last sector of each partition, by number, as `sgdisk --print` lists them.
fn partitions(sgdisk: &Path, disk: &str) -> Vec<(u64, u64)> {
    let listing = run_ok(sgdisk, &["--print", disk]);
    let rows = listing.lines().skip_while(|line| !line.starts_with("Number")).skip(1);
    rows.map(|row| {
        let mut fields = row.split_whitespace().skip(1).map(|field| field.parse().unwrap());
        (fields.next().unwrap(), fields.next().unwrap())
    })
    .collect()
}

fn compare(sgdisk: &Path, disk: &str, sector: SectorSize, sectors: u64, requests: &[Request]) {
    let mut table = Gpt::new(sector, sectors).unwrap();
    let placed: Vec<_> = (1..)
        .zip(requests)
        .map(|(number, request)| {
            let Request { start, end, alignment } = request;
            table.add(&Wanted { number, start, end, alignment: *alignment })
        })
        .collect();
    let (accepted, judged) = judge(sgdisk, disk, requests);
    let ours: Vec<bool> = placed.iter().map(Result::is_ok).collect();
    let told = format!("{requests:#?}\n{placed:#?}");
    assert_eq!(ours, accepted, "which of these are accepted: {told}");
    let ours: Vec<_> = placed.iter().flatten().map(|extent| (extent.first(), extent.last())).collect();
    assert_eq!(ours, judged, "{told}");
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// sgdisk syncs all disks and sleeps for a second whenever it has written: lists are tried side by side.
const SIDE_BY_SIDE: usize = 16;

#[test]
fn sgdisk_agrees_on_random_partition_lists() {
    let Some(sgdisk) = require_tool("sgdisk") else { return };
    // A small disk, one with an odd last sector, and one so large that sgdisk takes it for "advanced format".
    let sizes = prop::sample::select(&[64 << 20, (64 << 20) + 512 * 77, 310 << 30][..]);
    let some = |sizes| {
        proptest!(cases(1), |(bytes in sizes, requests in prop::collection::vec(request(), 1..7))| {
            let file = tempfile::NamedTempFile::new().unwrap();
            file.as_file().set_len(bytes).unwrap();
            compare(&sgdisk, file.path().to_str().unwrap(), SectorSize::S512, bytes / 512, &requests);
        });
    };
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| some(sizes.clone()));
        }
    });
}

#[test]
fn sgdisk_agrees_on_disks_with_4096_byte_sectors() {
    let Some(sgdisk) = require_tool("sgdisk") else { return };
    if !crate::oracle::require_root() {
        return;
    }
    let bytes: u64 = 64 << 20;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let file = tempfile::NamedTempFile::new().unwrap();
                file.as_file().set_len(bytes).unwrap();
                let device = LoopDevice::attach(file.path());
                proptest!(cases(1), |(requests in prop::collection::vec(request(), 1..5))| {
                    compare(&sgdisk, &device.0, SectorSize::S4096, bytes / 4096, &requests);
                });
            });
        }
    });
}

/// A loop device with 4096-byte sectors, detached at the end.
struct LoopDevice(String);

impl LoopDevice {
    fn attach(file: &Path) -> Self {
        let file = file.to_str().unwrap();
        let name = run_ok(Path::new("/sbin/losetup"), &["--find", "--show", "--sector-size", "4096", file]);
        Self(name.trim().to_owned())
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        run(Path::new("/sbin/losetup"), &["--detach", &self.0]);
    }
}

/// The judge can say no: a partition one sector too long is seen.
#[test]
fn a_wrong_extent_is_noticed() {
    let Some(sgdisk) = require_tool("sgdisk") else { return };
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(64 << 20).unwrap();
    let request = Request { start: "0".into(), end: "+1M".into(), alignment: 0 };
    let (accepted, judged) = judge(&sgdisk, file.path().to_str().unwrap(), &[request]);
    assert_eq!((accepted, judged), (vec![true], vec![(2048, 4095)]));
}
