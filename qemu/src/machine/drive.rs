//! Disks and discs of a machine.

use std::path::PathBuf;

/// How a drive hangs on the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bus {
    /// A virtio block device: `/dev/vda`.
    Virtio,
    /// An NVMe controller with one namespace: `/dev/nvme0n1`.
    Nvme,
    /// A disk on a SATA (AHCI) controller: `/dev/sda`. Its logical sectors are 512 bytes, and it cannot be
    /// write-protected. Arm's firmware has no driver for it, so no machine of that kind starts from it.
    Sata,
    /// A stick on a USB 3 controller: `/dev/sda`.
    Usb,
    /// An optical disc: `/dev/sr0`. Read-only, sectors of 2048 bytes.
    Cdrom,
}

/// The logical sector size that the guest sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sectors {
    /// 512 bytes.
    B512,
    /// 4096 bytes ("4Kn").
    B4096,
}

/// What the guest's writes do to the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// They change it.
    ReadWrite,
    /// The guest sees a write-protected device.
    ReadOnly,
    /// They go to a temporary file and are forgotten when the machine ends.
    Snapshot,
}

/// The image file's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The bytes of the disk as they are.
    Raw,
    /// QEMU's own.
    Qcow2,
    /// Virtual PC's and Azure's fixed or dynamic disk.
    Vhd,
    /// VMware's.
    Vmdk,
}

impl Format {
    /// What `-drive format=` calls it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
            Self::Vhd => "vpc",
            Self::Vmdk => "vmdk",
        }
    }
}

/// One drive of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drive {
    /// The image file.
    pub image: PathBuf,
    /// Its format.
    pub format: Format,
    /// How it hangs on the machine.
    pub bus: Bus,
    /// Logical sector size; ignored for [`Bus::Cdrom`].
    pub sectors: Sectors,
    /// What the guest's writes do.
    pub access: Access,
    /// The serial number that the guest reads (`/dev/disk/by-id`); at most 20 bytes arrive.
    pub serial: Option<String>,
}

impl Drive {
    /// A raw image as a writable virtio disk with 512-byte sectors.
    pub fn image(path: impl Into<PathBuf>) -> Self {
        Self {
            image: path.into(),
            format: Format::Raw,
            bus: Bus::Virtio,
            sectors: Sectors::B512,
            access: Access::ReadWrite,
            serial: None,
        }
    }

    /// An ISO image in an optical drive.
    pub fn cdrom(path: impl Into<PathBuf>) -> Self {
        Self { bus: Bus::Cdrom, access: Access::ReadOnly, ..Self::image(path) }
    }

    /// The same drive on another bus.
    pub fn on(self, bus: Bus) -> Self {
        Self { bus, ..self }
    }

    /// The same drive with another format.
    pub fn with_format(self, format: Format) -> Self {
        Self { format, ..self }
    }

    /// The same drive with another sector size.
    pub fn with_sectors(self, sectors: Sectors) -> Self {
        Self { sectors, ..self }
    }

    /// The same drive with a serial number.
    pub fn with_serial(self, serial: &str) -> Self {
        Self { serial: Some(serial.to_owned()), ..self }
    }

    /// The same drive; what the guest writes is forgotten.
    pub fn snapshot(self) -> Self {
        Self { access: Access::Snapshot, ..self }
    }

    /// The same drive, write-protected.
    pub fn read_only(self) -> Self {
        Self { access: Access::ReadOnly, ..self }
    }
}
