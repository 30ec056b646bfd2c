//! A command line as a value: printed for people, written as a script, run.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::process::Command;

/// A program and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    program: OsString,
    arguments: Vec<OsString>,
}

impl CommandLine {
    /// The program (a name or a path) with its arguments.
    pub fn new(program: impl Into<OsString>, arguments: Vec<OsString>) -> Self {
        Self { program: program.into(), arguments }
    }

    /// The arguments without the program.
    pub fn arguments(&self) -> &[OsString] {
        &self.arguments
    }

    /// Ready to be spawned.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        command
    }

    /// A shell script that runs it, one option with its value on each line.
    pub fn script(&self) -> String {
        let mut script = format!("#!/bin/sh\nexec {}", quoted(&self.program));
        for argument in &self.arguments {
            // An option starts a line of its own; its value stays beside it.
            let starts = argument.as_encoded_bytes().starts_with(b"-");
            script.push_str(if starts { " \\\n  " } else { " " });
            script.push_str(&quoted(argument));
        }
        script.push('\n');
        script
    }
}

/// One line, quoted for a shell.
impl fmt::Display for CommandLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&quoted(&self.program))?;
        for argument in &self.arguments {
            write!(formatter, " {}", quoted(argument))?;
        }
        Ok(())
    }
}

/// The word as a shell reads it back. Bytes that are no UTF-8 are shown, not kept.
fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./=,:+@%".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> CommandLine {
        CommandLine::new("qemu", vec!["-m".into(), "512".into(), "-append".into(), "it's a=1".into()])
    }

    #[test]
    fn the_line_is_quoted_for_a_shell() {
        assert_eq!(line().to_string(), r"qemu -m 512 -append 'it'\''s a=1'");
    }

    #[test]
    fn a_shell_reads_the_script_back() {
        let odd = CommandLine::new("printf", vec!["[%s]".into(), "it's $HOME".into(), String::new().into()]);
        let output = Command::new("sh").arg("-c").arg(odd.script()).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "[it's $HOME][]");
    }

    #[test]
    fn the_script_has_one_option_per_line() {
        assert_eq!(line().script(), "#!/bin/sh\nexec qemu \\\n  -m 512 \\\n  -append 'it'\\''s a=1'\n");
    }
}
