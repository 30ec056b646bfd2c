//! Layouts as NixOS modules.

use serde_json::json;

use super::{layout, report};

/// The devices of a layout that consists of the given modules.
fn devices(modules: &[&str]) -> serde_json::Value {
    let imports: String = modules.iter().map(|module| format!("(\n{module}\n)")).collect();
    let text = format!("{{ imports = [ {imports} ]; }}");
    match layout(&text) {
        Ok(value) => value["disko"]["devices"].clone(),
        Err(error) => panic!("{text}\n{error}"),
    }
}

#[test]
fn a_plain_set_is_a_module() {
    assert_eq!(
        devices(&["{ disko.devices.disk.a.device = \"/dev/sda\"; }"]),
        json!({"disk": {"a": {"device": "/dev/sda"}}})
    );
}

#[test]
fn devices_may_stand_alone() {
    assert_eq!(
        layout("{ disk.a.device = \"/dev/sda\"; }").unwrap(),
        json!({"disk": {"a": {"device": "/dev/sda"}}})
    );
}

#[test]
fn sets_of_several_modules_join_at_every_depth() {
    let joined = devices(&[
        "{ disko.devices.disk.a.content.partitions.x.size = \"1G\"; }",
        "{ disko.devices.disk.a.content.partitions.y.size = \"2G\"; }",
        "{ disko.devices.disk.b.device = \"/dev/sdb\"; }",
    ]);
    assert_eq!(
        joined["disk"]["a"]["content"]["partitions"],
        json!({"x": {"size": "1G"}, "y": {"size": "2G"}})
    );
    assert_eq!(joined["disk"]["b"]["device"], "/dev/sdb");
}

#[test]
fn marks_have_their_meaning() {
    let cases = [
        ("lib.mkIf true 1", json!(1)),
        ("lib.mkMerge [ (lib.mkIf false 1) 2 ]", json!(2)),
        ("lib.mkMerge [ (lib.mkDefault 1) 2 (lib.mkOptionDefault 3) ]", json!(2)),
        ("lib.mkMerge [ 1 (lib.mkForce 2) ]", json!(2)),
        ("lib.mkMerge [ (lib.mkOverride 10 1) (lib.mkForce 2) ]", json!(1)),
        ("lib.mkForce (lib.mkDefault 1)", json!(1)),
        ("lib.mkMerge [ [ 2 ] (lib.mkBefore [ 1 ]) (lib.mkAfter [ 4 ]) [ 3 ] ]", json!([1, 2, 3, 4])),
        ("lib.mkMerge [ (lib.mkOrder 2000 [ 2 ]) [ 1 ] ]", json!([1, 2])),
        ("[ 1 (lib.mkIf false 2) (lib.mkForce 3) ]", json!([1, 3])),
        (
            "lib.mkMerge [ { a = 1; } { b = lib.mkIf false 2; c = lib.mkDefault 3; } ]",
            json!({"a": 1, "c": 3}),
        ),
        ("lib.mkMerge [ { a.b = 1; } (lib.mkForce { a.c = 2; }) ]", json!({"a": {"c": 2}})),
        ("lib.mkMerge [ 1 1 1 ]", json!(1)),
        (
            "lib.mkMerge [ (lib.mkIf (1 == 1) { a = 1; }) (lib.mkIf (1 == 2) { a = throw \"no\"; }) ]",
            json!({"a": 1}),
        ),
        ("lib.mkMerge [ ]", json!(null)),
    ];
    for (text, meant) in cases {
        let found = devices(&[&format!("{{ lib, ... }}: {{ disko.devices.disk.a.x = {text}; }}")]);
        assert_eq!(found["disk"]["a"]["x"], meant, "{text}");
    }
}

#[test]
fn what_mk_if_leaves_out_is_not_there() {
    let found =
        devices(&["{ lib, ... }: { disko.devices.disk = { a = lib.mkIf false { }; b.device = \"x\"; }; }"]);
    assert_eq!(found, json!({"disk": {"b": {"device": "x"}}}));
}

#[test]
fn definitions_of_imported_modules_come_first() {
    let list = |name: &str| format!("disko.devices.disk.a.l = [ \"{name}\" ];");
    let text = format!("{{ imports = [ {{ {} }} {{ {} }} ]; {} }}", list("one"), list("two"), list("outer"));
    assert_eq!(layout(&text).unwrap()["disko"]["devices"]["disk"]["a"]["l"], json!(["two", "one", "outer"]));
}

#[test]
fn hooks_are_joined_as_lines() {
    let found = devices(&[
        "{ disko.devices.disk.a.postCreateHook = \"two\"; }",
        "{ lib, ... }: { disko.devices.disk.a.postCreateHook = lib.mkBefore \"one\"; }",
    ]);
    assert_eq!(found["disk"]["a"]["postCreateHook"], "one\ntwo");
}

