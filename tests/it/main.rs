//! Integration tests that need no virtual machine, one module per theme.

#![expect(clippy::print_stderr, reason = "a skipped test says so")]

mod cli;
mod oracle;
