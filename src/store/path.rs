//! Store paths: `/nix/store/HASH-NAME`.

use std::fmt;
use std::sync::Arc;

use super::hash::is_nix32;

/// The store directory of every system that we build.
///
/// Nix can be compiled with another one, but binary caches hold paths of this one only.
pub const STORE_DIR: &str = "/nix/store";

/// Characters of the hash part: 160 bits in Nix's base 32.
const HASH_LEN: usize = 32;

/// Longest name behind the hash part, so that the base name with `.lock` or `.drv` still fits 255
/// bytes (Nix manual, "Store Path").
const NAME_MAX: usize = 211;

/// A path directly below the store directory.
///
/// Ordered by its text, the order in which Nix lists references.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorePath(Arc<str>);

/// Why some text is no store path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a store path: {why}")]
pub struct StorePathError {
    text: String,
    why: &'static str,
}

impl StorePath {
    /// The path with this base name, `HASH-NAME`.
    ///
    /// # Errors
    ///
    /// When the hash part is not 32 characters of Nix's base 32, or the name is empty, longer than 211
    /// bytes or holds other characters than letters, digits and `+-._?=`.
    pub fn from_base_name(base_name: &str) -> Result<Self, StorePathError> {
        match unfit(base_name) {
            Some(why) => Err(StorePathError { text: base_name.to_owned(), why }),
            None => Ok(Self(base_name.into())),
        }
    }

    /// The path of an absolute name, `/nix/store/HASH-NAME`, without anything behind it.
    pub fn from_absolute(path: &str) -> Result<Self, StorePathError> {
        match Self::split(path)? {
            (store_path, "") => Ok(store_path),
            _ => Err(StorePathError { text: path.to_owned(), why: "it names something inside of one" }),
        }
    }

    /// Splits an absolute name into the store path and what follows it, without slashes at its ends:
    /// `/nix/store/HASH-NAME/bin/sh` gives `bin/sh`.
    pub fn split(path: &str) -> Result<(Self, &str), StorePathError> {
        let error = |why| StorePathError { text: path.to_owned(), why };
        let inside = path.strip_prefix(STORE_DIR).and_then(|rest| rest.strip_prefix('/'));
        let inside = inside.ok_or_else(|| error("it is not below /nix/store"))?;
        let (base_name, rest) = inside.split_once('/').unwrap_or((inside, ""));
        match unfit(base_name) {
            Some(why) => Err(error(why)),
            None => Ok((Self(base_name.into()), rest.trim_matches('/'))),
        }
    }

    /// The last part of the path: `HASH-NAME`.
    pub fn base_name(&self) -> &str {
        &self.0
    }

    /// The 32 characters in front of the name.
    pub fn hash_part(&self) -> &str {
        &self.0[..HASH_LEN]
    }

    /// The name behind the hash part.
    pub fn name(&self) -> &str {
        &self.0[HASH_LEN + 1..]
    }

    /// Whether it is a derivation: a recipe, not a result.
    pub fn is_derivation(&self) -> bool {
        self.0.ends_with(".drv")
    }
}

/// What is wrong with a base name.
fn unfit(base_name: &str) -> Option<&'static str> {
    let Some((hash_part, rest)) = base_name.split_at_checked(HASH_LEN) else {
        return Some("its hash part has fewer than 32 characters");
    };
    if !is_nix32(hash_part) {
        return Some("its first 32 characters are not Nix's base 32");
    }
    let Some(name) = rest.strip_prefix('-') else {
        return Some("no `-` follows its hash part");
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._?=".contains(&byte);
    match name {
        "" => Some("its name is empty"),
        "." | ".." => Some("its name names a directory itself"),
        _ if name.len() > NAME_MAX => Some("its name is longer than 211 characters"),
        _ if !name.bytes().all(allowed) => {
            Some("its name holds other characters than letters, digits and +-._?=")
        }
        _ => None,
    }
}

/// The absolute path.
impl fmt::Display for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{STORE_DIR}/{}", self.0)
    }
}

impl fmt::Debug for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "nqxa5k8g6ny7l8ckvlpnxs4796chcyw8-src";

    #[test]
    fn a_path_is_split_into_its_parts() {
        let path = StorePath::from_absolute(&format!("/nix/store/{BASE}")).unwrap();
        assert_eq!(path, StorePath::from_base_name(BASE).unwrap());
        assert_eq!((path.hash_part(), path.name()), ("nqxa5k8g6ny7l8ckvlpnxs4796chcyw8", "src"));
        assert_eq!(path.to_string(), format!("/nix/store/{BASE}"));
        let inside = format!("/nix/store/{BASE}/bin/sh/");
        assert_eq!(StorePath::split(&inside).unwrap(), (path, "bin/sh"));
    }

    #[test]
    fn what_is_no_store_path_says_why() {
        let hash = &BASE[..32];
        let cases = [
            ("/nix/store".to_owned(), "it is not below /nix/store"),
            ("/nix/storeroom/x".to_owned(), "it is not below /nix/store"),
            ("/nix/store/short-x".to_owned(), "its hash part has fewer than 32 characters"),
            (
                format!("/nix/store/{}-x", hash.replace('a', "e")),
                "its first 32 characters are not Nix's base 32",
            ),
            (format!("/nix/store/{hash}x"), "no `-` follows its hash part"),
            (format!("/nix/store/{hash}-"), "its name is empty"),
            (format!("/nix/store/{hash}-.."), "its name names a directory itself"),
            (format!("/nix/store/{hash}-{}", "n".repeat(212)), "its name is longer than 211 characters"),
            (
                format!("/nix/store/{hash}-a b"),
                "its name holds other characters than letters, digits and +-._?=",
            ),
            (format!("/nix/store/{BASE}/bin"), "it names something inside of one"),
        ];
        for (text, why) in cases {
            let message = StorePath::from_absolute(&text).unwrap_err().to_string();
            assert_eq!(message, format!("`{text}` is not a store path: {why}"));
        }
    }

    #[test]
    fn characters_of_several_bytes_do_not_panic() {
        assert!(StorePath::from_base_name(&"ä".repeat(40)).is_err());
        assert!(StorePath::from_base_name(&format!("{}ä-x", &BASE[..31])).is_err());
    }
}
