//! Arguments for `lvcreate` that layouts carry, as far as they can be honoured.

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
}
