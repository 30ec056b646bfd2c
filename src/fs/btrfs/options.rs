//! What a caller may decide about a file system, with the defaults of `mkfs.btrfs`.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use uuid::Uuid;

use super::checksum::Checksum;
use super::error::LabelError;
use super::profile::Profile;
use super::volumes::SubvolumePath;
use crate::identity::Seed;
use crate::parallel::threads;
use crate::timestamp::Timestamp;
use crate::units::{ByteSize, KIB};

/// A file system's label: at most 255 bytes without NUL and line ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Label(String);

impl Label {
    /// `text` as a label, if it fits.
    pub fn new(text: &str) -> Result<Self, LabelError> {
        if text.len() > 255 {
            return Err(LabelError::TooLong { label: text.to_owned(), len: text.len() });
        }
        if text.contains(['\0', '\n']) {
            return Err(LabelError::Control(text.escape_debug().to_string()));
        }
        Ok(Self(text.to_owned()))
    }

    /// The label's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As the superblock holds it: padded with NUL.
    pub(super) fn padded(&self) -> [u8; 256] {
        let mut bytes = [0; 256];
        bytes[..self.0.len()].copy_from_slice(self.0.as_bytes());
        bytes
    }
}

impl FromStr for Label {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        Self::new(text)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Size of a node of all trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeSize(u32);

impl NodeSize {
    /// `bytes` as a node size: a power of two from 4 to 64 KiB.
    pub fn from_bytes(bytes: u64) -> Option<Self> {
        let fits = bytes.is_power_of_two() && (4 * KIB..=64 * KIB).contains(&bytes);
        u32::try_from(bytes).ok().filter(|_| fits).map(Self)
    }

    /// The size in bytes.
    pub fn bytes(self) -> u64 {
        u64::from(self.0)
    }
}

impl Default for NodeSize {
    fn default() -> Self {
        Self(16 << 10)
    }
}

/// Everything about a file system that its content does not say.
#[derive(Clone, Debug)]
pub struct Options {
    /// Identity of the file system.
    pub uuid: Uuid,
    /// Where identities of devices, subvolumes and swap files come from.
    pub seed: Seed,
    /// Name for `/dev/disk/by-label`.
    pub label: Label,
    /// When the file system was made, and the times of its own inodes.
    pub timestamp: Timestamp,
    /// Space that is left for data after the content is in place.
    pub free: ByteSize,
    /// Size of a node.
    pub node_size: NodeSize,
    /// Checksum of nodes and data.
    pub checksum: Checksum,
    /// How data lie on the devices.
    pub data: Profile,
    /// How trees lie on the devices.
    pub metadata: Profile,
    /// What is mounted where no subvolume is named; `None`: the top.
    pub default_subvolume: Option<SubvolumePath>,
    /// Threads that read, compress and copy; their number does not change a byte of the result.
    pub threads: NonZeroUsize,
}

impl Options {
    /// The defaults of `mkfs.btrfs` for one device, with no space beyond the content. The identities are those of
    /// `label` in `seed` (see [`Seed`]).
    pub fn new(seed: Seed, label: &str) -> Self {
        Self {
            uuid: seed.uuid(label),
            seed: Seed::from_uuid(seed.uuid(&format!("{label}/btrfs"))),
            label: Label::default(),
            timestamp: Timestamp::STORE,
            free: ByteSize::ZERO,
            node_size: NodeSize::default(),
            checksum: Checksum::default(),
            data: Profile::Single,
            metadata: Profile::Dup,
            default_subvolume: None,
            threads: threads(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_at_most_255_bytes_on_one_line() {
        assert!(Label::new(&"x".repeat(255)).is_ok());
        assert!(matches!(Label::new(&"x".repeat(256)), Err(LabelError::TooLong { len: 256, .. })));
        assert!(matches!(Label::new("a\nb"), Err(LabelError::Control(_))));
    }

    #[test]
    fn node_sizes_are_powers_of_two() {
        assert_eq!(NodeSize::from_bytes(16 << 10), Some(NodeSize::default()));
        for bytes in [0, 2048, 5000, 128 << 10] {
            assert_eq!(NodeSize::from_bytes(bytes), None, "{bytes}");
        }
    }
}
