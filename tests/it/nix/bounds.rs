//! What the whole program takes for texts that are meant to hurt: memory and processor time of a process of its own, measured by
//! GNU time. The wall clock says nothing on a busy machine.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::oracle::require_tool;

/// The most that reading any layout may take, in KiB.
const MOST_KIB: u64 = 256 << 10;

/// The most processor time, in seconds; an unoptimised build gets more than the promised two.
const MOST_SECONDS: f64 = if cfg!(debug_assertions) { 20.0 } else { 2.0 };

/// What `landfall check` said of a file, its exit code, and what it took.
struct Outcome {
    code: Option<i32>,
    words: String,
    kib: u64,
    seconds: f64,
}

/// Checks `file` in a process of its own; `None` without GNU time.
fn check(folder: &Path, file: &str) -> Option<Outcome> {
    let tool = require_tool("time")?;
    let report = folder.join("time.txt");
    let ended = Command::new(tool)
        .args(["-q", "-f", "%M %U %S", "-o"])
        .arg(&report)
        .arg(env!("CARGO_BIN_EXE_landfall"))
        .args(["check", file])
        .current_dir(folder)
        .env_remove("LANDFALL_LOG")
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let report = fs::read_to_string(report).unwrap();
    let figures: Vec<f64> = report.split_whitespace().map(|figure| figure.parse().unwrap()).collect();
    let [kib, user, system] = figures.as_slice() else { panic!("{report}") };
    Some(Outcome {
        code: ended.status.code(),
        words: String::from_utf8(ended.stderr).unwrap() + &String::from_utf8(ended.stdout).unwrap(),
        kib: format!("{kib:.0}").parse().unwrap(),
        seconds: user + system,
    })
}

/// Checks that `file` is refused for its limits, with `words` in what is said.
fn refused(folder: &Path, file: &str, words: &str) {
    let Some(outcome) = check(folder, file) else { return };
    let Outcome { code, words: said, kib, seconds } = outcome;
    assert_eq!(code, Some(3), "{file}: {said}");
    assert!(said.starts_with("error") && said.contains(words), "{file}: {said}");
    assert_eq!(said.matches("error").count(), 1, "{file}: {said}");
    assert!(said.len() < 2000, "{file}: {} bytes of words", said.len());
    assert!(kib < MOST_KIB, "{file}: {kib} KiB");
    assert!(seconds < MOST_SECONDS, "{file}: {seconds} s");
}

/// A function applied to itself `n` times, each time making ten of what it got.
fn tenfold(start: &str, ten: &str, times: u32) -> String {
    format!("(let f = n: s: if n == 0 then s else f (n - 1) ({ten}); in f {times} {start})")
}

const TEN_ITEMS: &str = "[ s s s s s s s s s s ]";

/// A name, a program that wants more than there is, and what is said of it.
type Greedy = (&'static str, String, &'static str);

/// A layout with the value of an expression in it.
fn device(value: &str) -> String {
    format!("{{ disko.devices.disk.a.device = {value}; }}")
}

/// Modules without end.
fn modules() -> Vec<Greedy> {
    vec![
        ("module-in-itself", "let m = { imports = [ m ]; }; in m".into(), "evaluation takes"),
        (
            "function-module-in-itself",
            "let m = { ... }: { imports = [ m ]; }; in m".into(),
            "evaluation takes",
        ),
        (
            "modules-without-end",
            "let f = n: { ... }: { imports = [ (f (n + 1)) ]; }; in f 0".into(),
            "evaluation takes",
        ),
        (
            "modules-by-threes",
            "let f = n: { ... }: { imports = [ (f (n + 1)) (f (n + 2)) (f (n + 3)) ]; }; in f 0".into(),
            "evaluation takes",
        ),
        (
            "modules-of-each-other",
            "{ config, ... }: { a = config.b; b = config.a; disko.devices.disk = config.a; }".into(),
            "infinite recursion",
        ),
    ]
}

