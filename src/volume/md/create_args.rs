//! Arguments for `mdadm --create` that layouts carry, as far as they can be honoured.

use super::{Bitmap, Level, Options};
use crate::units::ByteSize;
use crate::volume::create_args::split;

/// An argument that cannot be honoured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("mdadm argument `{0}` is not supported")]
pub struct CreateArgsError(String);

/// Applies `arguments` (words, or several in one text) to `options`, whose level is that of the array.
pub fn apply_create_args(options: &mut Options, arguments: &[String]) -> Result<(), CreateArgsError> {
    let mut words = arguments.iter().flat_map(|argument| argument.split_whitespace());
    while let Some(word) = words.next() {
        let (name, glued) = split(word);
        if is_flag(name) && glued.is_none() {
            continue;
        }
        let value = glued.or_else(|| words.next()).unwrap_or_default();
        apply(options, name, value)
            .ok_or_else(|| CreateArgsError(format!("{name} {value}").trim_end().to_owned()))?;
    }
    Ok(())
}

/// What concerns a person at a terminal, and what is so anyway: arrays are in sync from the start.
fn is_flag(name: &str) -> bool {
    matches!(
        name,
        "--assume-clean" | "--run" | "-R" | "--force" | "-f" | "--verbose" | "-v" | "--quiet" | "-q"
    )
}

/// Applies one argument; `None` when it asks for what is not written.
fn apply(options: &mut Options, name: &str, value: &str) -> Option<()> {
    match (name, value) {
        ("--chunk" | "-c", size) => options.chunk = kibibytes(size)?,
        ("--bitmap" | "-b", "internal") | ("--consistency-policy" | "-k", "bitmap") => {
            options.bitmap = Bitmap::Internal;
        }
        ("--bitmap" | "-b", "none") | ("--consistency-policy" | "-k", "resync") => {
            options.bitmap = Bitmap::None;
        }
        // Names have no host in them.
        ("--homehost", "any" | "<none>" | "<ignore>") => {}
        ("--uuid" | "-u", uuid) => options.uuid = uuid.replace(':', "").parse().ok()?,
        ("--layout" | "-p", layout) => {
            let is_ours = match options.level {
                Level::Raid5 | Level::Raid6 => ["left-symmetric", "ls"].contains(&layout),
                Level::Raid10 => layout == "n2",
                Level::Raid0 | Level::Raid1 | Level::Raid4 => false,
            };
            return is_ours.then_some(());
        }
        _ => return None,
    }
    Some(())
}

/// mdadm counts in kibibytes where no unit stands.
fn kibibytes(text: &str) -> Option<ByteSize> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: ByteSize = match &text[digits.len()..] {
        "" | "k" | "K" => ByteSize::kib(1),
        "m" | "M" => ByteSize::mib(1),
        "g" | "G" => ByteSize::gib(1),
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit.bytes()).map(ByteSize)
}

#[cfg(test)]
mod tests {
    use super::super::Version;
    use super::*;
    use crate::timestamp::Timestamp;

    fn applied(level: Level, text: &str) -> Result<Options, String> {
        let mut options = Options {
            level,
            version: Version::V1_2,
            uuid: uuid::Uuid::from_u128(1),
            member_uuids: Vec::new(),
            name: "system".to_owned(),
            chunk: ByteSize::kib(512),
            bitmap: Bitmap::Internal,
            created: Timestamp::STORE,
        };
        apply_create_args(&mut options, &[text.to_owned()]).map_err(|error| error.to_string())?;
        Ok(options)
    }

    #[test]
    fn chunk_bitmap_and_uuid_reach_the_options() {
        let options = applied(Level::Raid5, "--chunk=64 --bitmap none --assume-clean -p ls").unwrap();
        assert_eq!((options.chunk, options.bitmap), (ByteSize::kib(64), Bitmap::None));
        let options = applied(Level::Raid1, "-c 1M --uuid=809b3a2b:828a4730:95e175b6:343e415a").unwrap();
        assert_eq!(options.chunk, ByteSize::mib(1));
        assert_eq!(options.uuid.to_string(), "809b3a2b-828a-4730-95e1-75b6343e415a");
    }

    #[test]
    fn what_would_make_another_array_is_refused() {
        for (level, text, named) in [
            (Level::Raid10, "--layout=f2", "--layout f2"),
            (Level::Raid1, "--write-journal /dev/sdc", "--write-journal /dev/sdc"),
            (Level::Raid5, "--spare-devices=1", "--spare-devices 1"),
            (Level::Raid1, "--homehost=server", "--homehost server"),
        ] {
            assert_eq!(applied(level, text), Err(format!("mdadm argument `{named}` is not supported")));
        }
    }
}
