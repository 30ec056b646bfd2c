//! File systems that their own tools make: filled from a list or a folder, as an ordinary user.
//!
//! | kind | programs | what cannot be carried |
//! |---|---|---|
//! | xfs | `mkfs.xfs -p` | extended attributes, sockets, names with white space, links of over 336 bytes; a hard link becomes a second file |
//! | f2fs | `mkfs.f2fs`, `sload.f2fs` | extended attributes, devices, pipes, sockets; a hard link becomes a second file |
//! | ext2, ext3 | `mke2fs`, `debugfs` | sockets, line feeds in names |
//! | erofs | `mkfs.erofs` | extended attributes, devices, pipes, sockets |
//! | bcachefs | `bcachefs format --source`, `fakeroot` | extended attributes, devices; the owner, the permissions and the time of its root |
//! | exfat | `mkfs.exfat`, then we fill it | links, devices, pipes, sockets, owners, permissions; a hard link becomes a second file |
//!
//! A tool fills a sparse file in a private folder; what it leaves to chance or cannot say (times, sticky bits,
//! owners) is set there afterwards, so that the same tree gives the same bytes with the same version of the tool, but for bcachefs.
//! Then the file goes to its [`Block`], whatever that is made of. Other versions of a tool give other bytes.
//!
//! Sizes are not known to the byte, as they are for what we write ourselves: [`measure`] adds up what the format
//! takes for each file and gives a margin for the rest.

mod arguments;
mod bcachefs;
mod erofs;
mod error;
mod exfat;
mod ext;
mod f2fs;
mod staging;
mod xfs;

pub use error::ExternalError;

use uuid::Uuid;

use crate::command::Program;
use crate::progress::Step;
use crate::tree::Tree;
use crate::units::ByteSize;
use crate::volume::Block;

/// A kind of file system that its own tools make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// XFS.
    Xfs,
    /// F2FS.
    F2fs,
    /// exFAT.
    Exfat,
    /// ext2.
    Ext2,
    /// ext3.
    Ext3,
    /// EROFS.
    Erofs,
    /// bcachefs on one device.
    Bcachefs,
}

/// What a file system is to be, beside its content.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its identity; of exfat, the upper 32 bits are its serial number.
    pub uuid: Uuid,
    /// Arguments for mkfs, as a layout has them; label and identity may be among them.
    pub arguments: Vec<String>,
}

impl Kind {
    /// The kind that images have where a layout says `format`.
    pub fn from_format(format: &str) -> Option<Self> {
        Some(match format {
            "xfs" => Self::Xfs,
            "f2fs" => Self::F2fs,
            "exfat" => Self::Exfat,
            "ext2" => Self::Ext2,
            "ext3" => Self::Ext3,
            "erofs" => Self::Erofs,
            "bcachefs" => Self::Bcachefs,
            _ => return None,
        })
    }

    /// What `mount -t` calls it.
    pub const fn format(self) -> &'static str {
        match self {
            Self::Xfs => "xfs",
            Self::F2fs => "f2fs",
            Self::Exfat => "exfat",
            Self::Ext2 => "ext2",
            Self::Ext3 => "ext3",
            Self::Erofs => "erofs",
            Self::Bcachefs => "bcachefs",
        }
    }

    /// The programs that make it, with the packages that have them.
    pub(crate) const fn programs(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Xfs => &[("mkfs.xfs", "xfsprogs")],
            Self::F2fs => &[("mkfs.f2fs", "f2fs-tools"), ("sload.f2fs", "f2fs-tools")],
            Self::Exfat => &[("mkfs.exfat", "exfatprogs")],
            Self::Ext2 | Self::Ext3 => &[("mke2fs", "e2fsprogs"), ("debugfs", "e2fsprogs")],
            Self::Erofs => &[("mkfs.erofs", "erofs-utils")],
            Self::Bcachefs => &[("bcachefs", "bcachefs-tools")],
        }
    }

    /// Fails at the first of `arguments` for its mkfs that is not passed on.
    pub fn check_arguments(self, arguments: &[String]) -> Result<(), ExternalError> {
        let allowed = match self {
            Self::Xfs => &xfs::ARGUMENTS,
            Self::F2fs => &f2fs::ARGUMENTS,
            Self::Exfat => &exfat::ARGUMENTS,
            Self::Ext2 | Self::Ext3 => &ext::ARGUMENTS,
            Self::Erofs => &erofs::ARGUMENTS,
            Self::Bcachefs => &bcachefs::ARGUMENTS,
        };
        arguments::passed_on(arguments, allowed).map(drop)
    }

    /// Fails when a program that makes it is not installed.
    pub fn check_programs(self) -> Result<(), ExternalError> {
        for (program, package) in self.programs() {
            Program::new(program, package).check_installed()?;
        }
        Ok(())
    }
}

/// Bytes that a file system of this kind needs for `tree` and `free` bytes to spare: an estimate that is
/// rather too large.
///
/// # Errors
/// When the tree holds what the kind, or its tool, cannot.
pub fn measure(kind: Kind, tree: &Tree, free: ByteSize) -> Result<ByteSize, ExternalError> {
    match kind {
        Kind::Xfs => xfs::measure(tree, free),
        Kind::F2fs => f2fs::measure(tree, free),
        Kind::Exfat => exfat::measure(tree, free),
        Kind::Ext2 => ext::measure(ext::Journal::None, tree, free),
        Kind::Ext3 => ext::measure(ext::Journal::Inside, tree, free),
        Kind::Erofs => erofs::measure(tree, free),
        Kind::Bcachefs => bcachefs::measure(tree, free),
    }
}

/// Makes a file system that fills `block`.
///
/// # Errors
/// When the tool is missing or refuses, when the tree holds what the kind cannot, when reading or writing fails.
pub fn write(
    kind: Kind,
    tree: &Tree,
    options: &Options,
    (block, step): (&dyn Block, &Step<'_>),
) -> Result<(), ExternalError> {
    match kind {
        Kind::Xfs => xfs::write(tree, options, (block, step)),
        Kind::F2fs => f2fs::write(tree, options, (block, step)),
        Kind::Exfat => exfat::write(tree, options, (block, step)),
        Kind::Ext2 => ext::write(ext::Journal::None, tree, options, (block, step)),
        Kind::Ext3 => ext::write(ext::Journal::Inside, tree, options, (block, step)),
        Kind::Erofs => erofs::write(tree, options, (block, step)),
        Kind::Bcachefs => bcachefs::write(tree, options, (block, step)),
    }
}
