//! Options whose value is one of a few words.

/// Declares an enum with the word of each variant, and makes it an [`OptionType`](super::OptionType).
/// The first variant is what stands in after an error; it is not a default of the language.
macro_rules! choice {
    (
        $(#[doc = $doc:literal])+
        $vis:vis enum $choice:ident {
            $(#[doc = $first_doc:literal])+
            $first:ident = $first_word:literal,
            $( $(#[doc = $variant_doc:literal])+ $variant:ident = $word:literal, )*
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis enum $choice {
            $(#[doc = $first_doc])+
            #[default]
            $first,
            $( $(#[doc = $variant_doc])+ $variant, )*
        }

        impl $choice {
            /// Every value, as the language writes it.
            pub const WORDS: &'static [&'static str] = &[$first_word $(, $word)*];

            /// The value, as the language writes it.
            pub fn word(self) -> &'static str {
                match self {
                    Self::$first => $first_word,
                    $(Self::$variant => $word,)*
                }
            }

            /// The value of a word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word {
                    $first_word => Some(Self::$first),
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        impl $crate::layout::options::OptionType for $choice {
            fn accepts() -> String {
                $crate::layout::options::choice::one_of(Self::WORDS)
            }

            fn read(
                value: &$crate::layout::syntax::value::Value,
                _scope: &$crate::layout::model::scope::Scope,
                reader: &mut $crate::layout::options::reader::Reader,
            ) -> Option<Self> {
                let choice = value.as_str().and_then(Self::from_word);
                if choice.is_none() {
                    reader.wrong_word(value, Self::WORDS);
                }
                choice
            }

            fn resolved(&self) -> serde_json::Value {
                self.word().into()
            }

            fn schema(_schemas: &mut $crate::layout::schema::SchemaBuilder) -> serde_json::Value {
                serde_json::json!({ "enum": Self::WORDS })
            }
        }
    };
}

pub(crate) use choice;

/// "`a`, `b` or `c`", for messages. The empty word shows as `""`.
pub(crate) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words
        .iter()
        .map(|word| if word.is_empty() { "`\"\"`".to_owned() } else { format!("`{word}`") })
        .collect();
    match quoted.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}
