//! Every layout in `disko-layouts/` becomes images, and what is on them is opened again by our readers and judged
//! by the tools of its kind. What cannot be made yet is refused with the words that are listed here.
//!
//! Sizes beyond 2 GB become a few hundred megabytes, so that all of it can be read: what matters is how things lie
//! in each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use landfall::image::System;
use landfall::layout::{Layout, Source};
use serde_json::Value;
use uefi::Architecture;

use self::judge::{Judge, build};
use crate::disko_layouts::{examples, layout};
use crate::fixture::Fixture;

mod judge;
mod others;

/// Layouts of which there is no image without a machine, and the words that say why. Machines make them in
/// `tests/vm/machine_layouts.rs`.
const REFUSED: [(&str, &str); 4] = [
    ("bcachefs", "not supported yet: bcachefs"),
    ("zfs-mirror-encrypted", "not supported yet: zfs pool `tank`"),
    ("zfs-raidz2-storage", "not supported yet: zfs pool `backup`"),
    ("zfs-root", "not supported yet: zfs pool `rpool`"),
];

/// The key of every encrypted volume.
const KEY: &str = "correct horse";

/// The layout with its large sizes made small, and with keys that are quickly derived.
fn scaled(mut value: Value) -> Value {
    scale(&mut value);
    value
}

fn scale(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(scale),
        Value::Object(fields) => {
            if fields.get("type").is_some_and(|kind| kind == "luks") {
                let cheap = serde_json::json!(["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"]);
                fields.insert("extraFormatArgs".to_owned(), cheap);
            }
            for (name, value) in fields {
                match value {
                    // Positions in older tables belong together and stay; those from the end or the start are sizes.
                    Value::String(text)
                        if name == "size" || (name == "end" && text.starts_with(['-', '+'])) =>
                    {
                        if let Some(small) = smaller(text) {
                            *text = small;
                        }
                    }
                    // Room for an ESP of the usual size and a system.
                    Value::String(text) if name == "imageSize" && smaller(text).is_some() => {
                        "2G".clone_into(text);
                    }
                    other => scale(other),
                }
            }
        }
        _ => {}
    }
}

/// `64G` as `512M`; `None` for what is small already, or no size. xfs needs 300 MB.
fn smaller(text: &str) -> Option<String> {
    let body = text.trim_start_matches(['-', '+']);
    let sign = &text[..text.len() - body.len()];
    let unit = body.find(|c: char| !c.is_ascii_digit())?;
    let (digits, unit) = body.split_at(unit);
    let gigabytes = match unit {
        "G" | "GiB" => digits.parse::<u64>().ok()?,
        "T" | "TiB" => digits.parse::<u64>().ok()? * 1024,
        _ => return None,
    };
    (gigabytes > 2).then(|| format!("{sign}{}M", (gigabytes * 8).clamp(320, 640)))
}

#[test]
fn large_sizes_become_small_and_others_stay() {
    assert_eq!(smaller("64G").as_deref(), Some("512M"));
    assert_eq!(smaller("-16G").as_deref(), Some("-320M"));
    assert_eq!(smaller("+100G").as_deref(), Some("+640M"));
    assert_eq!((smaller("100%"), smaller("512M"), smaller("2G")), (None, None, None));
}

fn parsed(value: &Value) -> Layout {
    let source = Source::Json { name: "layout.json".to_owned(), text: value.to_string().into_bytes() };
    Layout::parse(source).unwrap().0
}

fn system(fixture: &Fixture) -> System {
    System::open(fixture.root(), Path::new(&fixture.toplevel.to_string())).unwrap()
}

#[test]
fn every_layout_becomes_images_that_its_tools_find_sound() {
    let fixture = Fixture::new(Architecture::X64);
    let system = system(&fixture);
    let mut judged: BTreeMap<String, usize> = BTreeMap::new();
    let mut twins = BTreeSet::new();
    let mut refused = Vec::new();
    for example in examples() {
        let layout = parsed(&scaled(layout(&example).resolved_json()));
        match build(&layout, &system) {
            Ok(built) => {
                let Some(found) = Judge::new(&built, &mut twins).all() else {
                    return;
                };
                assert!(
                    found.contains_key("table") || found.contains_key("vfat"),
                    "{}: {found:?}",
                    example.name
                );
                for (kind, count) in found {
                    *judged.entry(kind).or_default() += count;
                }
            }
            Err(why) => refused.push((example.name, why)),
        }
    }
    refused.sort();
    let expected: Vec<&str> = REFUSED.iter().map(|(name, _)| *name).collect();
    let found: Vec<&str> = refused.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(found, expected, "{refused:#?}");
    for ((name, why), (_, words)) in refused.iter().zip(REFUSED) {
        assert!(why.contains(words), "{name}: {why}");
    }
    for kind in
        ["table", "vfat", "ext4", "xfs", "f2fs", "btrfs", "swap", "luks", "array member", "physical volume"]
    {
        assert!(judged.contains_key(kind), "no layout has {kind}: {judged:?}");
    }
}
