//! File systems and swap areas of Linux.

use super::window::Probed;
use super::{Kind, Signature};
use crate::volume::BlockError;

/// btrfs (`include/uapi/linux/btrfs_tree.h`, `struct btrfs_super_block`): at 64 KiB.
pub(super) fn btrfs(probed: &Probed<'_>) -> Result<Option<Signature>, BlockError> {
    let Some(superblock) = probed.window(65_536, 4096)? else { return Ok(None) };
    if !superblock.has(b"_BHRfS_M", 64) {
        return Ok(None);
    }
    let (label, uuid) = (superblock.text(0x12b, 256), superblock.uuid(32));
    Ok(Some(Signature { label, uuid, ..Signature::new(Kind::Btrfs) }))
}

/// XFS (`fs/xfs/libxfs/xfs_format.h`, `struct xfs_dsb`): at the start.
pub(super) fn xfs(probed: &Probed<'_>) -> Result<Option<Signature>, BlockError> {
    let Some(superblock) = probed.window(0, 512)? else { return Ok(None) };
    if !superblock.has(b"XFSB", 0) {
        return Ok(None);
    }
    let (label, uuid) = (superblock.text(108, 12), superblock.uuid(32));
    Ok(Some(Signature { label, uuid, ..Signature::new(Kind::Xfs) }))
}

/// ext2, ext3 and ext4 (kernel documentation, "ext4 Data Structures", "Super Block"): at 1 KiB. Features tell
/// them apart: ext3 is what its driver could mount, ext2 the same without a journal.
pub(super) fn ext(probed: &Probed<'_>) -> Result<Option<Signature>, BlockError> {
    /// `COMPAT_HAS_JOURNAL`.
    const JOURNAL: u32 = 0x4;
    /// `INCOMPAT_FILETYPE`, `_RECOVER` and `_META_BG`.
    const INCOMPAT_EXT3: u32 = 0x2 | 0x4 | 0x10;
    /// `INCOMPAT_JOURNAL_DEV`: only a journal is here.
    const JOURNAL_DEVICE: u32 = 0x8;
    /// `RO_COMPAT_SPARSE_SUPER`, `_LARGE_FILE` and `_BTREE_DIR`.
    const RO_COMPAT_EXT3: u32 = 0x1 | 0x2 | 0x4;
    let Some(superblock) = probed.window(1024, 1024)? else { return Ok(None) };
    let (compatible, incompatible, read_only) = (superblock.u32(92), superblock.u32(96), superblock.u32(100));
    if superblock.u16(56) != 0xef53 || incompatible & JOURNAL_DEVICE != 0 {
        return Ok(None);
    }
    let kind = if incompatible & !INCOMPAT_EXT3 != 0 || read_only & !RO_COMPAT_EXT3 != 0 {
        Kind::Ext4
    } else if compatible & JOURNAL != 0 {
        Kind::Ext3
    } else {
        Kind::Ext2
    };
    let (label, uuid) = (superblock.text(120, 16), superblock.uuid(104));
    Ok(Some(Signature { label, uuid, ..Signature::new(kind) }))
}

/// F2FS (`include/linux/f2fs_fs.h`, `struct f2fs_super_block`): at 1 KiB.
pub(super) fn f2fs(probed: &Probed<'_>) -> Result<Option<Signature>, BlockError> {
    let Some(superblock) = probed.window(1024, 2048)? else { return Ok(None) };
    if superblock.u32(0) != 0xf2f5_2010 {
        return Ok(None);
    }
    let (label, uuid) = (superblock.utf16(124, 512), superblock.uuid(108));
    Ok(Some(Signature { label, uuid, ..Signature::new(Kind::F2fs) }))
}

/// EROFS (`fs/erofs/erofs_fs.h`, `struct erofs_super_block`): at 1 KiB.
pub(super) fn erofs(probed: &Probed<'_>) -> Result<Option<Signature>, BlockError> {
    let Some(superblock) = probed.window(1024, 128)? else { return Ok(None) };
    if superblock.u32(0) != 0xe0f5_e1e2 {
        return Ok(None);
    }
    let (label, uuid) = (superblock.text(64, 16), superblock.uuid(48));
    Ok(Some(Signature { label, uuid, ..Signature::new(Kind::Erofs) }))
}

/// Squashfs 4 (kernel documentation, "Squashfs 4.0 Filesystem"): at the start; it has neither label nor UUID.
pub(super) fn squashfs(probed: &Probed<'_>) -> Result<Option<Signature>, BlockError> {
    let Some(superblock) = probed.window(0, 96)? else { return Ok(None) };
    let is_squashfs = superblock.has(b"hsqs", 0) && superblock.u16(28) == 4;
    Ok(is_squashfs.then(|| Signature::new(Kind::Squashfs)))
}

/// A swap area, or one that holds a hibernated system: its magic ends the first page, which has the size of
/// its machine's pages.
pub(super) fn swap(probed: &Probed<'_>) -> Result<Option<Signature>, BlockError> {
    for page in [4096, 8192, 16_384, 65_536] {
        let Some(magic) = probed.window(page - 10, 10)? else { return Ok(None) };
        if (magic.has(b"SWAPSPACE2", 0) || magic.has(b"S1SUSPEND", 0))
            && let Some(header) = probed.window(1024, 64)?
        {
            let (label, uuid) = (header.text(28, 16), header.uuid(12));
            return Ok(Some(Signature { label, uuid, ..Signature::new(Kind::Swap) }));
        }
    }
    Ok(None)
}
