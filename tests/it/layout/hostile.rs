//! Any bytes at all: no panic, no hang, no unbounded recursion or memory.

use std::time::{Duration, Instant};

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};

use super::{Layout, Source, disko, examples};
use crate::fuzz::bodies::layout as bodies;

/// Words that lead deep into the parsers.
fn fragment() -> impl Strategy<Value = String> {
    let words = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "=",
        "\"",
        "'",
        "\n",
        ".",
        "[[",
        "]]",
        "\\u0000",
        "\\ud800",
        "\"\"\"",
        "'''",
        "#",
        "null",
        "true",
        "1e999",
        "-0",
        "\u{feff}",
        "\u{1b}[31m",
        "\0",
        "ä",
        "disko",
        "devices",
        "disk",
        "main",
        "type",
        "gpt",
        "partitions",
        "content",
        "luks",
        "name",
        "size",
        "100%",
        "\"disk\":",
        "{\"a\":",
        "a.a.a.",
        "inf",
        "1979-05-27",
    ];
    prop_oneof![
        prop::sample::select(words.map(str::to_owned).to_vec()),
        "[ -~\\n]{0,8}",
        any::<char>().prop_map(String::from),
        Just(" ".to_owned()),
    ]
}

/// An example of disko with some of its bytes changed, cut, doubled.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let names = examples();
    let texts: Vec<Vec<u8>> =
        names.iter().map(|name| std::fs::read(disko().join(format!("{name}.input.json"))).unwrap()).collect();
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..6);
    (prop::sample::select(texts), edits).prop_map(|(mut text, edits)| {
        for (index, byte, how) in edits {
            if text.is_empty() {
                break;
            }
            let at = index.index(text.len());
            match how {
                0 => text[at] = byte,
                1 => drop(text.remove(at)),
                2 => text.insert(at, byte),
                _ => text.truncate(at),
            }
        }
        text
    })
}

/// A layout of the right shape with values of any kind: it gets past the parser into the reader and the checks.
fn shaped() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,20})",
        prop::sample::select(vec![
            "gpt",
            "luks",
            "btrfs",
            "filesystem",
            "swap",
            "mdraid",
            "lvm_pv",
            "zfs",
            "100%",
            "1G",
            "/x",
            ""
        ])
        .prop_map(|word| format!("\"{word}\"")),
    ];
    let names = vec![
        "disk",
        "mdadm",
        "lvm_vg",
        "zpool",
        "nodev",
        "bcachefs_filesystems",
        "a",
        "b",
        "type",
        "content",
        "device",
        "name",
        "partitions",
        "size",
        "end",
        "priority",
        "vg",
        "pool",
        "lvs",
        "datasets",
        "mode",
        "topology",
        "vdev",
        "members",
        "subvolumes",
        "swap",
        "mountpoint",
        "settings",
        "keyFile",
        "level",
        "format",
        "label",
        "uuid",
        "_index",
    ];
    leaf.prop_recursive(7, 64, 6, move |inner| {
        let entry = (prop::sample::select(names.clone()), inner.clone());
        prop_oneof![
            prop::collection::btree_map(entry.0, entry.1, 0..6).prop_map(|map| {
                let entries: Vec<String> =
                    map.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
                format!("{{{}}}", entries.join(", "))
            }),
            prop::collection::vec(inner, 0..4).prop_map(|list| format!("[{}]", list.join(", "))),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        bodies::json(&bytes);
        bodies::toml(&bytes);
    }

    #[test]
    fn any_fragments_are_read_or_refused(words in prop::collection::vec(fragment(), 0..60)) {
        let text = words.concat();
        bodies::json(text.as_bytes());
        bodies::toml(text.as_bytes());
    }

    #[test]
    fn mutated_examples_are_read_or_refused(text in mutated()) {
        bodies::json(&text);
    }

    #[test]
    fn values_of_any_kind_are_read_or_refused(text in shaped()) {
        bodies::json(text.as_bytes());
    }
}

/// Reads as the program does, on a thread with a small stack. The time is that of a hang: a loaded machine takes long, too.
fn survives(what: &str, source: impl FnOnce() -> Source + Send + 'static) {
    let start = Instant::now();
    let reading = std::thread::Builder::new().stack_size(2 << 20).spawn(move || bodies::drive(source()));
    reading.unwrap().join().unwrap_or_else(|_| panic!("{what}"));
    assert!(start.elapsed() < Duration::from_secs(600), "{what} took {:?}", start.elapsed());
}

#[test]
fn deep_nesting_is_refused_and_not_recursed_into() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("{\"disk\":{\"a\":{\"content\":", "}}}")] {
        let text = format!("{}null{}", open.repeat(100_000), close.repeat(100_000)).into_bytes();
        survives("JSON", move || Source::Json { name: "deep.json".to_owned(), text });
    }
    for text in [
        format!("a = {}1{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!("a = {}1{}", "{a=".repeat(100_000), "}".repeat(100_000)),
        format!("{}a = 1", "a.".repeat(100_000)),
        format!("[{}a]\na = 1", "a.".repeat(100_000)),
        format!("[[{}a]]\n{}a = 1", "a.".repeat(79), "a.".repeat(79)),
    ] {
        let text = text.into_bytes();
        survives("TOML", move || Source::Toml { name: "deep.toml".to_owned(), text });
    }
}

