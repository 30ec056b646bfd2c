//! What is on a Block: file systems, encrypted and other containers, partition tables.
//!
//! Each format is known by its magic at a fixed place; its label and identity are taken where they are
//! simple to find, in the spelling of `blkid`. Nothing is verified: for that there are the formats' readers.
//! A Block can bear several signatures, old ones among them: [`probe_all`] gives them all, the outermost
//! first.

mod container;
mod linux;
mod other;
mod window;
mod zfs;

#[cfg(test)]
mod tests;

use std::fmt;

use self::window::Probed;
use crate::volume::{Block, BlockError};

/// What a signature is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// LUKS, version 1.
    Luks1,
    /// LUKS, version 2.
    Luks2,
    /// A member of an array of Linux' md driver.
    MdMember,
    /// A physical volume of LVM2.
    LvmPv,
    /// A member of a ZFS pool.
    Zfs,
    /// A member of a bcachefs file system.
    Bcachefs,
    /// A GUID partition table.
    Gpt,
    /// btrfs, or one of its members.
    Btrfs,
    /// XFS.
    Xfs,
    /// ext2.
    Ext2,
    /// ext3: ext2 with a journal.
    Ext3,
    /// ext4.
    Ext4,
    /// F2FS.
    F2fs,
    /// EROFS.
    Erofs,
    /// Squashfs 4.
    Squashfs,
    /// A swap area.
    Swap,
    /// ISO 9660.
    Iso9660,
    /// exFAT.
    Exfat,
    /// NTFS.
    Ntfs,
    /// FAT12, FAT16 or FAT32.
    Fat,
    /// A DOS partition table that is not there to protect a GPT.
    Dos,
}

impl Kind {
    /// The name that `blkid` and `/etc/fstab` use: `ext4`, `crypto_LUKS`, `vfat`; `gpt` and `dos` for tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Luks1 | Self::Luks2 => "crypto_LUKS",
            Self::MdMember => "linux_raid_member",
            Self::LvmPv => "LVM2_member",
            Self::Zfs => "zfs_member",
            Self::Bcachefs => "bcachefs",
            Self::Gpt => "gpt",
            Self::Btrfs => "btrfs",
            Self::Xfs => "xfs",
            Self::Ext2 => "ext2",
            Self::Ext3 => "ext3",
            Self::Ext4 => "ext4",
            Self::F2fs => "f2fs",
            Self::Erofs => "erofs",
            Self::Squashfs => "squashfs",
            Self::Swap => "swap",
            Self::Iso9660 => "iso9660",
            Self::Exfat => "exfat",
            Self::Ntfs => "ntfs",
            Self::Fat => "vfat",
            Self::Dos => "dos",
        }
    }

    /// Whether it divides its Block into partitions.
    pub const fn is_table(self) -> bool {
        matches!(self, Self::Gpt | Self::Dos)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A signature that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// What it is of.
    pub kind: Kind,
    /// The name that somebody gave it.
    pub label: Option<String>,
    /// Its identity, as `blkid` spells it: a UUID, a serial number, the date of an ISO image. Of an array
    /// or pool, not of the member.
    pub uuid: Option<String>,
}

impl Signature {
    fn new(kind: Kind) -> Self {
        Self { kind, label: None, uuid: None }
    }
}

/// Shows `ext4 label "root" uuid …`.
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        if let Some(label) = &self.label {
            write!(f, " label {label:?}")?;
        }
        match &self.uuid {
            Some(uuid) => write!(f, " uuid {uuid}"),
            None => Ok(()),
        }
    }
}

/// Looks for one kind of signature.
type Detector = fn(&Probed<'_>) -> Result<Option<Signature>, BlockError>;

/// In the order in which they wrap each other: what is inside of a container may show through it.
const DETECTORS: [Detector; 17] = [
    container::luks,
    container::md,
    container::lvm,
    zfs::detect,
    container::bcachefs,
    container::gpt,
    linux::btrfs,
    linux::xfs,
    linux::ext,
    linux::f2fs,
    linux::erofs,
    linux::squashfs,
    linux::swap,
    other::iso9660,
    other::exfat_or_ntfs,
    other::fat,
    container::dos,
];

/// All signatures of `block`, outer ones before inner ones.
pub fn probe_all(block: &dyn Block) -> Result<Vec<Signature>, BlockError> {
    let probed = Probed::new(block);
    let mut signatures = Vec::new();
    for detect in DETECTORS {
        signatures.extend(detect(&probed)?);
    }
    Ok(signatures)
}

/// The outermost signature of `block`; `None` when it bears none that we know.
pub fn probe(block: &dyn Block) -> Result<Option<Signature>, BlockError> {
    let probed = Probed::new(block);
    for detect in DETECTORS {
        if let Some(signature) = detect(&probed)? {
            return Ok(Some(signature));
        }
    }
    Ok(None)
}
