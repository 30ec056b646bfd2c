//! The fields of `os-release` that name a system.

/// The value of `NAME`: the distribution without a version.
pub(super) fn name(text: &str) -> Option<String> {
    field(text, "NAME")
}

/// The value of `key`, unless it is empty. Values are quoted as in a shell (os-release(5)).
pub fn field(text: &str, key: &str) -> Option<String> {
    let mut values = text.lines().filter_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='));
    let value = unquoted(values.next()?);
    (!value.is_empty()).then_some(value)
}

fn unquoted(value: &str) -> String {
    let single = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\''));
    if let Some(literal) = single {
        return literal.to_owned();
    }
    let double = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    let mut characters = double.unwrap_or(value).chars();
    let mut text = String::new();
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.extend(characters.next()),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_unquoted() {
        for (line, expected) in [
            ("NAME=NixOS", Some("NixOS")),
            ("NAME=\"Our \\\"OS\\\"\"", Some("Our \"OS\"")),
            ("NAME='a b'", Some("a b")),
            ("NAME=", None),
            ("PRETTY_NAME=x", None),
        ] {
            let text = format!("ID=x\n{line}\nVERSION=1\n");
            assert_eq!(name(&text).as_deref(), expected, "{line}");
        }
    }
}
