//! The machinery of options: what a type accepts, how a value is read as it, and what it resolves to.
//!
//! Each kind of content (a disk, a partition, a filesystem …) is declared once, with [`option_set!`](set), as a table of
//! options: Rust field, name in the language, type, default, documentation. From that table come the struct of the model,
//! its reader with diagnostics, its resolved form ([`OptionType::resolved`]) and its part of the JSON schema.

pub mod choice;
pub mod kinds;
pub mod reader;
pub mod set;
pub mod suggest;

use serde_json::Value as Json;

use super::model::scope::Scope;
use super::schema::SchemaBuilder;
use super::syntax::value::Value;
use reader::Reader;

/// A type that an option may have.
pub trait OptionType: Sized {
    /// What a value must be, with its article, to complete "accepts …": `a string`, `null or an integer`.
    fn accepts() -> String;

    /// Reads a value. `None` when it does not fit; that has then been reported to `reader`.
    fn read(value: &Value, scope: &Scope, reader: &mut Reader) -> Option<Self>;

    /// The value in disko's own form, with all defaults filled in.
    fn resolved(&self) -> Json;

    /// The JSON schema of the values that are accepted.
    fn schema(schemas: &mut SchemaBuilder) -> Json;
}

/// What holds when an option is left out.
#[derive(Clone, Debug)]
pub enum Presence {
    /// It must be given.
    Required,
    /// It has this value.
    Default(Json),
    /// Its value follows from other options; the text says how.
    Derived(&'static str),
}

/// One option of a set: the row that documentation and schema are made from.
#[derive(Clone, Debug)]
pub struct OptionInfo {
    /// The name in the language.
    pub name: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// What it accepts, as [`OptionType::accepts`] says it.
    pub accepts: String,
    /// What holds when it is left out.
    pub presence: Presence,
    /// [`OptionType::schema`] of its type.
    pub schema: fn(&mut SchemaBuilder) -> Json,
}

impl OptionInfo {
    /// The row of an option of type `T`.
    pub fn new<T: OptionType>(name: &'static str, doc: &'static str, presence: Presence) -> Self {
        Self { name, doc, accepts: T::accepts(), presence, schema: T::schema }
    }
}
