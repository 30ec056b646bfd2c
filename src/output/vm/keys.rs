//! Which key files go into the machine.

use std::path::PathBuf;

use crate::image::{HookUse, ImageError, KeyFiles};
use crate::plan::Plan;
use crate::plan::content::{Content, LuksKey};

/// The scheme of ZFS' property `keylocation` for files (zfsprops(7)).
const FILE: &str = "file://";

/// Every key file: the path or the name that the layout has for it, and where it is on this host.
///
/// # Errors
///
/// When the file of an encrypted dataset or bcachefs filesystem is not there and no hook could make it.
pub(super) fn files(
    plan: &Plan,
    given: &KeyFiles,
    hooks: HookUse,
) -> Result<Vec<(String, PathBuf)>, ImageError> {
    let mut files: Vec<(String, PathBuf)> =
        given.by_name.iter().map(|(name, path)| (name.clone(), path.clone())).collect();
    let mut paths = Vec::new();
    crate::image::contents(plan, &mut |content| {
        let Content::Luks(luks) = content else { return };
        if let LuksKey::PasswordFile(path) | LuksKey::KeyFile(path) = &luks.key {
            // A key that is given by the volume's name takes the place of the file.
            if !given.by_name.contains_key(&luks.name) {
                paths.push(path.clone());
            }
        }
        paths.extend(luks.additional_key_files.iter().cloned());
    });
    files.extend(
        paths
            .into_iter()
            .filter(|path| !given.by_name.contains_key(path))
            .map(|path| (path.clone(), path.into())),
    );
    for pool in &plan.pools {
        for dataset in &pool.datasets {
            let location =
                dataset.options.get("keylocation").and_then(|location| location.strip_prefix(FILE));
            let Some(path) = location.filter(|path| !given.by_name.contains_key(*path)) else { continue };
            files.extend(there(path, hooks, || format!("{}/{}", pool.name, dataset.name))?);
        }
    }
    for filesystem in &plan.bcachefs {
        let path = filesystem.password_file.as_deref();
        if let Some(path) = path.filter(|path| !given.by_name.contains_key(*path)) {
            files.extend(there(path, hooks, || filesystem.name.clone())?);
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

/// The key file at `path` for what is called `name`; none where a hook may make it.
fn there(
    path: &str,
    hooks: HookUse,
    name: impl FnOnce() -> String,
) -> Result<Option<(String, PathBuf)>, ImageError> {
    if PathBuf::from(path).is_file() {
        return Ok(Some((path.to_owned(), path.into())));
    }
    match hooks {
        HookUse::Run => Ok(None),
        HookUse::LeaveOut => Err(ImageError::NoKey {
            name: name(),
            why: format!("there is no `{path}`; give another file with --key {path}=FILE"),
        }),
    }
}
