//! The options of `cryptsetup luksFormat` that layouts carry in `extraFormatArgs`.

use super::layout::{Options, Pbkdf};

/// Iterations of PBKDF2-SHA256 for a millisecond of `--iter-time`. cryptsetup measures the machine it
/// runs on, which would give another image on every host; this is what a core of 2020 does.
const PBKDF2_PER_MILLISECOND: u32 = 2000;
/// KiB that Argon2id passes over in a millisecond on the same core.
const ARGON2_PER_MILLISECOND: u32 = 1 << 10;

/// An argument that cannot be honoured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatArgsError {
    /// We know what it means and do not do it.
    #[error("`{argument}` is not supported: {why}")]
    Unsupported {
        /// As written.
        argument: String,
        /// What stands in the way, and what is possible.
        why: &'static str,
    },
    /// cryptsetup has it, or not: we do not know it.
    #[error("`{0}` is not an option of `cryptsetup luksFormat` that is understood here")]
    Unknown(String),
    /// The value is missing or makes no sense.
    #[error("`{argument}` needs {expected}")]
    Value {
        /// The option.
        argument: String,
        /// What it takes.
        expected: &'static str,
    },
}

/// Changes `options` as the arguments say: words, or several in one text, as a shell would split them.
pub fn apply_format_args(options: &mut Options, arguments: &[String]) -> Result<(), FormatArgsError> {
    let words = arguments.iter().flat_map(|argument| argument.split_whitespace());
    let mut words = words.flat_map(split_once);
    let mut iter_time = None;
    while let Some(word) = words.next() {
        match word.as_str() {
            // What we do anyway, or what has no meaning without a person at a terminal.
            "--batch-mode" | "-q" | "--verify-passphrase" | "-y" | "--use-random" | "--use-urandom" => {}
            "--allow-discards" => options.allow_discards = true,
            _ => {
                let value = words.next();
                set(options, &mut iter_time, &word, value.as_deref())?;
            }
        }
    }
    if let Some(milliseconds) = iter_time {
        options.pbkdf = with_iter_time(options.pbkdf, milliseconds);
    }
    Ok(())
}

/// `--name=value` and `-nvalue` as two words; everything else as it is.
fn split_once(word: &str) -> Vec<String> {
    if !word.starts_with('-') {
        return vec![word.to_owned()];
    }
    let (name, value) = crate::volume::create_args::split(word);
    std::iter::once(name).chain(value).map(str::to_owned).collect()
}

fn set(
    options: &mut Options,
    iter_time: &mut Option<u32>,
    name: &str,
    value: Option<&str>,
) -> Result<(), FormatArgsError> {
    let unsupported = |why| FormatArgsError::Unsupported { argument: join(name, value), why };
    let needs = |expected| FormatArgsError::Value { argument: name.to_owned(), expected };
    let number = || value.and_then(|value| value.parse::<u32>().ok()).ok_or_else(|| needs("a number"));
    match name {
        "--type" => match value {
            Some("luks2") => {}
            _ => return Err(unsupported("only `luks2` is written")),
        },
        "--cipher" | "-c" => match value {
            Some("aes-xts-plain64") => {}
            _ => return Err(unsupported("only `aes-xts-plain64` is written")),
        },
        "--hash" | "-h" => match value {
            Some("sha256") => {}
            _ => return Err(unsupported("only `sha256` is written")),
        },
        "--key-size" | "-s" => match number()? {
            bits @ (256 | 512) => options.key_bits = bits,
            _ => return Err(needs("256 or 512")),
        },
        "--sector-size" => match number()? {
            size @ (512 | 1024 | 2048 | 4096) => options.sector_size = size,
            _ => return Err(needs("512, 1024, 2048 or 4096")),
        },
        "--pbkdf" => match value {
            Some("argon2id") => options.pbkdf = Pbkdf::default(),
            Some("pbkdf2") => options.pbkdf = Pbkdf::Pbkdf2 { iterations: 2000 * PBKDF2_PER_MILLISECOND },
            Some("argon2i") => return Err(unsupported("`argon2id` and `pbkdf2` are written")),
            _ => return Err(needs("`argon2id` or `pbkdf2`")),
        },
        "--pbkdf-memory" => set_memory(options, number()?),
        "--pbkdf-parallel" => set_lanes(options, number()?.clamp(1, 4)),
        "--pbkdf-force-iterations" => set_iterations(options, number()?),
        "--iter-time" | "-i" => *iter_time = Some(number()?),
        "--label" => value.ok_or_else(|| needs("a text"))?.clone_into(&mut options.label),
        "--subsystem" => value.ok_or_else(|| needs("a text"))?.clone_into(&mut options.subsystem),
        "--uuid" => {
            options.uuid = value.and_then(|value| value.parse().ok()).ok_or_else(|| needs("a UUID"))?;
        }
        "--integrity" | "-I" => {
            return Err(unsupported("authenticated encryption cannot be written into an image"));
        }
        "--header" => return Err(unsupported("a detached header has no place in an image")),
        _ => return Err(FormatArgsError::Unknown(name.to_owned())),
    }
    Ok(())
}

