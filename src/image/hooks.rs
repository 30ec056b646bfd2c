//! Hooks: shell that a layout has run around disko's own steps. None of it runs on the host that builds an image,
//! so who builds one is told what will be missing.

use serde_json::Value as Json;

use crate::layout::model::hooks::Hooks;

/// A remark that names the hooks of `layout` (the resolved one); `None` where it has none.
pub(super) fn note(layout: &Json) -> Option<String> {
    let mut found = Vec::new();
    collect(layout, "", &mut found);
    (!found.is_empty()).then(|| {
        format!(
            "hooks are shell and not run when an image is built; what they would have done is missing: {}",
            found.join(", ")
        )
    })
}

/// Adds the paths of all hooks with something in them.
fn collect(value: &Json, path: &str, found: &mut Vec<String>) {
    match value {
        Json::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                match value {
                    Json::String(text) if Hooks::NAMES.contains(&name.as_str()) => {
                        if !text.trim().is_empty() {
                            found.push(path);
                        }
                    }
                    other => collect(other, &path, found),
                }
            }
        }
        Json::Array(items) => items.iter().for_each(|item| collect(item, path, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_with_something_in_them_are_named_by_their_path() {
        let layout = serde_json::json!({ "disk": { "main": { "preCreateHook": " ", "content": {
            "partitions": [{ "postCreateHook": "echo made" }] } } } });
        let text = note(&layout).unwrap();
        assert!(text.ends_with("is missing: disk.main.content.partitions.postCreateHook"), "{text}");
        assert_eq!(note(&serde_json::json!({ "postMountHook": "" })), None);
    }
}
