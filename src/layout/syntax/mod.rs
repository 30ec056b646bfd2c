//! From text to [`Value`](value::Value): the data of a layout with the place of every part.

pub mod document;
pub mod json;
pub mod marks;
pub mod source;
pub mod toml;
pub mod value;
