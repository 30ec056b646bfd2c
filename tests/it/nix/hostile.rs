//! Texts that are meant to hurt: each is answered within two seconds, in bounded memory, without a panic.

use std::time::{Duration, Instant};

use landfall::layout::nix::{Arguments, NixErrorKind, evaluate, evaluate_expression, evaluate_text};
use landfall::layout::syntax::source::SourceMap;
use proptest::prelude::*;

/// The longest that any text may take. An unoptimised build on a busy machine is allowed more than the promise of two seconds.
const LONGEST: Duration = Duration::from_secs(if cfg!(debug_assertions) { 10 } else { 2 });

/// Evaluates in time; the kind of error, if it is one.
fn kind(name: &str, text: &str) -> Option<NixErrorKind> {
    let start = Instant::now();
    let result = evaluate_expression(text, None, &mut SourceMap::new());
    assert!(start.elapsed() < LONGEST, "{name} took {:?}", start.elapsed());
    result.err().map(|error| error.kind)
}

/// `a0 = FIRST; a1 = [ a0 a0 … ]; …` in which each name stands for eight of the one before.
fn doubling(first: &str, join: impl Fn(&str) -> String) -> String {
    let lines: String = (0..14).map(|n| format!("a{} = {}; ", n + 1, join(&format!("a{n}")))).collect();
    format!("let a0 = {first}; {lines} in a14")
}

#[test]
fn texts_too_deep_or_too_long_are_refused_before_they_are_parsed() {
    let cases = [
        ("brackets", "[".repeat(1_000_000)),
        ("parentheses", "(".repeat(8_000_000)),
        ("balanced", "[".repeat(100_000) + &"]".repeat(100_000)),
        ("interpolations", "\"${".repeat(100_000)),
        ("minus", "-".repeat(8_000_000)),
        ("not", "! ".repeat(4_000_000) + "true"),
        ("sums", "1".to_owned() + &" + 1".repeat(1_000_000)),
        ("concatenations", "[]".to_owned() + &" ++ []".repeat(1_000_000)),
        ("updates", "{}".to_owned() + &" // {}".repeat(1_000_000)),
        ("calls", "x".to_owned() + &" x".repeat(1_000_000)),
        ("selections", "{}".to_owned() + &".a or {}".repeat(100_000)),
        ("path of attributes", "{ a".to_owned() + &".a".repeat(1_000_000) + " = 1; }"),
        ("lambdas", "x: ".repeat(100_000) + "1"),
        ("lets", "let a = 1; in ".repeat(100_000) + "1"),
        ("elements", "[".to_owned() + &" 1".repeat(2_000_000) + "]"),
        ("word", "a".repeat(16_000_000)),
        ("run of names", "a+a-a.".repeat(1_000_000)),
        ("run of angles", "<".repeat(1_000_000)),
        ("dots", ".".repeat(1_000_000)),
    ];
    for (name, text) in cases {
        assert_eq!(kind(name, &text), Some(NixErrorKind::Limit), "{name}");
    }
}

#[test]
fn texts_of_no_language_are_syntax_errors() {
    let cases = [
        ("NUL", "a\0b".to_owned()),
        ("open comment", "/*".to_owned() + &"*".repeat(4_000_000)),
        ("open string", "\"".to_owned() + &"a".repeat(4_000_000)),
        ("slashes", "a/".repeat(500_000)),
        ("nothing", String::new()),
        ("control characters", "\u{1}\u{2}\u{7f}".to_owned()),
        ("byte order mark", "\u{feff}1".to_owned()),
        ("lone quote", "''".to_owned()),
        ("deep lambdas", "x: ".repeat(600) + "1"),
    ];
    for (name, text) in cases {
        assert_eq!(kind(name, &text), Some(NixErrorKind::Syntax), "{name}");
    }
}

