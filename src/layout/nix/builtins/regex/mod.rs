//! `match` and `split`: POSIX extended regular expressions over bytes.
//!
//! Nix hands them to the C++ library in POSIX mode: of the matches that begin leftmost the longest counts, and back-references
//! are not used. [`parse`] turns an expression into the program of a little machine, which [`machine`] runs over all
//! alternatives at once, in time proportional to program and text: no expression makes it hang.

mod machine;
mod parse;

use super::{Builtin, builtin};
use crate::layout::nix::error::{NixError, Res};
use crate::layout::nix::eval::Evaluator;
use crate::layout::nix::heap::CellId;
use crate::layout::nix::text::Text;
use crate::layout::nix::value::Value;
use machine::{Captures, Matching};
use parse::Program;

/// The functions of this theme.
pub(super) const TABLE: &[Builtin] = &[builtin("match", 2, match_whole), builtin("split", 2, split)];

fn compile(expression: &Text) -> Res<Program> {
    parse::parse(expression).map_err(|error| {
        let expression = expression.to_string();
        let mut shown: String = expression.chars().take(MOST_SHOWN).collect();
        if shown.len() < expression.len() {
            shown.push('…');
        }
        NixError::eval(format!("the regular expression `{shown}` is not valid: {error}"))
    })
}

/// How many characters of an expression a message shows.
const MOST_SHOWN: usize = 60;

impl Evaluator<'_> {
    /// Runs a program, paying for each byte and instruction.
    fn search(
        &mut self,
        program: &Program,
        text: &[u8],
        start: usize,
        matching: Matching,
    ) -> Res<Option<Captures>> {
        let budget = &mut self.budget;
        machine::run(program, text, start, matching, &mut |work| budget.steps(work))
    }

    /// The texts of the groups; null for those that took no part.
    fn groups(&mut self, captures: &Captures, text: &[u8], near: CellId) -> Res<Value> {
        let mut cells = Vec::new();
        for group in captures.groups() {
            let value = match group.and_then(|(start, end)| text.get(start..end)) {
                Some(bytes) => self.new_text(bytes.to_vec())?,
                None => Value::Null,
            };
            cells.push(self.cell(value, near)?);
        }
        self.new_list(cells)
    }
}

fn match_whole(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let program = compile(&eval.string_of(arguments[0])?)?;
    let text = eval.string_of(arguments[1])?;
    match eval.search(&program, &text, 0, Matching::Whole)? {
        Some(captures) => eval.groups(&captures, &text, arguments[1]),
        None => Ok(Value::Null),
    }
}

fn split(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let program = compile(&eval.string_of(arguments[0])?)?;
    let text = eval.string_of(arguments[1])?;
    let mut cells = Vec::new();
    let (mut done, mut from) = (0, 0);
    while from <= text.len()
        && let Some(captures) = eval.search(&program, &text, from, Matching::Leftmost)?
    {
        let (start, end) = captures.whole();
        let before = eval.new_text(text.get(done..start).unwrap_or_default().to_vec())?;
        cells.push(eval.cell(before, arguments[1])?);
        let groups = eval.groups(&captures, &text, arguments[1])?;
        cells.push(eval.cell(groups, arguments[1])?);
        done = end;
        // After an empty match the search goes on one byte later, or it would find the same again.
        from = if end == start { end + 1 } else { end };
    }
    let rest = eval.new_text(text.get(done..).unwrap_or_default().to_vec())?;
    cells.push(eval.cell(rest, arguments[1])?);
    eval.new_list(cells)
}
