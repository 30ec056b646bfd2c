//! Arguments for mkfs that layouts carry in `extraArgs`, as far as our writers can honour them.

use std::num::NonZeroUsize;

use crate::fs::btrfs::{Checksum, NodeSize, Options as BtrfsOptions, Profile};
use crate::fs::ext4::options::{InodePolicy, JournalPolicy, ReservedPercent};
use crate::fs::ext4::{BlockSize, Options as Ext4Options};
use crate::fs::fat::{Kind, Options as FatOptions};
use crate::units::ByteSize;

/// Arguments one word each, whatever way the layout puts them.
pub(super) fn words(arguments: &[String]) -> impl Iterator<Item = &str> {
    arguments.iter().flat_map(|argument| argument.split_whitespace())
}

/// The flag and its value, which may be glued to it (`-m0`) or follow it.
fn value<'a>(word: &'a str, flag: &str, rest: &mut dyn Iterator<Item = &'a str>) -> Option<String> {
    match word.strip_prefix(flag)? {
        "" => rest.next().map(str::to_owned),
        glued => Some(glued.trim_start_matches('=').to_owned()),
    }
}

/// Applies the arguments of `mkfs.ext4`. Label and UUID are in the plan already.
pub(super) fn ext4(options: &mut Ext4Options, arguments: &[String]) -> Result<(), String> {
    let mut words = words(arguments);
    while let Some(word) = words.next() {
        match word {
            // What concerns a person at a terminal, or a device that holds something.
            "-F" | "-q" | "-v" => {}
            _ if word.starts_with("-L") || word.starts_with("-U") => {
                let flag = &word[..2];
                let _ = value(word, flag, &mut words);
            }
            _ => ext4_value(options, word, &mut words)?,
        }
    }
    Ok(())
}

fn ext4_value<'a>(
    options: &mut Ext4Options,
    word: &'a str,
    rest: &mut dyn Iterator<Item = &'a str>,
) -> Result<(), String> {
    let flag = word.get(..2).unwrap_or(word);
    let text = value(word, flag, rest).unwrap_or_default();
    let bad = || format!("mkfs.ext4 argument `{flag} {text}` is not understood");
    match flag {
        "-m" => options.reserved = text.parse().ok().and_then(ReservedPercent::new).ok_or_else(bad)?,
        "-b" => options.block_size = text.parse().ok().and_then(BlockSize::from_bytes).ok_or_else(bad)?,
        "-i" => {
            let ratio: NonZeroUsize = text.parse().map_err(|_| bad())?;
            options.inodes = InodePolicy::BytesPerInode(ratio);
        }
        "-N" => options.inodes = InodePolicy::Spare(text.parse().map_err(|_| bad())?),
        "-T" if matches!(text.as_str(), "default" | "small" | "floppy") => {}
        "-E" | "-O" | "-J" => {
            for option in text.split(',') {
                ext4_extended(options, option)
                    .ok_or_else(|| format!("mkfs.ext4 argument `{flag} {option}` is not supported yet"))?;
            }
        }
        _ => return Err(format!("mkfs.ext4 argument `{word}` is not supported yet")),
    }
    Ok(())
}

/// An extended option or feature; `None` when it asks for what is not written.
fn ext4_extended(options: &mut Ext4Options, option: &str) -> Option<()> {
    match option.split_once('=').unwrap_or((option, "")) {
        // How a device is prepared: an image has nothing to discard, and its tables are zero already.
        (
            "lazy_itable_init"
            | "lazy_journal_init"
            | "nodiscard"
            | "discard"
            | "assume_storage_prezeroed"
            | "packed_meta_blocks",
            _,
        ) => {}
        // What is written anyway.
        (
            "64bit" | "metadata_csum" | "extent" | "extents" | "dir_index" | "flex_bg" | "huge_file"
            | "large_file" | "sparse_super" | "has_journal" | "dir_nlink" | "extra_isize" | "resize_inode"
            | "filetype" | "ext_attr" | "metadata_csum_seed",
            _,
        ) if option != "metadata_csum_seed" => {}
        // Alignment to a RAID's stripes is advice to the allocator.
        ("stride" | "stripe-width" | "stripe_width", _) => {}
        ("^has_journal", _) => options.journal = JournalPolicy::None,
        ("size", size) => options.journal = JournalPolicy::Exactly(ByteSize::mib(size.parse().ok()?)),
        _ => return None,
    }
    Some(())
}

/// Applies the arguments of `mkfs.vfat`. Label and serial number are in the plan already.
pub(super) fn fat(options: &mut FatOptions, arguments: &[String]) -> Result<(), String> {
    let mut words = words(arguments);
    while let Some(word) = words.next() {
        let flag = word.get(..2).unwrap_or(word);
        match flag {
            "-v" | "-I" => {}
            "-n" | "-i" => {
                let _ = value(word, flag, &mut words);
            }
            "-F" | "-s" | "-S" => {
                let text = value(word, flag, &mut words).unwrap_or_default();
                fat_value(options, flag, &text)
                    .ok_or_else(|| format!("mkfs.vfat argument `{flag} {text}` is not supported"))?;
            }
            _ => return Err(format!("mkfs.vfat argument `{word}` is not supported yet")),
        }
    }
    Ok(())
}

