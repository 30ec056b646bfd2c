//! Lists.

use std::cmp::Ordering;
use std::rc::Rc;

use super::{Builtin, builtin};
use crate::layout::nix::error::{NixError, Res};
use crate::layout::nix::eval::Evaluator;
use crate::layout::nix::heap::{Cell, CellId};
use crate::layout::nix::text::Text;
use crate::layout::nix::value::{Attr, Value};

/// The functions of this theme.
pub(super) const TABLE: &[Builtin] = &[
    builtin("map", 2, map),
    builtin("filter", 2, filter),
    builtin("foldl'", 3, fold),
    builtin("genList", 2, gen_list),
    builtin("head", 1, head),
    builtin("tail", 1, tail),
    builtin("elemAt", 2, elem_at),
    builtin("length", 1, length),
    builtin("elem", 2, elem),
    builtin("all", 2, all),
    builtin("any", 2, any),
    builtin("concatLists", 1, concat_lists),
    builtin("concatMap", 2, concat_map),
    builtin("sort", 2, sort),
    builtin("partition", 2, partition),
    builtin("groupBy", 2, group_by),
    builtin("catAttrs", 2, cat_attrs),
];

impl Evaluator<'_> {
    /// The lists one after the other.
    pub(in crate::layout::nix) fn concat_lists(&mut self, lists: &[Rc<[CellId]>]) -> Res<Value> {
        let mut filled = lists.iter().filter(|list| !list.is_empty());
        if let (Some(only), None) = (filled.next(), filled.next()) {
            return Ok(Value::List(Rc::clone(only)));
        }
        let length = lists.iter().map(|list| list.len()).fold(0_usize, usize::saturating_add);
        self.budget.bytes(length.saturating_mul(4))?;
        self.budget.steps(length)?;
        Ok(Value::list(lists.concat()))
    }

    /// Calls a predicate.
    fn holds(&mut self, predicate: CellId, element: CellId) -> Res<bool> {
        let value = self.call_cell(predicate, &[element])?;
        self.expect_bool(&value)
    }
}

fn map(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let list = eval.list(arguments[1])?;
    let cells = list.iter().map(|cell| eval.delayed_call(arguments[0], *cell)).collect::<Res<_>>()?;
    eval.new_list(cells)
}

fn filter(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    eval.function(arguments[0])?;
    let mut kept = Vec::new();
    for cell in eval.list(arguments[1])?.iter() {
        if eval.holds(arguments[0], *cell)? {
            kept.push(*cell);
        }
    }
    eval.new_list(kept)
}

fn fold(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    eval.function(arguments[0])?;
    let list = eval.list(arguments[2])?;
    if list.is_empty() {
        return eval.force(arguments[1]);
    }
    let mut accumulator = arguments[1];
    let mut value = Value::Null;
    for cell in list.iter() {
        value = eval.call_cell(arguments[0], &[accumulator, *cell])?;
        accumulator = eval.cell(value.clone(), arguments[0])?;
    }
    Ok(value)
}

fn gen_list(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let length = eval.int(arguments[1])?;
    let Ok(length) = usize::try_from(length) else {
        return Err(NixError::eval(format!("cannot make a list of {length} elements")));
    };
    // Paid for before it is made: the number may be anything.
    eval.budget.bytes(length.saturating_mul(4))?;
    eval.budget.steps(length)?;
    let mut cells = Vec::with_capacity(length);
    for index in 0..length {
        let number = i64::try_from(index).unwrap_or(i64::MAX);
        let number = eval.cell(Value::Int(number), arguments[0])?;
        cells.push(eval.delayed_call(arguments[0], number)?);
    }
    Ok(Value::list(cells))
}

fn head(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    match eval.list(arguments[0])?.first() {
        Some(first) => eval.force(*first),
        None => Err(NixError::eval("the list is empty: it has no first element")),
    }
}

fn tail(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    match eval.list(arguments[0])?.split_first() {
        Some((_, rest)) => eval.new_list(rest.to_vec()),
        None => Err(NixError::eval("the list is empty: it has no rest")),
    }
}

