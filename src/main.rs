//! The `landfall` program.

use std::process::ExitCode;

/// A tree of a system has a hundred thousand small parts: the C library's allocator takes a tenth of an image's time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    landfall::cli::main().into()
}