fn fat_value(options: &mut FatOptions, flag: &str, text: &str) -> Option<()> {
    let number: u64 = text.parse().ok()?;
    match flag {
        "-F" => {
            options.kind = Some(match number {
                12 => Kind::Fat12,
                16 => Kind::Fat16,
                32 => Kind::Fat32,
                _ => return None,
            });
        }
        "-s" => options.cluster_size = Some(ByteSize(number.checked_mul(options.sector_size.bytes())?)),
        _ => return (number == options.sector_size.bytes()).then_some(()),
    }
    Some(())
}

/// Applies the arguments of `mkfs.btrfs`. Label and UUID are in the plan already, further devices are found elsewhere.
pub(super) fn btrfs(options: &mut BtrfsOptions, arguments: &[String]) -> Result<(), String> {
    let mut words = words(arguments);
    while let Some(word) = words.next() {
        match word {
            // What concerns a person at a terminal, or a device that holds something.
            "-f" | "--force" | "-K" | "--nodiscard" | "-q" | "--quiet" | "-v" | "--verbose" => {}
            // Devices are made of the layout's own, which have their sizes.
            _ if word.starts_with('/') => {}
            _ => {
                let (flag, glued) = match word.split_once('=') {
                    Some((flag, glued)) if flag.starts_with("--") => (flag, Some(glued)),
                    _ if word.starts_with("--") => (word, None),
                    _ => match word.split_at_checked(2) {
                        Some((flag, "")) => (flag, None),
                        Some((flag, glued)) => (flag, Some(glued)),
                        None => (word, None),
                    },
                };
                let text = glued.or_else(|| words.next()).unwrap_or_default();
                btrfs_value(options, flag, text)
                    .ok_or_else(|| format!("mkfs.btrfs argument `{flag} {text}` is not supported yet"))?;
            }
        }
    }
    Ok(())
}

/// `None` for what is not written, or not understood.
fn btrfs_value(options: &mut BtrfsOptions, flag: &str, text: &str) -> Option<()> {
    match flag {
        "-L" | "--label" | "-U" | "--uuid" => {}
        "-d" | "--data" => options.data = Profile::from_name(text)?,
        "-m" | "--metadata" => options.metadata = Profile::from_name(text)?,
        "--csum" | "--checksum" => options.checksum = Checksum::from_name(text)?,
        "-n" | "--nodesize" => {
            options.node_size = NodeSize::from_bytes(text.parse::<ByteSize>().ok()?.bytes())?
        }
        "-s" | "--sectorsize" => return (text.parse::<ByteSize>().ok()?.bytes() == 4096).then_some(()),
        "-O" | "--features" | "-R" | "--runtime-features" => {
            let written = |feature: &str| {
                matches!(
                    feature,
                    "extref" | "skinny-metadata" | "no-holes" | "free-space-tree" | "fst" | "raid1c34"
                ) || matches!(feature, "^quota" | "^squota" | "^block-group-tree" | "^bgt" | "^mixed-bg")
            };
            return text.split(',').all(written).then_some(());
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Seed;

    fn ext4_options(arguments: &[&str]) -> Result<Ext4Options, String> {
        let mut options = Ext4Options::new(Seed::from_inputs([]), "test");
        let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        ext4(&mut options, &arguments).map(|()| options)
    }

    #[test]
    fn arguments_reach_the_options_however_they_are_split() {
        let options = ext4_options(&["-L root", "-m", "1", "-b1024", "-O ^has_journal,64bit"]).unwrap();
        assert_eq!(Some(options.reserved), ReservedPercent::new(1));
        assert_eq!(options.block_size.bytes(), 1024);
        assert_eq!(options.journal, JournalPolicy::None);
    }

    fn btrfs_options(arguments: &[&str]) -> Result<BtrfsOptions, String> {
        let mut options = BtrfsOptions::new(Seed::from_inputs([]), "test");
        let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        btrfs(&mut options, &arguments).map(|()| options)
    }

    #[test]
    fn arguments_of_mkfs_btrfs_are_understood() {
        let arguments = ["-f", "-L nixos", "--csum=xxhash", "-d raid1", "-mraid1c3", "-n", "32k", "/dev/sdb"];
        let options = btrfs_options(&arguments).unwrap();
        assert_eq!((options.data, options.metadata), (Profile::Raid1, Profile::Raid1c3));
        assert_eq!(options.checksum, Checksum::Xxhash64);
        assert_eq!(options.node_size.bytes(), 32 << 10);
        assert!(btrfs_options(&["-O", "no-holes,free-space-tree", "-R", "^quota"]).is_ok());
        for (arguments, message) in [
            (["-d", "raid5"], "mkfs.btrfs argument `-d raid5` is not supported yet"),
            (["-O", "block-group-tree"], "mkfs.btrfs argument `-O block-group-tree` is not supported yet"),
            (["--rootdir", "/x"], "mkfs.btrfs argument `--rootdir /x` is not supported yet"),
            (["--mixed", "-f"], "mkfs.btrfs argument `--mixed -f` is not supported yet"),
        ] {
            assert_eq!(btrfs_options(&arguments).unwrap_err(), message);
        }
    }

    #[test]
    fn what_cannot_be_honoured_is_named() {
        assert_eq!(
            ext4_options(&["-O", "casefold"]).unwrap_err(),
            "mkfs.ext4 argument `-O casefold` is not supported yet"
        );
        assert_eq!(
            ext4_options(&["-m", "lots"]).unwrap_err(),
            "mkfs.ext4 argument `-m lots` is not understood"
        );
        let mut options = FatOptions::default();
        assert_eq!(
            fat(&mut options, &["-F".into(), "64".into()]).unwrap_err(),
            "mkfs.vfat argument `-F 64` is not supported"
        );
    }
}
