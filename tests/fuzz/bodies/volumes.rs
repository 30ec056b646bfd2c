//! Partition tables, and the headers of encrypted, logical and mirrored volumes.

use std::sync::Arc;

use landfall::volume::{Block, gpt, luks2, lvm, mbr, md};

use super::volume;

/// Reads a GUID partition table.
pub fn gpt(bytes: &[u8]) {
    // Refusing is as good as reading: what counts is that either ends.
    let _ = gpt::read(&volume(bytes));
}

/// Reads a DOS partition table with its logical partitions.
pub fn mbr(bytes: &[u8]) {
    let _ = mbr::read(&volume(bytes));
}

/// Reads a LUKS2 header and shows it. No key is tried: a header may demand hours of derivation.
pub fn luks2(bytes: &[u8]) {
    if let Ok(header) = luks2::read(&volume(bytes)) {
        luks2::dump(&header);
    }
}

/// Reads an LVM label and its metadata, and puts the group together.
pub fn lvm(bytes: &[u8]) {
    let member: Arc<dyn Block> = Arc::new(volume(bytes));
    let _ = lvm::read(&*member);
    let _ = lvm::open(&[member]);
}

/// Reads an md superblock, and assembles what it says with one member.
pub fn md(bytes: &[u8]) {
    let _ = md::read(&volume(bytes));
    let _ = md::open(vec![volume(bytes)]);
}