/// Values without end: large, many, or shared by many.
fn values() -> Vec<Greedy> {
    vec![
        (
            "texts",
            device(&tenfold("\"lol\"", "s + s + s + s + s + s + s + s + s + s", 12)),
            "evaluation takes",
        ),
        (
            "lists",
            device(&tenfold("[ 1 ]", "s ++ s ++ s ++ s ++ s ++ s ++ s ++ s ++ s ++ s", 12)),
            "evaluation takes",
        ),
        (
            "sets",
            format!(
                "{{ disko.devices.disk = {}; }}",
                tenfold(
                    "{ }",
                    "{ a = s; b = s; c = s; d = s; e = s; f = s; g = s; h = s; i = s; j = s; }",
                    12
                )
            ),
            "evaluation takes",
        ),
        (
            "json-of-shared",
            device(&format!("builtins.toJSON {}", tenfold("[ ]", TEN_ITEMS, 12))),
            "evaluation takes",
        ),
        (
            "comparison-of-shared",
            device(&format!("{} == {}", tenfold("[ ]", TEN_ITEMS, 30), tenfold("[ ]", TEN_ITEMS, 30))),
            "evaluation takes",
        ),
        (
            "one-text-for-many-values",
            format!(
                "let a = \"/{}\"; in {{ disko.devices.disk = builtins.listToAttrs \
                 (builtins.genList (n: {{ name = \"d${{toString n}}\"; value.device = a; }}) 400); }}",
                "a".repeat(3_000_000)
            ),
            "bytes of text and lists",
        ),
        (
            "one-list-for-many-values",
            "let a = builtins.genList (n: \"a\") 1000; in { disko.devices.disk = builtins.listToAttrs \
             (builtins.genList (n: { name = \"d${toString n}\"; value = { device = \"/x\"; content.extraArgs = a; }; }) 5000); }"
                .into(),
            "bytes of text and lists",
        ),
    ]
}

/// Work without end, files out of bounds, texts that are too deep.
fn programs() -> Vec<Greedy> {
    let many = |count: u32, text: &str| {
        format!("(builtins.concatStringsSep \"\" (builtins.genList (x: \"{text}\") {count}))")
    };
    vec![
        ("recursion", device("(let f = n: 1 + f (n + 1); in f 0)"), "nests deeper"),
        ("loop", device("(let f = n: f (n + 1); in f 0)"), "evaluation takes"),
        (
            "generated-list",
            device("builtins.length (builtins.genList (x: x) 1000000000)"),
            "evaluation takes",
        ),
        (
            "replacement",
            device(&format!("builtins.replaceStrings [ \"\" ] [ {0} ] {0}", many(10_000, "aaaaaaaaaa"))),
            "evaluation takes",
        ),
        (
            "regex-of-parentheses",
            device(&format!("builtins.match {} \"a\"", many(50_000, "("))),
            "is not valid",
        ),
        (
            "regex-of-counts",
            device("builtins.match \"(((a{1,255}){1,255}){1,255}){1,255}\" \"a\""),
            "too large",
        ),
        ("file-in-itself", "import ./file-in-itself.nix".into(), "imports itself"),
        ("outside", "import ../outside.nix".into(), "outside the layout's folder"),
        ("through-a-link", "import ./link/passwd".into(), "a symbolic link out of the layout's folder"),
        ("nul", "{ a = \"\0\"; }".into(), "NUL"),
        ("brackets", "[".repeat(200_000), "nest deeper"),
        ("negations", format!("{{ a = {}true; }}", "!".repeat(200_000)), "more than"),
    ]
}

#[test]
fn programs_that_want_too_much_are_refused_in_little_memory_and_time() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/etc", folder.path().join("link")).unwrap();
    for (name, text, words) in modules().into_iter().chain(values()).chain(programs()) {
        let file = format!("{name}.nix");
        fs::write(folder.path().join(&file), text).unwrap();
        refused(folder.path(), &file, words);
    }
}

#[test]
fn files_of_a_gibibyte_are_refused_unread() {
    let folder = tempfile::tempdir().unwrap();
    for (file, words) in [("big.nix", "4194304"), ("big.json", "4194304"), ("big.toml", "4194304")] {
        let big = fs::File::create(folder.path().join(file)).unwrap();
        big.set_len(1 << 30).unwrap();
        refused(folder.path(), file, words);
    }
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["latin.nix", "latin.json", "latin.toml"] {
        fs::write(folder.path().join(file), b"{ \"a\": \"\xff\xfe\" }").unwrap();
        refused(folder.path(), file, "UTF-8");
    }
}

/// The measure itself can fail: an ordinary layout is not refused, and memory is really counted.
#[test]
fn an_ordinary_layout_passes_and_is_measured() {
    let layouts = Path::new(env!("CARGO_MANIFEST_DIR")).join("disko-layouts");
    let folder = tempfile::tempdir().unwrap();
    let file = layouts.join("luks-btrfs.nix");
    let Some(outcome) = check(folder.path(), file.to_str().unwrap()) else { return };
    assert_eq!(outcome.code, Some(0), "{}", outcome.words);
    assert!((1 << 10..64 << 10).contains(&outcome.kib), "{} KiB", outcome.kib);
}
