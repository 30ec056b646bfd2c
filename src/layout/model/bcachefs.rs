//! `bcachefs_filesystems` and `bcachefs`: filesystems of bcachefs and their members.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::text::{AbsolutePath, Guid};
use crate::layout::options::set::{Tag, option_set};

option_set! {
    /// A bcachefs filesystem; its members are the contents of type `bcachefs` that name it.
    pub struct BcachefsFilesystem(scope, set), Tag::Required("bcachefs_filesystem") => {
        /// Name that the members use.
        name: String = "name", derived("the attribute name", scope.name.clone());
        /// Arguments for `bcachefs format`.
        extra_format_args: Vec<String> = "extraFormatArgs", default(Vec::new());
        /// Options for `mount`.
        mount_options: Vec<String> = "mountOptions", default(vec!["X-mount.mkdir".to_owned()]);
        /// Where it is mounted; null for nowhere.
        mountpoint: Option<AbsolutePath> = "mountpoint", default(None);
        /// File with the passphrase; giving one makes the filesystem encrypted.
        password_file: Option<AbsolutePath> = "passwordFile", default(None);
        /// Its UUID.
        uuid: Guid = "uuid", derived("made from the SHA-256 of `name`", uuid_of(&name));
        /// The subvolumes, by their path from the top of the filesystem.
        subvolumes: BTreeMap<String, BcachefsSubvolume> = "subvolumes", default(BTreeMap::new());
    } with hooks
}

option_set! {
    /// A subvolume of bcachefs.
    pub struct BcachefsSubvolume(scope, set), Tag::Default("bcachefs_subvolume") => {
        /// Its path from the top of the filesystem.
        name: String = "name", derived("the attribute name", scope.name.clone());
        /// Options for `mount`.
        mount_options: Vec<String> = "mountOptions", derived(
            "`X-mount.mkdir` and `X-mount.subdir=` with the name",
            vec!["X-mount.mkdir".to_owned(), format!("X-mount.subdir={}", name.strip_prefix('/').unwrap_or(&name))]
        );
        /// Where it is mounted; null for nowhere.
        mountpoint: Option<AbsolutePath> = "mountpoint", default(None);
    }
}

option_set! {
    /// A member of a bcachefs filesystem.
    pub struct BcachefsMember(scope, set), Tag::Required("bcachefs") => {
        /// The device that is the member.
        device: String = "device", derived("the device that has this content", scope.device.clone());
        /// Name of the filesystem (in `bcachefs_filesystems`).
        filesystem: String = "filesystem", required();
        /// Arguments for `bcachefs format` that concern this member.
        extra_format_args: Vec<String> = "extraFormatArgs", default(Vec::new());
        /// Label of this member: a path in bcachefs' tree of targets, like `ssd.ssd1`.
        label: String = "label", default(String::new());
    } with hooks
}

/// disko's rule: the first 32 hex digits of the SHA-256 of the name, with dashes. Version and variant bits stay as they fall.
fn uuid_of(name: &str) -> Guid {
    let digest = Sha256::digest(name.as_bytes());
    let hex =
        |range: std::ops::Range<usize>| -> String { HEXLOWER.encode(digest.get(range).unwrap_or_default()) };
    let text = format!("{}-{}-{}-{}-{}", hex(0..4), hex(4..6), hex(6..8), hex(8..10), hex(10..16));
    Guid::new(text).unwrap_or_default()
}
