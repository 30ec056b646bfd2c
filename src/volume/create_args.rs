//! Words that layouts pass to the programs which make volumes (`mdadm --create`, `lvcreate`).

/// An argument's name and the value that is glued to it: `--chunk=64`, `-c64`.
pub(super) fn split(word: &str) -> (&str, Option<&str>) {
    if word.starts_with("--") {
        return word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
    }
    match word.split_at_checked(2) {
        Some((name, "")) => (name, None),
        Some((name, value)) => (name, Some(value.trim_start_matches('='))),
        None => (word, None),
    }
}
