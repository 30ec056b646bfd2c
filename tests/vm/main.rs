//! Tests that boot machines under QEMU, one module per theme.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is the point")]