#[test]
fn config_can_be_read_anywhere_but_in_its_own_shape() {
    let found = devices(&[
        "{ my.size = \"10G\"; networking.hostName = \"box\"; }",
        "{ config, lib, ... }: { disko.devices.disk = lib.mkIf (config.my.size != \"\") { ${config.networking.hostName}.size = config.my.size; }; }",
    ]);
    assert_eq!(found, json!({"disk": {"box": {"size": "10G"}}}));
}

#[test]
fn a_condition_on_config_at_the_top_is_no_recursion() {
    let found = devices(&[
        "{ lib, ... }: { options.my.enable = lib.mkEnableOption \"it\"; }",
        "{ config, lib, ... }: { config = lib.mkIf config.my.enable { disko.devices.disk.a.device = \"x\"; }; }",
        "{ my.enable = true; }",
    ]);
    assert_eq!(found, json!({"disk": {"a": {"device": "x"}}}));
}

#[test]
fn own_options_have_defaults_types_and_apply() {
    let option = |declaration: &str, definition: &str| {
        devices(&[&format!(
            "{{ lib, config, ... }}: {{ options.o = lib.mkOption {{ {declaration} }}; config = {{ {definition} disko.devices.disk.a.x = config.o; }}; }}"
        )])["disk"]["a"]["x"]
            .clone()
    };
    let cases = [
        ("default = 1;", "", json!(1)),
        ("default = 1;", "o = 2;", json!(2)),
        ("type = lib.types.str;", "o = \"a\";", json!("a")),
        ("type = lib.types.listOf lib.types.int;", "o = lib.mkMerge [ [ 1 ] [ 2 ] ];", json!([1, 2])),
        ("type = lib.types.listOf lib.types.int;", "", json!([])),
        (
            "type = lib.types.attrsOf lib.types.int;",
            "o = lib.mkMerge [ { a = 1; } { b = lib.mkForce 2; } { c = lib.mkIf false 3; } ];",
            json!({"a": 1, "b": 2}),
        ),
        ("type = lib.types.lines;", "o = lib.mkMerge [ \"a\" \"b\" ];", json!("a\nb")),
        ("type = lib.types.nullOr lib.types.int; default = null;", "", json!(null)),
        ("type = lib.types.int; apply = x: x + 1;", "o = 1;", json!(2)),
        ("type = lib.types.coercedTo lib.types.int toString lib.types.str;", "o = 5;", json!("5")),
        ("type = lib.types.either lib.types.int lib.types.str;", "o = \"z\";", json!("z")),
        ("type = lib.types.enum [ \"a\" \"b\" ]; default = \"a\";", "o = \"b\";", json!("b")),
        (
            "type = lib.types.submodule { options.s = lib.mkOption { default = 1; }; options.t = lib.mkOption { default = 2; }; };",
            "o.s = 5;",
            json!({"s": 5, "t": 2}),
        ),
        (
            "type = lib.types.attrsOf (lib.types.submodule ({ name, config, ... }: { options.n = lib.mkOption { default = name; }; options.m = lib.mkOption { default = config.n + \"!\"; }; }));",
            "o.x = { };",
            json!({"x": {"n": "x", "m": "x!"}}),
        ),
    ];
    for (declaration, definition, meant) in cases {
        assert_eq!(option(declaration, definition), meant, "{declaration} {definition}");
    }
}

#[test]
fn arguments_come_from_the_user_then_from_modules_then_from_defaults() {
    use landfall::layout::nix::{Argument, Arguments, evaluate_text};
    use landfall::layout::syntax::source::SourceMap;
    let text = "{ size ? \"default\", ... }: { disko.devices.disk.a.x = size; }";
    assert_eq!(layout(text).unwrap()["disko"]["devices"]["disk"]["a"]["x"], "default");
    let set = format!("{{ imports = [ ({text}) ]; _module.args.size = \"module\"; }}");
    assert_eq!(layout(&set).unwrap()["disko"]["devices"]["disk"]["a"]["x"], "module");
    let arguments = Arguments::new().with("size", Argument::Expression("\"a\" + \"rg\"".into()));
    let given = evaluate_text("l.nix", &set, &arguments, &mut SourceMap::new()).unwrap();
    assert_eq!(super::data(&given.value)["disko"]["devices"]["disk"]["a"]["x"], "arg");
    let arguments = Arguments::new().with("size", Argument::Text("1 + 1".into()));
    let given = evaluate_text("l.nix", &set, &arguments, &mut SourceMap::new()).unwrap();
    assert_eq!(super::data(&given.value)["disko"]["devices"]["disk"]["a"]["x"], "1 + 1");
}

