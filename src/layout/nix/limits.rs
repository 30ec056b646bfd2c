//! How much a layout may ask of the evaluator.
//!
//! A layout is data with a little arithmetic: real ones take some thousand steps. The limits stand far above that and far
//! below what would disturb the host, so that a program that does not end says so within two seconds.

use super::error::{NixError, NixErrorKind, Res};

/// Expressions evaluated, elements visited: the measure of time.
const MOST_STEPS: u64 = 6_000_000;

/// Values and delayed values kept. Nothing is freed before the evaluation ends, so this bounds memory: a value with what belongs
/// to it takes up to 180 bytes, and with the texts below all stays within 256 MiB.
const MOST_CELLS: usize = 1_000_000;

/// Bytes of strings, and of the arrays of lists and sets, made in all.
const MOST_BYTES: u64 = 64 << 20;

/// Evaluations within evaluations. The evaluating thread's stack is sized for this; see [`STACK`].
const DEEPEST: u32 = 40_000;

/// Stack of the evaluating thread in bytes. Only the part that is used becomes memory.
pub(super) const STACK: usize = 256 << 20;

/// What has been used so far.
#[derive(Debug, Default)]
pub(super) struct Budget {
    steps: u64,
    bytes: u64,
    depth: u32,
}

impl Budget {
    /// Counts one step.
    pub(super) fn step(&mut self) -> Res<()> {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            return Err(exhausted("steps", MOST_STEPS));
        }
        Ok(())
    }

    /// Counts `count` steps at once: the elements of a list that is about to be walked.
    pub(super) fn steps(&mut self, count: usize) -> Res<()> {
        self.steps = self.steps.saturating_add(crate::units::u64_of(count));
        self.step()
    }

    /// Counts bytes about to be made.
    pub(super) fn bytes(&mut self, count: usize) -> Res<()> {
        self.bytes = self.bytes.saturating_add(crate::units::u64_of(count));
        if self.bytes > MOST_BYTES {
            return Err(exhausted("bytes of text and lists", MOST_BYTES));
        }
        Ok(())
    }

    /// Checks that `count` values may exist.
    pub(super) fn cells(count: usize) -> Res<()> {
        if count > MOST_CELLS {
            return Err(exhausted("values", crate::units::u64_of(MOST_CELLS)));
        }
        Ok(())
    }

    /// Goes one evaluation deeper. Each success is to be followed by [`Budget::leave`].
    pub(super) fn enter(&mut self) -> Res<()> {
        if self.depth >= DEEPEST {
            return Err(NixError::new(
                NixErrorKind::Limit,
                format!("evaluation nests deeper than {DEEPEST} levels"),
            )
            .hint("a function that calls itself without end, or a list that is walked by recursion"));
        }
        self.depth += 1;
        Ok(())
    }

    /// Comes back from [`Budget::enter`].
    pub(super) fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }
}

/// The error of a program that wants too much.
fn exhausted(what: &str, limit: u64) -> Box<NixError> {
    NixError::new(NixErrorKind::Limit, format!("evaluation takes more than {limit} {what}"))
        .hint("a layout is data: a recursion or a list without end is the usual cause")
}
