//! Definitions, and the marks on them: `mkIf`, `mkMerge`, `mkForce`, `mkBefore` …

use std::rc::Rc;

use super::super::error::{NixError, NixErrorKind, Res};
use super::super::eval::Evaluator;
use super::super::heap::CellId;
use super::super::value::{Attrs, Value};
use crate::layout::syntax::source::Span;

/// Priority of a definition without a mark; lower numbers win. (`lib.mkOverride 100`)
const USUAL_PRIORITY: i64 = 100;

/// Priority of an option's default. (`lib.mkOptionDefault`)
pub(super) const DEFAULT_PRIORITY: i64 = 1500;

/// Order of a definition without a mark; lower numbers come first. (`lib.mkOrder 1000`)
const USUAL_ORDER: i64 = 1000;

/// A value that a module defines somewhere.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    /// The value, perhaps still with marks.
    pub(super) value: CellId,
    /// Where it is defined.
    pub(super) span: Span,
    /// Conditions of the `mkIf`s around it; all must hold.
    conditions: Rc<[CellId]>,
    /// Of the innermost mark, if any.
    pub(super) priority: Option<i64>,
    order: Option<i64>,
}

/// A definition whose marks are taken off.
#[derive(Clone, Debug)]
pub(super) struct Plain {
    /// The definition, with the marks' meaning.
    pub(super) definition: Definition,
    /// Its value.
    pub(super) value: Value,
}

impl Definition {
    /// A definition that is not yet looked at.
    pub(super) fn new(value: CellId, span: Span) -> Self {
        Self { value, span, conditions: Rc::new([]), priority: None, order: None }
    }

    /// A part of this definition's value: it stands under the same marks.
    pub(super) fn part(&self, value: CellId, span: Span) -> Self {
        Self { value, span, ..self.clone() }
    }

    /// A part of this definition's value after the marks had their effect.
    pub(super) fn settled_part(&self, value: CellId, span: Span) -> Self {
        Self::new(value, span)
    }

    /// The same under one more condition.
    fn under(&self, condition: CellId) -> Res<Self> {
        // A definition that holds itself would gather conditions without end.
        const MOST_CONDITIONS: usize = 200;
        if self.conditions.len() >= MOST_CONDITIONS {
            let message = format!("more than {MOST_CONDITIONS} `mkIf`s stand around one definition");
            return Err(NixError::new(NixErrorKind::Limit, message).at(self.span));
        }
        let conditions = self.conditions.iter().copied().chain([condition]).collect();
        Ok(Self { conditions, ..self.clone() })
    }
}

impl Evaluator<'_> {
    /// Takes the marks off definitions. Conditions are noted, not evaluated.
    pub(super) fn unmark(&mut self, definitions: &[Definition]) -> Res<Vec<Plain>> {
        let mut plain = Vec::with_capacity(definitions.len());
        let mut waiting: Vec<Definition> = definitions.iter().rev().cloned().collect();
        while let Some(definition) = waiting.pop() {
            self.budget.step()?;
            let value = self.force(definition.value).map_err(|error| error.at(definition.span))?;
            let mark = match &value {
                Value::Attrs(attrs) => self.mark(attrs)?.map(|mark| (mark, Rc::clone(attrs))),
                _ => None,
            };
            let Some((mark, attrs)) = mark else {
                plain.push(Plain { definition, value });
                continue;
            };
            let field = |name: &str| {
                attrs.get(name.as_bytes()).map(|attr| attr.value).ok_or_else(|| {
                    NixError::eval(format!("a set with `_type = \"{mark}\"` has no `{name}`"))
                        .at(definition.span)
                })
            };
            match mark {
                "if" => waiting
                    .push(Definition { value: field("content")?, ..definition.under(field("condition")?)? }),
                "merge" => {
                    let contents = self.list(field("contents")?)?;
                    waiting.extend(
                        contents.iter().rev().map(|cell| Definition { value: *cell, ..definition.clone() }),
                    );
                }
                "override" => {
                    let priority = Some(self.int(field("priority")?)?);
                    waiting.push(Definition { value: field("content")?, priority, ..definition.clone() });
                }
                _ => {
                    let order = Some(self.int(field("priority")?)?);
                    waiting.push(Definition { value: field("content")?, order, ..definition.clone() });
                }
            }
        }
        Ok(plain)
    }

    /// Which mark a set is.
    fn mark(&mut self, attrs: &Attrs) -> Res<Option<&'static str>> {
        let Some(kind) = attrs.get(b"_type") else { return Ok(None) };
        let Value::String(kind) = self.force(kind.value)? else { return Ok(None) };
        Ok(["if", "merge", "override", "order"].into_iter().find(|mark| kind == **mark))
    }

    /// Of definitions without marks, those whose conditions hold and whose priority is the highest, in order.
    pub(super) fn effective(&mut self, plain: Vec<Plain>) -> Res<Vec<Plain>> {
        let mut holding = Vec::with_capacity(plain.len());
        for one in plain {
            if self.conditions_hold(&one.definition)? {
                holding.push(one);
            }
        }
        let priority = |one: &Plain| one.definition.priority.unwrap_or(USUAL_PRIORITY);
        let highest = holding.iter().map(priority).min();
        holding.retain(|one| Some(priority(one)) == highest);
        holding.sort_by_key(|one| one.definition.order.unwrap_or(USUAL_ORDER));
        Ok(holding)
    }

    fn conditions_hold(&mut self, definition: &Definition) -> Res<bool> {
        for condition in definition.conditions.iter() {
            let holds = self.bool(*condition).map_err(|error| {
                error
                    .at(definition.span)
                    .through(definition.span, || "while evaluating the condition of `mkIf`".to_owned())
            })?;
            if !holds {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
