//! Arguments for `lvcreate` that layouts carry, as far as they can be honoured.

use super::size::parse_lvm_size;
use super::thin::{Discards, PoolOptions, Zeroing};
use crate::units::{ByteSize, KIB, MIB};
use crate::volume::create_args::split;

/// An argument that cannot be honoured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("lvcreate argument `{0}` is not supported")]
pub struct CreateArgsError(String);

/// How an argument takes its value.
enum Argument {
    /// It has none.
    Flag,
    /// It has one, which may be anything: it is honoured elsewhere or changes nothing in an image.
    Any,
    /// It has one, which must be what is done anyway.
    Only(&'static [&'static str]),
}

/// What is known of the argument `name`; `None` for what is not supported.
fn known(name: &str) -> Option<Argument> {
    Some(match name {
        // What concerns a person at a terminal, and what is done anyway: RAID volumes are in sync from the start.
        "-y" | "--yes" | "-q" | "--quiet" | "-v" | "--verbose" | "--nosync" => Argument::Flag,
        // How many members a volume lies on: the plan has worked it out.
        "-i" | "--stripes" | "-m" | "--mirrors" => Argument::Any,
        // Traces of what was on a device before: an image has none.
        "-W" | "--wipesignatures" | "-Z" | "--zero" => Argument::Any,
        "-I" | "--stripesize" => Argument::Only(&["64", "64k", "64K"]),
        "-C" | "--contiguous" => Argument::Only(&["n"]),
        // What becomes of a thin pool: `pool_options` reads it.
        "-c" | "--chunksize" | "--poolmetadatasize" | "--discards" => Argument::Any,
        // What is done anyway: mirrors have a log, pools a spare.
        "--mirrorlog" => Argument::Only(&["disk"]),
        "--poolmetadataspare" => Argument::Only(&["y"]),
        "--alloc" => Argument::Only(&["inherit", "normal"]),
        "-r" | "--readahead" => Argument::Only(&["auto"]),
        _ => return None,
    })
}

/// Fails at the first of `arguments` (words, or several in one text) that a volume made by us would not have.
pub fn check_create_args(arguments: &[String]) -> Result<(), CreateArgsError> {
    let mut words = arguments.iter().flat_map(|argument| argument.split_whitespace());
    while let Some(word) = words.next() {
        let (name, glued) = split(word);
        let refuse = |value: &str| CreateArgsError(format!("{name} {value}").trim_end().to_owned());
        match known(name).ok_or_else(|| refuse(glued.unwrap_or_default()))? {
            Argument::Flag if glued.is_none() => {}
            Argument::Flag => return Err(refuse(glued.unwrap_or_default())),
            Argument::Any => {
                let _ = glued.or_else(|| words.next());
            }
            Argument::Only(values) => {
                let value = glued.or_else(|| words.next()).unwrap_or_default();
                if !values.contains(&value) {
                    return Err(refuse(value));
                }
            }
        }
    }
    Ok(())
}

/// What `arguments` say of a thin pool.
///
/// # Errors
/// For values that lvcreate does not take.
pub fn pool_options(arguments: &[String]) -> Result<PoolOptions, CreateArgsError> {
    let mut options = PoolOptions::default();
    let mut words = arguments.iter().flat_map(|argument| argument.split_whitespace());
    while let Some(word) = words.next() {
        let (name, glued) = split(word);
        if !matches!(known(name), Some(Argument::Any | Argument::Only(_))) {
            continue;
        }
        let value = glued.or_else(|| words.next()).unwrap_or_default();
        let bad = || CreateArgsError(format!("{name} {value}"));
        match name {
            "-c" | "--chunksize" => {
                // lvcreate's unit for chunks is KiB, and they are multiples of 64 KiB.
                let chunk = parse_lvm_size(value, ByteSize(KIB)).filter(|chunk| {
                    chunk.bytes().is_multiple_of(64 * KIB) && (64 * KIB..=1 << 30).contains(&chunk.bytes())
                });
                options.chunk = Some(chunk.ok_or_else(bad)?);
            }
            "--poolmetadatasize" => {
                let metadata = parse_lvm_size(value, ByteSize(MIB))
                    .filter(|size| (2 * MIB..=16 << 30).contains(&size.bytes()));
                options.metadata = Some(metadata.ok_or_else(bad)?);
            }
            "--discards" => options.discards = Discards::from_name(value).ok_or_else(bad)?,
            "-Z" | "--zero" if value == "n" => options.zeroing = Zeroing::Off,
            _ => {}
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_a_volume_is_refused_and_what_does_not_is_passed_over() {
        let check = |text: &str| check_create_args(&[text.to_owned()]).map_err(|error| error.to_string());
        for good in ["", "-y --nosync", "-i 3 -I64", "--stripes=2 --mirrors 1", "-Wy -Zn", "-C n"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, named) in [
            ("-I 128", "-I 128"),
            ("--addtag fast", "--addtag"),
            ("-i 2 --stripesize=4k", "--stripesize 4k"),
            ("-Cy", "-C y"),
        ] {
            assert_eq!(check(bad), Err(format!("lvcreate argument `{named}` is not supported")));
        }
    }

    #[test]
    fn what_is_said_of_a_pool_is_understood() {
        let read = |text: &str| pool_options(&[text.to_owned()]).map_err(|error| error.to_string());
        let options = read("-c 256 --poolmetadatasize=1g --discards ignore -Zn").unwrap();
        assert_eq!((options.chunk, options.metadata), (Some(ByteSize::kib(256)), Some(ByteSize::gib(1))));
        assert_eq!((options.discards, options.zeroing), (Discards::Ignore, Zeroing::Off));
        assert_eq!(read("-y -i 2"), Ok(PoolOptions::default()));
        for bad in ["-c 100k", "-c2g", "--poolmetadatasize 1m", "--discards all"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
