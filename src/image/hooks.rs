//! Hooks that are left out: shell that a layout has run around disko's own steps. None of it runs on the host that builds
//! an image or on the machine that is installed, so who does that is told what will be missing.

use serde_json::Value as Json;

use crate::plan::machine::hook_paths;

/// A remark that names the hooks of `layout` (the resolved one); `None` where it has none.
pub(super) fn note(layout: &Json) -> Option<String> {
    let found = hook_paths(layout);
    (!found.is_empty()).then(|| {
        format!("hooks are shell and are not run; what they would have done is missing: {}", found.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_that_are_left_out_are_named() {
        let layout = serde_json::json!({ "disk": { "main": { "preCreateHook": "echo made" } } });
        let text = note(&layout).unwrap();
        assert!(text.ends_with("is missing: disk.main.preCreateHook"), "{text}");
        assert_eq!(note(&serde_json::json!({ "postMountHook": "" })), None);
    }
}
