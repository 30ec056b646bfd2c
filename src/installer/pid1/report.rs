//! Progress on consoles: a line when a step begins and at every tenth of it. A serial line at 9600 baud
//! and a screen without cursor control show it alike.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::console::Consoles;
use crate::progress::{Event, Progress, Unit};
use crate::units::ByteSize;

/// Steps shorter than this are told by their beginning alone.
const LONG: u64 = 64 << 20;

/// Tells consoles how far an installation is.
#[derive(Debug)]
pub(super) struct Report<'a> {
    consoles: &'a Consoles,
    steps: Mutex<HashMap<String, Count>>,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    done: u64,
    total: u64,
    shown: u64,
}

impl<'a> Report<'a> {
    pub(super) fn new(consoles: &'a Consoles) -> Self {
        Self { consoles, steps: Mutex::new(HashMap::new()) }
    }

    fn advance(&self, step: &str, amount: u64) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(count) = steps.get_mut(step) else { return };
        count.done = count.done.saturating_add(amount);
        let tenths = count.done.saturating_mul(10).checked_div(count.total).unwrap_or(0).min(10);
        if tenths > count.shown {
            count.shown = tenths;
            self.consoles.say(&format!("  {step}: {} %", tenths * 10));
        }
    }
}

impl Progress for Report<'_> {
    fn report(&self, event: Event<'_>) {
        match event {
            Event::Start { step, total, unit } => {
                let size =
                    total.filter(|_| unit == Unit::Bytes).map(|bytes| format!(" ({})", ByteSize(bytes)));
                self.consoles.say(&format!("  {step}{}", size.unwrap_or_default()));
                if let Some(total) = total.filter(|total| *total >= LONG && unit == Unit::Bytes) {
                    let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
                    steps.insert(step.to_owned(), Count { done: 0, total, shown: 0 });
                }
            }
            Event::Advance { step, amount } => self.advance(step, amount),
            Event::Finish { .. } => {}
            Event::Note { text, .. } => self.consoles.say(&format!("  {text}")),
        }
    }
}
