//! The installer as the first process of a machine.
//!
//! ```text
//! supervise   PID 1: starts the session, reaps, stays when the session fails
//! session     early ─▶ modules ─▶ medium ─▶ pick disks ─▶ install ─▶ finish
//!               mounts   by        order,     by rule or
//!                        modalias  store      by a person
//! ```
//!
//! The session is a process of its own, so that whatever ends it (a full memory, a mistake of ours) ends
//! in a prompt and not in a kernel panic; and nothing starts the machine again by itself after a failure,
//! so there is no loop of installations.

mod ask;
mod build;
mod console;
mod early;
mod finish;
mod medium;
mod modules;
mod pattern;
mod report;
mod session;
mod supervise;

pub use session::session;
pub use supervise::supervise;
