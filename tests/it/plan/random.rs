//! Random layouts: no plan panics, and what plans say holds.

use std::cell::Cell;
use std::collections::BTreeMap;

use landfall::layout::{Layout, Source};
use landfall::plan::disk::{MsdosPlace, PartitionKind};
use landfall::plan::{Plan, Request};
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use super::disko::request;

fn word(words: &'static [&'static str]) -> impl Strategy<Value = Json> + Clone {
    prop::sample::select(words).prop_map(|word| json!(word))
}

/// What lies on something. Members name things that every layout declares.
fn content() -> impl Strategy<Value = Json> {
    let format = word(&["ext4", "vfat", "xfs", "f2fs", "exfat"]);
    let path = word(&["", "/boot", "/a", "/a/b", "/very/long/mount/point/of/a/file/system"]);
    let leaf = prop_oneof![
        2 => Just(Json::Null),
        4 => (format, path).prop_map(|(format, path)| {
            json!({ "type": "filesystem", "format": format, "mountpoint": path })
        }),
        1 => any::<bool>().prop_map(|random| json!({ "type": "swap", "randomEncryption": random })),
        1 => Just(json!({ "type": "lvm_pv", "vg": "group" })),
        1 => Just(json!({ "type": "mdraid", "name": "array" })),
        1 => Just(json!({ "type": "zfs", "pool": "pool" })),
        1 => Just(json!({ "type": "bcachefs", "filesystem": "cache" })),
        1 => prop::collection::btree_set("[@a-z/<&]{1,40}", 0..5).prop_map(|names| {
            let subvolumes: Map<String, Json> = names.into_iter().map(|name| (name, json!({}))).collect();
            json!({ "type": "btrfs", "subvolumes": subvolumes })
        }),
    ];
    leaf.prop_recursive(3, 6, 1, |inner| {
        ("[a-z-]{1,20}", inner)
            .prop_map(|(name, inner)| json!({ "type": "luks", "name": name, "content": inner }))
    })
}

fn partition() -> impl Strategy<Value = Json> {
    let size = word(&["0", "1M", "10M", "50M", "100M", "500M", "100%", "700K"]);
    let position = word(&["0", "1M", "34s", "64s", "8M", "+5M", "-100M", "200M", "1.5G"]);
    let kind = word(&["8300", "EF00", "EF02", "8200", "ABCD", "0FC63DAF-8483-4772-8E79-3D69D8477DE4"]);
    (
        (size, prop::option::weighted(0.15, position.clone()), prop::option::weighted(0.1, position)),
        (kind, prop::option::weighted(0.1, -1..10_000_i64), prop::option::weighted(0.1, 0..65_i64)),
        (content(), prop::bool::weighted(0.05)),
    )
        .prop_map(|((size, start, end), (kind, priority, attribute), (content, hybrid))| {
            let mut partition = json!({ "size": size, "type": kind, "content": content });
            let mut set = |name: &str, value: Option<Json>| {
                if let Some(value) = value {
                    partition[name] = value;
                }
            };
            set("start", start);
            set("end", end);
            set("priority", priority.map(Json::from));
            set("attributes", attribute.map(|bit| json!([bit])));
            set("hybrid", hybrid.then(|| json!({ "mbrPartitionType": "0x0c" })));
            partition
        })
}

fn device_content() -> impl Strategy<Value = Json> {
    let legacy = (word(&["1MiB", "0%", "500M", "20%"]), word(&["100%", "50%", "1GiB", "600M"]), content());
    let legacy = legacy.prop_map(
        |(start, end, content)| json!({ "name": "p", "start": start, "end": end, "content": content }),
    );
    prop_oneof![
        8 => prop::collection::btree_map("[a-zA-Z0-9_ .é]{1,30}", partition(), 0..7)
            .prop_map(|partitions| json!({ "type": "gpt", "partitions": partitions })),
        2 => (word(&["gpt", "msdos"]), prop::collection::vec(legacy, 0..5)).prop_map(
            |(format, partitions)| json!({ "type": "table", "format": format, "partitions": partitions })
        ),
        1 => content(),
    ]
}

