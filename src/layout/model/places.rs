//! Where the parts of a set were written, kept for the findings of later stages.

use crate::layout::syntax::source::Span;

/// The places of one set and of the options that were given in it.
#[derive(Clone, Debug)]
pub struct Places {
    whole: Span,
    heading: Span,
    options: Vec<OptionPlace>,
}

#[derive(Clone, Debug)]
struct OptionPlace {
    option: &'static str,
    name: Span,
    value: Span,
}

impl Places {
    /// A set at `whole` under the name at `heading`, no options yet.
    pub(crate) fn new(whole: Span, heading: Span) -> Self {
        Self { whole, heading, options: Vec::new() }
    }

    pub(crate) fn put(&mut self, option: &'static str, name: Span, value: Span) {
        self.options.push(OptionPlace { option, name, value });
    }

    /// The whole set.
    pub fn whole(&self) -> Span {
        self.whole
    }

    /// The name under which the set stands: where to point when the set as such is meant, which may be long.
    pub fn heading(&self) -> Span {
        self.heading
    }

    /// The value of an option (by its name in the language); the heading when the option was left out.
    pub fn of(&self, option: &str) -> Span {
        self.find(option).map_or(self.heading, |place| place.value)
    }

    /// The name of an option as written; the heading when the option was left out.
    pub fn name_of(&self, option: &str) -> Span {
        self.find(option).map_or(self.heading, |place| place.name)
    }

    /// Whether the option was given.
    pub fn has(&self, option: &str) -> bool {
        self.find(option).is_some()
    }

    fn find(&self, option: &str) -> Option<&OptionPlace> {
        self.options.iter().find(|place| place.option == option)
    }
}
