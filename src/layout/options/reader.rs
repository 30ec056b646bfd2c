//! The reading side: finds options in a set, reports what does not fit, remembers where things stand.

use std::sync::Arc;

use super::set::Tag;
use super::{OptionType, choice, suggest};
use crate::layout::diagnostic::{Diagnostic, MOST_FINDINGS, Severity};
use crate::layout::model::hooks::Hooks;
use crate::layout::model::places::Places;
use crate::layout::model::scope::Scope;
use crate::layout::syntax::source::Span;
use crate::layout::syntax::value::{Attrs, Kind, Value};

/// Options that disko computes for its own use. They are in what `nix eval --json …config.disko.devices` prints; a layout has
/// no reason to set them, and they mean nothing here.
const INTERNAL: [&str; 18] = [
    "_config",
    "_create",
    "_createFilesystem",
    "_destroy",
    "_destroyFormatMount",
    "_disko",
    "_formatMount",
    "_legacyDestroy",
    "_meta",
    "_module",
    "_mount",
    "_name",
    "_packages",
    "_parent",
    "_pkgs",
    "_scripts",
    "_unmount",
    "_update",
];

/// Options that disko once had, with the only value that they had: old layouts are full of them.
const FORMER: [(&str, &str); 2] = [("type", "partition"), ("type", "lvm_lv")];

/// What mistakes made reading leave out, so that nobody complains that it is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// A content whose `type` is not known: it may have been a member, or an ESP.
    pub contents: bool,
    /// A disk or group, or a whole section of them.
    pub groups: bool,
    /// Anything at all.
    pub anything: bool,
}

/// Collects the findings of one reading.
#[derive(Debug, Default)]
pub struct Reader {
    findings: Vec<Diagnostic>,
    losses: Losses,
    /// Where the reading is, from the devices set down.
    path: Vec<Step>,
}

/// One step down from the devices set.
#[derive(Debug)]
struct Step {
    /// Name of the option, or `[N]` in a list.
    name: Arc<str>,
    /// Where that name was written.
    place: Span,
}

impl Reader {
    /// Nothing found yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything found, in the order of reading, and what was lost.
    pub fn finish(self) -> (Vec<Diagnostic>, Losses) {
        (self.findings, self.losses)
    }

    /// Keeps a finding, with the option it is about.
    pub fn report(&mut self, finding: Diagnostic) {
        self.losses.anything |= finding.severity == Severity::Error;
        let finding = if finding.option.is_empty() { finding.option(self.path()) } else { finding };
        self.findings.push(finding);
    }

    /// Remembers that a content could not be read.
    pub fn lose_content(&mut self) {
        self.losses.contents = true;
    }

    /// Reads one step further down: what stands under `name`, which was written at `place`.
    pub fn within<T>(&mut self, name: &str, place: Span, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(Step { name: Arc::from(name), place });
        let result = read(self);
        self.path.pop();
        result
    }

    /// Reports a value of a type that the option does not take.
    pub fn wrong_type(&mut self, value: &Value, accepts: &str) {
        // A whole section, or a disk or group in it.
        self.losses.groups |= self.path.len() <= 2;
        let name = self.option_name();
        let mut finding = Diagnostic::error(
            "wrong-type",
            value.span,
            format!("{name} accepts {accepts}, but this is {}", value.describe()),
        );
        if let Some(hint) = conversion(value, accepts) {
            finding = finding.hint(hint);
        }
        self.report(finding);
    }

    /// Reports a text that does not have the form the option asks for.
    pub fn wrong_form(&mut self, value: &Value, accepts: &str, hint: Option<String>) {
        let name = self.option_name();
        let given = value.as_str().map_or_else(|| value.describe().to_owned(), |text| format!("`{text}`"));
        let message = format!("{name} accepts {accepts}, but this is {given}");
        let mut finding = Diagnostic::error("wrong-form", value.span, message);
        if let Some(hint) = hint {
            finding = finding.hint(hint);
        }
        self.report(finding);
    }

