//! The guest's serial console: everything it prints is kept in a transcript and can be waited for.

mod ansi;

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::run_directory::RunDirectory;
use ansi::Stripper;

/// How many of the last lines an error shows.
const SHOWN_LINES: usize = 20;

/// Text that was already waited for is forgotten beyond this size; the transcript has it all.
const REMEMBERED: usize = 1 << 20;

/// A serial console. All methods take `&self`; several threads may wait and send at once.
#[derive(Debug)]
pub struct Console {
    shared: Arc<Shared>,
    input: Mutex<Input>,
    directory: Arc<RunDirectory>,
}

#[derive(Debug, Default)]
struct Shared {
    heard: Mutex<Heard>,
    changed: Condvar,
}

/// What came from the guest.
#[derive(Debug, Default)]
struct Heard {
    stripper: Stripper,
    text: Vec<u8>,
    /// Everything before this byte of `text` has been waited for.
    seen: usize,
    /// How many bytes have been waited for since the start, forgotten ones included.
    consumed: u64,
    /// The guest's end of the line is gone.
    closed: bool,
}

/// How far one waiting call has looked. A serial port delivers a few bytes at a time: without this every
/// piece would have everything searched again.
#[derive(Debug, Default)]
struct Looked {
    /// [`Heard::consumed`] when it looked.
    consumed: u64,
    /// Bytes behind [`Heard::seen`] that hold no start of a match, but perhaps of an incomplete one.
    length: usize,
}

/// The guest's end that we type into.
struct Input(Box<dyn Write + Send>);

/// Why a pattern did not come.
enum Missed {
    /// The guest says no more.
    Closed,
    /// The time is over.
    Late,
}

impl std::fmt::Debug for Input {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Input")
    }
}

