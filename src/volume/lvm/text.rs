//! LVM's text format as a tree of sections: what is needed to read a group back.

use std::collections::BTreeMap;

use super::LvmError;

/// How deep sections may nest; LVM's nest four deep.
const DEEPEST: usize = 16;

/// A value or section of the text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    Number(i64),
    Text(String),
    List(Vec<Self>),
    Section(BTreeMap<String, Self>),
}

impl Item {
    /// The item `name` of a section.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Section(items) => items.get(name),
            _ => None,
        }
    }

    /// A number that is not negative.
    pub(super) fn number(&self, name: &str) -> Result<u64, LvmError> {
        match self.get(name) {
            Some(Self::Number(number)) => {
                u64::try_from(*number).map_err(|_| corrupt(&format!("`{name}` is negative")))
            }
            _ => Err(corrupt(&format!("`{name}` is no number"))),
        }
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Result<&str, LvmError> {
        match self.get(name) {
            Some(Self::Text(text)) => Ok(text),
            _ => Err(corrupt(&format!("`{name}` is no text"))),
        }
    }

    /// A list.
    pub(super) fn list(&self, name: &str) -> Result<&[Self], LvmError> {
        match self.get(name) {
            Some(Self::List(items)) => Ok(items),
            _ => Err(corrupt(&format!("`{name}` is no list"))),
        }
    }

    /// The sections inside of section `name`; none where it is missing.
    pub(super) fn sections<'a>(&'a self, name: &str) -> impl Iterator<Item = (&'a str, &'a Self)> {
        let items = match self.get(name) {
            Some(Self::Section(items)) => Some(items.iter()),
            _ => None,
        };
        items.into_iter().flatten().map(|(name, item)| (name.as_str(), item))
    }
}

pub(super) fn corrupt(what: &str) -> LvmError {
    LvmError::Corrupt(what.to_owned())
}

/// Reads a whole text: the outermost section's items.
pub(super) fn parse(text: &str) -> Result<Item, LvmError> {
    let mut parser = Parser { rest: text };
    let items = parser.section(0)?;
    if parser.rest.is_empty() { Ok(items) } else { Err(corrupt("a brace too many in the text")) }
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn skip(&mut self) {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r', '\0']);
            match self.rest.strip_prefix('#') {
                Some(comment) => self.rest = comment.split_once('\n').map_or("", |(_, rest)| rest),
                None => return,
            }
        }
    }

    fn eat(&mut self, token: char) -> bool {
        self.skip();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn word(&mut self) -> &'a str {
        self.skip();
        let part = |c: char| c.is_ascii_alphanumeric() || "_.+-/".contains(c);
        let end = self.rest.find(|c| !part(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn section(&mut self, depth: usize) -> Result<Item, LvmError> {
        if depth > DEEPEST {
            return Err(corrupt("sections nest too deep"));
        }
        let mut items = BTreeMap::new();
        loop {
            let name = self.word();
            if name.is_empty() {
                return Ok(Item::Section(items));
            }
            let item = if self.eat('{') {
                let section = self.section(depth + 1)?;
                if !self.eat('}') {
                    return Err(corrupt(&format!("section `{name}` does not end")));
                }
                section
            } else if self.eat('=') {
                self.value()?
            } else {
                return Err(corrupt(&format!("`{name}` is neither a value nor a section")));
            };
            items.insert(name.to_owned(), item);
        }
    }

    fn value(&mut self) -> Result<Item, LvmError> {
        if self.eat('[') {
            let mut items = Vec::new();
            while !self.eat(']') {
                items.push(self.scalar()?);
                self.eat(',');
            }
            return Ok(Item::List(items));
        }
        self.scalar()
    }

    fn scalar(&mut self) -> Result<Item, LvmError> {
        if self.eat('"') {
            let end = self.rest.find('"').ok_or_else(|| corrupt("a text does not end"))?;
            let (text, rest) = self.rest.split_at(end);
            self.rest = &rest[1..];
            return Ok(Item::Text(text.to_owned()));
        }
        let word = self.word();
        word.parse().map(Item::Number).map_err(|_| corrupt(&format!("`{word}` is no value")))
    }
}