    /// Reports a text that is none of the words the option takes.
    pub fn wrong_word(&mut self, value: &Value, words: &[&str]) {
        let accepts = choice::one_of(words);
        let Some(text) = value.as_str() else {
            self.wrong_type(value, &accepts);
            return;
        };
        let name = self.option_name();
        let mut finding = Diagnostic::error(
            "wrong-word",
            value.span,
            format!("{name} accepts {accepts}, but this is `{text}`"),
        );
        if let Some(near) = suggest::nearest(text, words.iter().copied()) {
            finding = finding.label(format!("did you mean `{near}`?"));
        }
        self.report(finding);
    }

    /// Reports a name that is longer than any can be, and says whether it did: names become parts of paths, again and again for
    /// all that lies on the device, and so a long one would take memory without end.
    pub fn refuse_long(&mut self, name: &str, place: Span) -> bool {
        const LONGEST: usize = 1024;
        if name.len() <= LONGEST {
            return false;
        }
        let message = format!("a name has {} bytes; at most {LONGEST} are taken", name.len());
        self.report(Diagnostic::error("long-name", place, message));
        true
    }

    /// Reports every name of a set that is not among `known`. `kind` is the set's `type`, if it has one.
    pub(crate) fn refuse_unknown(&mut self, attrs: &Attrs, known: &[&'static str], kind: Option<&str>) {
        for (name, attr) in attrs.iter() {
            if known.contains(&&**name) || INTERNAL.contains(&&**name) {
                continue;
            }
            // More are not kept, and finding what each may have meant takes time.
            if self.findings.len() >= MOST_FINDINGS {
                break;
            }
            if attr.value.as_str().is_some_and(|value| FORMER.contains(&(&**name, value))) {
                let message = format!("`{name}` has no effect: disko has no such option here any more");
                let finding = Diagnostic::note("no-effect", attr.name_span, message).option(self.below(name));
                self.report(finding);
                continue;
            }
            // Likely a section whose name is mistyped.
            self.losses.groups |= self.path.is_empty();
            let message = format!("{} has no option `{name}`", self.owner_name(kind));
            let mut finding = Diagnostic::error("unknown-option", attr.name_span, message);
            finding = match suggest::nearest(name, known.iter().copied()) {
                Some(near) => finding.label(format!("did you mean `{near}`?")),
                None => finding.hint(format!("options here: {}", listed(known))),
            };
            let finding = finding.option(self.below(name));
            self.report(finding);
        }
    }

    /// The full name of an option of the set being read.
    fn below(&self, name: &str) -> String {
        let path = self.path();
        if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
    }

    /// The full name of what is being read: `disk.main.content.partitions.ESP`.
    fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.path {
            if !path.is_empty() && !step.name.starts_with('[') {
                path.push('.');
            }
            path.push_str(&step.name);
        }
        path
    }

    fn option_name(&self) -> String {
        self.path.last().map_or_else(|| "the layout".to_owned(), |step| format!("`{}`", step.name))
    }

    /// What a set is called: by its name in the layout, but by its kind where that is `content`, which says little.
    fn owner_name(&self, kind: Option<&str>) -> String {
        match (self.path.last(), kind) {
            (Some(step), Some(kind)) if &*step.name == "content" => format!("`{kind}`"),
            _ => self.option_name(),
        }
    }

    /// The name under which the set being read stands; the set itself at the top.
    fn heading(&self, whole: Span) -> Span {
        self.path.last().map_or(whole, |step| step.place)
    }
}

