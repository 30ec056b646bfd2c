//! Shell commands that a layout may have disko run around its own.

use serde_json::{Map, Value as Json};

use super::scope::Scope;
use crate::layout::options::reader::SetReader;

/// The six hooks. They are carried along; what runs them, if anything, is up to the mode (an image is built without them).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hooks {
    /// Before the thing is made.
    pub pre_create: String,
    /// After it is made.
    pub post_create: String,
    /// Before it is mounted.
    pub pre_mount: String,
    /// After it is mounted.
    pub post_mount: String,
    /// Before it is unmounted.
    pub pre_unmount: String,
    /// After it is unmounted.
    pub post_unmount: String,
}

impl Hooks {
    /// Their names in the language.
    pub const NAMES: [&'static str; 6] = [
        "preCreateHook",
        "postCreateHook",
        "preMountHook",
        "postMountHook",
        "preUnmountHook",
        "postUnmountHook",
    ];

    /// Name and text of each, in the order of [`Hooks::NAMES`].
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let texts = [
            &self.pre_create,
            &self.post_create,
            &self.pre_mount,
            &self.post_mount,
            &self.pre_unmount,
            &self.post_unmount,
        ];
        Self::NAMES.into_iter().zip(texts.map(String::as_str))
    }

    /// Whether there is no command in any of them.
    pub fn is_empty(&self) -> bool {
        self.iter().all(|(_, text)| text.trim().is_empty())
    }

    pub(crate) fn read(set: &mut SetReader<'_>) -> Self {
        let [pre_create, post_create, pre_mount, post_mount, pre_unmount, post_unmount] =
            Self::NAMES.map(|name| set.take::<String>(name, &Scope::default()).unwrap_or_default());
        Self { pre_create, post_create, pre_mount, post_mount, pre_unmount, post_unmount }
    }

    pub(crate) fn resolved(&self, into: &mut Map<String, Json>) {
        into.extend(self.iter().map(|(name, text)| (name.to_owned(), text.into())));
    }

    pub(crate) fn schema(into: &mut Map<String, Json>) {
        for name in Self::NAMES {
            let when = name.strip_suffix("Hook").unwrap_or(name);
            let (order, step) = when.split_at(if when.starts_with("pre") { 3 } else { 4 });
            let order = if order == "pre" { "before" } else { "after" };
            let description = format!("Shell commands to run {order} {}", step.to_lowercase());
            into.insert(
                name.to_owned(),
                serde_json::json!({ "type": "string", "default": "", "description": description }),
            );
        }
    }
}
