//! Progress as events: what a step does, how far it is, when it is done.
//!
//! Code that works reports to a [`Progress`]; who listens (a terminal, a file of JSON lines, nobody)
//! is the command line's business. Steps nest by their path: `image/main/root`.

use serde::Serialize;

/// What a step counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Bytes written or read.
    Bytes,
    /// Files, store paths, partitions: things.
    Items,
}

/// Something that happened to a step. `step` is its path, parts separated by `/`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event<'a> {
    /// The step began and will count to `total` where that is known.
    Start {
        /// Path of the step.
        step: &'a str,
        /// How much there is to do.
        total: Option<u64>,
        /// What `total` counts.
        unit: Unit,
    },
    /// So much more was done since the last event.
    Advance {
        /// Path of the step.
        step: &'a str,
        /// How much more, in the unit of `Start`.
        amount: u64,
    },
    /// The step is complete.
    Finish {
        /// Path of the step.
        step: &'a str,
    },
    /// A thing a person should know that is not an error.
    Note {
        /// Path of the step it belongs to.
        step: &'a str,
        /// One line.
        text: &'a str,
    },
}

/// Who is told. Called from several threads at once.
pub trait Progress: Send + Sync {
    /// Takes note of `event`; must not block for long.
    fn report(&self, event: Event<'_>);
}

/// Nobody is told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn report(&self, _event: Event<'_>) {}
}

/// A step under way: started when made, finished when [`finish`](Self::finish) is called; a step that
/// is dropped unfinished has failed and stays so for who watches.
#[derive(Clone, Copy)]
pub struct Step<'a> {
    progress: &'a dyn Progress,
    path: &'a str,
}

impl std::fmt::Debug for Step<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Step").field(&self.path).finish()
    }
}

impl<'a> Step<'a> {
    /// Starts the step at `path`, which will count to `total` in `unit`.
    pub fn start(progress: &'a dyn Progress, path: &'a str, total: Option<u64>, unit: Unit) -> Self {
        progress.report(Event::Start { step: path, total, unit });
        Self { progress, path }
    }

    /// `amount` more is done.
    pub fn advance(&self, amount: u64) {
        self.progress.report(Event::Advance { step: self.path, amount });
    }

    /// A remark for the person who watches.
    pub fn note(&self, text: &str) {
        self.progress.report(Event::Note { step: self.path, text });
    }

    /// All of it is done.
    pub fn finish(self) {
        self.progress.report(Event::Finish { step: self.path });
    }
}
