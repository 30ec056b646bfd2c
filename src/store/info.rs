//! What the store knows of one of its paths.

use super::{NarHash, StorePath};
use crate::units::ByteSize;

/// One valid path: what a row of the database, or a record of a registration, says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathInfo {
    /// The path.
    pub path: StorePath,
    /// Hash of its archive.
    pub nar_hash: NarHash,
    /// Size of its archive.
    pub nar_size: ByteSize,
    /// Paths whose hash part occurs in it, sorted, no path twice; often the path itself too.
    pub references: Vec<StorePath>,
    /// The derivation that made it, where that is known.
    pub deriver: Option<StorePath>,
    /// Signatures, `KEY:BASE64` each, in the order in which the store has them.
    pub signatures: Vec<String>,
    /// For what address its content follows from (`fixed:r:sha256:…`, `text:sha256:…`); such a path
    /// needs no signature.
    pub content_address: Option<String>,
    /// For a derivation: its outputs' names and paths, sorted. Empty for everything else.
    pub outputs: Vec<(String, StorePath)>,
}

impl PathInfo {
    /// A path that has nothing but content and references.
    pub fn new(path: StorePath, nar_hash: NarHash, nar_size: ByteSize, references: Vec<StorePath>) -> Self {
        let mut references = references;
        references.sort();
        references.dedup();
        let (deriver, content_address) = (None, None);
        let (signatures, outputs) = (Vec::new(), Vec::new());
        Self { path, nar_hash, nar_size, references, deriver, signatures, content_address, outputs }
    }
}
