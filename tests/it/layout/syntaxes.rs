//! One layout, several syntaxes, one result.

use serde_json::json;

use super::{Json, Layout, Source, disko, examples, json_file};

/// Leaves out what TOML cannot say.
fn without_nulls(value: &Json) -> Json {
    match value {
        Json::Object(map) => map
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), without_nulls(value)))
            .collect(),
        Json::Array(list) => list.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

fn resolved(source: Source) -> Json {
    match Layout::parse(source) {
        Ok((layout, _)) => layout.resolved_json(),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_layout_in_toml_is_the_same_as_in_json() {
    for name in examples() {
        let input = without_nulls(&json_file(&format!("{name}.input.json")));
        for text in [toml::to_string(&input).unwrap(), toml::to_string_pretty(&input).unwrap()] {
            let toml = Source::Toml { name: name.clone(), text: text.into_bytes() };
            let json = Source::Json { name: name.clone(), text: input.to_string().into_bytes() };
            assert_eq!(resolved(toml), resolved(json), "{name}");
        }
    }
}

#[test]
fn devices_are_found_wherever_documents_have_them() {
    let devices = std::fs::read_to_string(disko().join("simple-efi.input.json")).unwrap();
    let expected = json_file("simple-efi.resolved.json");
    for text in [
        devices.clone(),
        format!("\u{feff}{devices}"),
        format!("{{\"devices\": {devices}}}"),
        format!("{{\"disko\": {{\"devices\": {devices}}}}}"),
        format!(
            "{{\"disko\": {{\"devices\": {devices}, \"memSize\": 2048}}, \"fileSystems\": {{\"/\": 1}}}}"
        ),
        format!("{{\"disko.devices\": {devices}}}"),
    ] {
        let source = Source::Json { name: "x.json".to_owned(), text: text.clone().into_bytes() };
        assert_eq!(resolved(source), expected, "{text}");
    }
}

/// A layout file that Nix prints as it stands has the marks of modules in it.
#[test]
fn marks_of_modules_have_their_meaning_in_data() {
    let mark = |kind: &str, priority: i64, content: Json| json!({ "_type": kind, "priority": priority, "content": content });
    let choice =
        |condition: bool, content: Json| json!({ "_type": "if", "condition": condition, "content": content });
    let merge = |contents: Json| json!({ "_type": "merge", "contents": contents });
    let partition = |size: Json| json!({ "root": { "size": size } });
    let marked = json!({ "disk": merge(json!([
        { "main": {
            "type": "disk",
            "device": mark("override", 1000, json!("/dev/sda")),
            "content": { "type": "gpt", "partitions": merge(json!([
                choice(true, partition(mark("override", 1000, json!("1G")))),
                choice(false, json!({ "swap": { "size": "1G" } })),
                partition(json!("100%")),
            ])) },
        } },
        { "main": mark("override", 100, json!({ "device": "/dev/vda", "content": { "partitions": { "root": {
            "attributes": merge(json!([mark("order", 1500, json!([2])), [1], mark("order", 500, json!([0]))])),
        } } } })) },
        choice(false, json!({ "other": { "device": "/dev/sdb" } })),
    ])) });
    let plain = json!({ "disk": { "main": {
        "type": "disk", "device": "/dev/vda",
        "content": { "type": "gpt", "partitions": { "root": { "size": "100%", "attributes": [0, 1, 2] } } },
    } } });
    let source =
        |value: &Json| Source::Json { name: "x.json".to_owned(), text: value.to_string().into_bytes() };
    assert_eq!(resolved(source(&marked)), resolved(source(&plain)));
    let twice = json!({ "disk": merge(json!([{ "a": { "device": "/dev/sda" } }, { "a": { "device": "/dev/sdb" } }])) });
    let error = Layout::parse(source(&twice)).unwrap_err();
    assert_eq!(error.items[0].message, "this is defined twice, with different values");
}