fn devices() -> impl Strategy<Value = Json> {
    let disk = device_content()
        .prop_map(|content| json!({ "type": "disk", "device": "/dev/disk/by-id/x", "content": content }));
    let kind = prop::option::of(word(&["raid1", "raid0", "thin-pool"]));
    let volume = (word(&["10G", "100%FREE", "50%VG", "1M", "5"]), kind, content())
        .prop_map(|(size, kind, content)| json!({ "size": size, "lvm_type": kind, "content": content }));
    (
        prop::collection::btree_map("[a-z]{1,12}", disk, 1..4),
        prop::collection::btree_map("[a-z]{1,8}", volume, 1..4),
        (0..11_i64, device_content()),
    )
        .prop_map(|(disks, volumes, (level, on_array))| {
            let mut devices = json!({
                "disk": disks,
                "lvm_vg": { "group": { "type": "lvm_vg", "lvs": volumes } },
                "mdadm": { "array": { "type": "mdadm", "level": level, "content": on_array } },
                "zpool": { "pool": { "type": "zpool", "mountpoint": "/pool", "datasets": {} } },
                "bcachefs_filesystems": { "cache": { "type": "bcachefs_filesystem", "mountpoint": "/cache" } },
            });
            for (name, disk) in devices["disk"].as_object_mut().unwrap() {
                disk["device"] = json!(format!("/dev/disk/by-id/{name}"));
            }
            devices
        })
}

/// Takes away the mistakes that nearly every random layout has and that checking finds before there is a plan: one mount point
/// for two, things without members, partitions behind one that takes all that is left.
#[derive(Default)]
struct Mend {
    count: usize,
    /// How many members there are, by type.
    members: BTreeMap<String, usize>,
}

impl Mend {
    fn layout(mut devices: Json) -> Json {
        let mut mend = Self::default();
        for disk in devices["disk"].as_object_mut().unwrap().values_mut() {
            mend.content(&mut disk["content"], true);
        }
        let members = mend.members.clone();
        let count = |kind| members.get(kind).copied().unwrap_or(0);
        for volume in devices["lvm_vg"]["group"]["lvs"].as_object_mut().unwrap().values_mut() {
            mend.content(&mut volume["content"], false);
        }
        mend.content(&mut devices["mdadm"]["array"]["content"], false);
        devices["mdadm"]["array"]["level"] = json!([0, 1, 5][count("mdraid").clamp(1, 3) - 1]);
        for (kind, member) in [
            ("lvm_vg", "lvm_pv"),
            ("mdadm", "mdraid"),
            ("zpool", "zfs"),
            ("bcachefs_filesystems", "bcachefs"),
        ] {
            if count(member) == 0 {
                devices.as_object_mut().unwrap().remove(kind);
            }
        }
        devices
    }

    fn content(&mut self, content: &mut Json, members: bool) {
        self.count += 1;
        let number = self.count;
        match content["type"].as_str().unwrap_or_default().to_owned().as_str() {
            "filesystem" => {
                let path = content["mountpoint"].as_str().unwrap();
                content["mountpoint"] =
                    if number == 2 { json!("/") } else { json!(format!("{path}/{number}")) };
            }
            "btrfs" => {
                let subvolumes = content["subvolumes"].as_object_mut().unwrap().values_mut();
                for (index, subvolume) in subvolumes.enumerate() {
                    subvolume["mountpoint"] = json!(format!("/sub/{number}/{index}"));
                }
            }
            "luks" => {
                content["name"] = json!(format!("{}{number}", content["name"].as_str().unwrap()));
                self.content(&mut content["content"], members);
            }
            "lvm_pv" | "mdraid" | "zfs" | "bcachefs" if !members => *content = Json::Null,
            kind @ ("lvm_pv" | "mdraid" | "zfs" | "bcachefs") => {
                *self.members.entry(kind.to_owned()).or_default() += 1;
            }
            "gpt" => self.partitions(content["partitions"].as_object_mut().unwrap(), members),
            "table" => {
                for partition in content["partitions"].as_array_mut().unwrap() {
                    self.content(&mut partition["content"], members);
                }
            }
            _ => {}
        }
    }

    fn partitions(&mut self, partitions: &mut Map<String, Json>, members: bool) {
        let mut taken = false;
        for partition in partitions.values_mut() {
            self.content(&mut partition["content"], members);
            let greedy = partition["size"] == "100%" || partition["size"] == "0";
            if greedy && taken {
                partition["size"] = json!("20M");
            } else if greedy {
                partition["size"] = json!("100%");
                partition.as_object_mut().unwrap().remove("priority");
                taken = true;
            }
        }
    }
}

