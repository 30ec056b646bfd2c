//! Identities without chance: every UUID, serial number and salt of an image comes from one seed.
//!
//! The seed and a *label* (a path of names such as `disk/main/partition/root`) give the identity.
//! Two labels give unrelated identities, and the same pair gives the same one on every host, so an
//! image can be made again byte for byte.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

/// Where all identities of an image come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(Uuid);

impl Seed {
    /// The seed that a person gave.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The seed that follows from what goes into the image, when nobody gave one: equal inputs give
    /// equal images, different ones do not share identities.
    pub fn from_inputs<'a>(inputs: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = Sha256::new();
        for input in inputs {
            // The length in front keeps ("ab", "c") and ("a", "bc") apart.
            hasher.update(crate::units::u64_of(input.len()).to_le_bytes());
            hasher.update(input);
        }
        Self(custom_uuid(hasher.finalize().into()))
    }

    /// The UUID of `label`: version 8 (custom) in the sense of RFC 9562, section 5.8.
    pub fn uuid(self, label: &str) -> Uuid {
        custom_uuid(self.bytes(label))
    }

    /// 32 bytes for `label`, for salts and hash seeds.
    pub fn bytes(self, label: &str) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(b"landfall identity\0");
        hasher.update(self.0.as_bytes());
        hasher.update(label.as_bytes());
        hasher.finalize().into()
    }

    /// A 32-bit serial number for `label`, as FAT volumes and MBR disks have; never zero.
    pub fn serial(self, label: &str) -> u32 {
        let [a, b, c, d, ..] = self.bytes(label);
        u32::from_le_bytes([a, b, c, d]).max(1)
    }

    /// The seed as the UUID that `--seed` takes.
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Seed {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

fn custom_uuid(digest: [u8; 32]) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_give_stable_unrelated_identities() {
        let seed: Seed = "6f1c1b0e-0000-4000-8000-000000000001".parse().unwrap();
        assert_eq!(seed.uuid("disk/main"), seed.uuid("disk/main"));
        assert_ne!(seed.uuid("disk/main"), seed.uuid("disk/other"));
        assert_eq!(seed.uuid("disk/main").get_version_num(), 8);
    }

    #[test]
    fn the_boundary_between_inputs_counts() {
        let seed = |inputs: &[&str]| Seed::from_inputs(inputs.iter().map(|input| input.as_bytes()));
        assert_ne!(seed(&["ab", "c"]), seed(&["a", "bc"]));
        assert_eq!(seed(&["ab", "c"]), seed(&["ab", "c"]));
    }
}
