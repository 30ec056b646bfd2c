//! Images made here, judged by other readers.

#![expect(clippy::print_stderr, reason = "a skipped test says so")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is the point")]

mod judges;
mod made;
mod properties;
