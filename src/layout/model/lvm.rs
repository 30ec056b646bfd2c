//! `lvm_vg` and `lvm_pv`: volume groups of LVM, their logical volumes and their members.

use std::collections::BTreeMap;

use super::content::Content;
use crate::layout::options::choice::choice;
use crate::layout::options::set::{Tag, option_set};

choice! {
    /// Kind of a logical volume (`lvcreate --type`).
    pub enum LvmType {
        /// Mirrored by dm-mirror, with its log on a further member.
        Mirror = "mirror",
        /// Striped.
        Raid0 = "raid0",
        /// Mirrored by dm-raid.
        Raid1 = "raid1",
        /// Parity on one member.
        Raid4 = "raid4",
        /// Parity on all members in turn.
        Raid5 = "raid5",
        /// Two parities.
        Raid6 = "raid6",
        /// A pool for thin volumes.
        ThinPool = "thin-pool",
        /// A thin volume of a pool.
        ThinLv = "thinlv",
    }
}

option_set! {
    /// A volume group; its members are the contents of type `lvm_pv` that name it.
    pub struct VolumeGroup(scope, set), Tag::Required("lvm_vg") => {
        /// Name of the group: its volumes become `/dev/NAME/VOLUME`.
        name: String = "name", derived("the attribute name", scope.name.clone());
        /// The logical volumes.
        lvs: BTreeMap<String, LogicalVolume> = "lvs", default(BTreeMap::new()), in scope.owned("lvm_vg", &name, "");
    } with hooks
}

option_set! {
    /// A logical volume.
    pub struct LogicalVolume(scope, set), Tag::None => {
        /// Name of the volume.
        name: String = "name", derived("the attribute name", scope.name.clone());
        /// Its size, as `lvcreate` takes it: `10G`, `100%FREE`, `50%VG` …
        size: String = "size", required();
        /// Its kind; null for a linear volume.
        lvm_type: Option<LvmType> = "lvm_type", default(None);
        /// Order of creation, smaller first.
        priority: i64 = "priority", derived(
            "1000, or 501 for a thin pool; 251 more where `size` contains `100%`",
            (if lvm_type == Some(LvmType::ThinPool) { 501 } else { 1000 }) + (if size.contains("100%") { 251 } else { 0 })
        );
        /// Arguments for `lvcreate`.
        extra_args: Vec<String> = "extraArgs", default(Vec::new());
        /// Name of the thin pool that this volume lies in.
        pool: Option<String> = "pool", default(None);
        /// What lies on the volume.
        content: Option<Content> = "content", default(None), in scope.on(format!("/dev/{}/{name}", scope.owner.name));
    }
}

option_set! {
    /// A physical volume: a member of a volume group.
    pub struct LvmPv(scope, set), Tag::Required("lvm_pv") => {
        /// The device that is the member.
        device: String = "device", derived("the device that has this content", scope.device.clone());
        /// Name of the volume group (in `lvm_vg`).
        vg: String = "vg", required();
    } with hooks
}
