//! The JSON schema of layouts, and the reference of options: both made from the tables that parsing uses.

use std::path::Path;

use landfall::layout::schema;

use super::findings::is_blessing;
use super::{Json, examples, json_file};

/// Whether a value follows a schema: the part of JSON Schema that ours uses, except `pattern`.
fn follows(value: &Json, schema: &Json, root: &Json) -> bool {
    let Json::Object(rules) = schema else { return schema == &Json::Bool(true) };
    rules.iter().all(|(rule, argument)| match rule.as_str() {
        "$ref" => {
            let pointer = argument.as_str().unwrap().trim_start_matches('#');
            follows(value, root.pointer(pointer).unwrap(), root)
        }
        "type" => match argument.as_str().unwrap() {
            "null" => value.is_null(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64(),
            "string" => value.is_string(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            other => panic!("the schema has the type {other}"),
        },
        "const" => value == argument,
        "enum" => argument.as_array().unwrap().contains(value),
        "anyOf" => argument.as_array().unwrap().iter().any(|schema| follows(value, schema, root)),
        "oneOf" => {
            argument.as_array().unwrap().iter().filter(|schema| follows(value, schema, root)).count() == 1
        }
        "items" => {
            value.as_array().is_none_or(|list| list.iter().all(|value| follows(value, argument, root)))
        }
        "required" => value.as_object().is_none_or(|map| {
            argument.as_array().unwrap().iter().all(|name| map.contains_key(name.as_str().unwrap()))
        }),
        "properties" => value.as_object().is_none_or(|map| {
            let known = argument.as_object().unwrap();
            map.iter().all(|(name, value)| known.get(name).is_none_or(|schema| follows(value, schema, root)))
        }),
        "additionalProperties" => value.as_object().is_none_or(|map| {
            let known = rules.get("properties").and_then(Json::as_object);
            map.iter()
                .filter(|(name, _)| known.is_none_or(|known| !known.contains_key(*name)))
                .all(|(_, value)| argument != &Json::Bool(false) && follows(value, argument, root))
        }),
        "$schema" | "$id" | "$defs" | "title" | "description" | "default" | "pattern" => true,
        other => panic!("the schema has the rule {other}"),
    })
}

#[test]
fn every_example_of_disko_follows_the_schema() {
    let schema = schema::layout_schema();
    for name in examples() {
        for file in [format!("{name}.input.json"), format!("{name}.resolved.json")] {
            assert!(follows(&json_file(&file), &schema, &schema), "{file}");
        }
    }
}

#[test]
fn what_parsing_refuses_the_schema_refuses_too() {
    let schema = schema::layout_schema();
    for text in [
        r#"{"disk": {"a": {}}}"#,
        r#"{"disk": {"a": {"device": 1}}}"#,
        r#"{"disk": {"a": {"device": "/dev/x", "destory": true}}}"#,
        r#"{"disk": {"a": {"device": "/dev/x", "type": "disc"}}}"#,
        r#"{"disk": {"a": {"device": "/dev/x", "content": {"type": "gtp"}}}}"#,
        r#"{"disk": {"a": {"device": "/dev/x", "content": {}}}}"#,
        r#"{"mdadm": {"a": {"metadata": "2"}}}"#,
        r#"{"zpool": {"a": {"datasets": {"b": {}}}}}"#,
        r#"{"lvm_vg": {"a": {}}}"#,
        r#"{"diks": {}}"#,
        r#"[]"#,
    ] {
        let value: Json = serde_json::from_str(text).unwrap();
        assert!(!follows(&value, &schema, &schema), "{text}");
        let source = super::Source::Json { name: "x".to_owned(), text: text.as_bytes().to_vec() };
        assert!(super::Layout::parse(source).is_err(), "{text}");
    }
}

#[test]
fn the_published_schema_and_reference_are_those_of_the_code() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let schema = format!("{}\n", serde_json::to_string_pretty(&schema::layout_schema()).unwrap());
    for (file, made) in [("layout.schema.json", schema), ("layout-options.md", schema::reference())] {
        let path = docs.join(file);
        if is_blessing() {
            std::fs::create_dir_all(&docs).unwrap();
            std::fs::write(&path, &made).unwrap();
        }
        let published = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            published == made,
            "docs/{file} is not what the code says; run the test with LANDFALL_BLESS=1"
        );
    }
}
