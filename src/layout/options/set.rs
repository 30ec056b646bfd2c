//! Sets of options, and the macro that declares them.

use serde_json::{Map, Value as Json};

use super::reader::{Reader, SetReader};
use super::{OptionInfo, Presence};
use crate::layout::model::hooks::Hooks;
use crate::layout::model::scope::Scope;
use crate::layout::schema::SchemaBuilder;
use crate::layout::syntax::value::{Kind, Value};

/// The option `type` of a set, whose only accepted value is the set's own name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// The set has no such option; any `type` it has is an option like others.
    None,
    /// The option must be given.
    Required(&'static str),
    /// The option may be left out.
    Default(&'static str),
}

impl Tag {
    /// The accepted value.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Required(name) | Self::Default(name) => Some(name),
        }
    }
}

/// A set of options. Declared with [`option_set!`]; every such type is also an [`OptionType`](super::OptionType).
pub trait OptionSet: Sized {
    /// Name of the set in the schema.
    const NAME: &'static str;
    /// What the set is, in one sentence.
    const DOC: &'static str;
    /// Its option `type`.
    const TAG: Tag;
    /// Whether it has the six hooks.
    const HOOKS: bool;

    /// All options except `type` and the hooks, in the order they are declared.
    fn options() -> Vec<OptionInfo>;

