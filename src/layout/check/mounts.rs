//! Mount points: one filesystem for each.

use std::collections::BTreeMap;

use super::View;
use crate::layout::diagnostic::Diagnostic;
use crate::layout::model::content::ContentRef;
use crate::layout::model::places::Places;
use crate::layout::model::text::AbsolutePath;
use crate::layout::model::zfs::{Dataset, Pool};
use crate::layout::syntax::source::Span;

/// A path and where it is given.
#[derive(Clone, Debug)]
pub(super) struct Mount {
    /// The path, without slashes that mean nothing.
    pub(super) path: String,
    /// Where it was written.
    pub(super) place: Span,
}

pub(super) fn check(view: &View<'_>, findings: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<String, Span> = BTreeMap::new();
    for mount in mounts(view) {
        let Some(&first) = seen.get(&mount.path) else {
            seen.insert(mount.path, mount.place);
            continue;
        };
        findings.push(
            Diagnostic::error(
                "duplicate-mount",
                mount.place,
                format!("two filesystems are mounted at `{}`", mount.path),
            )
            .label("mounted here again")
            .other(first, "first mounted here"),
        );
    }
}

/// Everything that is mounted.
pub(super) fn mounts(view: &View<'_>) -> Vec<Mount> {
    let mut list = List(Vec::new());
    for block in view.blocks {
        match block.content {
            Some(ContentRef::Filesystem(set)) => list.add(set.mountpoint.as_ref(), &set.places),
            Some(ContentRef::Btrfs(set)) => {
                list.add(set.mountpoint.as_ref(), &set.places);
                for subvolume in set.subvolumes.values() {
                    list.add(subvolume.mountpoint.as_ref(), &subvolume.places);
                }
            }
            _ => {}
        }
    }
    for set in view.devices.bcachefs_filesystems.values() {
        list.add(set.mountpoint.as_ref(), &set.places);
        for subvolume in set.subvolumes.values() {
            list.add(subvolume.mountpoint.as_ref(), &subvolume.places);
        }
    }
    for set in view.devices.nodev.values() {
        list.add(set.mountpoint.as_ref(), &set.places);
    }
    for pool in view.devices.zpool.values() {
        list.pool(pool);
    }
    list.0
}

struct List(Vec<Mount>);

impl List {
    fn add(&mut self, path: Option<&AbsolutePath>, places: &Places) {
        let Some(path) = path else { return };
        self.0.push(Mount { path: normal(path.as_str()), place: places.of("mountpoint") });
    }

    /// disko mounts a dataset unless ZFS is told not to (`mountpoint=none`, `canmount=off`).
    fn pool(&mut self, pool: &Pool) {
        let is_mounted = |options: &BTreeMap<String, String>| {
            options.get("mountpoint").is_none_or(|value| value != "none")
                && options.get("canmount").is_none_or(|value| value != "off")
        };
        if is_mounted(&pool.root_fs_options) {
            self.add(pool.mountpoint.as_ref(), &pool.places);
        }
        for (_, dataset) in pool.datasets.iter() {
            match dataset {
                Dataset::Filesystem(set) if is_mounted(&set.options) => {
                    self.add(set.mountpoint.as_ref(), &set.places)
                }
                Dataset::Filesystem(_) | Dataset::Volume(_) => {}
            }
        }
    }
}

/// A path with single slashes and none at the end.
fn normal(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    format!("/{}", parts.join("/"))
}