/// The public names of `known`, in backticks.
fn listed(known: &[&str]) -> String {
    let mut names: Vec<&str> = known.iter().copied().filter(|name| !name.starts_with('_')).collect();
    names.sort_unstable();
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// How to write a value of the wrong type so that it fits, where that is plain.
fn conversion(value: &Value, accepts: &str) -> Option<String> {
    match &value.kind {
        Kind::Int(number) if accepts.contains("units") => {
            Some(format!("write it as a text with a unit, like `\"{number}M\"`"))
        }
        Kind::Int(number) if !accepts.contains("list") => Some(format!("write it as a text: `\"{number}\"`")),
        Kind::Bool(flag) if accepts == "a string" => Some(format!("write it as a text: `\"{flag}\"`")),
        Kind::Path(path) => Some(format!("write it as a text: `\"{path}\"`")),
        Kind::String(text) if accepts.ends_with("an integer") && text.parse::<i64>().is_ok() => {
            Some(format!("write it without quotes: `{text}`"))
        }
        Kind::String(text) if accepts == "a boolean" && (&**text == "true" || &**text == "false") => {
            Some(format!("write it without quotes: `{text}`"))
        }
        Kind::String(text) if accepts.starts_with("a list") => {
            Some(format!("write it as a list: `[ \"{text}\" ]`"))
        }
        _ => None,
    }
}

/// One set being read.
#[derive(Debug)]
pub struct SetReader<'a> {
    reader: &'a mut Reader,
    attrs: &'a Attrs,
    /// The set's `type`, if it has one.
    kind: Option<&'static str>,
    places: Places,
}

impl<'a> SetReader<'a> {
    /// Starts reading `attrs`, which stand at `span`.
    pub(crate) fn new(reader: &'a mut Reader, attrs: &'a Attrs, span: Span, tag: Tag) -> Self {
        let heading = reader.heading(span);
        let mut set = Self { reader, attrs, kind: tag.name(), places: Places::new(span, heading) };
        set.check_tag(tag);
        set
    }

    /// Reads an option. `None` when it is left out; a value that does not fit is reported and replaced.
    pub fn take<T: OptionType + Default>(&mut self, name: &'static str, scope: &Scope) -> Option<T> {
        let attr = self.attrs.get(name)?;
        self.places.put(name, attr.name_span, attr.value.span);
        if name == "name"
            && attr.value.as_str().is_some_and(|text| self.reader.refuse_long(text, attr.value.span))
        {
            return Some(T::default());
        }
        let value = self.reader.within(name, attr.name_span, |reader| T::read(&attr.value, scope, reader));
        Some(value.unwrap_or_default())
    }

    /// An option as it was written, before reading, for defaults that depend on options further down.
    pub fn raw(&self, name: &str) -> Option<&Value> {
        self.attrs.get(name).map(|attr| &attr.value)
    }

    /// Reports that a required option is not there, and gives a stand-in.
    pub fn missing<T: OptionType + Default>(&mut self, name: &'static str) -> T {
        let owner = self.reader.owner_name(self.kind);
        let finding = Diagnostic::error(
            "missing-option",
            self.places.heading(),
            format!("{owner} needs the option `{name}`"),
        )
        .label(format!("`{name}` ({}) is missing", T::accepts()))
        .option(self.reader.below(name));
        self.reader.report(finding);
        T::default()
    }

    /// Reports a finding about the set.
    pub fn report(&mut self, finding: Diagnostic) {
        self.reader.report(finding);
    }

    /// Where an option (or else the whole set) stands.
    pub fn place(&self, name: &str) -> Span {
        self.places.of(name)
    }

    /// Reads the six hooks.
    pub fn hooks(&mut self) -> Hooks {
        Hooks::read(self)
    }

    /// Where the options that were read stand.
    pub fn places(&mut self) -> Places {
        self.places.clone()
    }

    /// Checks the option `type`.
    fn check_tag(&mut self, tag: Tag) {
        let (Some(expected), given) = (tag.name(), self.attrs.get("type")) else { return };
        match given {
            Some(attr) => {
                self.places.put("type", attr.name_span, attr.value.span);
                if attr.value.as_str() != Some(expected) {
                    self.reader
                        .within("type", attr.name_span, |reader| reader.wrong_word(&attr.value, &[expected]));
                }
            }
            None if matches!(tag, Tag::Required(_)) => {
                let owner = self.reader.owner_name(self.kind);
                let finding = Diagnostic::error(
                    "missing-option",
                    self.places.heading(),
                    format!("{owner} needs the option `type`"),
                )
                .label(format!("`type = \"{expected}\"` is missing"))
                .option(self.reader.below("type"));
                self.reader.report(finding);
            }
            None => {}
        }
    }
}
