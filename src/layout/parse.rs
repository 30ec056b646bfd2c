//! From a source to a checked [`Layout`].

use std::sync::Arc;

use serde_json::Value as Json;

use super::check;
use super::diagnostic::{Diagnostic, Diagnostics, MOST_FINDINGS, Severity};
use super::model::devices::Devices;
use super::model::scope::Scope;
use super::options::OptionType;
use super::options::reader::Reader;
use super::syntax::source::{Place, SourceMap, Span};
use super::syntax::value::Value;
use super::syntax::{document, json, toml};

/// What a layout is read from.
#[derive(Debug)]
pub enum Source {
    /// A text in JSON.
    Json {
        /// What findings call it: the path as the user gave it.
        name: String,
        /// Its bytes, which should be UTF-8.
        text: Vec<u8>,
    },
    /// A text in TOML.
    Toml {
        /// What findings call it: the path as the user gave it.
        name: String,
        /// Its bytes, which should be UTF-8.
        text: Vec<u8>,
    },
    /// What a Nix expression was evaluated to.
    Evaluated {
        /// The value: a devices set, or a configuration that has one.
        value: Value,
        /// The texts that its places are in.
        sources: SourceMap,
    },
}

/// The declared disks of a machine, checked: every option has its type and value, every name resolves.
/// Only [`Layout::parse`] makes one.
#[derive(Clone, Debug)]
pub struct Layout {
    devices: Devices,
    sources: Arc<SourceMap>,
}

impl Layout {
    /// Reads and checks a layout. With it come the findings that do not keep it from being used: warnings and notes.
    ///
    /// # Errors
    /// All mistakes at once, and the warnings and notes, in the order of severity and place.
    pub fn parse(source: Source) -> Result<(Self, Vec<Diagnostic>), Diagnostics> {
        let (value, mut findings, sources) = read(source);
        let devices = value.and_then(|value| {
            let (devices, mut passed_over) = document::devices(value);
            findings.append(&mut passed_over);
            devices
        });
        let devices = devices.and_then(|value| {
            let mut reader = Reader::new();
            let devices = Devices::read(&value, &Scope::default(), &mut reader);
            let (mut mistakes, losses) = reader.finish();
            findings.append(&mut mistakes);
            findings.extend(devices.iter().flat_map(|devices| check::check(devices, losses)));
            devices
        });
        findings.sort_by_key(|finding| (finding.severity, finding.span));
        findings.truncate(MOST_FINDINGS);
        match devices {
            Some(devices) if findings.iter().all(|finding| finding.severity != Severity::Error) => {
                Ok((Self { devices, sources: Arc::new(sources) }, findings))
            }
            _ => Err(Diagnostics { items: findings, sources: Arc::new(sources) }),
        }
    }

    /// The devices.
    pub fn devices(&self) -> &Devices {
        &self.devices
    }

    /// The texts that places are in, for findings of later stages.
    pub fn sources(&self) -> &Arc<SourceMap> {
        &self.sources
    }

    /// Where a part of the layout was written. Every part of the model has its [`Places`](super::model::places::Places):
    /// `layout.place_of(partition.places.of("size"))`.
    pub fn place_of(&self, span: Span) -> Place {
        self.sources.place(span)
    }

    /// The layout in disko's own form with all defaults filled in: what
    /// `nix eval --json .#nixosConfigurations.X.config.disko.devices` prints, without the options that begin with `_`.
    pub fn resolved_json(&self) -> Json {
        self.devices.resolved()
    }
}

/// The value of a source with what was found on the way, and the texts it came from.
fn read(source: Source) -> (Option<Value>, Vec<Diagnostic>, SourceMap) {
    let (name, text, parse): (_, _, fn(_, &str) -> _) = match source {
        Source::Evaluated { value, sources } => return (Some(value), Vec::new(), sources),
        Source::Json { name, text } => (name, text, json::parse),
        Source::Toml { name, text } => (name, text, toml::parse),
    };
    let mut sources = SourceMap::new();
    let (text, invalid) = match String::from_utf8(text) {
        Ok(text) => (text, None),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            (String::from_utf8_lossy(error.as_bytes()).into_owned(), Some(at))
        }
    };
    let id = match sources.add(name, text.as_str()) {
        Ok(id) => id,
        Err(error) => return (None, vec![Diagnostic::global("too-large", error.to_string())], sources),
    };
    if let Some(at) = invalid {
        let span = Span::new(id, at, at + '\u{fffd}'.len_utf8());
        let finding = Diagnostic::error("not-utf8", span, format!("the text is not UTF-8 from byte {at} on"));
        return (None, vec![finding], sources);
    }
    let (value, findings) = parse(id, &text);
    (value, findings, sources)
}
