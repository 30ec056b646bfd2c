//! Evaluation sees the files of the layout's folder and nothing else.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use landfall::layout::nix::{Arguments, NixError, NixErrorKind, evaluate};
use landfall::layout::syntax::source::SourceMap;
use serde_json::{Value as Json, json};

use super::data;

/// A folder `outer/layout` with a layout and files beside and above it.
fn folder() -> tempfile::TempDir {
    let outer = tempfile::tempdir().unwrap();
    let inner = outer.path().join("layout");
    fs::create_dir_all(inner.join("parts")).unwrap();
    fs::write(outer.path().join("secret.nix"), "\"secret\"").unwrap();
    fs::write(inner.join("size.nix"), "\"1G\"").unwrap();
    fs::write(inner.join("parts/default.nix"), "{ size }: { root.size = size; }").unwrap();
    fs::write(inner.join("parts/up.nix"), "import ../size.nix").unwrap();
    fs::write(inner.join("text"), "line\n").unwrap();
    fs::write(inner.join("data.json"), "{\"a\": [1]}").unwrap();
    symlink("size.nix", inner.join("inside.nix")).unwrap();
    symlink("../secret.nix", inner.join("outside.nix")).unwrap();
    symlink("nowhere", inner.join("dangling.nix")).unwrap();
    symlink("..", inner.join("above")).unwrap();
    outer
}

/// The value of an expression that stands in a layout of that folder.
fn value(outer: &Path, expression: &str) -> Result<Json, NixError> {
    let file = outer.join("layout/layout.nix");
    fs::write(&file, format!("{{ lib, ... }}: {{ disko.devices.x = {expression}; }}")).unwrap();
    let evaluated = evaluate(&file, &Arguments::new(), &mut SourceMap::new())?;
    Ok(data(&evaluated.value)["disko"]["devices"]["x"].clone())
}