#[test]
fn luks_in_luks_to_the_limit_is_read_in_no_time() {
    let mut content = String::from("{\"type\": \"swap\"}");
    for level in 0..30 {
        content = format!(
            "{{\"type\": \"gpt\", \"partitions\": {{\"a\": {{\"content\": {{\"type\": \"luks\", \"name\": \"l{level}\", \"content\": {content}}}}}}}}}"
        );
    }
    let text =
        format!("{{\"disk\": {{\"a\": {{\"device\": \"/dev/x\", \"content\": {content}}}}}}}").into_bytes();
    survives("luks in luks", move || Source::Json { name: "luks.json".to_owned(), text });
}

#[test]
fn a_text_of_mistakes_is_told_in_no_time() {
    let json = format!("{{{}\"a\": 1}}", "\"a\": 1,".repeat(30_000)).into_bytes();
    survives("duplicates in JSON", move || Source::Json { name: "a.json".to_owned(), text: json });
    let toml = "a = 1\n".repeat(10_000).into_bytes();
    survives("duplicates in TOML", move || Source::Toml { name: "a.toml".to_owned(), text: toml });
    let names: Vec<String> = (0..30_000).map(|n| format!("\"option{n}\": 1")).collect();
    let unknown =
        format!("{{\"disk\": {{\"a\": {{\"device\": \"/x\", {}}}}}}}", names.join(",")).into_bytes();
    survives("unknown options", move || Source::Json { name: "a.json".to_owned(), text: unknown });
    let partitions: Vec<String> = (0..5_000).map(|n| format!("\"p{n}\": {{}}")).collect();
    let many = format!(
        "{{\"disk\": {{\"a\": {{\"device\": \"/x\", \"content\": {{\"type\": \"gpt\", \"partitions\": {{{}}}}}}}}}}}",
        partitions.join(",")
    );
    survives("many partitions", move || Source::Json { name: "a.json".to_owned(), text: many.into_bytes() });
}

/// A name is part of the path of all that lies on the device: a long one, many times, would be memory without end.
#[test]
fn long_names_and_paths_are_refused_and_not_repeated() {
    let volumes: Vec<String> = (0..2_000).map(|n| format!("\"l{n}\": {{\"size\": \"1M\"}}")).collect();
    let long = "n".repeat(100_000);
    for (text, expected) in [
        (
            format!(
                "{{\"disk\": {{}}, \"lvm_vg\": {{\"{long}\": {{\"type\": \"lvm_vg\", \"lvs\": {{{}}}}}}}}}",
                volumes.join(",")
            ),
            "a name has 100000 bytes; at most 1024 are taken",
        ),
        (
            format!(
                "{{\"lvm_vg\": {{\"a\": {{\"type\": \"lvm_vg\", \"name\": \"{long}\", \"lvs\": {{{}}}}}}}}}",
                volumes.join(",")
            ),
            "a name has 100000 bytes; at most 1024 are taken",
        ),
        (
            format!("{{\"disk\": {{\"a\": {{\"device\": \"/{long}\"}}}}}}"),
            "`device` accepts an absolute path like `/dev/sda`, but this is `/nnn",
        ),
    ] {
        let error =
            Layout::parse(Source::Json { name: "x.json".to_owned(), text: text.into_bytes() }).unwrap_err();
        let told = error.to_string();
        assert!(told.contains(expected), "{told}");
        assert!(told.len() < 3_000, "{} bytes of words", told.len());
    }
}

#[test]
fn a_text_that_is_not_a_layout_at_all_is_refused_at_once() {
    for (text, expected) in [
        (vec![b' '; 17 << 20], "`x.json` has more than 4194304 bytes, the most that a layout may have"),
        (b"{\"disk\": \"\xff\"}".to_vec(), "x.json:1:11: the text is not UTF-8 from byte 10 on"),
        (b"\0\0\0".to_vec(), "x.json:1:1: expected a value"),
        (Vec::new(), "x.json:1:1: expected a value, but the text ends"),
        (b"{\"disk\": \"a\0b\"}".to_vec(), "x.json:1:12: control characters must be written as `\\u00XX`"),
        (b"{\"disk\": \"a\\u0000b\"}".to_vec(), "x.json:1:12: a text cannot hold the character NUL"),
        (b"[]".to_vec(), "x.json:1:1: a layout is an attribute set, but this is a list"),
    ] {
        let error = Layout::parse(Source::Json { name: "x.json".to_owned(), text }).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}
