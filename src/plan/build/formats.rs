//! What is known of file systems that a plan needs: how small they can be, who makes them, what their mkfs is told of label and
//! identity.

use uuid::Uuid;

use super::super::content::{FilesystemId, Maker};
use crate::units::ByteSize;

/// What a file system is at least, empty: less, and its mkfs refuses.
pub(super) fn minimum(format: &str) -> ByteSize {
    match format {
        // mkfs.btrfs: "minimum size for each btrfs device is 114294784" with its default of two metadata copies.
        "btrfs" => ByteSize(114_294_784),
        // mkfs.xfs since 6.0: "Filesystem must be larger than 300MB".
        "xfs" => ByteSize::mib(300),
        "ext2" | "ext3" | "ext4" => ByteSize::mib(2),
        // mkfs.f2fs needs room for its fixed areas and eight segments of 2 MiB in reserve.
        "f2fs" => ByteSize::mib(52),
        "bcachefs" => ByteSize::mib(32),
        "vfat" | "fat" | "msdos" | "exfat" | "ntfs" => ByteSize::mib(1),
        // mkswap: ten pages.
        "swap" => ByteSize::kib(40),
        // zpool create: SPA_MINDEVSIZE.
        "zfs" => ByteSize::mib(64),
        _ => ByteSize::ZERO,
    }
}

/// Who makes a file system of this kind when an image is built.
pub(super) fn maker(format: &str) -> Maker {
    match format {
        "vfat" | "fat" | "msdos" | "ext4" | "btrfs" | "swap" => Maker::Own,
        "xfs" | "f2fs" | "exfat" | "erofs" | "ext2" | "ext3" | "squashfs" | "bcachefs" => Maker::Tool,
        _ => Maker::Machine,
    }
}

/// The options of a mkfs that give label and identity.
struct Flags {
    label: &'static [&'static str],
    uuid: &'static [&'static str],
}

fn flags(format: &str) -> Flags {
    match format {
        "vfat" | "fat" | "msdos" => Flags { label: &["-n"], uuid: &["-i"] },
        "btrfs" | "swap" => Flags { label: &["-L", "--label"], uuid: &["-U", "--uuid"] },
        "ext2" | "ext3" | "ext4" => Flags { label: &["-L"], uuid: &["-U"] },
        "f2fs" => Flags { label: &["-l"], uuid: &["-U"] },
        "bcachefs" => Flags { label: &["-L", "--fs_label"], uuid: &["-U", "--uuid"] },
        "xfs" => Flags { label: &["-L"], uuid: &["-m"] },
        "erofs" => Flags { label: &["-L"], uuid: &["-U"] },
        "exfat" | "ntfs" => Flags { label: &["-L", "-n"], uuid: &[] },
        _ => Flags { label: &[], uuid: &[] },
    }
}

/// The label among the arguments for a mkfs.
pub(super) fn label(format: &str, arguments: &[String]) -> Option<String> {
    value(flags(format).label, arguments)
}

/// The identity among the arguments for a mkfs.
pub(super) fn id(format: &str, arguments: &[String]) -> Option<FilesystemId> {
    let text = value(flags(format).uuid, arguments)?;
    match format {
        "vfat" | "fat" | "msdos" => {
            u32::from_str_radix(&text.replace('-', ""), 16).ok().map(FilesystemId::Serial)
        }
        "xfs" => {
            let uuid = text.split(',').find_map(|option| option.strip_prefix("uuid="))?;
            uuid.parse().ok().map(FilesystemId::Uuid)
        }
        _ => text.parse::<Uuid>().ok().map(FilesystemId::Uuid),
    }
}

/// Whether file systems of this kind have a serial number of 32 bits in place of a UUID.
pub(super) fn has_serial(format: &str) -> bool {
    matches!(format, "vfat" | "fat" | "msdos" | "exfat")
}

/// The value of the last of `flags` among `arguments`, which are shell words or several of them in one text.
fn value(flags: &[&str], arguments: &[String]) -> Option<String> {
    let words: Vec<&str> = arguments.iter().flat_map(|argument| argument.split_whitespace()).collect();
    let unquoted = |word: &str| word.trim_matches(['"', '\'']).to_owned();
    let mut found = None;
    for (index, word) in words.iter().enumerate() {
        for flag in flags {
            let Some(rest) = word.strip_prefix(flag) else { continue };
            found = match (flag.starts_with("--"), rest) {
                (_, "") => words.get(index + 1).copied().map(unquoted),
                (true, rest) => rest.strip_prefix('=').map(unquoted).or(found),
                (false, rest) => Some(unquoted(rest)),
            };
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split('|').map(str::to_owned).collect()
    }

    #[test]
    fn labels_and_identities_are_found_among_the_arguments() {
        let uuid = "809b3a2b-828a-4730-95e1-75b6343e415a";
        assert_eq!(label("ext4", &words("-L|root|-m|0")), Some("root".to_owned()));
        assert_eq!(label("btrfs", &words("-f|-L nixos")), Some("nixos".to_owned()));
        assert_eq!(label("btrfs", &words("--label=nixos")), Some("nixos".to_owned()));
        assert_eq!(label("vfat", &words("-F 32|-nBOOT")), Some("BOOT".to_owned()));
        assert_eq!(label("ext4", &words("-m|0")), None);
        assert_eq!(id("vfat", &words("-i|ABCD-1234")), Some(FilesystemId::Serial(0xabcd_1234)));
        assert_eq!(
            id("ext4", &words(&format!("-U|{uuid}"))),
            Some(FilesystemId::Uuid(uuid.parse().unwrap()))
        );
        assert_eq!(
            id("xfs", &words(&format!("-m|crc=1,uuid={uuid}"))),
            id("ext4", &words(&format!("-U|{uuid}")))
        );
        assert_eq!(id("ext4", &words("-U|random")), None);
    }
}
