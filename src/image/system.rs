//! The system that goes onto the disks.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use super::ImageError;
use crate::boot::Generation;
use crate::store::{Closure, Source, StorePath};
use crate::tree::Tree;

/// A system: where it comes from, all that it needs, and how it boots.
#[derive(Debug)]
pub struct System {
    source: Source,
    closure: Closure,
    generation: Generation,
}

impl System {
    /// The system at `toplevel` (a store path or a link to one) in the store root or closure-info folder
    /// `store`.
    ///
    /// # Errors
    ///
    /// When there is no such store, when the path is no system, when a path that it needs is missing.
    pub fn open(store: &Path, toplevel: &Path) -> Result<Self, ImageError> {
        let source = Source::open(store)?;
        let toplevel = source.system(toplevel)?;
        Self::in_source(source, toplevel)
    }

    /// The system `toplevel` of `source`.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn in_source(source: Source, toplevel: StorePath) -> Result<Self, ImageError> {
        // Whether it is a system at all is the first thing that its user wants to know.
        let generation = Generation::read(&source, &toplevel, NonZeroU32::MIN)?;
        let closure = Closure::read(&source, &toplevel)?;
        Ok(Self { source, closure, generation })
    }

    /// The same system, whose store is written from `packed` (see [`Closure::packed_in`]).
    pub fn packed_in(self, packed: Arc<Tree>) -> Self {
        Self { closure: self.closure.packed_in(packed), ..self }
    }

    /// Where the files are on this host.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The system's store paths.
    pub fn closure(&self) -> &Closure {
        &self.closure
    }

    /// How it boots, as generation 1.
    pub fn generation(&self) -> &Generation {
        &self.generation
    }
}
