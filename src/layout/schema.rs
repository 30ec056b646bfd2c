//! The JSON schema of layouts, for editors: made from the same tables of options that parsing uses.

use serde_json::{Map, Value as Json};

use super::options::{OptionInfo, Presence};

/// Collects the definitions that a schema refers to.
#[derive(Debug, Default)]
pub struct SchemaBuilder {
    definitions: Map<String, Json>,
}

impl SchemaBuilder {
    /// Refers to the definition `name`, making it on first use. A definition may refer to itself.
    pub fn define(&mut self, name: &str, make: impl FnOnce(&mut Self) -> Json) -> Json {
        if !self.definitions.contains_key(name) {
            // The placeholder ends the recursion of types that contain themselves (LUKS in LUKS).
            self.definitions.insert(name.to_owned(), Json::Null);
            let definition = make(self);
            self.definitions.insert(name.to_owned(), definition);
        }
        serde_json::json!({ "$ref": format!("#/$defs/{name}") })
    }

    /// The schema of one option: that of its type, with its documentation and default.
    pub fn option(&mut self, option: &OptionInfo) -> Json {
        let inner = (option.schema)(self);
        let mut schema = match inner {
            Json::Object(map) => map,
            _ => Map::new(),
        };
        let mut description = option.doc.trim().to_owned();
        match &option.presence {
            Presence::Required => {}
            Presence::Default(default) => {
                schema.insert("default".to_owned(), default.clone());
            }
            Presence::Derived(how) => description.push_str(&format!(" Default: {how}.")),
        }
        schema.insert("description".to_owned(), description.into());
        Json::Object(schema)
    }

    /// The definitions made so far.
    pub fn into_definitions(self) -> Map<String, Json> {
        self.definitions
    }
}
