//! Arguments for mkfs that are passed on: those that say how the file system is to be, none that name files.

use super::ExternalError;

/// What may be passed on to a mkfs.
pub(super) struct Allowed {
    /// Flags without a value.
    pub flags: &'static [&'static str],
    /// Flags with a value.
    pub values: &'static [&'static str],
    /// Parts of values that name files or devices: refused.
    pub refused: &'static [&'static str],
}

impl Allowed {
    /// The words of `passed` that are no flags without a value: those are ours to give.
    pub fn values_in<'p>(&self, passed: &'p [String]) -> impl Iterator<Item = &'p String> {
        passed.iter().filter(|word| !self.flags.contains(&word.as_str()))
    }
}

/// The words of `arguments` that are passed on, or the first that is not.
pub(super) fn passed_on(arguments: &[String], allowed: &Allowed) -> Result<Vec<String>, ExternalError> {
    let mut words = arguments.iter().flat_map(|argument| argument.split_whitespace());
    let mut passed = Vec::new();
    while let Some(word) = words.next() {
        let is_long = word.starts_with("--");
        let flag =
            if is_long { word.split('=').next().unwrap_or(word) } else { word.get(..2).unwrap_or(word) };
        if allowed.flags.contains(&word) {
            passed.push(word.to_owned());
        } else if allowed.values.contains(&flag) {
            let value = match &word[flag.len()..] {
                "" => words.next().unwrap_or_default(),
                value => value.strip_prefix(if is_long { "=" } else { "" }).unwrap_or(value),
            };
            let names_file = value.split(',').any(|part| {
                let name = part.split('=').next().unwrap_or_default();
                allowed.refused.contains(&name)
            });
            if value.is_empty() || names_file {
                return Err(ExternalError::Argument(format!("{flag} {value}")));
            }
            passed.push(flag.to_owned());
            passed.push(value.trim_matches(['"', '\'']).to_owned());
        } else {
            return Err(ExternalError::Argument(word.to_owned()));
        }
    }
    Ok(passed)
}

/// Whether `flag` is among `passed` with a value that has a part that begins with `part`.
pub(super) fn says(passed: &[String], flag: &str, part: &str) -> bool {
    passed.windows(2).any(|pair| pair[0] == flag && pair[1].split(',').any(|value| value.starts_with(part)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: Allowed = Allowed { flags: &["-f"], values: &["-L", "-d"], refused: &["name", "file"] };

    #[test]
    fn what_names_files_is_not_passed_on() {
        let passed = |text: &str| passed_on(&[text.to_owned()], &ALLOWED).map_err(|error| error.to_string());
        let words = passed("-f -L home -dagcount=2,su=64k").unwrap();
        assert_eq!(words, ["-f", "-L", "home", "-d", "agcount=2,su=64k"]);
        assert!(says(&words, "-d", "agcount=") && !says(&words, "-d", "size="));
        let long = Allowed { flags: &["--acl"], values: &["--label", "-L"], refused: &[] };
        let words = passed_on(&["--acl --label=one --label two -L three".to_owned()], &long).unwrap();
        assert_eq!(words, ["--acl", "--label", "one", "--label", "two", "-L", "three"]);
        assert!(passed_on(&["--labels=x".to_owned()], &long).is_err());
        assert!(passed_on(&["--label=".to_owned()], &long).is_err());
        for bad in ["-d name=/dev/sda", "-p proto", "-d", "/dev/sdb"] {
            assert!(passed(bad).is_err(), "{bad}");
        }
    }
}
