//! Hashes of store paths, in the spellings that Nix has for them.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use data_encoding::{BASE64, BitOrder, Encoding, HEXLOWER, Specification};

/// The digits of Nix's base 32: without e, o, u and t.
const NIX32_DIGITS: &str = "0123456789abcdfghijklmnpqrsvwxyz";

/// Characters of a SHA-256 digest in base 16 and in Nix's base 32.
const HEX_LEN: usize = 64;
const NIX32_LEN: usize = 52;

/// Five bits each from the least significant end. Nix writes the digits the other way round.
static NIX32_REVERSED: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str(NIX32_DIGITS);
    specification.bit_order = BitOrder::LeastSignificantFirst;
    // 32 distinct ASCII symbols without padding are an encoding.
    specification.encoding().expect("the alphabet is well formed")
});

/// `bytes` in Nix's base 32, most significant digit first.
pub fn encode_nix32(bytes: &[u8]) -> String {
    NIX32_REVERSED.encode(bytes).chars().rev().collect()
}

/// Whether every character is a digit of Nix's base 32.
pub(super) fn is_nix32(text: &str) -> bool {
    text.chars().all(|digit| NIX32_DIGITS.contains(digit))
}

fn decode_nix32(text: &str) -> Option<Vec<u8>> {
    let reversed: String = text.chars().rev().collect();
    NIX32_REVERSED.decode(reversed.as_bytes()).ok()
}

/// SHA-256 of the archive (NAR) of a store path.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NarHash([u8; 32]);

/// A hash that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a SHA-256 hash in base 16, Nix's base 32 or SRI form")]
pub struct NarHashError {
    text: String,
}

impl NarHash {
    /// The hash with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// `sha256:` and Nix's base 32, as registrations and binary caches have it.
    pub fn to_nix32(self) -> String {
        format!("sha256:{}", encode_nix32(&self.0))
    }

    /// `sha256-` and base 64, the form of the W3C's Subresource Integrity.
    pub fn to_sri(self) -> String {
        format!("sha256-{}", BASE64.encode(&self.0))
    }
}

/// `sha256:` and base 16, as the database has it.
impl fmt::Display for NarHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for NarHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads every form that `nix-store --load-db` takes: bare base 16 or base 32, either behind
/// `sha256:`, and SRI.
impl FromStr for NarHash {
    type Err = NarHashError;

    fn from_str(text: &str) -> Result<Self, NarHashError> {
        let bytes = match text.strip_prefix("sha256-") {
            Some(base64) => BASE64.decode(base64.as_bytes()).ok(),
            None => {
                let digits = text.strip_prefix("sha256:").unwrap_or(text);
                match digits.len() {
                    HEX_LEN => HEXLOWER.decode(digits.as_bytes()).ok(),
                    NIX32_LEN => decode_nix32(digits),
                    _ => None,
                }
            }
        };
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(|| NarHashError { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "0850e021060f2ab157976053a8cadfa4f2f6f9bcd5d57daed0269249d3c870cf";
    const NIX32: &str = "1kvhr39lk4i6s2p7vmfmpkwzdwm4vz5ahlv0jxbv2ahg0qhy0l08";
    const SRI: &str = "sha256-CFDgIQYPKrFXl2BTqMrfpPL2+bzV1X2u0CaSSdPIcM8=";

    #[test]
    fn every_spelling_is_the_same_hash() {
        let hash: NarHash = HEX.parse().unwrap();
        for text in [NIX32, SRI, &format!("sha256:{HEX}"), &format!("sha256:{NIX32}")] {
            assert_eq!(text.parse(), Ok(hash), "{text}");
        }
        assert_eq!(hash.to_string(), format!("sha256:{HEX}"));
        assert_eq!(hash.to_nix32(), format!("sha256:{NIX32}"));
        assert_eq!(hash.to_sri(), SRI);
    }

    #[test]
    fn other_text_is_no_hash() {
        let too_big = format!("8{}", &NIX32[1..]);
        for text in [
            "",
            "sha256:",
            &HEX[1..],
            &too_big,
            &NIX32.replace('k', "e"),
            &format!("sha512:{HEX}"),
            "sha256-CFDg",
        ] {
            assert!(text.parse::<NarHash>().is_err(), "{text}");
        }
    }

    #[test]
    fn store_digests_have_32_digits() {
        assert_eq!(encode_nix32(&[0; 20]), "0".repeat(32));
        assert_eq!(encode_nix32(&[0xff; 20]), "z".repeat(32));
    }
}
