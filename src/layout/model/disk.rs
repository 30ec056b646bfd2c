//! `disk`: a whole device, real or to be made as an image.

use super::content::DeviceContent;
use super::landfall::DiskSettings;
use super::text::{AbsolutePath, ImageSize};
use crate::layout::options::set::{Tag, option_set};

option_set! {
    /// A disk: what a real device is wiped and partitioned as, and what an image file is made from.
    pub struct Disk(scope, set), Tag::Default("disk") => {
        /// Name of the disk; partition labels contain it.
        name: String = "name", derived("the attribute name, with `/` turned into `_`", scope.name.replace('/', "_"));
        /// Path of the device.
        device: AbsolutePath = "device", required();
        /// Whether the disk may be wiped. Where this is false, `destroy` leaves the disk alone.
        destroy: bool = "destroy", default(true);
        /// Name of the image made from this disk.
        image_name: String = "imageName", derived("`name`", name.clone());
        /// Size of the image made from this disk.
        image_size: ImageSize = "imageSize", default(image_size());
        /// What landfall does with the disk beyond disko's options.
        landfall: Option<DiskSettings> = "landfall", default(None), in scope.clone();
        /// What lies on the disk.
        content: Option<DeviceContent> = "content", default(None), in scope.owned("disk", &name, device.as_str());
    } with hooks
}

fn image_size() -> ImageSize {
    ImageSize::new("2G").unwrap_or_default()
}
