//! What people are told: for each layout in `findings/`, the exact text beside it.
//!
//! `LANDFALL_BLESS=1` writes the texts anew; read the difference before committing it.

use std::path::{Path, PathBuf};

use super::{Diagnostic, Json, Layout, Source, Style, render};

/// The folder with the layouts and the texts.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/layout/findings")
}

/// Whether goldens are written instead of compared.
pub(super) fn is_blessing() -> bool {
    std::env::var_os("LANDFALL_BLESS").is_some()
}

/// The layouts of the folder by file name.
fn layouts() -> Vec<String> {
    let names =
        std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> =
        names.filter(|name| name.ends_with(".json") || name.ends_with(".toml")).collect();
    names.sort();
    assert!(names.len() > 30, "the corpus is not there");
    names
}

/// What parsing a text finds, as text and as data, and whether the layout can be used.
fn findings(name: &str, text: Vec<u8>) -> (String, Json, bool) {
    let name = name.to_owned();
    let source = match name.ends_with(".toml") {
        true => Source::Toml { name, text },
        false => Source::Json { name, text },
    };
    let tell = |findings: &[Diagnostic], sources: &_| {
        (render::render(findings, sources, Style::Plain), render::to_json(findings, sources))
    };
    match Layout::parse(source) {
        Ok((layout, findings)) => {
            let (text, data) = tell(&findings, layout.sources());
            (text, data, true)
        }
        Err(error) => {
            let (text, data) = tell(&error.items, &error.sources);
            (text, data, false)
        }
    }
}

#[test]
fn each_mistake_is_told_in_the_words_agreed_on() {
    let mut wrong = Vec::new();
    for name in layouts() {
        let (mut text, _, is_usable) = findings(&name, std::fs::read(folder().join(&name)).unwrap());
        text.push_str(if is_usable {
            "\n\n(the layout can be used)\n"
        } else {
            "\n\n(the layout is refused)\n"
        });
        let golden = folder().join(format!("{name}.txt"));
        if is_blessing() {
            std::fs::write(&golden, &text).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        if text != expected {
            wrong.push(format!("{name}\n--- expected\n{expected}\n--- told\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_finding_has_a_place_a_stable_code_and_is_plain_text() {
    for name in layouts() {
        let (text, data, _) = findings(&name, std::fs::read(folder().join(&name)).unwrap());
        assert!(!text.contains('\u{1b}'), "{name} has escape sequences");
        let data = data.as_array().unwrap();
        assert!(!data.is_empty(), "{name} has no findings");
        for finding in data {
            let code = finding["code"].as_str().unwrap();
            assert!(
                code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-' || byte.is_ascii_digit()),
                "{code}"
            );
            let message = finding["message"].as_str().unwrap();
            assert!(!message.ends_with('.') && !message.starts_with(char::is_uppercase), "{message}");
            assert!(finding["place"]["line"].as_u64().unwrap() >= 1, "{name}: {finding}");
        }
    }
}

#[test]
fn a_layout_as_one_long_line_is_shown_around_the_mistake() {
    let many: Vec<String> = (0..3000)
        .map(|n| format!("\"d{n}\": {{ \"device\": \"/dev/disk/by-id/some-disk-{n}\", \"destory\": false }}"))
        .collect();
    let text = format!("{{ \"disk\": {{ {} }} }}", many.join(", "));
    let (told, _, _) = findings("long.json", text.into_bytes());
    assert!(told.contains("did you mean `destroy`?"), "{told:.2000}");
    assert!(told.lines().all(|line| line.len() < 1000), "a line is too long to read");
    assert!(told.ends_with("… and 400 more findings"), "{}", told.lines().last().unwrap_or_default());
}