/// Partitions lie within their disk and do not share a sector.
fn check_tables(plan: &Plan) {
    for disk in &plan.disks {
        let Some(table) = disk.table() else { continue };
        let is_extended =
            |kind: &PartitionKind| matches!(kind, PartitionKind::Msdos { place: MsdosPlace::Extended, .. });
        let partitions = table.partitions.iter().filter(|partition| !is_extended(&partition.kind));
        let mut ranges: Vec<_> = partitions.map(|partition| partition.range).collect();
        ranges.sort();
        assert!(ranges.iter().all(|range| range.end() <= disk.size.bytes()), "{table:#?}");
        assert!(ranges.windows(2).all(|pair| pair[0].end() <= pair[1].start()), "{table:#?}");
    }
}

/// A text of a drawing and the room that it takes.
#[derive(Debug)]
struct TextBox {
    left: i64,
    right: i64,
    top: i64,
    bottom: i64,
    text: String,
}

fn boxes(svg: &str) -> Vec<TextBox> {
    svg.lines().filter(|line| line.starts_with("<text ")).map(text_box).collect()
}

fn text_box(line: &str) -> TextBox {
    let attribute = |name: &str| -> Option<&str> {
        let (_, rest) = line.split_once(&format!(" {name}=\""))?;
        rest.split_once('"').map(|(value, _)| value)
    };
    let number = |name| attribute(name).unwrap().parse::<i64>().unwrap();
    let text = line.split_once('>').unwrap().1.strip_suffix("</text>").unwrap();
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
    let bold = matches!(attribute("class"), Some("strong" | "mark"));
    let width =
        text.chars().map(|letter| letter_width(letter, bold)).sum::<i64>() * number("font-size") / 100;
    let left = match attribute("text-anchor") {
        Some("end") => number("x") - width,
        Some("middle") => number("x") - width / 2,
        _ => number("x"),
    };
    let bottom = number("y");
    TextBox { left, right: left + width, top: bottom - number("font-size") * 3 / 4, bottom, text }
}

/// Width of a letter of DejaVu Sans (of DejaVu Sans Bold) in hundredths of its height, as the font's tables have it.
fn letter_width(letter: char, bold: bool) -> i64 {
    let (plain, strong) = match letter {
        'i' | 'j' | 'l' => (28, 34),
        '.' | ',' | ' ' | '·' => (32, 38),
        'f' | 't' | 'r' | '-' | '(' | ')' | '[' | ']' | '/' | ':' | ';' | '!' | '\'' => (34, 42),
        's' | 'z' | 'c' | 'k' | 'L' | '_' => (52, 58),
        'w' | '#' | '+' | '<' | '=' | '>' | '^' | '~' => (82, 84),
        'm' | 'W' => (97, 104),
        'M' | '%' | '@' => (86, 99),
        letter if letter.is_ascii_uppercase() => (67, 74),
        _ => (61, 68),
    };
    if bold { strong } else { plain }
}

/// No text lies on another, none leaves the drawing, and every line of the text fits.
fn check_outputs(plan: &Plan) {
    let svg = plan.svg();
    let boxes = boxes(&svg);
    for (index, a) in boxes.iter().enumerate() {
        assert!(a.left >= 0 && a.right <= 960, "`{}` leaves the drawing: {a:?}", a.text);
        for b in &boxes[index + 1..] {
            let apart = a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
            assert!(apart, "`{}` and `{}` overlap: {a:?}, {b:?}", a.text, b.text);
        }
    }
    let text = plan.text();
    let long: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80).collect();
    assert!(long.is_empty(), "{long:#?}");
    let _ = (plan.json(), plan.fstab(), plan.crypttab(), plan.nixos());
}

/// Whether there is a plan.
fn check(devices: &Json, request: &Request) -> bool {
    let source = Source::Json { name: "random".to_owned(), text: devices.to_string().into_bytes() };
    let Ok((layout, _)) = Layout::parse(source) else { return false };
    match Plan::new(&layout, request) {
        Ok(plan) => {
            check_tables(&plan);
            check_outputs(&plan);
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty() && !error.diagnostics().is_empty());
            false
        }
    }
}

#[test]
fn random_layouts_give_sound_plans_or_reasons() {
    let plans = Cell::new(0);
    let config = ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() };
    let sizes = prop::option::of(10..400_u64);
    proptest!(config, |(devices in devices(), size in sizes, mended in prop::bool::weighted(0.9))| {
        let mut request = request("*=1G");
        request.disks = size.map(|size| format!("*={}M", size * size).parse().unwrap()).into_iter().collect();
        let devices = if mended { Mend::layout(devices) } else { devices };
        plans.set(plans.get() + usize::from(check(&devices, &request)));
    });
    assert!(plans.get() > 40, "only {} of the random layouts have a plan", plans.get());
}
