//! File systems: what reads them must end, whatever they say.

use std::sync::Arc;

use landfall::fs::{btrfs, ext4, fat, squashfs, swap};

use super::volume;

/// Reads a FAT volume, everything on it included.
pub fn fat(bytes: &[u8]) {
    let block = volume(bytes);
    if let Ok(volume) = fat::read(&block) {
        let _ = volume.tree();
    }
}

/// Reads an ext4 file system, checks and dumps it.
pub fn ext4(bytes: &[u8]) {
    if let Ok(reader) = ext4::read(volume(bytes)) {
        let _ = reader.check();
        let _ = ext4::dump(&reader, &mut String::new());
    }
}

/// Reads a btrfs file system, compares its trees and dumps it.
pub fn btrfs(bytes: &[u8]) {
    if let Ok(reader) = btrfs::read(vec![Arc::new(volume(bytes))]) {
        let _ = reader.verify();
        let _ = btrfs::dump(&Arc::new(reader));
    }
}

/// Reads the header of a swap area.
pub fn swap(bytes: &[u8]) {
    let _ = swap::read(&volume(bytes));
}

/// Reads a Squashfs file system, checks, dumps and unpacks it.
pub fn squashfs(bytes: &[u8]) {
    if let Ok(reader) = squashfs::read(volume(bytes)) {
        let reader = Arc::new(reader);
        let _ = reader.check();
        let _ = squashfs::dump(&reader, &mut String::new());
        let _ = reader.tree();
    }
}
