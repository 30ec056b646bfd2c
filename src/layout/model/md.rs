//! `mdadm` and `mdraid`: arrays of Linux software RAID and their members.

use super::content::DeviceContent;
use crate::layout::options::choice::choice;
use crate::layout::options::set::{Tag, option_set};

choice! {
    /// Format and place of the metadata of an array (`mdadm --metadata`).
    pub enum MdMetadata {
        /// Whatever mdadm takes by default (1.2).
        Default = "default",
        /// Version 1, place chosen by mdadm.
        V1 = "1",
        /// Version 1 at the end of the member.
        V1_0 = "1.0",
        /// Version 1 at the start of the member.
        V1_1 = "1.1",
        /// Version 1, 4 KiB from the start of the member.
        V1_2 = "1.2",
        /// SNIA's Disk Data Format.
        Ddf = "ddf",
        /// Intel Matrix Storage.
        Imsm = "imsm",
    }
}

option_set! {
    /// An md array; its members are the contents of type `mdraid` that name it.
    pub struct MdArray(scope, set), Tag::Default("mdadm") => {
        /// Name of the array: it becomes `/dev/md/NAME`.
        name: String = "name", derived("the attribute name", scope.name.clone());
        /// RAID level.
        level: i64 = "level", default(1);
        /// Format of the metadata.
        metadata: MdMetadata = "metadata", default(MdMetadata::Default);
        /// Arguments for `mdadm --create`.
        extra_args: Vec<String> = "extraArgs", default(Vec::new());
        /// What lies on the array.
        content: Option<DeviceContent> = "content", default(None),
            in scope.owned("mdadm", &name, format!("/dev/md/{name}"));
    } with hooks
}

option_set! {
    /// A member of an md array.
    pub struct MdMember(scope, set), Tag::Required("mdraid") => {
        /// The device that is the member.
        device: String = "device", derived("the device that has this content", scope.device.clone());
        /// Name of the array (in `mdadm`).
        name: String = "name", required();
    } with hooks
}
