//! Our rules of `parted mkpart` against parted, over random lists of partitions.

use std::path::Path;

use landfall::plan::table::parted::{Device, Label, Parted, Role};
use landfall::units::SectorSize;
use proptest::prelude::*;

use crate::oracle::{require_tool, run, run_ok};

#[derive(Clone, Debug)]
struct Request {
    role: Role,
    start: String,
    end: String,
}

/// Positions near what layouts write, on a disk of 512 MiB. None begins with `-`, which parted takes for a file system type
/// where none is given.
fn position() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0_u64..530).prop_map(|count| format!("{count}MiB")),
        3 => (0_u64..530).prop_map(|count| format!("{count}M")),
        1 => (0_u64..530).prop_map(|count| format!("{count}MB")),
        1 => (0_u64..530_000).prop_map(|count| format!("{count}kB")),
        1 => (0_u64..520_000).prop_map(|count| format!("{count}KiB")),
        1 => (0_u64..1_050_000).prop_map(|count| format!("{count}s")),
        1 => (0_u64..5300).prop_map(|count| format!("{}.{}M", count / 10, count % 10)),
        1 => (0_u64..540).prop_map(|count| count.to_string()),
        3 => (0_u64..=100).prop_map(|count| format!("{count}%")),
        1 => Just("0%".to_owned()),
        2 => Just("100%".to_owned()),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    let role = prop_oneof![3 => Just(Role::Primary), 2 => Just(Role::Extended), 3 => Just(Role::Logical)];
    let end = prop_oneof![9 => position(), 1 => (1_u64..300).prop_map(|count| format!("-{count}MiB"))];
    (role, position(), end).prop_map(|(role, start, end)| Request { role, start, end })
}

fn words(label: Label, request: &Request) -> Vec<String> {
    let first = match (label, request.role) {
        (Label::Gpt, _) => "name",
        (Label::Msdos, Role::Primary) => "primary",
        (Label::Msdos, Role::Extended) => "extended",
        (Label::Msdos, Role::Logical) => "logical",
    };
    [first, &request.start, &request.end].map(str::to_owned).into()
}

/// The table that parted leaves: number, first and last sector of each partition, in the order of its listing.
fn partitions(parted: &Path, disk: &str) -> Vec<(u32, u64, u64)> {
    let listing = run_ok(parted, &["-s", "-m", disk, "unit", "s", "print"]);
    let mut rows: Vec<_> = listing
        .lines()
        .skip(2)
        .map(|row| {
            let fields: Vec<&str> = row.split(':').collect();
            let sector = |field: &str| field.trim_end_matches('s').parse().unwrap();
            (fields[0].parse().unwrap(), sector(fields[1]), sector(fields[2]))
        })
        .collect();
    rows.sort_unstable();
    rows
}

fn compare(parted: &Path, disk: &str, label: Label, requests: &[Request]) {
    let sectors = std::fs::metadata(disk).unwrap().len() / 512;
    let kind = if label == Label::Gpt { "gpt" } else { "msdos" };
    run_ok(parted, &["-s", disk, "--", "mklabel", kind]);
    let mut table = Parted::new(label, Device { sector: SectorSize::S512, sectors }).unwrap();
    let mut placed = Vec::new();
    for request in requests {
        let ours = table.add(request.role, &request.start, &request.end);
        let words = words(label, request);
        let mut arguments = vec!["-s", disk, "--", "mkpart"];
        arguments.extend(words.iter().map(String::as_str));
        let judged = run(parted, &arguments);
        let told =
            format!("{requests:#?}\n{request:?}: {ours:?}\n{}", String::from_utf8_lossy(&judged.stderr));
        assert_eq!(ours.is_ok(), judged.status.success(), "{told}");
        // In the first track of a disk that has partitions, parted goes by a geometry that it guesses from them. Nothing
        // that a layout means lies there.
        if ours.as_ref().is_ok_and(|placed| label == Label::Msdos && placed.extent.first() < 63) {
            return;
        }
        placed.extend(ours.map(|placed| (placed.number, placed.extent.first(), placed.extent.last())));
        placed.sort_unstable();
        assert_eq!(placed, partitions(parted, disk), "{told}");
    }
}

fn cases() -> ProptestConfig {
    ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() }
}

fn agree(label: Label) {
    let Some(parted) = require_tool("parted") else { return };
    let sizes = prop::sample::select(&[512 << 20, (512 << 20) + 512 * 77][..]);
    proptest!(cases(), |(bytes in sizes, requests in prop::collection::vec(request(), 1..7))| {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(bytes).unwrap();
        compare(&parted, file.path().to_str().unwrap(), label, &requests);
    });
}

#[test]
fn parted_agrees_on_random_gpt_lists() {
    agree(Label::Gpt);
}

#[test]
fn parted_agrees_on_random_msdos_lists() {
    agree(Label::Msdos);
}
