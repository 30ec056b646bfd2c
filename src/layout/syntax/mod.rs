//! From text to [`Value`](value::Value): the data of a layout with the place of every part.

pub mod source;
pub mod value;
