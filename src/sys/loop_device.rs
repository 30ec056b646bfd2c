//! Files as block devices (`linux/loop.h`).
#![expect(unsafe_code, reason = "ioctl(2) takes numbers and pointers that only the caller can vouch for")]

use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use crate::error::IoError;

/// What the requests are called in `linux/loop.h`.
mod request {
    nix::ioctl_write_int_bad!(set_fd, 0x4C00);
    nix::ioctl_none_bad!(clear_fd, 0x4C01);
    nix::ioctl_none_bad!(get_free, 0x4C82);
}

/// How often another process may take the device that was free before us.
const ATTEMPTS: u32 = 16;

/// A file that is a block device until this is dropped.
#[derive(Debug)]
pub struct LoopDevice {
    device: File,
    path: PathBuf,
    attached: bool,
}

impl LoopDevice {
    /// Makes `file` a block device, writable where `file` was opened so. `name` is for messages.
    pub fn attach(file: &File, name: &Path) -> Result<Self, IoError> {
        let failed = |errno: Errno| IoError::new("attaching to a loop device", name, errno.into());
        let control_path = Path::new("/dev/loop-control");
        let open = |path: &Path| {
            let opened = OpenOptions::new().read(true).write(true).open(path);
            opened.map_err(|source| IoError::new("opening", path, source))
        };
        let control = open(control_path)?;
        for _ in 0..ATTEMPTS {
            // SAFETY: the request takes no argument, and the descriptor is open.
            let number = unsafe { request::get_free(control.as_raw_fd()) }.map_err(failed)?;
            let path = PathBuf::from(format!("/dev/loop{number}"));
            let device = open(&path)?;
            // SAFETY: both descriptors are open; the kernel takes its own reference to the file.
            match unsafe { request::set_fd(device.as_raw_fd(), file.as_fd().as_raw_fd()) } {
                Ok(_) => return Ok(Self { device, path, attached: true }),
                Err(Errno::EBUSY) => {}
                Err(errno) => return Err(failed(errno)),
            }
        }
        Err(failed(Errno::EBUSY))
    }

    /// The device's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Lets the file go. What is mounted from the device keeps it until it is unmounted.
    pub fn detach(mut self) -> Result<(), IoError> {
        self.clear().map_err(|errno| IoError::new("detaching", &self.path, errno.into()))
    }

    fn clear(&mut self) -> nix::Result<()> {
        self.attached = false;
        // SAFETY: the request takes no argument, and the descriptor is open.
        unsafe { request::clear_fd(self.device.as_raw_fd()) }.map(drop)
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        if self.attached
            && let Err(errno) = self.clear()
        {
            tracing::warn!("detaching {}: {errno}", self.path.display());
        }
    }
}
