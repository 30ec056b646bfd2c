//! Who watches: progress bars on a terminal, lines elsewhere, JSON events for programs, traces.

use std::collections::HashMap;
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Failure;
use super::arguments::Common;
use crate::error::{Exit, IoError};
use crate::layout::render::Style;
use crate::progress::{Event, Progress, Unit};

/// Progress for a person (standard error) and for a program (`--events`).
#[derive(Debug)]
pub(super) struct Terminal {
    bars: MultiProgress,
    style: Style,
    by_step: Mutex<HashMap<String, ProgressBar>>,
    events: Option<Mutex<File>>,
}

impl Terminal {
    /// Sets up tracing, bars and the event file as asked for.
    pub(super) fn new(common: &Common) -> Result<Self, Failure> {
        set_up_tracing(common);
        let color =
            !common.no_color && std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let style = if color { Style::Coloured } else { Style::Plain };
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let events = common.events.as_deref().map(open_events).transpose()?.map(Mutex::new);
        Ok(Self {
            style,
            bars: MultiProgress::with_draw_target(target),
            by_step: Mutex::new(HashMap::new()),
            events,
        })
    }

    /// How findings are to be rendered.
    pub(super) const fn style(&self) -> Style {
        self.style
    }

    /// Writes a line to standard error, past the bars.
    pub(super) fn write_line(&self, text: &str) {
        // A closed standard error leaves nobody to tell.
        self.bars.suspend(|| {
            let _ = writeln!(std::io::stderr(), "{text}");
        });
    }

    /// Removes the bars, so that what is printed next stands alone.
    pub(super) fn clear(&self) {
        // A terminal that went away needs no clearing.
        let _ = self.bars.clear();
    }

    fn steps(&self) -> MutexGuard<'_, HashMap<String, ProgressBar>> {
        self.by_step.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, event: &Event<'_>) {
        match *event {
            Event::Start { step, total, unit } => {
                let bar = self.bars.add(ProgressBar::new(total.unwrap_or(0)).with_message(step.to_owned()));
                bar.set_style(style(total, unit));
                bar.enable_steady_tick(Duration::from_millis(120));
                self.steps().insert(step.to_owned(), bar);
            }
            Event::Advance { step, amount } => {
                if let Some(bar) = self.steps().get(step) {
                    bar.inc(amount);
                }
            }
            Event::Finish { step } => {
                if let Some(bar) = self.steps().remove(step) {
                    bar.finish_and_clear();
                }
            }
            Event::Note { text, .. } => self.write_line(&format!("note: {text}")),
        }
    }
}

impl Progress for Terminal {
    fn report(&self, event: Event<'_>) {
        if let Some(events) = &self.events {
            let mut file = events.lock().unwrap_or_else(PoisonError::into_inner);
            let written = serde_json::to_string(&event)
                .map_err(std::io::Error::from)
                .and_then(|line| writeln!(file, "{line}"));
            if let Err(error) = written {
                tracing::warn!("writing an event: {error}");
            }
        }
        self.show(&event);
    }
}

fn style(total: Option<u64>, unit: Unit) -> ProgressStyle {
    let template = match (total, unit) {
        (None, _) => "{spinner} {msg}",
        (Some(_), Unit::Bytes) => "{msg:32} {bar:24} {bytes:>10}/{total_bytes:10} {eta:>4}",
        (Some(_), Unit::Items) => "{msg:32} {bar:24} {pos:>10}/{len:10} {eta:>4}",
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn set_up_tracing(common: &Common) {
    let level = match common.verbose {
        0 => "warn",
        1 => "landfall=info,warn",
        2 => "landfall=debug,info",
        _ => "trace",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("LANDFALL_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    let color = !common.no_color && std::io::stderr().is_terminal();
    // Fails only when a subscriber is there already, as in tests; that one serves.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(color)
        .without_time()
        .try_init();
}

/// Opens what `--events` names: a file, or a descriptor that the caller left open.
fn open_events(target: &str) -> Result<File, Failure> {
    let Some(number) = target.strip_prefix("fd:") else {
        return File::create(target)
            .map_err(|error| Failure::from_error(Exit::Failed, &IoError::new("creating", target, error)));
    };
    let known = match number {
        "1" => std::io::stdout().as_fd().try_clone_to_owned().map(File::from),
        "2" => std::io::stderr().as_fd().try_clone_to_owned().map(File::from),
        // Opening the descriptor's name duplicates it without taking the caller's word for its validity.
        _ if number.parse::<u32>().is_ok() => {
            File::options().append(true).open(Path::new("/proc/self/fd").join(number))
        }
        _ => return Err(Failure::new(Exit::Usage, format!("`{target}` is not `fd:` and a number"))),
    };
    known.map_err(|error| {
        Failure::new(Exit::Usage, format!("opening descriptor {number} for --events: {error}"))
    })
}