#[test]
fn files_of_the_folder_are_read() {
    let outer = folder();
    let cases = [
        ("import ./size.nix", json!("1G")),
        ("import ./parts { size = \"2G\"; }", json!({"root": {"size": "2G"}})),
        ("import ./parts/up.nix", json!("1G")),
        ("import ./inside.nix", json!("1G")),
        ("import (./. + \"/size.nix\")", json!("1G")),
        ("import ./${\"size\"}.nix", json!("1G")),
        ("import ./parts/../size.nix", json!("1G")),
        ("builtins.readFile ./text", json!("line\n")),
        ("lib.fileContents ./text", json!("line")),
        ("lib.importJSON ./data.json", json!({"a": [1]})),
        ("builtins.pathExists ./text", json!(true)),
        ("builtins.pathExists ./nosuch", json!(false)),
        ("builtins.pathExists ./nosuch/deeper", json!(false)),
        ("(builtins.readDir ./parts)", json!({"default.nix": "regular", "up.nix": "regular"})),
        ("(builtins.readDir ./.).\"inside.nix\"", json!("symlink")),
        ("builtins.hashFile \"md5\" ./text == builtins.hashString \"md5\" \"line\\n\"", json!(true)),
        ("baseNameOf ./text", json!("text")),
    ];
    for (expression, meant) in cases {
        let found = value(outer.path(), expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
        assert_eq!(found, meant, "{expression}");
    }
}

#[test]
fn nothing_outside_the_folder_is_seen() {
    let outer = folder();
    let cases = [
        "import ../secret.nix",
        "import ./../secret.nix",
        "import (./. + \"/../secret.nix\")",
        "import ./outside.nix",
        "import ./above/secret.nix",
        "builtins.readFile /etc/passwd",
        "builtins.readFile \"/etc/passwd\"",
        "builtins.readFile /dev/zero",
        "builtins.readDir /.",
        "builtins.readDir ./..",
        "builtins.pathExists /etc/passwd",
        "builtins.pathExists ../secret.nix",
        "builtins.hashFile \"sha256\" /etc/passwd",
        "\"${../secret.nix}\"",
        "\"${/etc/passwd}\"",
        "builtins.readFile ~/x",
        "builtins.currentTime",
    ];
    for expression in cases {
        let error = value(outer.path(), expression).expect_err(expression);
        assert_eq!(error.kind, NixErrorKind::Purity, "{expression}: {error}");
    }
}

#[test]
fn the_environment_is_empty() {
    let outer = folder();
    assert_eq!(value(outer.path(), "builtins.getEnv \"PATH\"").unwrap(), json!(""));
    assert_eq!(value(outer.path(), "builtins.nixPath").unwrap(), json!([]));
}

#[test]
fn refusals_name_the_file_as_the_user_knows_it() {
    let outer = folder();
    let message = |expression: &str| value(outer.path(), expression).unwrap_err().message;
    let shown = outer.path().join("layout");
    let shown = shown.display();
    assert_eq!(message("import ./nosuch.nix"), format!("`{shown}/nosuch.nix` does not exist"));
    assert_eq!(message("import ./dangling.nix"), format!("`{shown}/dangling.nix` does not exist"));
    assert_eq!(
        message("import ./outside.nix"),
        format!("`{shown}/outside.nix` is a symbolic link out of the layout's folder")
    );
    assert_eq!(message("builtins.readFile /etc/passwd"), "`/etc/passwd` lies outside the layout's folder");
    assert_eq!(message("builtins.readFile ./parts"), format!("`{shown}/parts` is not a regular file"));
}

#[test]
fn a_path_in_a_string_must_exist() {
    let outer = folder();
    let text = value(outer.path(), "\"${./text}\"").unwrap();
    assert!(text.as_str().unwrap().ends_with("/layout/text"), "{text}");
    assert_eq!(value(outer.path(), "\"${./nosuch}\"").unwrap_err().kind, NixErrorKind::Input);
    assert!(value(outer.path(), "toString ./nosuch").is_ok());
}

#[test]
fn files_that_import_each_other_are_refused() {
    let outer = folder();
    let inner = outer.path().join("layout");
    fs::write(inner.join("a.nix"), "import ./b.nix").unwrap();
    fs::write(inner.join("b.nix"), "import ./a.nix").unwrap();
    let error = value(outer.path(), "import ./a.nix").unwrap_err();
    assert_eq!(error.kind, NixErrorKind::Recursion);
    assert!(error.message.ends_with("a.nix` imports itself, directly or through other files"), "{error}");
    fs::write(inner.join("layout.nix"), "{ imports = [ ./one.nix ]; }").unwrap();
    fs::write(inner.join("one.nix"), "{ imports = [ ./two.nix ./layout.nix ]; disko.devices.disk.a.x = 1; }")
        .unwrap();
    fs::write(inner.join("two.nix"), "{ imports = [ ./one.nix ]; disko.devices.disk.b.x = 2; }").unwrap();
    let evaluated = evaluate(&inner.join("layout.nix"), &Arguments::new(), &mut SourceMap::new()).unwrap();
    assert_eq!(data(&evaluated.value)["disko"]["devices"]["disk"], json!({"a": {"x": 1}, "b": {"x": 2}}));
}

#[test]
fn a_flake_is_recognised() {
    let outer = folder();
    let flake = outer.path().join("flake.nix");
    fs::write(&flake, "{ outputs = { self }: { }; }").unwrap();
    let error = evaluate(&flake, &Arguments::new(), &mut SourceMap::new()).unwrap_err();
    assert_eq!(error.kind, NixErrorKind::NeedsNix);
    assert_eq!(
        error.message,
        format!("`{}` is a flake, which only a real Nix can evaluate", flake.display())
    );
}

#[test]
fn a_layout_reached_by_a_link_reads_the_folder_that_it_is_in() {
    let outer = folder();
    let link = outer.path().join("link.nix");
    fs::write(outer.path().join("layout/real.nix"), "{ disko.devices.x = import ./size.nix; }").unwrap();
    symlink("layout/real.nix", &link).unwrap();
    let evaluated = evaluate(&link, &Arguments::new(), &mut SourceMap::new()).unwrap();
    assert_eq!(data(&evaluated.value)["disko"]["devices"]["x"], "1G");
}
