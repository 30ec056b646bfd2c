//! Listening to the machine until it has ended.

use std::time::Duration;

use qemu::{Ending, Vm};
use serde_json::Value as Json;

use super::VmError;
use crate::installer::vm::{EVENT, RESULT};
use crate::progress::{Event, Progress, Unit};

/// How long the machine may say nothing: copying goes on without a word for 16 MiB at most, but a program of the system
/// may work for long.
const SILENCE: Duration = Duration::from_secs(1800);

/// How long the rest of a line and the end of the machine may take.
const SHORT: Duration = Duration::from_secs(120);

/// Signs that there will be no result.
const FAILURES: [&str; 2] = ["landfall: failed:", "Kernel panic"];

/// Passes on the machine's progress; its result.
pub(super) fn watch(vm: &Vm, progress: &dyn Progress) -> Result<(), VmError> {
    let patterns = [EVENT, RESULT, FAILURES[0], FAILURES[1]];
    loop {
        let (index, before) = vm.console().expect_any(&patterns, SILENCE)?;
        before.lines().filter(|line| !line.trim().is_empty()).for_each(|line| tracing::debug!("vm: {line}"));
        let line = vm.console().expect("\n", SHORT)?;
        match index {
            0 => pass_on(&line, progress),
            1 => return ended(vm, &line),
            _ => return Err(guest(vm, format!("{}{}", patterns[index], line.trim_end()))),
        }
    }
}

fn ended(vm: &Vm, line: &str) -> Result<(), VmError> {
    let result: Json = serde_json::from_str(line.trim()).unwrap_or_default();
    if result["outcome"] != "built" {
        let reason = result["reason"].as_str().unwrap_or("it failed and did not say why");
        return Err(guest(vm, reason.to_owned()));
    }
    // Only a machine that has switched itself off has written everything.
    match vm.wait(SHORT)? {
        Ending::PoweredOff => Ok(()),
        other => Err(guest(vm, format!("it ended otherwise than by switching itself off: {other:?}"))),
    }
}

fn guest(vm: &Vm, reason: String) -> VmError {
    vm.directory().keep();
    VmError::Guest { reason, transcript: vm.directory().transcript() }
}

/// A line that is no event is the console's noise.
fn pass_on(line: &str, progress: &dyn Progress) {
    let event: Json = serde_json::from_str(line.trim()).unwrap_or_default();
    let Some(step) = event["step"].as_str() else { return };
    let step = format!("vm/{step}");
    let step = step.as_str();
    match event["event"].as_str() {
        Some("start") => {
            let unit = if event["unit"] == "bytes" { Unit::Bytes } else { Unit::Items };
            progress.report(Event::Start { step, total: event["total"].as_u64(), unit });
        }
        Some("advance") => {
            progress.report(Event::Advance { step, amount: event["amount"].as_u64().unwrap_or(0) });
        }
        Some("finish") => progress.report(Event::Finish { step }),
        Some("note") => {
            progress.report(Event::Note { step, text: event["text"].as_str().unwrap_or_default() })
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    struct Heard(Mutex<Vec<String>>);

    impl Progress for Heard {
        fn report(&self, event: Event<'_>) {
            self.0.lock().unwrap().push(serde_json::to_string(&event).unwrap());
        }
    }

    #[test]
    fn events_of_the_machine_are_passed_on_and_noise_is_not() {
        let heard = Heard(Mutex::new(Vec::new()));
        pass_on("{\"event\":\"start\",\"step\":\"copy /\",\"total\":7,\"unit\":\"bytes\"}\r\n", &heard);
        pass_on("{\"event\":\"advance\",\"step\":\"copy /\",\"amount\":7}", &heard);
        pass_on("{\"event\":\"advance\",\"st[   12.3] clocksource", &heard);
        let heard = heard.0.into_inner().unwrap();
        assert_eq!(
            heard,
            [
                r#"{"event":"start","step":"vm/copy /","total":7,"unit":"bytes"}"#,
                r#"{"event":"advance","step":"vm/copy /","amount":7}"#
            ]
        );
    }
}
