//! Layouts as people write them: each has the value recorded beside it, which Nix itself gives where it can say so.

use std::path::{Path, PathBuf};
use std::process::Command;

use landfall::layout::nix::{Argument, Arguments, NixErrorKind, evaluate, evaluate_by_nix};
use landfall::layout::syntax::source::SourceMap;
use landfall::layout::syntax::value::{Kind, Value};
use serde_json::Value as Json;

use super::{corpus, data, library};
use crate::oracle::require_tool;

/// The layouts' files, sorted.
fn files() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(corpus("layouts")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "nix")).collect();
    files.sort();
    files
}

/// The value of a layout's file.
fn value(file: &Path) -> (Value, SourceMap) {
    let mut sources = SourceMap::new();
    match evaluate(file, &Arguments::new(), &mut sources) {
        Ok(evaluated) => (evaluated.value, sources),
        Err(error) => panic!("{}", error.report(&sources)),
    }
}

/// The devices, whether they stand under `disko.devices` or alone.
fn devices(layout: &Json) -> Json {
    layout.get("disko").map_or_else(|| layout.clone(), |disko| disko["devices"].clone())
}

#[test]
fn every_layout_has_its_recorded_value() {
    assert!(files().len() >= 12, "{} layouts", files().len());
    for file in files() {
        let found = format!("{:#}\n", data(&value(&file).0));
        let record = file.with_extension("json");
        if std::env::var_os("LANDFALL_RECORD").is_some() {
            std::fs::write(&record, &found).unwrap();
        }
        let meant = std::fs::read_to_string(&record).unwrap_or_default();
        assert!(
            found == meant,
            "{} is not what {} records (LANDFALL_RECORD=1 records anew):\n{found}",
            file.display(),
            record.display()
        );
    }
}

#[test]
fn nix_gives_the_same_value_where_no_module_system_is_needed() {
    let Some(tool) = require_tool("nix-instantiate") else { return };
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("lib")).unwrap();
    std::fs::write(folder.path().join("lib/default.nix"), library()).unwrap();
    let mut compared = 0;
    for file in files() {
        let call = format!(
            "let f = import {}; v = if builtins.isFunction f then f {{ lib = import <nixpkgs/lib>; }} else f; \
             in assert !(v ? config) && !(v ? imports); v.disko.devices or v",
            file.display()
        );
        let output = Command::new(&tool)
            .args(["--eval", "--strict", "--json", "--expr", &call])
            .env("NIX_PATH", format!("nixpkgs={}", folder.path().display()))
            .output()
            .unwrap();
        if !output.status.success() {
            continue;
        }
        let nix: Json = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(devices(&data(&value(&file).0)), nix, "{}", file.display());
        compared += 1;
    }
    assert!(compared >= 7, "only {compared} layouts could be compared");
}

#[test]
fn values_know_the_text_that_made_them() {
    let (layout, sources) = value(&corpus("layouts/disks-argument.nix"));
    let at = |path: &[&str]| {
        let mut value = &layout;
        let mut name = None;
        for step in path {
            let Kind::Attrs(attrs) = &value.kind else { panic!("{step} is in no set") };
            let attr = attrs.get(step).unwrap_or_else(|| panic!("no {step}"));
            (value, name) = (&attr.value, Some(attr.name_span));
        }
        (sources.slice(name.unwrap()), sources.slice(value.span))
    };
    assert_eq!(at(&["disko", "devices", "disk", "vda", "device"]), ("device", "\"/dev/vda\""));
    assert_eq!(at(&["disko", "devices", "disk", "vda", "content", "type"]), ("type", "\"gpt\""));
    assert_eq!(at(&["disko", "devices", "disk", "vda"]).0, "nameOf device");
    assert_eq!(at(&["disko", "devices", "zpool", "tank", "mode"]).0, "mode");
    let dataset = at(&["disko", "devices", "zpool", "tank", "datasets", "local/nix"]);
    assert_eq!(dataset.0, "\"local/nix\"");
    assert!(dataset.1.starts_with("{\n            type = \"zfs_fs\""), "{}", dataset.1);
}

#[test]
fn no_place_is_in_a_text_that_the_user_does_not_have() {
    fn walk(value: &Value, sources: &SourceMap) {
        let check = |span| {
            let name = sources.name(landfall::layout::syntax::source::Span::source(span));
            assert!(!name.starts_with('<'), "a place in {name}");
        };
        check(value.span);
        match &value.kind {
            Kind::Attrs(attrs) => attrs.iter().for_each(|(_, attr)| {
                check(attr.name_span);
                walk(&attr.value, sources);
            }),
            Kind::List(items) => items.iter().for_each(|item| walk(item, sources)),
            _ => {}
        }
    }
    for file in files() {
        let (value, sources) = value(&file);
        walk(&value, &sources);
    }
}

#[test]
fn an_installed_nix_gives_the_same() {
    if require_tool("nix-instantiate").is_none() {
        return;
    }
    let file = corpus("layouts/plain.nix");
    let json: Json = serde_json::from_str(&evaluate_by_nix(&file, &Arguments::new()).unwrap()).unwrap();
    assert_eq!(json, data(&value(&file).0));
}

#[test]
fn a_failing_nix_is_heard() {
    if require_tool("nix-instantiate").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad \"${name}.nix");
    std::fs::write(&file, "{ disko.devices = throw \"told by the layout\"; }").unwrap();
    let arguments = Arguments::new().with("a", Argument::Text("\"${x}\\".into()));
    let error = evaluate_by_nix(&file, &arguments).unwrap_err();
    assert_eq!(error.kind, NixErrorKind::Program);
    assert!(error.message.contains("told by the layout"), "{error}");
}