fn join(name: &str, value: Option<&str>) -> String {
    value.map_or_else(|| name.to_owned(), |value| format!("{name} {value}"))
}

fn set_memory(options: &mut Options, kib: u32) {
    if let Pbkdf::Argon2id { memory, .. } = &mut options.pbkdf {
        *memory = kib;
    }
}

fn set_lanes(options: &mut Options, count: u32) {
    if let Pbkdf::Argon2id { lanes, .. } = &mut options.pbkdf {
        *lanes = count;
    }
}

fn set_iterations(options: &mut Options, count: u32) {
    match &mut options.pbkdf {
        Pbkdf::Pbkdf2 { iterations } => *iterations = count.max(1000),
        Pbkdf::Argon2id { time, .. } => *time = count.max(4),
    }
}

fn with_iter_time(pbkdf: Pbkdf, milliseconds: u32) -> Pbkdf {
    match pbkdf {
        Pbkdf::Pbkdf2 { .. } => {
            Pbkdf::Pbkdf2 { iterations: milliseconds.saturating_mul(PBKDF2_PER_MILLISECOND).max(1000) }
        }
        Pbkdf::Argon2id { memory, lanes, .. } => {
            let passes =
                u64::from(milliseconds) * u64::from(ARGON2_PER_MILLISECOND) / u64::from(memory.max(1));
            Pbkdf::Argon2id { time: u32::try_from(passes).unwrap_or(u32::MAX).max(4), memory, lanes }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn apply(arguments: &[&str]) -> Result<Options, FormatArgsError> {
        let mut options = Options::new(Uuid::nil());
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        apply_format_args(&mut options, &arguments).map(|()| options)
    }

    #[test]
    fn arguments_that_matter_are_understood_in_both_spellings() {
        let options = apply(&[
            "--pbkdf",
            "pbkdf2",
            "--iter-time=10",
            "-s",
            "256",
            "--sector-size",
            "4096",
            "--label=root",
        ])
        .unwrap();
        assert_eq!(options.pbkdf, Pbkdf::Pbkdf2 { iterations: 20_000 });
        assert_eq!((options.key_bits, options.sector_size, options.label.as_str()), (256, 4096, "root"));
        // Twice the memory is half as many passes in the same time.
        let options = apply(&["--iter-time", "2000"]).unwrap();
        assert_eq!(options.pbkdf, Pbkdf::Argon2id { time: 15, memory: 128 << 10, lanes: 4 });
        let options = apply(&["--iter-time", "2000", "--pbkdf-memory", "262144"]).unwrap();
        assert_eq!(options.pbkdf, Pbkdf::Argon2id { time: 7, memory: 256 << 10, lanes: 4 });
        // As a shell splits them.
        let options = apply(&["--pbkdf pbkdf2 -i10 -q", "-s512 --label home"]).unwrap();
        assert_eq!(options.pbkdf, Pbkdf::Pbkdf2 { iterations: 20_000 });
        assert_eq!((options.key_bits, options.label.as_str()), (512, "home"));
    }

    #[test]
    fn what_cannot_be_honoured_is_refused_with_the_way_out() {
        let cases = [
            (
                &["--integrity", "hmac-sha256"][..],
                "`--integrity hmac-sha256` is not supported: authenticated encryption cannot be written into an image",
            ),
            (
                &["--cipher", "serpent-xts-plain64"],
                "`--cipher serpent-xts-plain64` is not supported: only `aes-xts-plain64` is written",
            ),
            (&["--key-size", "128"], "`--key-size` needs 256 or 512"),
            (&["--frob"], "`--frob` is not an option of `cryptsetup luksFormat` that is understood here"),
            (&["--uuid"], "`--uuid` needs a UUID"),
        ];
        for (arguments, text) in cases {
            assert_eq!(apply(arguments).unwrap_err().to_string(), text);
        }
    }
}