#[test]
fn programs_without_end_reach_a_limit() {
    let cases = [
        ("strings", doubling("\"lol\"", |a| format!("{a} + {a} + {a} + {a} + {a} + {a} + {a} + {a}"))),
        ("lists", doubling("[ 1 ]", |a| format!("[ {a} {a} {a} {a} {a} {a} {a} {a} ]"))),
        ("sets", doubling("{ }", |a| format!("{{ b = {a}; c = {a}; d = {a}; e = {a}; f = {a}; g = {a}; h = {a}; }}"))),
        ("toString", format!("toString ({})", doubling("[ 1 ]", |a| format!("[ {a} {a} {a} {a} {a} {a} {a} {a} ]")))),
        ("toJSON", format!("builtins.toJSON ({})", doubling("[ 1 ]", |a| format!("[ {a} {a} {a} {a} {a} {a} {a} {a} ]")))),
        (
            "comparison",
            format!("({}) == ({})", doubling("[ 1 ]", |a| format!("[ {a} {a} {a} {a} {a} {a} {a} {a} ]")), doubling("[ 1 ]", |a| format!("[ {a} {a} {a} {a} {a} {a} {a} {a} ]"))),
        ),
        ("concatenation", doubling("[ 1 ]", |a| format!("{a} ++ {a} ++ {a} ++ {a} ++ {a} ++ {a} ++ {a} ++ {a}"))),
        ("loop", "let f = n: f (n + 1); in f 0".into()),
        ("recursion", "let f = n: 1 + f (n + 1); in f 0".into()),
        ("list without end", "let f = n: [ n ] ++ f (n + 1); in f 0".into()),
        ("set without end", "let f = n: { a = f (n + 1); }; in f 0".into()),
        ("deepSeq", "let f = n: { a = f (n + 1); }; in builtins.deepSeq (f 0) 1".into()),
        ("genList", "builtins.genList (x: x) 9000000000000".into()),
        ("nesting by foldl'", "builtins.foldl' (a: x: [ a ]) [ ] (builtins.genList (x: x) 300000)".into()),
        ("functor", "let a = { __functor = a; }; in a 1".into()),
        ("functor of itself", "let a = { __functor = self: self; }; in a 1".into()),
        ("__toString of itself", "let a = { __toString = self: self; }; in \"${a}\"".into()),
        ("outPath of itself", "let a = { outPath = a; }; in \"${a}\"".into()),
        ("list in itself", "let a = [ a ]; in toString a".into()),
        ("genericClosure", "builtins.genericClosure { startSet = [ { key = 0; } ]; operator = x: [ { key = x.key + 1; } ]; }".into()),
        ("replaceStrings", "let f = s: n: if n == 0 then s else f (builtins.replaceStrings [ \"a\" ] [ \"aaaaaaaa\" ] s) (n - 1); in f \"a\" 20".into()),
        ("doubling", "let f = s: n: if n == 0 then s else f (s + s) (n - 1); in f \"aaaaaaaa\" 60".into()),
        ("large sets", "builtins.foldl' (a: n: a // { ${toString n} = n; }) { } (builtins.genList (n: n) 100000)".into()),
        ("lib's recursion", "(import <nixpkgs/lib>).fix (x: (import <nixpkgs/lib>).foldr (a: b: [ a b ]) x (builtins.genList (n: n) 100000))".into()),
    ];
    for (name, text) in cases {
        let kind = kind(name, &text);
        assert!(matches!(kind, Some(NixErrorKind::Limit)), "{name}: {kind:?}");
    }
}

#[test]
fn regular_expressions_take_time_by_the_length_of_the_text() {
    let long =
        |letter: char| format!("(builtins.concatStringsSep \"\" (builtins.genList (x: \"{letter}\") 20000))");
    assert_eq!(kind("stars", &format!("builtins.match \"(a*)*b\" {}", long('a'))), None);
    assert_eq!(kind("pluses", &format!("builtins.split \"(x+x+)+y\" {}", long('x'))), None);
    assert_eq!(kind("choices", &format!("builtins.match \"(a|aa)+\" {}", long('a'))), None);
    assert_eq!(
        kind("counts", "builtins.match \"((a{100}){100}){100}\" \"a\""),
        Some(NixErrorKind::Evaluation)
    );
    let deep = format!("builtins.match \"{}\" \"a\"", "(".repeat(100_000));
    assert_eq!(kind("groups", &deep), Some(NixErrorKind::Evaluation));
}

#[test]
fn other_languages_within_are_bounded_too() {
    let deep =
        |open: &str| format!("(builtins.concatStringsSep \"\" (builtins.genList (x: \"{open}\") 100000))");
    assert_eq!(kind("JSON", &format!("builtins.fromJSON {}", deep("["))), Some(NixErrorKind::Evaluation));
    assert_eq!(
        kind("TOML", &format!("builtins.fromTOML (\"a = \" + {})", deep("["))),
        Some(NixErrorKind::Evaluation)
    );
}

