//! The kernel's interfaces that need `unsafe`, one per file, each behind a safe function.