    /// Reads the options one after another.
    fn read_options(set: &mut SetReader<'_>, scope: &Scope) -> Self;

    /// Every option in its resolved form.
    fn resolved_options(&self, into: &mut Map<String, Json>);
}

/// Reads a value as a set: refuses other types and unknown options, then reads the known ones.
pub(crate) fn read<T: OptionSet>(value: &Value, scope: &Scope, reader: &mut Reader) -> Option<T> {
    let Kind::Attrs(attrs) = &value.kind else {
        reader.wrong_type(value, "an attribute set");
        return None;
    };
    let mut names: Vec<&'static str> = T::options().iter().map(|option| option.name).collect();
    if T::TAG.name().is_some() {
        names.push("type");
    }
    if T::HOOKS {
        names.extend(Hooks::NAMES);
    }
    reader.refuse_unknown(attrs, &names, T::TAG.name());
    let mut set = SetReader::new(reader, attrs, value.span, T::TAG);
    Some(T::read_options(&mut set, scope))
}

/// The resolved form of a set, `type` included.
pub(crate) fn resolved<T: OptionSet>(set: &T) -> Json {
    let mut map = Map::new();
    if let Some(tag) = T::TAG.name() {
        map.insert("type".to_owned(), tag.into());
    }
    set.resolved_options(&mut map);
    Json::Object(map)
}

/// The schema of a set, kept once under `$defs` however often it is used.
pub(crate) fn schema<T: OptionSet>(schemas: &mut SchemaBuilder) -> Json {
    schemas.define(T::NAME, |schemas| {
        let mut properties = Map::new();
        let mut required = Vec::new();
        if let Some(tag) = T::TAG.name() {
            properties.insert("type".to_owned(), serde_json::json!({ "const": tag }));
        }
        if matches!(T::TAG, Tag::Required(_)) {
            required.push(Json::from("type"));
        }
        for option in T::options() {
            if matches!(option.presence, Presence::Required) {
                required.push(Json::from(option.name));
            }
            properties.insert(option.name.to_owned(), schemas.option(&option));
        }
        if T::HOOKS {
            Hooks::schema(&mut properties);
        }
        serde_json::json!({
            "type": "object",
            "description": T::DOC.trim(),
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        })
    })
}

/// Options that are in a resolved layout only where they were given: ours, and those that came to disko later than the rest.
const SHOWN_IF_GIVEN: [&str; 4] = ["enrollFido2", "enrollRecovery", "extraFido2EnrollArgs", "landfall"];

/// Whether an option is left out of the resolved form: disko's own (`_index`), and some that were not given.
pub(crate) fn is_hidden(name: &str, value: &Json) -> bool {
    name.starts_with('_') || value.is_null() && SHOWN_IF_GIVEN.contains(&name)
}

/// Declares a set of options: the struct of the model, its reader, its resolved form and its schema, from one table.
///
/// ```text
/// option_set! {
///     /// What it is.
///     pub struct Swap(scope, set), Tag::Required("swap") {
///         /// Documentation of the field and the option.
///         device: String = "device", derived("the device it lies on", scope.device.clone());
///         priority: Option<i64> = "priority", default(None);
///         content: Option<Content> = "content", default(None), in scope.below(…);
///     } with hooks
/// }
/// ```
///
/// Options are read in the order they stand; a default may use `scope`, the
/// [`SetReader`] `set` and the fields above it. `required()` has no default.
/// `in` gives the scope in which a nested set is read.
macro_rules! option_set {
    (
        $(#[doc = $doc:literal])+
        $vis:vis struct $set:ident($scope:ident, $reader:ident), $tag:expr => {
            $(
                $(#[doc = $field_doc:literal])+
                $field:ident : $ty:ty = $name:literal, $how:ident $default:tt $(, in $child:expr)? ;
            )*
        }
        $(with $hooks:ident)?
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug)]
        $vis struct $set {
            $(
                $(#[doc = $field_doc])+
                pub $field: $ty,
            )*
            $(
                /// Shell commands that disko runs around its steps.
                pub $hooks: $crate::layout::model::hooks::Hooks,
            )?
            /// Where the options were written.
            pub places: $crate::layout::model::places::Places,
        }

        impl $crate::layout::options::set::OptionSet for $set {
            const NAME: &'static str = stringify!($set);
            const DOC: &'static str = concat!($($doc, "\n"),+);
            const TAG: $crate::layout::options::set::Tag = $tag;
            const HOOKS: bool = $crate::layout::options::set::option_set!(@any $($hooks)?);

            fn options() -> Vec<$crate::layout::options::OptionInfo> {
                vec![$(
                    $crate::layout::options::OptionInfo::new::<$ty>(
                        $name,
                        concat!($($field_doc, "\n"),+),
                        $crate::layout::options::set::option_set!(@presence $ty, $how $default),
                    ),
                )*]
            }

            fn read_options(
                $reader: &mut $crate::layout::options::reader::SetReader<'_>,
                $scope: &$crate::layout::model::scope::Scope,
            ) -> Self {
                $(
                    let child = $crate::layout::options::set::option_set!(@child $scope $(, $child)?);
                    let $field: $ty = match $reader.take::<$ty>($name, &child) {
                        Some(value) => value,
                        None => $crate::layout::options::set::option_set!(@absent $reader, $name, $how $default),
                    };
                )*
                Self {
                    $($field,)*
                    $($hooks: $reader.hooks(),)?
                    places: $reader.places(),
                }
            }

            fn resolved_options(&self, into: &mut serde_json::Map<String, serde_json::Value>) {
                $(
                    into.insert(
                        $name.to_owned(),
                        $crate::layout::options::OptionType::resolved(&self.$field),
                    );
                )*
                $(self.$hooks.resolved(into);)?
                into.retain(|name, value| !$crate::layout::options::set::is_hidden(name, value));
            }
        }

        impl $crate::layout::options::OptionType for $set {
            fn accepts() -> String {
                "an attribute set".to_owned()
            }

            fn read(
                value: &$crate::layout::syntax::value::Value,
                scope: &$crate::layout::model::scope::Scope,
                reader: &mut $crate::layout::options::reader::Reader,
            ) -> Option<Self> {
                $crate::layout::options::set::read(value, scope, reader)
            }

            fn resolved(&self) -> serde_json::Value {
                $crate::layout::options::set::resolved(self)
            }

            fn schema(schemas: &mut $crate::layout::schema::SchemaBuilder) -> serde_json::Value {
                $crate::layout::options::set::schema::<Self>(schemas)
            }
        }
    };

    (@any) => { false };
    (@any $hooks:ident) => { true };

    (@child $scope:ident) => { $scope.clone() };
    (@child $scope:ident, $child:expr) => { $child };

    (@presence $ty:ty, required ()) => { $crate::layout::options::Presence::Required };
    (@presence $ty:ty, default ($default:expr)) => {{
        let default: $ty = $default;
        $crate::layout::options::Presence::Default($crate::layout::options::OptionType::resolved(&default))
    }};
    (@presence $ty:ty, derived ($how:literal, $default:expr)) => { $crate::layout::options::Presence::Derived($how) };

    (@absent $set:ident, $name:literal, required ()) => { $set.missing($name) };
    (@absent $set:ident, $name:literal, default ($default:expr)) => { $default };
    (@absent $set:ident, $name:literal, derived ($how:literal, $default:expr)) => { $default };
}

pub(crate) use option_set;
