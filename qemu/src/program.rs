//! Programs of the host, looked up before they are started so that a missing one is named properly.

use std::path::PathBuf;

use crate::error::Error;

/// Where `name` is on the `PATH`, or in the administrator's folders that an ordinary user's `PATH` lacks.
/// Missing, the error names the Debian `package`.
pub(crate) fn find(name: &str, package: &'static str) -> Result<PathBuf, Error> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/local/sbin".into(), "/usr/sbin".into(), "/sbin".into()])
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| Error::ProgramMissing { program: name.to_owned(), package })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shell_is_found() {
        assert!(find("sh", "dash").unwrap().is_absolute());
    }

    #[test]
    fn a_missing_program_is_named_with_its_package() {
        let error = find("qemu-system-none", "qemu-system-none-package").unwrap_err();
        assert!(error.is_missing());
        assert!(error.hint().unwrap().contains("qemu-system-none-package"));
    }
}
