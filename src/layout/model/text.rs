//! Texts of a fixed form: paths, GUIDs, type codes, sizes as disko's own patterns have them.

use std::fmt;

use serde_json::Value as Json;

use crate::layout::options::OptionType;
use crate::layout::options::reader::Reader;
use crate::layout::schema::SchemaBuilder;
use crate::layout::syntax::value::Value;

use super::scope::Scope;

/// Declares a text newtype that accepts only some texts. `pattern` is the same rule for the JSON schema.
macro_rules! text {
    (
        $(#[doc = $doc:literal])+
        $name:ident, accepts $accepts:literal, pattern $pattern:literal, when $check:expr
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text, if it has the form.
            pub fn new(text: impl Into<String>) -> Option<Self> {
                let text = text.into();
                let check: fn(&str) -> bool = $check;
                check(&text).then_some(Self(text))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl OptionType for $name {
            fn accepts() -> String {
                $accepts.to_owned()
            }

            fn read(value: &Value, _scope: &Scope, reader: &mut Reader) -> Option<Self> {
                let Some(text) = value.as_str() else {
                    reader.wrong_type(value, $accepts);
                    return None;
                };
                let read = Self::new(text);
                if read.is_none() {
                    reader.wrong_form(value, $accepts, suggestion(text, Self::new));
                }
                read
            }

            fn resolved(&self) -> Json {
                self.0.as_str().into()
            }

            fn schema(_schemas: &mut SchemaBuilder) -> Json {
                serde_json::json!({ "type": "string", "pattern": $pattern })
            }
        }
    };
}

text! {
    /// An absolute path: it begins with `/` and, unless it is `/`, has a component. Linux takes no path of 4096 bytes or more.
    AbsolutePath, accepts "an absolute path like `/dev/sda`", pattern "^/$|^/+[^/]",
    when |text| {
        text == "/" || text.starts_with('/') && text.len() < 4096 && text.bytes().any(|byte| byte != b'/')
    }
}

text! {
    /// A GUID as text, in either case; kept as written, since disko puts it into paths unchanged.
    Guid, accepts "a GUID like `809b3a2b-828a-4730-95e1-75b6343e415a`",
    pattern "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$",
    when is_guid
}

text! {
    /// The type of a GPT partition: one of sgdisk's codes of four hex digits, or a type GUID.
    PartitionType, accepts "sgdisk's four hex digits like `8300`, or a type GUID",
    pattern "^[0-9A-Fa-f]{4}$|^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$",
    when |text| text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) || is_guid(text)
}

text! {
    /// The size of a GPT partition: the whole remaining space, or a number of sectors, or of a unit.
    PartitionSize, accepts "`100%`, or a number with at most one of the units K, M, G, T, P, like `512M`",
    pattern "^100%$|^[0-9]+[KMGTP]?$",
    when |text| text == "100%" || is_number_with_unit(text)
}

text! {
    /// A size of an image, in bytes or in a unit.
    ImageSize, accepts "a number with at most one of the units K, M, G, T, P, like `2G`", pattern "^[0-9]+[KMGTP]?$",
    when is_number_with_unit
}

text! {
    /// The size of a swap file: a number with a unit, or nothing.
    SwapFileSize, accepts "a number with one of the units K, M, G, T, P, like `2G`", pattern "^([0-9]+[KMGTP])?$",
    when |text| text.is_empty() || is_number_with_unit(text) && text.ends_with(|last: char| !last.is_ascii_digit())
}

text! {
    /// A text that is not empty (and not only spaces).
    NonEmpty, accepts "a string that is not empty", pattern "[^ \\t\\n]", when |text| !text.trim().is_empty()
}

fn is_guid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn is_number_with_unit(text: &str) -> bool {
    let number = text.strip_suffix(['K', 'M', 'G', 'T', 'P']).unwrap_or(text);
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Beginnings of the names of devices, which lie in `/dev`.
const DEVICE_NAMES: [&str; 8] = ["sd", "vd", "hd", "nvme", "mmcblk", "loop", "disk/", "mapper/"];

/// A text of the right form that was likely meant: without space around it, with a unit written disko's way (for `10GB` or
/// `512MiB`), with a slash in front.
fn suggestion<T>(text: &str, new: fn(String) -> Option<T>) -> Option<String> {
    let trimmed = text.trim();
    let upper = trimmed.to_ascii_uppercase();
    let unit = upper.replace(' ', "").trim_end_matches("IB").trim_end_matches('B').to_owned();
    if trimmed.ends_with('%') && new("100%".to_owned()).is_some() {
        return Some("the only percentage is `\"100%\"`: all that is left".to_owned());
    }
    let folder = if DEVICE_NAMES.iter().any(|name| trimmed.starts_with(name)) { "/dev" } else { "" };
    let candidates = [trimmed.to_owned(), unit, format!("{folder}/{trimmed}")];
    let meant =
        candidates.into_iter().find(|candidate| !candidate.is_empty() && new(candidate.clone()).is_some())?;
    Some(format!("write `\"{meant}\"`"))
}
