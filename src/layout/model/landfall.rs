//! `landfall`: what this program takes from a layout beyond disko's language. disko refuses options that it
//! does not know, so a layout for both leaves this out.

use super::text::{ImageSize, NonEmpty};
use crate::layout::options::choice::choice;
use crate::layout::options::set::{Tag, option_set};

choice! {
    /// What a disk is connected by.
    pub enum DiskTransport {
        /// ATA.
        Sata = "sata",
        /// NVM Express.
        Nvme = "nvme",
        /// SCSI, also serial attached.
        Scsi = "scsi",
        /// USB.
        Usb = "usb",
        /// A virtual machine's own: virtio, Xen, Hyper-V.
        Virtio = "virtio",
        /// SD cards and eMMC.
        Mmc = "mmc",
    }
}

option_set! {
    /// What the installer takes for this disk. What is not said does not matter; several disks that fit are an error.
    pub struct DiskMatch(scope, set), Tag::None => {
        /// At least so large.
        min_size: Option<ImageSize> = "minSize", default(None);
        /// Connected by this.
        transport: Option<DiskTransport> = "transport", default(None);
        /// The model, as the installer shows it; `*` stands for any text.
        model: Option<NonEmpty> = "model", default(None);
        /// The serial number; `*` stands for any text.
        serial: Option<NonEmpty> = "serial", default(None);
        /// Whether there is nothing on it.
        empty: Option<bool> = "empty", default(None);
    }
}

option_set! {
    /// What landfall does with a disk beyond disko's options.
    pub struct DiskSettings(scope, set), Tag::None => {
        /// Which disk of a machine the installer takes, instead of the one at `device`.
        matching: Option<DiskMatch> = "match", default(None), in scope.clone();
    }
}