fn elem_at(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let value = eval.force(arguments[0])?;
    let list = eval.expect_list(&value)?;
    let index = eval.int(arguments[1])?;
    match usize::try_from(index).ok().and_then(|index| list.get(index)) {
        Some(cell) => eval.force(*cell),
        None => {
            Err(NixError::eval(format!("the list has {} elements and none at index {index}", list.len())))
        }
    }
}

fn length(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let value = eval.force(arguments[0])?;
    let list = eval.expect_list(&value)?;
    Ok(Value::Int(i64::try_from(list.len()).unwrap_or(i64::MAX)))
}

fn elem(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    for cell in eval.list(arguments[1])?.iter() {
        if eval.equal_cells(arguments[0], *cell)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn all(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    eval.function(arguments[0])?;
    for cell in eval.list(arguments[1])?.iter() {
        if !eval.holds(arguments[0], *cell)? {
            return Ok(Value::Bool(false));
        }
    }
    Ok(Value::Bool(true))
}

fn any(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    eval.function(arguments[0])?;
    for cell in eval.list(arguments[1])?.iter() {
        if eval.holds(arguments[0], *cell)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn concat_lists(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let outer = eval.list(arguments[0])?;
    let lists = outer.iter().map(|cell| eval.list(*cell)).collect::<Res<Vec<_>>>()?;
    eval.concat_lists(&lists)
}

fn concat_map(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    eval.function(arguments[0])?;
    let mut lists = Vec::new();
    for cell in eval.list(arguments[1])?.iter() {
        let value = eval.call_cell(arguments[0], &[*cell])?;
        lists.push(eval.expect_list(&value)?);
    }
    eval.concat_lists(&lists)
}

fn sort(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    eval.function(arguments[0])?;
    let list = eval.list(arguments[1])?;
    let sorted = merge_sort(list.to_vec(), &mut |a, b| {
        // Stable: the later goes first only when it is less.
        let less = eval.call_cell(arguments[0], &[b, a])?;
        Ok(if eval.expect_bool(&less)? { Ordering::Greater } else { Ordering::Less })
    })?;
    eval.new_list(sorted)
}

/// Sorts by a comparison that may fail, which `slice::sort_by` cannot.
fn merge_sort(
    mut cells: Vec<CellId>,
    order: &mut dyn FnMut(CellId, CellId) -> Res<Ordering>,
) -> Res<Vec<CellId>> {
    if cells.len() < 2 {
        return Ok(cells);
    }
    let right = merge_sort(cells.split_off(cells.len() / 2), order)?;
    let left = merge_sort(cells, order)?;
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let next = if order(*a, *b)? == Ordering::Greater { right.next() } else { left.next() };
        merged.extend(next);
    }
    merged.extend(left);
    merged.extend(right);
    Ok(merged)
}

fn partition(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    eval.function(arguments[0])?;
    let (mut right, mut wrong) = (Vec::new(), Vec::new());
    for cell in eval.list(arguments[1])?.iter() {
        if eval.holds(arguments[0], *cell)? { right.push(*cell) } else { wrong.push(*cell) }
    }
    let (right, wrong) = (eval.new_list(right)?, eval.new_list(wrong)?);
    let (right, wrong) = (eval.cell(right, arguments[1])?, eval.cell(wrong, arguments[1])?);
    Ok(eval.record(&[("right", right), ("wrong", wrong)]))
}

fn group_by(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    eval.function(arguments[0])?;
    let mut groups: std::collections::BTreeMap<Text, Vec<CellId>> = std::collections::BTreeMap::new();
    for cell in eval.list(arguments[1])?.iter() {
        let name = eval.call_cell(arguments[0], &[*cell])?;
        groups.entry(eval.expect_string(&name)?).or_default().push(*cell);
    }
    let mut entries = Vec::with_capacity(groups.len());
    for (name, cells) in groups {
        let span = eval.heap.span(cells.first().copied().unwrap_or(arguments[1]));
        let list = eval.new_list(cells)?;
        entries.push(Attr { name, value: eval.heap.add(Cell::Value(list), span)?, span });
    }
    eval.new_attrs(entries)
}

fn cat_attrs(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let name = eval.string_of(arguments[0])?;
    let mut found = Vec::new();
    for cell in eval.list(arguments[1])?.iter() {
        found.extend(eval.attrs(*cell)?.get(&name).map(|attr| attr.value));
    }
    eval.new_list(found)
}
