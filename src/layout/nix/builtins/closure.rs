//! `genericClosure`: everything reached from a start, each once.

use super::{Builtin, builtin};
use crate::layout::nix::error::{NixError, Res};
use crate::layout::nix::eval::Evaluator;
use crate::layout::nix::heap::CellId;
use crate::layout::nix::value::Value;

/// The function of this theme.
pub(super) const TABLE: &[Builtin] = &[builtin("genericClosure", 1, generic_closure)];

fn generic_closure(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let attrs = eval.attrs(arguments[0])?;
    let Some(start) = attrs.get(b"startSet") else {
        return Err(eval.missing(&attrs, &"startSet".into()));
    };
    let mut waiting: std::collections::VecDeque<CellId> = eval.list(start.value)?.iter().copied().collect();
    let Some(operator) = attrs.get(b"operator") else {
        return Err(eval.missing(&attrs, &"operator".into()));
    };
    let (mut keys, mut reached): (Vec<Value>, Vec<CellId>) = (Vec::new(), Vec::new());
    while let Some(cell) = waiting.pop_front() {
        let node = eval.attrs(cell)?;
        let Some(key) = node.get(b"key") else {
            return Err(NixError::eval("each element must be a set with a `key`").at(eval.heap.span(cell)));
        };
        let key = eval.force(key.value)?;
        let mut known = false;
        for earlier in &keys {
            // Compared by order, so that keys without one are refused as Nix refuses them.
            known = known || eval.compare(earlier, &key)?.is_eq();
        }
        if known {
            continue;
        }
        keys.push(key);
        reached.push(cell);
        let more = eval.call_cell(operator.value, &[cell])?;
        waiting.extend(eval.expect_list(&more)?.iter().copied());
    }
    eval.new_list(reached)
}
