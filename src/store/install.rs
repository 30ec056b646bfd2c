//! The root file system of an installed system, as `nixos-install` leaves it.
//!
//! | path | mode, owner | content |
//! |---|---|---|
//! | `/nix/store` | 1775 root:nixbld | the closure |
//! | `/nix/var/nix/db` | 0755 | `db.sqlite`, `schema` |
//! | `/nix/var/nix/profiles` | 0755 | `system` → `system-1-link` → the system |
//! | `/nix/var/nix/gcroots` | 0755 | `profiles` → `/nix/var/nix/profiles`, `auto`, `per-user` |
//! | `/etc` | 0755 | `NIXOS`, empty: the mark by which `switch-to-configuration` and `nixos-enter` know it |
//! | the folders of [`FOLDERS`] | | empty: mount points and what the first activation fills |
//!
//! Everything is modified at second 1 after 1970, like the store: a first boot is the same on every
//! machine. Machine id, host keys and random seed are left to that boot.

use std::cmp::Reverse;

use super::database::{self, DATABASE_FILE, DatabaseError, SCHEMA_FILE, SCHEMA_VERSION};
use super::scan::{self, ScanError};
use super::{Closure, StorePath};
use crate::tree::{Content, Kind, Metadata, Name, NameError, Node, NodeId, Tree, TreeError};

/// The group of Nix's build users, which may add to the store directory (NixOS `ids.gids.nixbld`).
pub const NIXBLD_GID: u32 = 30_000;

/// Folders that a first boot expects, with their modes: mount points of the initrd (`/dev`, `/proc`,
/// `/sys`, `/run`), those that NixOS's activation and systemd would make, and Nix's own state.
pub const FOLDERS: [(&str, u16); 21] = [
    ("dev", 0o755),
    ("etc", 0o755),
    ("home", 0o755),
    ("proc", 0o555),
    ("root", 0o700),
    ("run", 0o755),
    ("sys", 0o555),
    ("tmp", 0o1777),
    ("usr", 0o755),
    ("usr/bin", 0o755),
    ("bin", 0o755),
    ("var", 0o755),
    ("var/empty", 0o555),
    ("var/lib", 0o755),
    ("var/log", 0o755),
    ("var/tmp", 0o1777),
    ("nix/var/log/nix/drvs", 0o755),
    ("nix/var/nix/daemon-socket", 0o755),
    ("nix/var/nix/gcroots/auto", 0o755),
    ("nix/var/nix/profiles/per-user/root", 0o755),
    ("nix/var/nix/temproots", 0o755),
];

/// Why the tree of an installed system could not be made.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// A store path could not be read.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// The database could not be made.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A store that was packed does not have it.
    #[error("`{0}` is registered but not in the packed store")]
    NotPacked(String),
    /// Two things want one name.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A store path's name cannot be a file's.
    #[error(transparent)]
    Name(#[from] NameError),
}

/// The root file system of a machine on which `closure`'s system is installed as generation 1.
///
/// Only names and sizes are read; contents are fetched when the tree is written.
pub fn install_tree(closure: &Closure) -> Result<Tree, InstallError> {
    let folder = Metadata::root(0o755);
    let mut tree = Tree::new(folder.clone());
    for (path, permissions) in FOLDERS {
        let id = tree.make_directories(path, &folder)?;
        tree.metadata_mut(id).permissions = permissions;
    }
    let store = tree.make_directories("nix/store", &folder)?;
    *tree.metadata_mut(store) = Metadata { gid: NIXBLD_GID, ..Metadata::root(0o1775) };
    add_store(&mut tree, store, closure)?;
    let database = Content::from(database::encode(closure.paths())?);
    add_file(&mut tree, DATABASE_FILE, database)?;
    add_file(&mut tree, SCHEMA_FILE, Content::from(SCHEMA_VERSION.to_string().into_bytes()))?;
    add_file(&mut tree, "etc/NIXOS", Content::from(Vec::new()))?;
    add_profile(&mut tree, closure.toplevel())?;
    add_link(&mut tree, "nix/var/nix/gcroots/profiles", "/nix/var/nix/profiles")?;
    let per_user = tree.make_directories("nix/var/nix/gcroots/per-user", &folder)?;
    tree.metadata_mut(per_user).permissions = 0o755;
    Ok(tree)
}

/// Adds the objects of `closure` to the directory `store`, named `HASH-NAME`: what `/nix/store` holds,
/// and what the root of an ISO's squashfs holds.
pub fn add_store(tree: &mut Tree, store: NodeId, closure: &Closure) -> Result<(), InstallError> {
    if let Some(packed) = closure.packed() {
        for info in closure.paths() {
            let name = info.path.base_name();
            let id = packed.lookup(name).ok_or_else(|| InstallError::NotPacked(info.path.to_string()))?;
            tree.graft((store, Name::new(name.as_bytes())?), (packed, id))?;
        }
        return Ok(());
    }
    let mut infos: Vec<_> = closure.paths().collect();
    // Threads take one after the other: the largest first, so that none is alone with it at the end.
    infos.sort_by_key(|info| Reverse(info.nar_size));
    let mut objects = Vec::with_capacity(infos.len());
    for info in infos {
        objects.push((Name::new(info.path.base_name().as_bytes())?, closure.host_path(&info.path)));
    }
    Ok(scan::add_objects(tree, store, &objects)?)
}

/// The system profile: `system` → `system-1-link` (relative) → the system (absolute), as `nix-env --set`
/// makes it.
fn add_profile(tree: &mut Tree, toplevel: &StorePath) -> Result<(), TreeError> {
    add_link(tree, "nix/var/nix/profiles/system-1-link", &toplevel.to_string())?;
    add_link(tree, "nix/var/nix/profiles/system", "system-1-link")
}

fn add_file(tree: &mut Tree, path: &str, content: Content) -> Result<(), TreeError> {
    let node = Node { metadata: Metadata::root(0o644), kind: Kind::File(content) };
    tree.insert(path, node, &Metadata::root(0o755)).map(drop)
}

fn add_link(tree: &mut Tree, path: &str, target: &str) -> Result<(), TreeError> {
    let kind = Kind::Symlink(target.as_bytes().to_vec());
    tree.insert(path, Node { metadata: Metadata::root(0o777), kind }, &Metadata::root(0o755)).map(drop)
}