impl Console {
    /// A console that reads what the guest prints from `output` and types into `input`. The transcript and
    /// the evidence of failures are in `directory`. Reading goes on in a thread until `output` ends.
    pub(crate) fn new(
        mut output: impl Read + Send + 'static,
        input: impl Write + Send + 'static,
        directory: Arc<RunDirectory>,
    ) -> Result<Self, Error> {
        let path = directory.transcript();
        let mut transcript = File::create(&path).map_err(Error::io("creating", &path))?;
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let reader = move || {
            let mut bytes = vec![0; 1 << 16];
            loop {
                match output.read(&mut bytes) {
                    Ok(0) => break,
                    Ok(length) => {
                        // A full disk must not stop the test that could still pass.
                        let _ = transcript.write_all(&bytes[..length]);
                        of_thread.heard(&bytes[..length]);
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
            of_thread.lock().closed = true;
            of_thread.changed.notify_all();
        };
        thread::Builder::new()
            .name("console".to_owned())
            .spawn(reader)
            .map_err(Error::io("starting a thread for", &path))?;
        Ok(Self { shared, input: Mutex::new(Input(Box::new(input))), directory })
    }

    /// Waits until `pattern` (plain text, escape sequences ignored) comes and returns what came before it
    /// since the last match. The next call looks at what follows.
    pub fn expect(&self, pattern: &str, timeout: Duration) -> Result<String, Error> {
        self.expect_any(&[pattern], timeout).map(|(_, before)| before)
    }

    /// Waits for whichever of `patterns` comes first; its index and what came before it.
    pub fn expect_any(&self, patterns: &[&str], timeout: Duration) -> Result<(usize, String), Error> {
        self.look_for(patterns, timeout).map_err(|missed| {
            let expected = quoted_list(patterns);
            let evidence = self.directory.evidence(self.last_lines());
            match missed {
                Missed::Closed => {
                    Error::Ended { ending: "its console closed".to_owned(), expected, evidence }
                }
                Missed::Late => Error::Timeout { expected, after: timeout, evidence },
            }
        })
    }

    /// Whether `pattern` comes in time. That it stays away is no failure, and keeps no evidence.
    pub(crate) fn comes(&self, pattern: &str, timeout: Duration) -> Result<bool, Error> {
        match self.look_for(&[pattern], timeout) {
            Ok(_) => Ok(true),
            Err(Missed::Late) => Ok(false),
            // Says that it is closed, at once.
            Err(Missed::Closed) => self.expect(pattern, timeout).map(|_| true),
        }
    }

    fn look_for(&self, patterns: &[&str], timeout: Duration) -> Result<(usize, String), Missed> {
        let start = Instant::now();
        let mut looked = Looked::default();
        let mut heard = self.shared.lock();
        loop {
            if let Some(found) = heard.take_first(patterns, &mut looked) {
                return Ok(found);
            }
            let left = timeout.saturating_sub(start.elapsed());
            if heard.closed {
                return Err(Missed::Closed);
            }
            if left.is_zero() {
                return Err(Missed::Late);
            }
            heard = self.shared.wait(heard, left);
        }
    }

    /// Types text as it is.
    pub fn send(&self, text: &str) -> Result<(), Error> {
        let path = self.directory.transcript();
        let mut input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        let typed = input.0.write_all(text.as_bytes()).and_then(|()| input.0.flush());
        typed.map_err(Error::io("typing on the console of", &path))
    }

    /// Types a line and the Enter key, which firmware, boot menus and Linux all know as carriage return.
    pub fn send_line(&self, line: &str) -> Result<(), Error> {
        self.send(&format!("{line}\r"))
    }

    /// Everything remembered, escape sequences removed. Bytes that are no UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.shared.lock().text).into_owned()
    }

    /// The last lines that are not empty.
    pub fn last_lines(&self) -> Vec<String> {
        let text = self.text();
        let mut lines: Vec<_> = text
            .lines()
            .rev()
            .filter(|line| !line.trim().is_empty())
            .take(SHOWN_LINES)
            .map(|line| line.trim_end().to_owned())
            .collect();
        lines.reverse();
        lines
    }
}

/// "`a` or `b` on the console"
fn quoted_list(patterns: &[&str]) -> String {
    let quoted: Vec<_> = patterns.iter().map(|pattern| format!("`{}`", pattern.escape_debug())).collect();
    format!("{} on the console", quoted.join(" or "))
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Heard> {
        // A thread that panicked while it held the lock has at worst left text out.
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&'a self, heard: MutexGuard<'a, Heard>, timeout: Duration) -> MutexGuard<'a, Heard> {
        let waited = self.changed.wait_timeout(heard, timeout);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn heard(&self, bytes: &[u8]) {
        let mut heard = self.lock();
        let Heard { stripper, text, .. } = &mut *heard;
        stripper.feed(bytes, text);
        heard.forget();
        drop(heard);
        self.changed.notify_all();
    }
}

impl Heard {
    /// The earliest match of any pattern in what was not seen yet; the longer one where two start together.
    fn take_first(&mut self, patterns: &[&str], looked: &mut Looked) -> Option<(usize, String)> {
        if looked.consumed != self.consumed {
            *looked = Looked { consumed: self.consumed, length: 0 };
        }
        let longest = patterns.iter().map(|pattern| pattern.len()).max().unwrap_or(0);
        let from = looked.length.saturating_sub(longest);
        let fresh = &self.text[self.seen..];
        looked.length = fresh.len();
        let (at, length, index) = patterns
            .iter()
            .enumerate()
            .filter_map(|(index, pattern)| {
                Some((from + position(&fresh[from..], pattern.as_bytes())?, pattern.len(), index))
            })
            .min_by_key(|&(at, length, _)| (at, std::cmp::Reverse(length)))?;
        let before = String::from_utf8_lossy(&fresh[..at]).into_owned();
        self.seen += at + length;
        // The guest may say nothing more, so this is not left to the next bytes.
        self.forget();
        self.consumed = self.consumed.saturating_add(u64::try_from(at + length).unwrap_or(u64::MAX));
        Some((index, before))
    }

    /// Drops seen text once there is much of it.
    fn forget(&mut self) {
        if self.seen > REMEMBERED {
            // The last lines are still wanted by errors.
            let keep = self.seen.saturating_sub(REMEMBERED / 16);
            self.text.drain(..keep);
            self.seen -= keep;
        }
    }
}

/// Where `needle` first stands in `haystack`.
fn position(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    if needle.is_empty() {
        return Some(0);
    }
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests;
