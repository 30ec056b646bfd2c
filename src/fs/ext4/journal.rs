//! The journal: empty, and ready for a kernel.

use uuid::Uuid;
use zerocopy::FromZeros;
use zerocopy::big_endian::U32;

use super::block::BlockSize;
use super::checksum;
use super::format::journal::{
    CHECKSUM_CRC32C, INCOMPAT_64BIT, INCOMPAT_CSUM_V3, INCOMPAT_REVOKE, JournalSuperblock, MAGIC,
    SUPERBLOCK_V2,
};
use crate::units::low_u32;

/// The superblock of an empty journal of `blocks` blocks, for the file system `uuid`. Its features are those
/// that a kernel would turn on at the first mount.
pub(super) fn superblock(blocks: u64, block_size: BlockSize, uuid: Uuid) -> JournalSuperblock {
    let mut journal = JournalSuperblock::new_zeroed();
    journal.h_magic = U32::new(MAGIC);
    journal.h_blocktype = U32::new(SUPERBLOCK_V2);
    journal.s_blocksize = U32::new(low_u32(block_size.bytes()));
    journal.s_maxlen = U32::new(low_u32(blocks));
    journal.s_first = U32::new(1);
    journal.s_sequence = U32::new(1);
    journal.s_feature_incompat = U32::new(INCOMPAT_REVOKE | INCOMPAT_64BIT | INCOMPAT_CSUM_V3);
    journal.s_uuid = *uuid.as_bytes();
    journal.s_nr_users = U32::new(1);
    journal.s_checksum_type = CHECKSUM_CRC32C;
    journal.s_users[..16].copy_from_slice(uuid.as_bytes());
    journal.s_checksum = U32::new(checksum::journal(&journal));
    journal
}
