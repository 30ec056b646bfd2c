//! Hashes of names: CRC-32C as the kernel computes it, without the usual inversions of its state.

/// CRC-32C of `bytes` from state `start`.
fn raw_crc32c(start: u32, bytes: &[u8]) -> u32 {
    !crc32c::crc32c_append(!start, bytes)
}

/// Last part of the key of a directory entry or attribute (`btrfs_name_hash`).
pub fn name_hash(name: &[u8]) -> u64 {
    u64::from(raw_crc32c(!1, name))
}

/// Last part of the key of a name in `INODE_EXTREF` (`btrfs_extref_hash`).
pub fn extref_hash(parent: u64, name: &[u8]) -> u64 {
    u64::from(raw_crc32c(crate::units::low_u32(parent), name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hash_as_mkfs_and_the_kernel_do() {
        // `default` and `..` as `btrfs inspect-internal dump-tree` shows them in every file system.
        assert_eq!(name_hash(b"default"), 2_378_154_706);
        assert_ne!(extref_hash(256, b"a"), extref_hash(257, b"a"));
    }
}
