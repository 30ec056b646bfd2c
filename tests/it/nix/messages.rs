//! What is said of each mistake, word for word.

use landfall::layout::nix::{Argument, Arguments, NixErrorKind};

use super::{layout, report, report_with};

/// Layouts and the lines of what is said of them. `@7` is column 7 of the only line.
const REPORTS: &[(&str, &[&str])] = &[
    (r#"{ disko.devices.disk.a.device = "/dev/sda" }"#, &["@44: syntax error: unexpected `}`, expected `;`"]),
    ("{ a = 1;", &["@9: syntax error: unexpected end of file"]),
    ("{ disko.devices = { disk.a = { device = devcie; }; }; }", &["@41: undefined variable `devcie`"]),
    (
        "{ disko.devices.disk.a.x = lib.mkDefault 1; }",
        &["@28: undefined variable `lib`", "  hint: begin the file with `{ lib, ... }:` to be given it"],
    ),
    (
        "{ lib, ... }: { disko.devices.disk.a.x = lib.mkDefalt 1; }",
        &[
            "@42: `lib.mkDefalt` is not among the library functions that landfall has",
            "  @38: while evaluating `disko.devices.disk.a.x`",
            "  hint: `--nix` hands the evaluation to an installed Nix",
            "  hint: did you mean `mkDefault`?",
        ],
    ),
    (
        "{ lib, ... }: { disko.devices.disk.a.x = lib.genAttrs 1 (x: x); }",
        &[
            "@42: in `genAttrs`: expected a list, found an integer",
            "  @38: while evaluating `disko.devices.disk.a.x`",
        ],
    ),
    (
        r#"{ pkgs, ... }: { disko.devices.disk.a.x = "${pkgs.hello}/bin/hello"; }"#,
        &[
            "@46: `pkgs.hello` needs a real Nix: landfall has no packages and no flake inputs",
            "  @39: while evaluating `disko.devices.disk.a.x`",
            "  hint: `--nix` hands the evaluation to an installed Nix",
        ],
    ),
    (
        "{ disks, ... }: { disko.devices.disk.a.device = builtins.head disks; }",
        &[
            "@3: the layout's argument `disks` is not given",
            "  @49: while calling `head`",
            "  @40: while evaluating `disko.devices.disk.a.device`",
            "  hint: give it with `--argstr disks TEXT` or `--arg disks EXPRESSION`, or write a default: `disks ? …`",
        ],
    ),
    (
        "{ self, ... }: { disko.devices.disk.a.x = self.lib.x; }",
        &[
            "@43: `self.lib` needs a real Nix: landfall has no packages and no flake inputs",
            "  @39: while evaluating `disko.devices.disk.a.x`",
            "  hint: `--nix` hands the evaluation to an installed Nix",
        ],
    ),
    (
        "{ imports = [ ./other.nix ]; disko.devices = { }; }",
        &[
            "@15: `/other.nix` cannot be read: this text has no folder",
            "  hint: a layout reads only files of its own folder and below; move it there, or use `--nix`",
        ],
    ),
    (
        "{ config, ... }: { disko.devices.disk.a.x = config.networking.hostName; }",
        &[
            "@45: `config.networking` is used, but no module of the layout defines it",
            "  @41: while evaluating `disko.devices.disk.a.x`",
            "  hint: NixOS's own options have values only in a real Nix: set it in the layout, or use `--nix`",
        ],
    ),
    (
        "{ config, ... }: { my.size = 1; disko.devices.disk.a.x = config.my.sizes; }",
        &[
            "@58: `config.my.sizes` is used, but no module of the layout defines it",
            "  @54: while evaluating `disko.devices.disk.a.x`",
            "  hint: did you mean `size`?",
            "  hint: NixOS's own options have values only in a real Nix: set it in the layout, or use `--nix`",
        ],
    ),
    (
        "{ config, ... }: { imports = if config.a then [ ] else [ ]; disko.devices = { }; }",
        &[
            "@33: infinite recursion: which modules there are depends on `config`",
            "  hint: `imports`, and the names that a module defines, must not use `config`",
        ],
    ),
    (
        r#"{ imports = [ { disko.devices.disk.a.device = "/dev/sda"; } { disko.devices.disk.a.device = "/dev/sdb"; } ]; }"#,
        &[
            "@84: `disko.devices.disk.a.device` is defined twice: as `/dev/sda` and as `/dev/sdb`",
            "  @38: first defined here",
            "  hint: `lib.mkForce` around one of the values makes it win, `lib.mkDefault` makes it give way",
        ],
    ),
    (
        "{ imports = [ { disko.devices.disk.a.x = [ ]; } { disko.devices.disk.a.x = { }; } ]; }",
        &[
            "@72: `disko.devices.disk.a.x` is defined twice: as a list and as a set",
            "  @38: first defined here",
            "  hint: `lib.mkForce` around one of the values makes it win, `lib.mkDefault` makes it give way",
        ],
    ),
    (
        "{ lib, config, ... }: { options.s = lib.mkOption { type = lib.types.ints.positive; }; config.s = 0; config.disko.devices.disk.a.x = config.s; }",
        &[
            "@94: `s` must be a positive integer, meaning >0, found `0`",
            "  @129: while evaluating `disko.devices.disk.a.x`",
        ],
    ),
    (
        "{ lib, config, ... }: { options.s = lib.mkOption { type = lib.types.str; }; config.disko.devices.disk.a.x = config.s; }",
        &[
            "@33: option `s` is used, but nothing defines it",
            "  @105: while evaluating `disko.devices.disk.a.x`",
            "  hint: define it in the layout, or give it a default: `default = …;` in its `mkOption`",
        ],
    ),
    (
        "{ lib, ... }: { options.s = lib.mkOption { }; disko.devices = { }; }",
        &[
            "@47: the module has `config` or `options`, and so `disko` must stand in `config`",
            "  hint: write `config.disko`",
        ],
    ),
    (
        "{ lib, config, ... }: { options.s = lib.mkOption { type = lib.types.submodule { options.size = lib.mkOption { }; }; }; config.s.sise = 1; config.disko.devices.disk.a.x = config.s; }",
        &[
            "@129: the option `s.sise` does not exist",
            "  @127: while evaluating attribute `s`",
            "  @167: while evaluating `disko.devices.disk.a.x`",
            "  hint: did you mean `size`?",
        ],
    ),
    (
        r#"{ disko.devices.disk.a.x = throw "no disk for you"; }"#,
        &["@28: no disk for you", "  @24: while evaluating `disko.devices.disk.a.x`"],
    ),
    (
        r#"{ disko.devices.disk.a.x = abort "stop"; }"#,
        &["@28: evaluation aborted by the layout: stop", "  @24: while evaluating `disko.devices.disk.a.x`"],
    ),
    (
        "{ disko.devices.disk.a.x = assert 1 == 2; 1; }",
        &["@28: assertion `1 == 2` failed", "  @24: while evaluating `disko.devices.disk.a.x`"],
    ),
    (
        r#"let f = { size, type }: { inherit size type; }; in { disko.devices.disk.a = f { sise = "1G"; type = "disk"; }; }"#,
        &[
            "@77: the function takes no argument `sise`",
            "  @9: the function",
            "  @73: while evaluating `disko.devices.disk.a`",
            "  hint: did you mean `size`?",
        ],
    ),
    (
        r#"let f = { size, type }: { inherit size type; }; in { disko.devices.disk.a = f { size = "1G"; }; }"#,
        &[
            "@77: `f` is called without its required argument `type`",
            "  @17: required here",
            "  @73: while evaluating `disko.devices.disk.a`",
        ],
    ),
    (
        "let f = { size, ... }: size; in { disko.devices.disk.a.x = f 1; }",
        &[
            "@60: the function takes a set, found an integer",
            "  @9: the function",
            "  @56: while evaluating `disko.devices.disk.a.x`",
        ],
    ),
    (
        r#"{ disko.devices.disk.a.x = "a" + 1; }"#,
        &[
            "@28: cannot make a string of an integer",
            "  @24: while evaluating `disko.devices.disk.a.x`",
            "  hint: `toString` makes one",
        ],
    ),
    (
        r#"{ disko.devices.disk.a.x = 1 + "a"; }"#,
        &[
            "@28: cannot add a string to a number",
            "  @24: while evaluating `disko.devices.disk.a.x`",
            "  hint: `toString` makes a string of a number",
        ],
    ),
    (
        r#"{ disko.devices.disk.a.x = "${1}"; }"#,
        &[
            "@31: cannot make a string of an integer",
            "  @24: while evaluating `disko.devices.disk.a.x`",
            "  hint: `toString` makes one",
        ],
    ),
    (
        "{ disko.devices.disk.a.x = { a = 1; }.b; }",
        &["@28: attribute `b` is missing", "  @24: while evaluating `disko.devices.disk.a.x`"],
    ),
    (
        "{ disko.devices.disk.a.x = { size = 1; }.sise; }",
        &[
            "@28: attribute `sise` is missing",
            "  @24: while evaluating `disko.devices.disk.a.x`",
            "  hint: did you mean `size`?",
        ],
    ),
    (
        r#"{ disko.devices.disk.a.x = [ 1 ] ++ "a"; }"#,
        &["@37: expected a list, found a string", "  @24: while evaluating `disko.devices.disk.a.x`"],
    ),
    (
        "{ disko.devices.disk.a.x = builtins.elemAt [ 1 2 ] 5; }",
        &[
            "@28: the list has 2 elements and none at index 5",
            "  @24: while evaluating `disko.devices.disk.a.x`",
        ],
    ),
    (
        "{ disko.devices.disk.a.x = builtins.head [ ]; }",
        &[
            "@28: the list is empty: it has no first element",
            "  @24: while evaluating `disko.devices.disk.a.x`",
        ],
    ),
    (
        "{ disko.devices.disk.a.x = 1 2; }",
        &[
            "@28: cannot call an integer: it is not a function",
            "  @24: while evaluating `disko.devices.disk.a.x`",
        ],
    ),
    (
        r#"{ disko.devices.disk.a.x = if "yes" then 1 else 2; }"#,
        &["@31: expected a boolean, found a string", "  @24: while evaluating `disko.devices.disk.a.x`"],
    ),
    (
        "rec { a = b; b = a; disko.devices.disk.x = a; }",
        &[
            "@11: infinite recursion: the value needs itself",
            "  @40: while evaluating `disko.devices.disk.x`",
        ],
    ),
    (
        r#"{ description = "x"; inputs.nixpkgs.url = "x"; outputs = { self }: { }; }"#,
        &[
            "@48: this is a flake, which only a real Nix can evaluate",
            "  hint: `--nix` hands the evaluation to an installed Nix",
            "  hint: or give the layout's own file, the one with `disko.devices`",
        ],
    ),
    ("[ 1 2 ]", &["@1: a layout is a set or a function that gives one, found a list"]),
    (r#""text""#, &["@1: a layout is a set or a function that gives one, found a string"]),
    (
        "{ }",
        &[
            "@1: the layout defines no `disko.devices`: it is empty",
            "  hint: devices stand under `disko.devices`, like `disko.devices.disk.main = { … }`",
        ],
    ),
    (
        "{ disko.devices.disk.a.x = builtins.readFile /etc/shadow; }",
        &[
            "@28: `/etc/shadow` cannot be read: this text has no folder",
            "  @24: while evaluating `disko.devices.disk.a.x`",
            "  hint: a layout reads only files of its own folder and below; move it there, or use `--nix`",
        ],
    ),
    (
        r#"{ disko.devices.disk.a.x = builtins.fetchurl "http://x"; }"#,
        &[
            "@28: `builtins.fetchurl` needs the network, which a layout's evaluation does not have",
            "  @24: while evaluating `disko.devices.disk.a.x`",
            "  hint: `--nix` hands the evaluation to an installed Nix",
        ],
    ),
    (
        "{ disko.devices.disk.a.x = builtins.currentTime; }",
        &[
            "@28: `builtins.currentTime` would give another layout every second",
            "  @24: while evaluating `disko.devices.disk.a.x`",
        ],
    ),
    (
        "{ disko.devices.disk.a.x = <nixos-hardware/x>; }",
        &[
            "@28: `<nixos-hardware/x>` is found only by a real Nix, through NIX_PATH",
            "  @24: while evaluating `disko.devices.disk.a.x`",
            "  hint: `--nix` hands the evaluation to an installed Nix",
        ],
    ),
    (
        "{ disko.devices.disk.a.x = ~/x; }",
        &[
            "@28: `~` depends on who evaluates the layout",
            "  @24: while evaluating `disko.devices.disk.a.x`",
            "  hint: write a path relative to the file",
        ],
    ),
    (
        "{ disko.devices.disk.a.x = 9223372036854775807 + 1; }",
        &["@28: integer overflow", "  @24: while evaluating `disko.devices.disk.a.x`"],
    ),
    (
        "{ disko.devices.disk.a.x = { a = 1; a = 2; }; }",
        &["@37: attribute `a` is already defined", "  @30: first defined here"],
    ),
    (
        "{ disko.devices.disk.a.x = 99999999999999999999; }",
        &["@28: `99999999999999999999` is not an integer of 64 bits"],
    ),
    (
        r#"{ disko.devices.disk.a.x = builtins.match "(" "a"; }"#,
        &[
            "@28: the regular expression `(` is not valid: parentheses do not match",
            "  @24: while evaluating `disko.devices.disk.a.x`",
        ],
    ),
    (
        r#"{ disko.devices.disk.a.x = builtins.substring 0 1 "é"; }"#,
        &["@28: a string of the layout is not UTF-8: a character was cut in the middle"],
    ),
    (
        "{ disko.devices.disk.a.x = derivation { }; }",
        &[
            "@28: `derivation` needs the Nix store, which only a real Nix has",
            "  @24: while evaluating `disko.devices.disk.a.x`",
            "  hint: `--nix` hands the evaluation to an installed Nix",
        ],
    ),
    (
        "x: y: z: { }",
        &[
            "@1: the layout defines no `disko.devices`: it is empty",
            "  hint: devices stand under `disko.devices`, like `disko.devices.disk.main = { … }`",
        ],
    ),
    ("{ disko = 1; }", &["@3: expected a set, found an integer"]),
    (
        r#"{ disko.devices.disk.a.x = builtins.add 1 "a"; }"#,
        &["@28: cannot add a string: it is not a number", "  @24: while evaluating `disko.devices.disk.a.x`"],
    ),
    (
        "let helper = x: builtins.head x; in { disko.devices.disk.a.x = helper [ ]; }",
        &[
            "@17: the list is empty: it has no first element",
            "  @64: while calling `helper`",
            "  @60: while evaluating `disko.devices.disk.a.x`",
        ],
    ),
    (
        "{ config = { }; disko.devices = { }; }",
        &[
            "@17: the module has `config` or `options`, and so `disko` must stand in `config`",
            "  hint: write `config.disko`",
        ],
    ),
];

#[test]
fn every_mistake_is_told_with_its_place_and_a_hint() {
    let mut wrong = Vec::new();
    for (text, lines) in REPORTS {
        let found = report(text).replace("layout.nix:1:", "@");
        let meant: String = lines.iter().map(|line| format!("{line}\n")).collect();
        if found != meant {
            wrong.push(format!("{text}\nsays:\n{found}not:\n{meant}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_argument_that_is_wrong_is_told_at_its_own_place() {
    let arguments = Arguments::new().with("disks", Argument::Expression("[ \"a\" ".into()));
    let found = report_with("{ disks, ... }: { disko.devices.disk.a.x = builtins.head disks; }", &arguments);
    assert_eq!(found, "<argument disks>:1:6: syntax error: unexpected end of file\n");
    let arguments = Arguments::new().with("disks", Argument::Expression("[ nosuch ]".into()));
    let found = report_with("{ disks, ... }: { disko.devices.disk.a.x = builtins.head disks; }", &arguments);
    assert_eq!(found, "<argument disks>:1:3: undefined variable `nosuch`\n");
}

#[test]
fn errors_have_kinds() {
    let cases = [
        ("{", NixErrorKind::Syntax),
        ("{ disko.devices.x = 1 + null; }", NixErrorKind::Evaluation),
        ("{ disko.devices.x = throw \"a\"; }", NixErrorKind::Thrown),
        ("{ disko.devices.x = assert false; 1; }", NixErrorKind::Assertion),
        ("{ disko.devices.x = abort \"a\"; }", NixErrorKind::Abort),
        ("{ disko.devices.x = let a = a; in a; }", NixErrorKind::Recursion),
        ("{ disko.devices.x = let f = n: f n; in f 1; }", NixErrorKind::Limit),
        ("{ disko.devices.x = builtins.readFile /etc/passwd; }", NixErrorKind::Purity),
        ("{ pkgs, ... }: { disko.devices.x = pkgs.x; }", NixErrorKind::NeedsNix),
        ("{ a, ... }: { disko.devices.x = a; }", NixErrorKind::Argument),
    ];
    for (text, kind) in cases {
        assert_eq!(layout(text).unwrap_err().kind, kind, "{text}");
    }
}
