//! The JSON area: keyslots, segments, digests, tokens, configuration.
//!
//! Source: LUKS2 On-Disk Format Specification, section 3. Numbers of 64 bits are written as strings,
//! small ones as numbers; binary data is Base64. Objects of a type that we do not know are kept as
//! they are, but not used.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The whole JSON object, section 3.1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// Encrypted key storage by slot number.
    pub keyslots: BTreeMap<String, Keyslot>,
    /// What programs keep here for unlocking (FIDO2, TPM2 …), by number; carried, not read.
    pub tokens: BTreeMap<String, serde_json::Value>,
    /// Encrypted areas of the device by number.
    pub segments: BTreeMap<String, Segment>,
    /// Checks that a key found in a slot is the segment's key, by number.
    pub digests: BTreeMap<String, Digest>,
    /// Sizes of the areas, and flags.
    pub config: Config,
}

/// A keyslot of type `luks2`, section 3.2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Keyslot {
    /// `luks2`; others (`reencrypt`) hold no key for us.
    #[serde(rename = "type")]
    pub kind: String,
    /// Size of the stored key in bytes.
    pub key_size: u32,
    /// 0 ignore, 1 normal (the default), 2 prefer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u32>,
    /// How the key is split against forensic recovery.
    pub af: AntiForensic,
    /// Where the split key is, and how encrypted.
    pub area: Area,
    /// How a passphrase becomes the key of the area.
    pub kdf: Kdf,
}

/// Anti-forensic splitter, section 3.2.3.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AntiForensic {
    /// `luks1`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Number of stripes: 4000.
    pub stripes: u32,
    /// Hash of the diffusion: `sha256`.
    pub hash: String,
}

/// Keyslot area, section 3.2.2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Area {
    /// `raw`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Offset on the device in bytes.
    #[serde(with = "decimal")]
    pub offset: u64,
    /// Size in bytes, a multiple of 4096.
    #[serde(with = "decimal")]
    pub size: u64,
    /// Cipher in dm-crypt's notation: `aes-xts-plain64`.
    pub encryption: String,
    /// Size of the area's key in bytes.
    pub key_size: u32,
}

/// Key derivation, section 3.2.1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Kdf {
    /// PBKDF2 with HMAC of `hash`.
    Pbkdf2 {
        /// Base64.
        salt: String,
        /// `sha256` or `sha512`.
        hash: String,
        /// Count of iterations.
        iterations: u32,
    },
    /// Argon2id.
    Argon2id(Argon2),
    /// Argon2i.
    Argon2i(Argon2),
}

/// Costs of Argon2 (RFC 9106).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Argon2 {
    /// Base64.
    pub salt: String,
    /// Passes over the memory.
    pub time: u32,
    /// Memory in KiB.
    pub memory: u32,
    /// Lanes.
    pub cpus: u32,
}

/// Data segment, section 3.3.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// `crypt`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where the data begins on the device, in bytes.
    #[serde(with = "decimal")]
    pub offset: u64,
    /// Size in bytes, or `dynamic`: to the end of the device.
    pub size: String,
    /// Number of the first sector for the IV.
    #[serde(with = "decimal")]
    pub iv_tweak: u64,
    /// Cipher in dm-crypt's notation.
    pub encryption: String,
    /// Encryption sector in bytes: 512 to 4096.
    pub sector_size: u32,
    /// Flags that say what a reader must know (`backup-*`, `in-reencryption`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// dm-integrity below; refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integrity: Option<serde_json::Value>,
}

/// Key digest, section 3.4.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Digest {
    /// `pbkdf2`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Keyslots whose key this is.
    pub keyslots: Vec<String>,
    /// Segments that the key opens.
    pub segments: Vec<String>,
    /// Base64.
    pub salt: String,
    /// Base64.
    pub digest: String,
    /// Hash of the HMAC.
    pub hash: String,
    /// Count of iterations.
    pub iterations: u32,
}

/// Configuration, section 3.5.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Size of the JSON area in bytes.
    #[serde(with = "decimal")]
    pub json_size: u64,
    /// Size of all keyslots areas in bytes.
    #[serde(with = "decimal")]
    pub keyslots_size: u64,
    /// Flags for activation (`allow-discards`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// What a reader must know to touch the header at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requirements: Option<serde_json::Value>,
}

/// 64-bit numbers as decimal text, section 3 ("string-encoded uint64").
mod decimal {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