#[test]
fn layouts_without_end_reach_a_limit() {
    let cases = [
        "let m = { imports = [ m ]; }; in m",
        "let m = n: { imports = [ (m (n + 1)) ]; }; in m 0",
        "let f = x: f; in f",
        "{ lib, ... }: { disko.devices = let a = lib.mkMerge [ a a ]; in a; }",
        "{ lib, ... }: { disko.devices = let a = lib.mkIf true a; in a; }",
        "{ disko.devices = let a = { b = a; }; in a; }",
        "{ disko.devices = let a = [ a ]; in { disk = a; }; }",
        "{ config, ... }: { disko.devices.disk = config.disko.devices.disk; }",
        "{ config, ... }: { a = config.b; b = config.a; disko.devices.disk.x = config.a; }",
        "let o = { a = o; }; in { options = o; config.disko.devices = { }; }",
        "{ lib, config, ... }: let t = lib.types.submodule { options.s = lib.mkOption { type = t; default = { }; }; }; in { options.o = lib.mkOption { type = t; default = { }; }; config.disko.devices.x = config.o; }",
    ];
    for text in cases {
        let start = Instant::now();
        let error = evaluate_text("l.nix", text, &Arguments::new(), &mut SourceMap::new()).unwrap_err();
        assert!(start.elapsed() < LONGEST, "{text} took {:?}", start.elapsed());
        assert!(
            matches!(error.kind, NixErrorKind::Limit | NixErrorKind::Recursion | NixErrorKind::Evaluation),
            "{text}: {error:?}"
        );
    }
}

#[test]
fn files_that_are_no_text_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |name: &str| {
        let start = Instant::now();
        let error =
            evaluate(&folder.path().join(name), &Arguments::new(), &mut SourceMap::new()).unwrap_err();
        assert!(start.elapsed() < LONGEST, "{name} took {:?}", start.elapsed());
        error
    };
    let large = std::fs::File::create(folder.path().join("large.nix")).unwrap();
    large.set_len(1 << 30).unwrap();
    let error = refused("large.nix");
    assert_eq!(error.kind, NixErrorKind::Limit);
    assert!(error.message.ends_with("has 1073741824 bytes; at most 4194304 are read"), "{error}");
    std::fs::write(folder.path().join("latin.nix"), b"{ a = 1;\n b = \"\xe9\"; }").unwrap();
    assert!(refused("latin.nix").message.ends_with("is not UTF-8: byte 15 in line 2"));
    std::fs::write(folder.path().join("nul.nix"), b"{ a = \"\0\"; }").unwrap();
    assert_eq!(refused("nul.nix").message, "the file holds a NUL byte");
    nix::unistd::mkfifo(&folder.path().join("pipe.nix"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(refused("pipe.nix").message.ends_with("is not a regular file"));
    std::fs::create_dir(folder.path().join("folder.nix")).unwrap();
    assert!(refused("folder.nix").message.contains("default.nix"));
    assert_eq!(refused("nosuch.nix").kind, NixErrorKind::Input);
}

#[test]
fn memory_stays_bounded() {
    let before = peak();
    for text in [
        "let f = n: f (n + 1); in f 0",
        "builtins.genList (x: [ x x x ]) 500000",
        "let f = s: f (s + s); in f \"a\"",
    ] {
        let _ = evaluate_expression(text, None, &mut SourceMap::new());
    }
    // Other tests of this process may run at the same time, hence the margin over the 200 MiB that one evaluation takes.
    assert!(peak() < before + (600 << 10), "{before} KiB grew to {} KiB", peak());
}

/// The largest resident size so far, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

/// Bits of the language in any order: nearly a program.
fn shreds() -> impl Strategy<Value = String> {
    const SHREDS: [&str; 52] = [
        "{", "}", "[", "]", "(", ")", "\"", "''", "${", "let", "in", "rec", "with", "if", "then", "else",
        "assert", "inherit", "or", "=", ";", ":", ",", ".", "...", "@", "?", "//", "++", "+", "-", "*", "/",
        "==", "<", "&&", "||", "->", "!", "a", "b", "builtins", "map", "1", "1.5", "./a", "/b", "<c>",
        "http://d", "#", "/*", "\n",
    ];
    proptest::collection::vec((prop::sample::select(&SHREDS[..]), prop::bool::ANY), 0..60).prop_map(
        |shreds| {
            shreds
                .into_iter()
                .map(|(shred, space)| format!("{shred}{}", if space { " " } else { "" }))
                .collect()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        let _ = evaluate_text("l.nix", &text, &Arguments::new(), &mut SourceMap::new());
    }

    #[test]
    fn no_order_of_tokens_makes_it_panic(text in shreds()) {
        let _ = evaluate_text("l.nix", &text, &Arguments::new(), &mut SourceMap::new());
        let _ = evaluate_expression(&text, None, &mut SourceMap::new());
    }

    #[test]
    fn no_change_to_a_layout_makes_it_panic(at in 0_usize..2000, byte in any::<char>(), cut in 0_usize..20) {
        let mut text = include_str!("../../nix/layouts/options-and-marks.nix").to_owned();
        let mut at = at % text.len();
        while !text.is_char_boundary(at) { at -= 1; }
        let mut end = (at + cut).min(text.len());
        while !text.is_char_boundary(end) { end += 1; }
        text.replace_range(at..end, &byte.to_string());
        let _ = evaluate_text("l.nix", &text, &Arguments::new(), &mut SourceMap::new());
    }
}
