//! `table`: disko's older partition tables, made with parted: GPT, or MBR (`msdos`).

use super::content::Content;
use super::scope::Scope;
use crate::layout::diagnostic::Diagnostic;
use crate::layout::options::choice::choice;
use crate::layout::options::set::{Tag, option_set};

choice! {
    /// Kind of the table.
    pub enum TableFormat {
        /// GUID partition table.
        Gpt = "gpt",
        /// Master boot record.
        Msdos = "msdos",
    }
}

choice! {
    /// Kind of an MBR partition.
    pub enum PartType {
        /// One of the four.
        Primary = "primary",
        /// In the extended partition.
        Logical = "logical",
        /// The partition that holds logical ones.
        Extended = "extended",
    }
}

choice! {
    /// What parted is told of the filesystem; it sets the partition's type.
    pub enum FsType {
        /// bcachefs
        Bcachefs = "bcachefs",
        /// btrfs
        Btrfs = "btrfs",
        /// ext2
        Ext2 = "ext2",
        /// ext3
        Ext3 = "ext3",
        /// ext4
        Ext4 = "ext4",
        /// FAT16
        Fat16 = "fat16",
        /// FAT32
        Fat32 = "fat32",
        /// HFS
        Hfs = "hfs",
        /// HFS+
        HfsPlus = "hfs+",
        /// Linux swap
        LinuxSwap = "linux-swap",
        /// NTFS
        Ntfs = "ntfs",
        /// ReiserFS
        Reiserfs = "reiserfs",
        /// UDF
        Udf = "udf",
        /// XFS
        Xfs = "xfs",
    }
}

option_set! {
    /// A partition table of the older form.
    pub struct Table(scope, set), Tag::Required("table") => {
        /// The device it lies on.
        device: String = "device", derived("the device that has this content", scope.device.clone());
        /// Kind of the table.
        format: TableFormat = "format", default(TableFormat::Gpt);
        /// The partitions, in the order of their numbers.
        partitions: Vec<TablePartition> = "partitions", default(Vec::new()), in scope.on(&device);
    } with hooks
}

option_set! {
    /// A partition of a table of the older form.
    pub struct TablePartition(scope, set), Tag::None => {
        /// Kind of the partition; matters in an MBR only.
        part_type: PartType = "part-type", default(PartType::Primary);
        /// What the type of the partition is made from.
        fs_type: Option<FsType> = "fs-type", default(None);
        /// Name of the partition; GPT requires one, an MBR has no place for it.
        name: Option<String> = "name", default(None);
        /// First byte, as parted takes it: `1MiB`, `0%` …
        start: String = "start", default("0%".to_owned());
        /// Last byte, as parted takes it: `512MiB`, `100%`, `-1GiB` …
        end: String = "end", default("100%".to_owned());
        /// Flags that parted sets: `esp`, `bios_grub` …
        flags: Vec<String> = "flags", default(Vec::new());
        /// Whether parted sets its flag `boot`.
        bootable: bool = "bootable", default(false);
        /// What lies on the partition.
        content: Option<Content> = "content", default(None), in {
            if set.raw("content").is_some() && numbered(&scope.device, scope.position).is_none() {
                let place = set.raw("content").map_or(set.place("content"), |content| content.span);
                set.report(unknown_numbering(place, scope));
            }
            scope.on(numbered(&scope.device, scope.position).unwrap_or_default())
        };
    }
}

fn unknown_numbering(place: crate::layout::syntax::source::Span, scope: &Scope) -> Diagnostic {
    Diagnostic::error(
        "unknown-numbering",
        place,
        format!("how the partitions of `{}` are called is not known", scope.device),
    )
    .hint("use `type = \"gpt\"`, whose partitions are found by their label")
}

/// Path of partition `number` of a device, by disko's rules. `None` for devices they do not cover.
pub fn numbered(device: &str, number: usize) -> Option<String> {
    let name = device.strip_prefix("/dev/")?;
    let after = |prefix: &str| name.strip_prefix(prefix).filter(|rest| !rest.is_empty());
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    // `[vs].+` means any name that begins with v or s; sda, vda and xvda are what it is for.
    if after("v").is_some() || after("s").is_some() || after("xvd").is_some() {
        Some(format!("{device}{number}"))
    } else if after("disk/").is_some() || after("zvol/").is_some() {
        Some(format!("{device}-part{number}"))
    } else if after("nvme").is_some() || after("mmcblk").is_some() {
        Some(format!("{device}p{number}"))
    } else if let Some(array) = after("md/") {
        let separator = if array.ends_with(|last: char| last.is_ascii_digit()) { "p" } else { "" };
        Some(format!("{device}{separator}{number}"))
    } else if after("mapper/").is_some() {
        Some(format!("{device}{number}"))
    } else if after("loop").is_some_and(digits) {
        Some(format!("{device}p{number}"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::numbered;

    #[test]
    fn partitions_are_called_as_disko_calls_them() {
        for (device, expected) in [
            ("/dev/sda", Some("/dev/sda3")),
            ("/dev/vdb", Some("/dev/vdb3")),
            ("/dev/xvda", Some("/dev/xvda3")),
            ("/dev/disk/by-id/x", Some("/dev/disk/by-id/x-part3")),
            ("/dev/zvol/tank/v", Some("/dev/zvol/tank/v-part3")),
            ("/dev/nvme0n1", Some("/dev/nvme0n1p3")),
            ("/dev/mmcblk1", Some("/dev/mmcblk1p3")),
            ("/dev/md/raid1", Some("/dev/md/raid1p3")),
            ("/dev/md/data", Some("/dev/md/data3")),
            ("/dev/mapper/vg-lv", Some("/dev/mapper/vg-lv3")),
            ("/dev/loop0", Some("/dev/loop0p3")),
            ("/dev/md127", None),
            ("/dev/hda", None),
            ("/tmp/image", None),
        ] {
            assert_eq!(numbered(device, 3).as_deref(), expected, "{device}");
        }
    }
}
