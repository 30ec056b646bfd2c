//! Options that the layout declares itself with `lib.mkOption`.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::super::error::{NixError, Res};
use super::super::eval::Evaluator;
use super::super::heap::CellId;
use super::super::text::Text;
use super::super::value::{Attrs, Value};
use super::definition::{DEFAULT_PRIORITY, Definition};
use super::{Merge, refuse_depth, show};
use crate::layout::syntax::source::Span;

/// A declared option, or the set of those below a name.
#[derive(Debug)]
pub(super) enum OptionTree {
    /// An option.
    Option(Declaration),
    /// Options by name.
    Set(BTreeMap<Text, Declared>),
}

/// What is declared under a name.
#[derive(Debug)]
pub(super) struct Declared {
    /// Where the name stands.
    pub(super) span: Span,
    tree: OptionTree,
}

/// `lib.mkOption { … }`
#[derive(Clone, Debug)]
pub(super) struct Declaration {
    fields: Rc<Attrs>,
    span: Span,
}

impl Declaration {
    /// The option's type.
    pub(super) fn kind(&self) -> Option<CellId> {
        self.fields.get(b"type").map(|kind| kind.value)
    }
}

impl Default for OptionTree {
    fn default() -> Self {
        Self::Set(BTreeMap::new())
    }
}

impl OptionTree {
    /// What is declared at a path.
    pub(super) fn find(&self, path: &[Text]) -> Option<&Self> {
        path.iter().try_fold(self, |tree, name| match tree {
            Self::Set(names) => names.get(name).map(|declared| &declared.tree),
            Self::Option(_) => None,
        })
    }

    /// The set below a name, making it if it is not there.
    fn enter(&mut self, name: &Text, span: Span) -> Option<&mut Declared> {
        match self {
            Self::Set(names) => {
                Some(names.entry(name.clone()).or_insert_with(|| Declared { span, tree: Self::default() }))
            }
            Self::Option(_) => None,
        }
    }
}

impl Evaluator<'_> {
    /// Adds the declarations of a module's `options`.
    pub(super) fn declare(
        &mut self,
        tree: &mut OptionTree,
        options: CellId,
        path: &mut Vec<Text>,
    ) -> Res<()> {
        refuse_depth(path)?;
        self.budget.enter()?;
        let attrs = self.attrs(options)?;
        for attr in attrs.entries() {
            path.push(attr.name.clone());
            let twice =
                || NixError::eval(format!("the option `{}` is declared twice", show(path))).at(attr.span);
            let Some(declared) = tree.enter(&attr.name, attr.span) else { return Err(twice()) };
            let value = self.force(attr.value).map_err(|error| error.at(attr.span))?;
            let Value::Attrs(inner) = value else {
                let message = format!(
                    "`options.{}` must be a set or `lib.mkOption`, found {}",
                    show(path),
                    value.describe()
                );
                return Err(NixError::eval(message).at(attr.span));
            };
            if self.type_is(&inner, "option")? {
                match &declared.tree {
                    OptionTree::Set(names) if names.is_empty() => {
                        declared.tree = OptionTree::Option(Declaration { fields: inner, span: attr.span });
                    }
                    _ => return Err(twice().other(declared.span, "first declared here")),
                }
            } else {
                self.declare(&mut declared.tree, attr.value, path)?;
            }
            path.pop();
        }
        self.budget.leave();
        Ok(())
    }

    /// Whether a set's `_type` is `name`.
    pub(super) fn type_is(&mut self, attrs: &Attrs, name: &str) -> Res<bool> {
        let Some(kind) = attrs.get(b"_type") else { return Ok(false) };
        Ok(matches!(self.force(kind.value)?, Value::String(kind) if kind == *name))
    }

    /// The value of a declared option: its definitions or its default, joined as its type says, then changed by `apply`.
    pub(super) fn merge_option(&mut self, merge: &Merge, option: &Declaration) -> Res<Value> {
        let mut definitions = merge.definitions.clone();
        if let Some(default) = option.fields.get(b"default") {
            let mut definition = Definition::new(default.value, default.span);
            definition.priority = Some(DEFAULT_PRIORITY);
            definitions.push(definition);
        }
        let plain = self.unmark(&definitions)?;
        let plain = self.effective(plain)?;
        let path = self.full_path(merge.system, &merge.path);
        if plain.is_empty() && !self.has_empty_value(option)? {
            return Err(NixError::eval(format!("option `{}` is used, but nothing defines it", show(&path)))
                .at(option.span)
                .hint("define it in the layout, or give it a default: `default = …;` in its `mkOption`"));
        }
        let value = match option.fields.get(b"type") {
            Some(kind) => self.merge_type(kind.value, &path, plain)?,
            None => self.merge_untyped(&path, plain)?,
        };
        match option.fields.get(b"apply") {
            Some(apply) => {
                let cell = self.cell(value, apply.value)?;
                self.call_cell(apply.value, &[cell])
            }
            None => Ok(value),
        }
    }
}