#[test]
fn functions_that_give_functions_are_called_again() {
    let text = "{ disko, ... }: { lib, ... }: { imports = [ disko.nixosModules.disko ]; disko.devices.disk.a.x = lib.mkDefault 1; }";
    assert_eq!(layout(text).unwrap()["disko"]["devices"]["disk"]["a"]["x"], 1);
}

#[test]
fn what_stands_for_nixpkgs_and_flakes_is_harmless_until_it_is_needed() {
    let text = r#"{ config, lib, pkgs, inputs, modulesPath, ... }: {
        imports = [ inputs.disko.nixosModules.default (modulesPath + "/installer/scan/not-detected.nix") "${modulesPath}/profiles/minimal.nix" <disko/module.nix> ];
        environment.systemPackages = with pkgs; [ vim git ];
        boot.kernelPackages = pkgs.linuxPackages_latest;
        nixpkgs.hostPlatform = lib.mkDefault "x86_64-linux";
        fileSystems."/persist".neededForBoot = true;
        disko.devices.disk.a.device = "/dev/sda";
    }"#;
    assert_eq!(layout(text).unwrap()["disko"]["devices"], json!({"disk": {"a": {"device": "/dev/sda"}}}));
}

#[test]
fn nothing_but_the_devices_is_computed() {
    let text =
        "{ disko.devices.disk.a.x = 1; disko.imageBuilder = throw \"never\"; other = throw \"never\"; }";
    assert_eq!(layout(text).unwrap(), json!({"disko": {"devices": {"disk": {"a": {"x": 1}}}}}));
}

#[test]
fn a_layout_without_devices_is_refused() {
    let text = report("{ networking.hostName = \"x\"; }");
    assert_eq!(
        text,
        "layout.nix:1:1: the layout defines no `disko.devices`, only `networking`\n  \
         hint: devices stand under `disko.devices`, like `disko.devices.disk.main = { … }`\n"
    );
}

/// Parts of the devices may read others, whatever stands between: as with NixOS's submodules, what is asked for is joined alone.
#[test]
fn devices_can_read_devices() {
    let found = devices(&[
        r#"{ config, lib, ... }: {
            disko.devices = {
                disk.one = { device = "/dev/sda"; name = builtins.substring 5 3 config.disko.devices.disk.one.device; };
                disk.two.device = lib.mkDefault "/dev/sdb";
                zpool.tank.mode.topology.vdev = [
                    { members = map (name: config.disko.devices.disk.${name}.device) (lib.attrNames config.disko.devices.disk); }
                ];
            };
        }"#,
        r#"{ config, lib, ... }: {
            disko.devices.disk.two = {
                device = lib.mkIf (config.disko.devices.disk.one.device == "/dev/sda") "/dev/sdc";
                content.partitions.root.size = lib.mkIf (config.disko.devices.disk.two.device == "/dev/sdb") "1G";
            };
        }"#,
        "{ lib, ... }: { disko.devices.disk.three = lib.mkIf false { device = \"/dev/sdd\"; }; }",
    ]);
    assert_eq!(
        found,
        json!({
            "disk": {
                "one": {"device": "/dev/sda", "name": "sda"},
                "two": {"device": "/dev/sdc", "content": {"partitions": {"root": {}}}},
            },
            "zpool": {"tank": {"mode": {"topology": {"vdev": [{"members": ["/dev/sda", "/dev/sdc"]}]}}}},
        })
    );
    let report = report("{ config, ... }: { disko.devices.disk.a.x = config.disko.devices.disk.a.x; }");
    assert!(report.contains("infinite recursion"), "{report}");
    let report = super::report(
        "{ config, lib, ... }: { disko.devices.disk.a = { x = lib.mkIf false 1; y = config.disko.devices.disk.a.x; }; }",
    );
    assert!(report.contains("option `disko.devices.disk.a.x` is used, but nothing defines it"), "{report}");
}

/// A value of `types.submodule` may have the names `options` and `config`: datasets of ZFS do.
#[test]
fn a_set_for_a_submodule_is_all_values() {
    let text = r#"{ config, lib, ... }: with lib; {
        options.sets = mkOption { type = types.attrsOf (types.submodule ({ name, ... }: { options = {
            mountpoint = mkOption { type = types.nullOr types.str; default = "/${name}"; };
            options = mkOption { type = types.attrsOf types.str; default = { }; };
        }; })); };
        config.sets.a = { mountpoint = "/"; options.mountpoint = "legacy"; };
        config.sets.b = { options.atime = "off"; };
        config.sets.c = { ... }: { config.options.x = "y"; };
        config.disko.devices.zpool = config.sets;
    }"#;
    assert_eq!(
        devices(&[text])["zpool"],
        json!({
            "a": {"mountpoint": "/", "options": {"mountpoint": "legacy"}},
            "b": {"mountpoint": "/b", "options": {"atime": "off"}},
            "c": {"mountpoint": "/c", "options": {"x": "y"}},
        })
    );
}

