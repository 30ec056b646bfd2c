//! A client of QEMU's monitor protocol, QMP (QEMU's `docs/interop/qmp-spec.rst`).
//!
//! Every message is one line of JSON. The server greets with `{"QMP": …}`; after `qmp_capabilities` it
//! answers each command with `{"return": …}` or `{"error": …}` and sends `{"event": …}` at any time.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::error::Error;

/// A monitor answers at once unless the host is starved.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Something that QEMU announced.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its name, `SHUTDOWN` for one.
    pub name: String,
    /// What QEMU says about it.
    pub data: Value,
}

/// A connection to a monitor.
#[derive(Debug)]
pub struct Qmp {
    reader: BufReader<UnixStream>,
    /// The beginning of a line whose rest has not come yet.
    partial: Vec<u8>,
    events: VecDeque<Event>,
}

impl Qmp {
    /// Connects to the monitor's socket and agrees on the protocol.
    pub fn connect(socket: &Path) -> Result<Self, Error> {
        let stream = UnixStream::connect(socket).map_err(Error::io("connecting to", socket))?;
        let mut client =
            Self { reader: BufReader::new(stream), partial: Vec::new(), events: VecDeque::new() };
        let greeting = client.message(ANSWER_TIMEOUT)?;
        if greeting.as_ref().is_none_or(|greeting| greeting.get("QMP").is_none()) {
            return Err(Error::Monitor(format!("{} does not greet as QMP", socket.display())));
        }
        client.execute("qmp_capabilities", json!({}))?;
        Ok(client)
    }

    /// Runs a command with its arguments and gives back what it returns.
    pub fn execute(&mut self, command: &str, arguments: Value) -> Result<Value, Error> {
        let mut line = json!({ "execute": command, "arguments": arguments }).to_string();
        line.push('\n');
        let write = self.reader.get_mut().write_all(line.as_bytes());
        write.map_err(|error| Error::Monitor(format!("`{command}` was not sent: {error}")))?;
        let start = Instant::now();
        loop {
            let left = ANSWER_TIMEOUT.saturating_sub(start.elapsed());
            let mut message = self
                .message(left)?
                .ok_or_else(|| Error::Monitor(format!("`{command}` was not answered in time")))?;
            if let Some(error) = message.get("error") {
                let description = error["desc"].as_str().unwrap_or("no reason given").to_owned();
                return Err(Error::Refused { command: command.to_owned(), description });
            }
            if let Some(answer) = message.get_mut("return") {
                return Ok(answer.take());
            }
            self.note_event(message);
        }
    }

    /// The next event called `name`, if it comes within `timeout`; events before it are forgotten.
    pub fn wait_event(&mut self, name: &str, timeout: Duration) -> Result<Option<Event>, Error> {
        let start = Instant::now();
        loop {
            while let Some(event) = self.events.pop_front() {
                if event.name == name {
                    return Ok(Some(event));
                }
            }
            match self.message(timeout.saturating_sub(start.elapsed()))? {
                Some(message) => self.note_event(message),
                None => return Ok(None),
            }
        }
    }

    fn note_event(&mut self, mut message: Value) {
        if let Some(name) = message["event"].as_str().map(str::to_owned) {
            self.events.push_back(Event { name, data: message["data"].take() });
        }
    }

    /// The next message, if one is complete within `timeout`. A closed connection is an error.
    fn message(&mut self, timeout: Duration) -> Result<Option<Value>, Error> {
        let start = Instant::now();
        loop {
            let left = timeout.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Ok(None);
            }
            let set = self.reader.get_ref().set_read_timeout(Some(left));
            set.map_err(|error| Error::Monitor(error.to_string()))?;
            match self.reader.read_until(b'\n', &mut self.partial) {
                Ok(_) if self.partial.ends_with(b"\n") => {
                    let line = std::mem::take(&mut self.partial);
                    let message = serde_json::from_slice(&line);
                    return message
                        .map(Some)
                        .map_err(|error| Error::Monitor(format!("a line is not JSON: {error}")));
                }
                Ok(_) => return Err(Error::Monitor("the connection was closed".to_owned())),
                // What was read of an incomplete line stays in `partial`.
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::Monitor(error.to_string())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;

    /// A monitor that greets and then says `lines`, one after each line that it hears.
    fn monitor(lines: &'static [&'static str]) -> (tempfile::TempDir, Result<Qmp, Error>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("monitor");
        let listener = UnixListener::bind(&path).unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n").unwrap();
            let mut heard = BufReader::new(stream.try_clone().unwrap());
            for line in lines {
                heard.read_until(b'\n', &mut Vec::new()).unwrap();
                // In two pieces, as a busy socket delivers them.
                let (first, second) = line.as_bytes().split_at(line.len() / 2);
                stream.write_all(first).unwrap();
                thread::sleep(Duration::from_millis(10));
                stream.write_all(second).unwrap();
                stream.write_all(b"\r\n").unwrap();
            }
            let _ = heard.read(&mut [0]);
        });
        let client = Qmp::connect(&path);
        (folder, client)
    }

    #[test]
    fn answers_and_events_are_told_apart() {
        let lines: &[&str] = &[
            r#"{"return": {}}"#,
            "{\"event\": \"RESET\", \"data\": {\"guest\": true}}\n{\"return\": {\"status\": \"running\"}}",
        ];
        let (_folder, client) = monitor(lines);
        let mut client = client.unwrap();
        assert_eq!(client.execute("query-status", json!({})).unwrap()["status"], "running");
        let event = client.wait_event("RESET", Duration::from_secs(5)).unwrap().unwrap();
        assert_eq!(event.data["guest"], true);
        assert_eq!(client.wait_event("RESET", Duration::from_millis(30)).unwrap(), None);
    }

    #[test]
    fn a_refusal_carries_the_words_of_qemu() {
        let (_folder, client) =
            monitor(&[r#"{"return": {}}"#, r#"{"error": {"class": "GenericError", "desc": "no screen"}}"#]);
        let error = client.unwrap().execute("screendump", json!({})).unwrap_err();
        assert_eq!(error.to_string(), "qemu refused `screendump`: no screen");
    }

    #[test]
    fn a_line_that_is_not_json_is_an_error() {
        let (_folder, client) = monitor(&["Segmentation fault"]);
        assert!(client.unwrap_err().to_string().contains("a line is not JSON"));
    }
}
