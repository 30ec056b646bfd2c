//! The published JSON schema of plans.

use std::path::Path;

use landfall::plan::Plan;
use serde_json::Value as Json;

use super::disko::{examples, layout, request};

/// Whether `value` is what `schema` allows: the part of JSON schema that ours uses. The first thing that is wrong, else `None`.
pub fn violation(value: &Json, schema: &Json, root: &Json, path: &str) -> Option<String> {
    if let Some(name) = schema.get("$ref").and_then(Json::as_str) {
        let definition =
            root.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("{name} is not defined"));
        if let Some(wrong) = violation(value, definition, root, path) {
            return Some(wrong);
        }
    }
    if let Some(expected) = schema.get("const").filter(|expected| *expected != value) {
        return Some(format!("{path}: {value} is not {expected}"));
    }
    if let Some(allowed) =
        schema.get("enum").and_then(Json::as_array).filter(|allowed| !allowed.contains(value))
    {
        return Some(format!("{path}: {value} is none of {allowed:?}"));
    }
    for keyword in ["oneOf", "anyOf"] {
        let Some(choices) = schema.get(keyword).and_then(Json::as_array) else { continue };
        let wrong: Vec<String> =
            choices.iter().filter_map(|choice| violation(value, choice, root, path)).collect();
        if wrong.len() == choices.len() {
            return Some(format!("{path}: no choice of {keyword} fits: {wrong:?}"));
        }
    }
    let types: Vec<&str> = match schema.get("type") {
        Some(Json::String(one)) => vec![one],
        Some(Json::Array(several)) => several.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    };
    if !types.is_empty() && !types.iter().any(|kind| is(value, kind)) {
        return Some(format!("{path}: {value} is not {types:?}"));
    }
    match value {
        Json::Object(map) => object_violation(map, schema, root, path),
        Json::Array(items) => items.iter().enumerate().find_map(|(index, item)| {
            violation(item, schema.get("items")?, root, &format!("{path}[{index}]"))
        }),
        _ => None,
    }
}

fn is(value: &Json, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => panic!("the schema has the type {other}"),
    }
}

fn object_violation(
    map: &serde_json::Map<String, Json>,
    schema: &Json,
    root: &Json,
    path: &str,
) -> Option<String> {
    let required =
        schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
    if let Some(missing) = required.into_iter().find(|name| !map.contains_key(*name)) {
        return Some(format!("{path}: `{missing}` is missing"));
    }
    map.iter().find_map(|(name, value)| {
        let known = schema.get("properties").and_then(|properties| properties.get(name));
        let rule = known.or_else(|| schema.get("additionalProperties"))?;
        violation(value, rule, root, &format!("{path}.{name}"))
    })
}

#[test]
fn every_plan_follows_the_schema() {
    let schema = Plan::json_schema();
    for example in examples() {
        let plan = Plan::new(&layout(&example), &request("*=64G")).unwrap();
        assert_eq!(violation(&plan.json(), &schema, &schema, "plan"), None, "{example}");
    }
}

/// The check can fail.
#[test]
fn what_is_not_a_plan_violates_the_schema() {
    let schema = Plan::json_schema();
    let plan = Plan::new(&layout("luks-lvm"), &request("*=64G")).unwrap().json();
    for pointer in
        ["/disks/main/size", "/disks/main/table/partitions/0/start", "/boot/esp/0/number", "/steps/0/action"]
    {
        let mut wrong = plan.clone();
        *wrong.pointer_mut(pointer).unwrap() = Json::String("wrong".to_owned());
        assert!(violation(&wrong, &schema, &schema, "plan").is_some(), "{pointer}");
    }
    let mut wrong = plan.clone();
    wrong.as_object_mut().unwrap().remove("disks");
    assert!(violation(&wrong, &schema, &schema, "plan").is_some());
}

#[test]
fn the_published_schema_is_that_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/plan.schema.json");
    let made = format!("{}\n", serde_json::to_string_pretty(&Plan::json_schema()).unwrap());
    if std::env::var_os("LANDFALL_BLESS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        published == made,
        "{} is not what the code says; run the test with LANDFALL_BLESS=1",
        path.display()
    );
}