#[test]
fn a_submodule_that_is_a_function_may_have_a_free_form() {
    let text = r#"{ config, lib, ... }: {
        options.x = lib.mkOption { type = lib.types.submodule ({ ... }: {
            freeformType = lib.types.attrsOf lib.types.anything;
            options.a = lib.mkOption { type = lib.types.int; default = 1; };
        }); };
        config.x = { b = 2; };
        config.disko.devices.disk.d = { inherit (config.x) a b; };
    }"#;
    assert_eq!(devices(&[text])["disk"]["d"], json!({"a": 1, "b": 2}));
}

#[test]
fn devices_under_a_condition_that_does_not_hold_are_told() {
    let text = r#"{ config, lib, ... }: {
        options.my.disks = lib.mkEnableOption "disks";
        config = lib.mkIf config.my.disks { disko.devices.disk.a.device = "/dev/sda"; };
    }"#;
    let report = report(text);
    assert!(
        report.contains("the layout defines `disko.devices`, but the condition (`mkIf`) on it does not hold"),
        "{report}"
    );
    assert!(report.contains("hint: set what it asks for in a file that imports this one"), "{report}");
    assert_eq!(devices(&[text, "{ my.disks = true; }"])["disk"]["a"]["device"], "/dev/sda");
}

#[test]
fn modules_of_flake_parts_are_told_from_layouts() {
    let report = report("{ flake.nixosModules.disks = { disko.devices.disk.a.device = \"/dev/sda\"; }; }");
    assert!(report.contains("the layout defines no `disko.devices`, only `flake`"), "{report}");
    assert!(report.contains("give the module with the disks a file of its own, or use `--nix`"), "{report}");
}

#[test]
fn a_default_of_disko_is_not_there_yet_and_that_is_told() {
    let report = report(
        "{ config, ... }: { disko.devices.disk.a = { device = \"/dev/sda\"; content.x = config.disko.devices.disk.a.name; }; }",
    );
    assert!(
        report.contains("`config.disko.devices.disk.a.name` is used, but the layout does not set it"),
        "{report}"
    );
    assert!(report.contains("write the value out"), "{report}");
    let report = self::report(
        "{ config, ... }: { disko.devices = { disk.a.content.partitions.swap.size = \"1G\"; nodev.x.device = config.disko.devices.disk.a.content.partitions.swap.device; }; }",
    );
    assert!(report.contains("partitions.swap.device` is used, but the layout does not set it"), "{report}");
    let given = "{ config, ... }: { disko.devices.disk.a = { device = config.disko.devices.disk.a.name or \"x\"; }; }";
    assert_eq!(devices(&[given])["disk"]["a"]["device"], "x");
}

#[test]
fn nixpkgs_of_a_flake_has_its_lib() {
    let text = "{ inputs, nixpkgs, ... }: { disko.devices.disk = { a.device = inputs.nixpkgs.lib.concatStrings [ \"/dev\" \"/sda\" ]; b.device = nixpkgs.lib.removePrefix \"x\" \"x/dev/sdb\"; }; }";
    assert_eq!(devices(&[text])["disk"], json!({"a": {"device": "/dev/sda"}, "b": {"device": "/dev/sdb"}}));
}

/// Modules of flakes are passed over one by one, and each is told; nothing else that needs Nix is.
#[test]
fn modules_of_flakes_are_passed_over() {
    use landfall::layout::nix::{Arguments, evaluate_text};
    use landfall::layout::syntax::source::SourceMap;
    let text = r#"{ inputs, self, outputs, lib, ... }: {
        imports = [ inputs.disko.nixosModules.disko inputs.impermanence.nixosModules.impermanence self.nixosModules.base ]
            ++ (with inputs.nixos-hardware.nixosModules; [ common-pc-ssd ])
            ++ lib.optional true outputs.nixosModules.users;
        disko.devices.disk.a.device = "/dev/sda";
    }"#;
    let evaluated = evaluate_text("l.nix", text, &Arguments::new(), &mut SourceMap::new()).unwrap();
    assert_eq!(super::data(&evaluated.value)["disko"]["devices"]["disk"]["a"]["device"], "/dev/sda");
    let told: Vec<&str> = evaluated.findings.iter().map(|finding| finding.message.as_str()).collect();
    let reason = "needs a real Nix: landfall has no packages and no flake inputs";
    assert_eq!(
        told,
        ["inputs.impermanence", "self.nixosModules", "inputs.nixos-hardware", "outputs.nixosModules"]
            .map(|what| format!("this module is passed over: `{what}` {reason}"))
    );
    let report =
        report("{ inputs, ... }: { imports = builtins.attrValues inputs.self.nixosModules; disk = { }; }");
    assert!(report.contains("`inputs.self` needs a real Nix"), "{report}");
}
