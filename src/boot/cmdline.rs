//! The kernel command line of a system.

use super::Bootspec;

/// The longest command line that the kernel takes, in bytes: `COMMAND_LINE_SIZE` is 2048 on x86 and on
/// arm64, the NUL behind the text included. What is longer it cuts off without a word.
pub const MAX_LEN: usize = 2047;

/// Why a system's parameters cannot be a command line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandLineError {
    /// The kernel would cut it off.
    #[error(
        "the kernel command line of `{toplevel}` has {len} bytes; the kernel takes {MAX_LEN} and drops the rest"
    )]
    TooLong {
        /// The system.
        toplevel: String,
        /// How many bytes there are.
        len: usize,
    },
    /// An entry has one line for it.
    #[error("the kernel parameter {parameter:?} of `{toplevel}` holds a line break or NUL")]
    Character {
        /// The system.
        toplevel: String,
        /// The parameter.
        parameter: String,
    },
}

/// `init=` and the system's parameters, separated by spaces.
pub fn command_line(spec: &Bootspec) -> Result<String, CommandLineError> {
    let boot = &spec.boot;
    let init = format!("init={}", boot.init);
    joined(std::iter::once(&init).chain(&boot.kernel_params), &boot.toplevel)
}

/// `parameters` of the system `toplevel`, separated by spaces.
pub(super) fn joined<'a>(
    parameters: impl IntoIterator<Item = &'a String>,
    toplevel: &str,
) -> Result<String, CommandLineError> {
    let toplevel = || toplevel.to_owned();
    let parameters: Vec<&str> = parameters.into_iter().map(String::as_str).collect();
    if let Some(parameter) = parameters.iter().find(|parameter| parameter.contains(['\n', '\r', '\0'])) {
        let parameter = (*parameter).to_owned();
        return Err(CommandLineError::Character { toplevel: toplevel(), parameter });
    }
    let line = parameters.join(" ");
    if line.len() > MAX_LEN {
        return Err(CommandLineError::TooLong { toplevel: toplevel(), len: line.len() });
    }
    Ok(line)
}
