//! From a source to a checked [`Layout`].

use std::sync::Arc;

use serde_json::Value as Json;

use super::check;
use super::diagnostic::{Diagnostic, Diagnostics, MOST_FINDINGS, Severity};
use super::model::devices::Devices;
use super::model::scope::Scope;
use super::nix::Evaluated;
use super::options::OptionType;
use super::options::reader::Reader;
use super::syntax::source::{Place, SourceMap, Span};
use super::syntax::value::Value;
use super::syntax::{document, json, marks, toml};

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
        /// The value (a devices set, or a configuration that has one) with what was passed over on the way to it.
        evaluated: Evaluated,
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

/// A layout for looking at: every option has its type and value, but the checks beyond types may have found that it cannot
/// work (two file systems at one path, a pool that nothing declares). disko itself accepts such a layout. Nothing is made from
/// one.
#[derive(Clone, Debug)]
pub struct Draft(Layout);

impl Draft {
    /// Reads a layout as [`Layout::parse`] does, but keeps it where only the checks beyond types fail. With it come all findings.
    ///
    /// # Errors
    /// All findings, where a text, a type or an option is wrong.
    pub fn parse(source: Source) -> Result<(Self, Vec<Diagnostic>), Diagnostics> {
        let Reading { devices, findings, sources, sound } = Reading::new(source);
        match devices {
            Some(devices) if sound => Ok((Self(Layout { devices, sources: Arc::new(sources) }), findings)),
            _ => Err(Diagnostics { items: findings, sources: Arc::new(sources) }),
        }
    }

    /// The devices.
    pub fn devices(&self) -> &Devices {
        self.0.devices()
    }

    /// The texts that places are in.
    pub fn sources(&self) -> &Arc<SourceMap> {
        self.0.sources()
    }

    /// As [`Layout::resolved_json`].
    pub fn resolved_json(&self) -> Json {
        self.0.resolved_json()
    }
}

impl From<Layout> for Draft {
    fn from(layout: Layout) -> Self {
        Self(layout)
    }
}

/// What reading and checking a source has come to.
struct Reading {
    devices: Option<Devices>,
    findings: Vec<Diagnostic>,
    sources: SourceMap,
    /// Whether every option could be read: what is wrong then, checks beyond types have found.
    sound: bool,
}

impl Reading {
    fn new(source: Source) -> Self {
        let (value, mut findings, sources) = read(source);
        let devices = value.and_then(|value| {
            let (devices, mut passed_over) = document::devices(value);
            findings.append(&mut passed_over);
            devices
        });
        let mut sound = false;
        let devices = devices.and_then(|value| {
            let mut reader = Reader::new();
            let devices = Devices::read(&value, &Scope::default(), &mut reader);
            let (mut mistakes, losses) = reader.finish();
            findings.append(&mut mistakes);
            sound = is_usable(&findings);
            findings.extend(devices.iter().flat_map(|devices| check::check(devices, losses)));
            devices
        });
        findings.sort_by_key(|finding| (finding.severity, finding.span));
        findings.truncate(MOST_FINDINGS);
        Self { devices, findings, sources, sound }
    }
}

/// Whether nothing among the findings keeps a layout from being used.
fn is_usable(findings: &[Diagnostic]) -> bool {
    findings.iter().all(|finding| finding.severity != Severity::Error)
}

impl Layout {
    /// Reads and checks a layout. With it come the findings that do not keep it from being used: warnings and notes.
    ///
    /// # Errors
    /// All mistakes at once, and the warnings and notes, in the order of severity and place.
    pub fn parse(source: Source) -> Result<(Self, Vec<Diagnostic>), Diagnostics> {
        let Reading { devices, findings, sources, sound: _ } = Reading::new(source);
        match devices {
            Some(devices) if is_usable(&findings) => {
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
        Source::Evaluated { evaluated: Evaluated { value, findings }, sources } => {
            return (Some(value), findings, sources);
        }
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
    let (value, mut findings) = parse(id, &text);
    let value = value.and_then(|value| {
        let resolved = marks::resolve(value, &mut findings);
        if resolved.is_none() {
            findings.push(Diagnostic::global("not-a-layout", "no part of the layout is in effect"));
        }
        resolved
    });
    (value, findings, sources)
}
