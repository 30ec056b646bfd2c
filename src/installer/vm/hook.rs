//! Hooks as scripts: disko's own frame around them.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json};

/// A hook with something in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Its path in the layout: `disk.main.content.postCreateHook`.
    pub path: String,
    /// The shell text.
    pub text: String,
    /// The options beside it, which disko gives to hooks as variables.
    variables: Vec<(String, Json)>,
}

/// What a shell knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Bash, which has arrays.
    Bash,
    /// A shell of POSIX.
    Posix,
}

impl Hook {
    /// The hook `name` of the attribute set `set`, which is at `path` of the layout; `None` where it is empty.
    pub(super) fn of(set: &Map<String, Json>, path: &str, name: &str) -> Option<Self> {
        let text = set.get(name)?.as_str()?;
        if text.trim().is_empty() {
            return None;
        }
        let is_variable = |(key, value): &(&String, &Json)| {
            is_identifier(key) && !key.ends_with("Hook") && !value.is_null()
        };
        let variables = set.iter().filter(is_variable).map(|(key, value)| (key.clone(), value.clone()));
        Some(Self { path: format!("{path}.{name}"), text: text.to_owned(), variables: variables.collect() })
    }

    /// The whole script: variables, then the hook, which ends with the first command that fails.
    pub fn script(&self, dialect: Dialect) -> String {
        let mut script = String::from("set -efu\n");
        for (name, value) in &self.variables {
            // Writing to a String cannot fail.
            let _ = match value {
                Json::Array(items) if dialect == Dialect::Bash => {
                    let words: Option<Vec<String>> =
                        items.iter().map(|item| scalar(item).map(|text| quoted(&text))).collect();
                    words.map_or(Ok(()), |words| writeln!(script, "{name}=({})", words.join(" ")))
                }
                other => scalar(other).map_or(Ok(()), |text| writeln!(script, "{name}={}", quoted(&text))),
            };
        }
        script.push_str(&self.text);
        script.push('\n');
        script
    }
}

/// A value as Nix's `toString` has it; `None` for sets and lists.
fn scalar(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(true) => Some("1".to_owned()),
        Json::Bool(false) => Some(String::new()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Names that a shell takes for variables, but for those it lives by.
fn is_identifier(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|first| first.is_ascii_lowercase() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook() -> Hook {
        let set = serde_json::json!({
            "device": "/dev/disk/by-partlabel/o'clock", "priority": 3, "resume": true, "content": {}, "mountpoint": null,
            "extraArgs": ["-L", "a b"], "postCreateHook": "echo \"$device\"", "preCreateHook": " ", "PATH": "/evil",
        });
        Hook::of(set.as_object().unwrap(), "disk.main.content", "postCreateHook").unwrap()
    }

    #[test]
    fn options_are_variables_of_the_hook() {
        let script = hook().script(Dialect::Bash);
        assert_eq!(
            script,
            "set -efu\ndevice='/dev/disk/by-partlabel/o'\\''clock'\nextraArgs=('-L' 'a b')\npriority='3'\nresume='1'\n\
             echo \"$device\"\n"
        );
        assert!(!hook().script(Dialect::Posix).contains("extraArgs"));
    }

    #[test]
    fn an_empty_hook_is_none() {
        let set = serde_json::json!({ "preCreateHook": "\n" });
        assert_eq!(Hook::of(set.as_object().unwrap(), "disk.main", "preCreateHook"), None);
        assert_eq!(Hook::of(set.as_object().unwrap(), "disk.main", "postCreateHook"), None);
        assert_eq!(hook().path, "disk.main.content.postCreateHook");
    }
}
