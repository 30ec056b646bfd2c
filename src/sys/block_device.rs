//! Requests to block devices (`linux/fs.h`).
#![expect(unsafe_code, reason = "ioctl(2) takes numbers and pointers that only the caller can vouch for")]

use std::os::fd::{AsFd, AsRawFd};

use nix::libc;

use crate::units::ByteRange;

/// What the requests are called in `linux/fs.h`.
mod request {
    nix::ioctl_none!(reread_partitions, 0x12, 95);
    nix::ioctl_none!(flush_buffers, 0x12, 97);
    nix::ioctl_write_ptr_bad!(discard, nix::request_code_none!(0x12, 119), [u64; 2]);
    nix::ioctl_write_ptr_bad!(zero_out, nix::request_code_none!(0x12, 127), [u64; 2]);
    nix::ioctl_read_bad!(sector_size, nix::request_code_none!(0x12, 104), nix::libc::c_int);
}

/// `BLKRRPART`: the kernel reads the partition table anew. Fails with `EBUSY` while a partition is in use.
pub fn reread_partitions(device: impl AsFd) -> nix::Result<()> {
    let fd = device.as_fd().as_raw_fd();
    // SAFETY: the request takes no argument, and the descriptor is open while it is borrowed.
    unsafe { request::reread_partitions(fd) }.map(drop)
}

/// `BLKFLSBUF`: writes out what is cached of the device and forgets it, so that the next read asks the
/// device itself.
pub fn flush_buffers(device: impl AsFd) -> nix::Result<()> {
    let fd = device.as_fd().as_raw_fd();
    // SAFETY: as above; the argument is ignored.
    unsafe { request::flush_buffers(fd) }.map(drop)
}

/// `BLKDISCARD`: tells the device that nobody wants these bytes any more. What they read as afterwards is
/// the device's choice.
pub fn discard(device: impl AsFd, range: ByteRange) -> nix::Result<()> {
    let fd = device.as_fd().as_raw_fd();
    let pair = [range.start(), range.len()];
    // SAFETY: the request reads two 64-bit numbers, which live until it returns.
    unsafe { request::discard(fd, &raw const pair) }.map(drop)
}

/// `BLKZEROOUT`: makes the bytes zero, by the device's own means or by writing.
pub fn zero_out(device: impl AsFd, range: ByteRange) -> nix::Result<()> {
    let fd = device.as_fd().as_raw_fd();
    let pair = [range.start(), range.len()];
    // SAFETY: the request reads two 64-bit numbers, which live until it returns.
    unsafe { request::zero_out(fd, &raw const pair) }.map(drop)
}

/// `BLKSSZGET`: bytes of a logical sector.
pub fn sector_size(device: impl AsFd) -> nix::Result<u32> {
    let fd = device.as_fd().as_raw_fd();
    let mut size: libc::c_int = 0;
    // SAFETY: the request writes one int, to a place that lives until it returns.
    unsafe { request::sector_size(fd, &raw mut size) }?;
    u32::try_from(size).map_err(|_| nix::errno::Errno::EINVAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_file_is_no_device_and_is_told_so() {
        let file = tempfile::tempfile().unwrap();
        let range = ByteRange::new(0, 4096).unwrap();
        assert_eq!(sector_size(&file), Err(nix::errno::Errno::ENOTTY));
        assert_eq!(reread_partitions(&file), Err(nix::errno::Errno::ENOTTY));
        assert_eq!(flush_buffers(&file), Err(nix::errno::Errno::ENOTTY));
        assert_eq!(discard(&file, range), Err(nix::errno::Errno::ENOTTY));
        assert_eq!(zero_out(&file, range), Err(nix::errno::Errno::ENOTTY));
    }
}
