//! Ctrl-C: what is half made is removed, then the program ends.

use std::io::Write;

use nix::sys::signal::{SigSet, Signal};

use crate::error::Exit;
use crate::files;

/// Blocks SIGINT, SIGTERM and SIGHUP in this thread and those it will start, and waits for them in a
/// thread of its own. Call before other threads are made.
pub(super) fn watch() {
    let signals = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]);
    if let Err(error) = signals.thread_block() {
        tracing::warn!("blocking signals: {error}");
        return;
    }
    std::thread::spawn(move || {
        let signal = signals.wait();
        let removed = files::remove_temporaries();
        let kept = if removed == 0 { "" } else { "; unfinished files were removed" };
        let name = signal.map_or("a signal", Signal::as_str);
        // A closed standard error leaves nobody to tell.
        let _ = writeln!(std::io::stderr(), "\nerror: interrupted by {name}{kept}");
        std::process::exit(i32::from(Exit::Failed.code()));
    });
}
