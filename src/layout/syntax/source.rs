//! Texts that a layout came from, and places in them.
//!
//! Every value, option and diagnostic carries a [`Span`]: bytes of one text of a [`SourceMap`]. A layout in Nix may come from
//! several files (`import`, `imports`), so a span names its text.

use std::fmt;
use std::sync::Arc;

/// The longest layout text that is read, in bytes. Real layouts have a few kilobytes; the limit keeps a mistaken argument
/// (a disk image, say) from being read whole, and lets offsets be 32 bits wide.
pub const LARGEST_SOURCE: usize = 4 << 20;

/// One text of a [`SourceMap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(u32);

/// A range of bytes of one text. Ordered by text, then start: the order in which a reader meets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    source: SourceId,
    start: u32,
    end: u32,
}

impl Span {
    /// Bytes `start..end` of `source`. Offsets past 4 GiB (which [`SourceMap::add`] refuses) saturate; an end before the start
    /// gives an empty span.
    pub fn new(source: SourceId, start: usize, end: usize) -> Self {
        let clamp = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        let start = clamp(start);
        Self { source, start, end: clamp(end).max(start) }
    }

    /// The text this is a range of.
    pub fn source(self) -> SourceId {
        self.source
    }

    /// First byte.
    pub fn start(self) -> usize {
        usize::try_from(self.start).unwrap_or(usize::MAX)
    }

    /// One past the last byte.
    pub fn end(self) -> usize {
        usize::try_from(self.end).unwrap_or(usize::MAX)
    }

    /// The shortest span that holds both; `self` when they lie in different texts.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        if self.source != other.source {
            return self;
        }
        Self { source: self.source, start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// Where a span begins, as people count: line and column from 1, the column in characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, schemars::JsonSchema)]
pub struct Place {
    /// The text's name, usually its path as the user gave it.
    #[schemars(with = "String")]
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: usize,
    /// Column in Unicode characters, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A text is longer than [`LARGEST_SOURCE`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` has more than {LARGEST_SOURCE} bytes, the most that a layout may have")]
pub struct SourceTooLarge {
    /// The text's name.
    pub name: String,
}

/// One text, and where its lines begin.
#[derive(Debug)]
struct SourceFile {
    name: Arc<str>,
    text: Arc<str>,
    /// Byte offset of each line's first byte; the first is 0.
    lines: Vec<usize>,
}

/// The texts of one layout, in the order they were read.
#[derive(Debug, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

impl SourceMap {
    /// No texts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in a text. `name` is what diagnostics print: the path as the user gave it, or `<stdin>`, `<argument disk>`.
    ///
    /// # Errors
    /// [`SourceTooLarge`] for more than [`LARGEST_SOURCE`] bytes.
    pub fn add(
        &mut self,
        name: impl Into<Arc<str>>,
        text: impl Into<Arc<str>>,
    ) -> Result<SourceId, SourceTooLarge> {
        let (name, text) = (name.into(), text.into());
        if text.len() > LARGEST_SOURCE {
            return Err(SourceTooLarge { name: name.to_string() });
        }
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let id = SourceId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(SourceFile { name, text, lines });
        Ok(id)
    }

    /// The name given to [`SourceMap::add`]; empty for an id of another map.
    pub fn name(&self, id: SourceId) -> Arc<str> {
        self.file(id).map_or_else(|| Arc::from(""), |file| file.name.clone())
    }

    /// The whole text; empty for an id of another map.
    pub fn text(&self, id: SourceId) -> Arc<str> {
        self.file(id).map_or_else(|| Arc::from(""), |file| file.text.clone())
    }

    /// The bytes of a span as text; empty where the span is not of this map or cuts a character.
    pub fn slice(&self, span: Span) -> &str {
        self.file(span.source).and_then(|file| file.text.get(span.start()..span.end())).unwrap_or("")
    }

    /// Where a span begins.
    pub fn place(&self, span: Span) -> Place {
        let Some(file) = self.file(span.source) else {
            return Place { file: Arc::from(""), line: 1, column: 1 };
        };
        let start = span.start().min(file.text.len());
        let line = file.lines.partition_point(|&first| first <= start);
        let first = line.checked_sub(1).and_then(|index| file.lines.get(index)).copied().unwrap_or(0);
        // A span that starts inside a character counts from the character's beginning.
        let before = file.text.as_bytes().get(first..start).unwrap_or_default();
        let column = before.iter().filter(|&&byte| !(0x80..0xC0).contains(&byte)).count() + 1;
        Place { file: file.name.clone(), line, column }
    }

    /// A line (from 1) without its line end; `None` past the last.
    pub fn line(&self, id: SourceId, number: usize) -> Option<&str> {
        let file = self.file(id)?;
        let start = *file.lines.get(number.checked_sub(1)?)?;
        let end = file.lines.get(number).copied().unwrap_or(file.text.len());
        file.text.get(start..end).map(|line| line.trim_end_matches(['\n', '\r']))
    }

    fn file(&self, id: SourceId) -> Option<&SourceFile> {
        self.files.get(usize::try_from(id.0).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let mut map = SourceMap::new();
        let id = map.add("a.json", "ab\nä€x\r\n").unwrap();
        let at = |start| map.place(Span::new(id, start, start + 1)).to_string();
        assert_eq!(at(0), "a.json:1:1");
        assert_eq!(at(3), "a.json:2:1");
        assert_eq!(at(8), "a.json:2:3");
        assert_eq!(at(999), "a.json:3:1");
        assert_eq!(map.line(id, 2), Some("ä€x"));
        assert_eq!(map.line(id, 4), None);
    }

    #[test]
    fn a_text_past_the_limit_is_refused() {
        let error = SourceMap::new().add("big", "x".repeat(LARGEST_SOURCE + 1)).unwrap_err();
        assert_eq!(error.to_string(), "`big` has more than 4194304 bytes, the most that a layout may have");
    }
}
