//! Sharing bytes between files: `FICLONERANGE` (ioctl_ficlonerange(2)).

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use crate::units::ByteRange;

/// `struct file_clone_range` of `linux/fs.h`.
#[repr(C)]
struct FileCloneRange {
    src_fd: i64,
    src_offset: u64,
    src_length: u64,
    dest_offset: u64,
}

mod ioctl {
    nix::ioctl_write_ptr!(file_clone_range, 0x94, 13, super::FileCloneRange);
}

/// Lets `target` have `range` of `source` at `offset` without a copy. All three are whole blocks of the
/// file system that both lie on; the last block of a file may be a part of one.
///
/// # Errors
///
/// `EXDEV`, `EOPNOTSUPP`, `EINVAL` and others where this cannot be: then nothing has changed.
pub fn clone_range(source: &File, range: ByteRange, target: &File, offset: u64) -> io::Result<()> {
    let argument = FileCloneRange {
        src_fd: i64::from(source.as_raw_fd()),
        src_offset: range.start(),
        src_length: range.len(),
        dest_offset: offset,
    };
    // SAFETY: both descriptors are open for as long as the two borrows; the kernel only reads `argument`,
    // which has the layout that it expects.
    #[expect(unsafe_code, reason = "the ioctl has no safe wrapper in nix or rustix")]
    unsafe { ioctl::file_clone_range(target.as_raw_fd(), &raw const argument) }?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the bytes are shared depends on the host; that a refusal changes nothing does not.
    #[test]
    fn what_cannot_be_shared_is_an_error_and_changes_nothing() {
        let (source, target) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        source.set_len(8192).unwrap();
        target.set_len(8192).unwrap();
        let past_the_end = ByteRange::new(4096, 8192).unwrap();
        assert!(clone_range(&source, past_the_end, &target, 0).is_err());
        assert_eq!(target.metadata().unwrap().len(), 8192);
    }
}
