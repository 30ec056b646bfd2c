//! Paths as Nix writes them: absolute, without `.`, `..`, double or trailing slashes. Nothing here looks at the disk.

use super::text::Text;

/// The normal form of an absolute path. `..` at the root stays at the root.
pub(super) fn normal(path: &[u8]) -> Text {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    if parts.is_empty() {
        return Text::from("/");
    }
    let mut joined = Vec::with_capacity(path.len() + 1);
    for part in parts {
        joined.push(b'/');
        joined.extend_from_slice(part);
    }
    joined.into()
}

/// `path` seen from `folder`, normal.
pub(super) fn resolve(folder: &Text, path: &[u8]) -> Text {
    if path.first() == Some(&b'/') {
        return normal(path);
    }
    normal(&[&**folder, b"/", path].concat())
}

/// What follows the last slash, one trailing slash aside, as `baseNameOf` gives it.
pub(super) fn base_name(path: &[u8]) -> &[u8] {
    let path = path.strip_suffix(b"/").unwrap_or(path);
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => path.get(slash + 1..).unwrap_or_default(),
        None => path,
    }
}

/// What comes before the last slash, as `dirOf` gives it: `.` without a slash, `/` for names in the root.
pub(super) fn folder(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(0) => b"/",
        Some(slash) => path.get(..slash).unwrap_or_default(),
        None => b".",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_normal() {
        let cases = [("/a/./b/../c//", "/a/c"), ("/..", "/"), ("/", "/"), ("//a", "/a")];
        for (given, wanted) in cases {
            assert_eq!(normal(given.as_bytes()), *wanted, "{given}");
        }
        assert_eq!(resolve(&Text::from("/x/y"), b"../z"), *"/x/z");
    }

    #[test]
    fn names_and_folders() {
        let cases =
            [("/a/b", "b", "/a"), ("a", "a", "."), ("/a", "a", "/"), ("a/b/", "b", "a/b"), ("", "", ".")];
        for (path, name, dir) in cases {
            assert_eq!(base_name(path.as_bytes()), name.as_bytes(), "{path}");
            assert_eq!(folder(path.as_bytes()), dir.as_bytes(), "{path}");
        }
    }
}
