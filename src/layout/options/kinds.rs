//! The plain types of options: booleans, integers, texts, and lists, sets and "or null" of other types.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::OptionType;
use super::reader::Reader;
use crate::layout::model::scope::Scope;
use crate::layout::schema::SchemaBuilder;
use crate::layout::syntax::value::{Kind, Value};

impl OptionType for bool {
    fn accepts() -> String {
        "a boolean".to_owned()
    }

    fn read(value: &Value, _scope: &Scope, reader: &mut Reader) -> Option<Self> {
        match value.kind {
            Kind::Bool(flag) => Some(flag),
            _ => {
                reader.wrong_type(value, &Self::accepts());
                None
            }
        }
    }

    fn resolved(&self) -> Json {
        (*self).into()
    }

    fn schema(_schemas: &mut SchemaBuilder) -> Json {
        serde_json::json!({ "type": "boolean" })
    }
}

impl OptionType for i64 {
    fn accepts() -> String {
        "an integer".to_owned()
    }

    fn read(value: &Value, _scope: &Scope, reader: &mut Reader) -> Option<Self> {
        match value.kind {
            Kind::Int(number) => Some(number),
            _ => {
                reader.wrong_type(value, &Self::accepts());
                None
            }
        }
    }

    fn resolved(&self) -> Json {
        (*self).into()
    }

    fn schema(_schemas: &mut SchemaBuilder) -> Json {
        serde_json::json!({ "type": "integer" })
    }
}

impl OptionType for String {
    fn accepts() -> String {
        "a string".to_owned()
    }

    fn read(value: &Value, _scope: &Scope, reader: &mut Reader) -> Option<Self> {
        match &value.kind {
            Kind::String(text) => Some(text.to_string()),
            _ => {
                reader.wrong_type(value, &<Self as OptionType>::accepts());
                None
            }
        }
    }

    fn resolved(&self) -> Json {
        self.as_str().into()
    }

    fn schema(_schemas: &mut SchemaBuilder) -> Json {
        serde_json::json!({ "type": "string" })
    }
}

impl<T: OptionType> OptionType for Option<T> {
    fn accepts() -> String {
        format!("null or {}", T::accepts())
    }

    fn read(value: &Value, scope: &Scope, reader: &mut Reader) -> Option<Self> {
        match value.kind {
            Kind::Null => Some(None),
            _ => T::read(value, scope, reader).map(Some),
        }
    }

    fn resolved(&self) -> Json {
        self.as_ref().map_or(Json::Null, OptionType::resolved)
    }

    fn schema(schemas: &mut SchemaBuilder) -> Json {
        let inner = T::schema(schemas);
        serde_json::json!({ "anyOf": [{ "type": "null" }, inner] })
    }
}

impl<T: OptionType> OptionType for Box<T> {
    fn accepts() -> String {
        T::accepts()
    }

    fn read(value: &Value, scope: &Scope, reader: &mut Reader) -> Option<Self> {
        T::read(value, scope, reader).map(Box::new)
    }

    fn resolved(&self) -> Json {
        T::resolved(self)
    }

    fn schema(schemas: &mut SchemaBuilder) -> Json {
        T::schema(schemas)
    }
}

/// A list. Each element is read with its position, from 1, in [`Scope::position`].
impl<T: OptionType> OptionType for Vec<T> {
    fn accepts() -> String {
        let element = T::accepts();
        let plural = match element.strip_prefix("an ").or_else(|| element.strip_prefix("a ")) {
            Some(noun) if !noun.contains(' ') => format!("{noun}s"),
            _ => format!("elements, each {element}"),
        };
        format!("a list of {plural}")
    }

    fn read(value: &Value, scope: &Scope, reader: &mut Reader) -> Option<Self> {
        let Kind::List(elements) = &value.kind else {
            reader.wrong_type(value, &Self::accepts());
            return None;
        };
        let mut list = Vec::with_capacity(elements.len());
        for (index, element) in elements.iter().enumerate() {
            let scope = scope.at_position(index + 1);
            list.extend(
                reader.within(&format!("[{index}]"), element.span, |reader| T::read(element, &scope, reader)),
            );
        }
        Some(list)
    }

    fn resolved(&self) -> Json {
        self.iter().map(OptionType::resolved).collect()
    }

    fn schema(schemas: &mut SchemaBuilder) -> Json {
        let items = T::schema(schemas);
        serde_json::json!({ "type": "array", "items": items })
    }
}

/// A set with names of the author's choice. Each value is read with its name in [`Scope::name`]. disko drops names that begin
/// with `_` from what it shows, and keeps one of its own there (the dataset `__root` of a pool).
impl<T: OptionType> OptionType for BTreeMap<String, T> {
    fn accepts() -> String {
        "an attribute set".to_owned()
    }

    fn read(value: &Value, scope: &Scope, reader: &mut Reader) -> Option<Self> {
        let Kind::Attrs(attrs) = &value.kind else {
            reader.wrong_type(value, &Self::accepts());
            return None;
        };
        let mut map = Self::new();
        for (name, attr) in attrs.iter() {
            if reader.refuse_long(name, attr.name_span) {
                continue;
            }
            let scope = scope.named(name);
            let element = reader.within(name, attr.name_span, |reader| T::read(&attr.value, &scope, reader));
            map.extend(element.map(|element| (name.to_string(), element)));
        }
        Some(map)
    }

    fn resolved(&self) -> Json {
        let visible = self.iter().filter(|(name, _)| !name.starts_with('_'));
        Json::Object(visible.map(|(name, element)| (name.clone(), element.resolved())).collect::<Map<_, _>>())
    }

    fn schema(schemas: &mut SchemaBuilder) -> Json {
        let values = T::schema(schemas);
        serde_json::json!({ "type": "object", "additionalProperties": values })
    }
}

/// Any data, kept as it is: `settings` of LUKS. Functions and other values without a form as data read as null.
impl OptionType for Json {
    fn accepts() -> String {
        "any value".to_owned()
    }

    fn read(value: &Value, _scope: &Scope, _reader: &mut Reader) -> Option<Self> {
        Some(data(value))
    }

    fn resolved(&self) -> Json {
        shown(self)
    }

    fn schema(_schemas: &mut SchemaBuilder) -> Json {
        Json::Bool(true)
    }
}

/// Data without the names that begin with `_`, which disko does not show wherever they stand.
fn shown(value: &Json) -> Json {
    match value {
        Json::Object(map) => map
            .iter()
            .filter(|(name, _)| !name.starts_with('_'))
            .map(|(name, value)| (name.clone(), shown(value)))
            .collect(),
        Json::Array(list) => list.iter().map(shown).collect(),
        other => other.clone(),
    }
}

fn data(value: &Value) -> Json {
    match &value.kind {
        Kind::Null | Kind::Opaque { .. } => Json::Null,
        Kind::Bool(flag) => (*flag).into(),
        Kind::Int(number) => (*number).into(),
        Kind::Float(number) => (*number).into(),
        Kind::String(text) | Kind::Path(text) => (&**text).into(),
        Kind::List(elements) => elements.iter().map(data).collect(),
        Kind::Attrs(attrs) => attrs
            .iter()
            .filter(|(_, attr)| !matches!(attr.value.kind, Kind::Opaque { .. }))
            .map(|(name, attr)| (name.to_string(), data(&attr.value)))
            .collect(),
    }
}
