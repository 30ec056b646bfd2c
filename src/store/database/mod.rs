//! Nix's database: which store paths are valid, their hashes and references.
//!
//! SQLite, `nix/var/nix/db/db.sqlite` of a store root, schema version 10 (the number is in the file
//! `schema` beside it). Tables, as released Nix makes them:
//!
//! | table | a row says |
//! |---|---|
//! | `ValidPaths` | path, hash (`sha256:` base 16), size, deriver, signatures, content address |
//! | `Refs` | the path `referrer` holds the hash part of `reference`; a path may refer to itself |
//! | `DerivationOutputs` | the output `id` of the derivation `drv` is `path` |
//!
//! Not supported: the tables of the experimental content-addressed derivations (file `ca-schema`).

mod read;
mod schema;
mod write;

use std::path::PathBuf;

use crate::error::IoError;

pub use read::{Database, Snapshot};
pub use schema::{DATABASE_FILE, SCHEMA_FILE, SCHEMA_VERSION};
pub use write::encode;

/// Why a database could not be read or made.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// There is none.
    #[error(
        "there is no Nix database `{0}`; --store takes the folder that holds `nix/store` and `nix/var/nix/db`"
    )]
    Missing(PathBuf),
    /// Someone holds a lock on it.
    #[error("the Nix database `{0}` is locked by another program; let it finish, or stop it, and try again")]
    Locked(PathBuf),
    /// SQLite cannot make sense of it.
    #[error(
        "the Nix database `{path}` is damaged: {detail}; put back a copy of it, or copy the system to a new store with `nix copy`"
    )]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
    /// Its schema is not the one that we know.
    #[error(
        "the Nix database below `{folder}` has schema version `{found}`, but {SCHEMA_VERSION} is what this program reads{}",
        way_out(found)
    )]
    Version {
        /// The folder of the database.
        folder: PathBuf,
        /// What its file `schema` says.
        found: String,
    },
    /// A row holds what cannot be.
    #[error("the Nix database `{database}` says of `{path}`: {why}")]
    Row {
        /// The database.
        database: PathBuf,
        /// The path whose row it is.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// It was written to while we read it.
    #[error("the Nix database `{0}` was changed while it was read; try again")]
    Changed(PathBuf),
    /// A path to be registered refers to one that is not.
    #[error("`{referrer}` refers to `{reference}`, which is not to be registered")]
    Dangling {
        /// Who refers.
        referrer: String,
        /// To what.
        reference: String,
    },
    /// The operating system said no.
    #[error(transparent)]
    Io(#[from] IoError),
    /// SQLite said no.
    #[error("the Nix database `{path}`")]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// What it said.
        source: rusqlite::Error,
    },
}

/// What to do about an old or a new schema.
fn way_out(found: &str) -> &'static str {
    match found.parse::<u32>() {
        Ok(version) if version < SCHEMA_VERSION => "; any command of a current Nix brings it up to date",
        _ => "",
    }
}
