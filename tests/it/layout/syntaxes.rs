//! One layout, several syntaxes, one result.

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
