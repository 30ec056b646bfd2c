//! Joins definitions of the same path.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::super::error::{NixError, Res};
use super::super::eval::Evaluator;
use super::super::heap::{Cell, CellId};
use super::super::text::Text;
use super::super::value::{Absence, Attr, Attrs, Reason, Value};
use super::definition::{Definition, Plain};
use super::option::{Declared, OptionTree};
use super::{Merge, SystemId, Task, Undeclared, refuse_depth, show};
use crate::layout::syntax::source::Span;

/// What an entry of a joined set takes, with the delayed joining of its value: that path and those definitions.
const PART_BYTES: usize = 320;

/// How sets without a declaration are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A path to options: marks are pushed down.
    Path,
    /// Data: marks have their effect here.
    Data,
}

impl Evaluator<'_> {
    /// The value at a path.
    pub(super) fn merge(&mut self, merge: &Merge) -> Res<Value> {
        match self.merge_optional(merge)? {
            Some(value) => Ok(value),
            None => Err(undefined(&self.full_path(merge.system, &merge.path))),
        }
    }

    /// The value in a cell, computed now; `None` for a part of the devices of which no definition is in effect: it is not there.
    pub(in crate::layout::nix) fn force_part(&mut self, cell: CellId) -> Res<Option<Value>> {
        let Cell::Module(task) = self.heap.get(cell).clone() else { return self.force(cell).map(Some) };
        let Task::Merge(merge) = &*task else { return self.force(cell).map(Some) };
        self.budget.enter()?;
        self.heap.replace(cell, Cell::Busy);
        let result = self.merge_optional(merge);
        self.budget.leave();
        self.origin = None;
        match &result {
            Ok(Some(value)) => self.heap.replace(cell, Cell::Value(value.clone())),
            Ok(None) | Err(_) => self.heap.replace(cell, Cell::Module(Rc::clone(&task))),
        };
        result
    }

    /// The value at a path; `None` if no definition of it is in effect.
    fn merge_optional(&mut self, merge: &Merge) -> Res<Option<Value>> {
        let result = self.merge_present(merge);
        let Some(span) = merge.named else { return result };
        result.map_err(|error| error.within(span, || show(&self.full_path(merge.system, &merge.path))))
    }

    fn merge_present(&mut self, merge: &Merge) -> Res<Option<Value>> {
        refuse_depth(&merge.path)?;
        let collected = self.system(merge.system).collected.clone();
        let declared = collected.as_ref().and_then(|collected| collected.options.find(&merge.path));
        match declared {
            Some(OptionTree::Option(option)) => self.merge_option(merge, option).map(Some),
            Some(OptionTree::Set(declared)) => {
                let plain = self.unmark(&merge.definitions)?;
                self.join_paths(merge, &plain, declared).map(Some)
            }
            None => {
                let plain = self.unmark(&merge.definitions)?;
                match self.form(merge) {
                    // Without anything else than sets there is nothing to decide yet.
                    Form::Path if plain.iter().all(|one| matches!(one.value, Value::Attrs(_))) => {
                        self.join_paths(merge, &plain, &BTreeMap::new()).map(Some)
                    }
                    _ => self.join_data(merge, plain),
                }
            }
        }
    }

    /// Whether a path without a declaration leads to options or is data.
    fn form(&self, merge: &Merge) -> Form {
        let system = self.system(merge.system);
        let devices = system.undeclared == Undeclared::Open
            && (self.bare || merge.path.iter().map(|name| &**name).take(2).eq([&b"disko"[..], b"devices"]));
        if devices || system.undeclared == Undeclared::Data { Form::Data } else { Form::Path }
    }

    /// A path with the path of its system before it.
    pub(super) fn full_path(&self, system: SystemId, path: &[Text]) -> Vec<Text> {
        self.system(system).prefix.iter().chain(path).cloned().collect()
    }

    /// Joins sets on the way to options: every name, each with its definitions, none looked at.
    fn join_paths(
        &mut self,
        merge: &Merge,
        plain: &[Plain],
        declared: &BTreeMap<Text, Declared>,
    ) -> Res<Value> {
        let mut names: BTreeMap<Text, (Span, Vec<Definition>)> = BTreeMap::new();
        for one in plain {
            let Value::Attrs(attrs) = &one.value else {
                let path = show(&self.full_path(merge.system, &merge.path));
                let message = format!("`{path}` is a set of options, found {}", one.value.describe());
                return Err(NixError::eval(message).at(one.definition.span));
            };
            self.budget.steps(attrs.entries().len())?;
            for attr in attrs.entries() {
                self.refuse_undeclared(merge, &attr.name, attr.span, declared)?;
                let entry = names.entry(attr.name.clone()).or_insert_with(|| (attr.span, Vec::new()));
                entry.1.push(one.definition.part(attr.value, attr.span));
            }
        }
        for (name, option) in declared {
            names.entry(name.clone()).or_insert_with(|| (option.span, Vec::new()));
        }
        let mut entries = Vec::with_capacity(names.len());
        for (name, (span, definitions)) in names {
            entries.push(Attr {
                value: self.delay_merge(merge, name.clone(), definitions, span)?,
                name,
                span,
            });
        }
        let path =
            if merge.path.is_empty() { "config".to_owned() } else { format!("config.{}", show(&merge.path)) };
        let absence = Absence::Elsewhere { path: path.into(), reason: Reason::Option };
        Ok(Value::Attrs(Rc::new(Attrs::from_sorted(entries).with_absence(absence))))
    }

    /// In a submodule an option that is not declared is a mistake.
    fn refuse_undeclared(
        &self,
        merge: &Merge,
        name: &Text,
        span: Span,
        declared: &BTreeMap<Text, Declared>,
    ) -> Res<()> {
        let closed = self.system(merge.system).undeclared == Undeclared::Refused;
        if !closed || declared.contains_key(name) || (merge.path.is_empty() && **name == *b"_module") {
            return Ok(());
        }
        let inside_module = merge.path.first().is_some_and(|first| **first == *b"_module");
        if inside_module {
            return Ok(());
        }
        let mut path = self.full_path(merge.system, &merge.path);
        path.push(name.clone());
        let error = NixError::eval(format!("the option `{}` does not exist", show(&path))).at(span);
        let names = declared.keys().filter_map(Text::as_str);
        Err(match name.as_str().and_then(|name| super::super::similar::nearest(name, names)) {
            Some(similar) => error.hint(format!("did you mean `{similar}`?")),
            None => error,
        })
    }

    fn delay_merge(
        &mut self,
        merge: &Merge,
        name: Text,
        definitions: Vec<Definition>,
        span: Span,
    ) -> Res<CellId> {
        // A single definition says where the value is written.
        let span = match definitions.as_slice() {
            [only] => self.heap.span(only.value),
            _ => span,
        };
        let mut path = merge.path.clone();
        path.push(name);
        let task = Task::Merge(Merge { system: merge.system, path, definitions, named: None });
        self.heap.add(Cell::Module(Rc::new(task)), span)
    }

    /// Joins data: sets name by name, lists one after the other, anything else only if it is equal.
    fn join_data(&mut self, merge: &Merge, plain: Vec<Plain>) -> Res<Option<Value>> {
        let plain = self.effective(plain)?;
        let Some(first) = plain.first() else { return Ok(None) };
        match &first.value {
            Value::Attrs(_) if plain.iter().all(|one| matches!(one.value, Value::Attrs(_))) => {
                self.join_sets(merge, &plain).map(Some)
            }
            Value::List(_) if plain.iter().all(|one| matches!(one.value, Value::List(_))) => {
                self.join_lists(merge, &plain).map(Some)
            }
            Value::String(_) if plain.len() > 1 && is_hook(&merge.path) => {
                self.join_lines(&plain, b"\n").map(Some)
            }
            _ => self.only_value(&self.full_path(merge.system, &merge.path), &plain).map(Some),
        }
    }

    fn join_sets(&mut self, merge: &Merge, plain: &[Plain]) -> Res<Value> {
        let mut names: BTreeMap<Text, (Span, Vec<Definition>)> = BTreeMap::new();
        for one in plain {
            let Value::Attrs(attrs) = &one.value else { continue };
            self.budget.steps(attrs.entries().len())?;
            for attr in attrs.entries() {
                let entry = names.entry(attr.name.clone()).or_insert_with(|| (attr.span, Vec::new()));
                entry.1.push(one.definition.settled_part(attr.value, attr.span));
            }
        }
        let lazy = !self.names_are_values(merge);
        let mut entries = Vec::with_capacity(names.len());
        for (name, (span, definitions)) in names {
            let mut path = merge.path.clone();
            path.push(name.clone());
            let inner = Merge { system: merge.system, path, definitions, named: Some(span) };
            if !lazy && !self.is_in_effect(&inner)? {
                continue;
            }
            let origin = self.origin(&inner.definitions, span);
            let value = self.heap.add(Cell::Module(Rc::new(Task::Merge(inner))), origin)?;
            entries.push(Attr { name, value, span });
        }
        self.budget.bytes(entries.len().saturating_mul(PART_BYTES))?;
        let attrs = Attrs::from_sorted(entries);
        if !lazy || merge.path.is_empty() {
            return Ok(Value::Attrs(Rc::new(attrs)));
        }
        let absence = Absence::Elsewhere {
            path: format!("config.{}", show(&merge.path)).into(),
            reason: Reason::Default,
        };
        Ok(Value::Attrs(Rc::new(attrs.with_absence(absence))))
    }

    /// Whether the names in a set are its author's and not options: which of them there are is known as soon as the set is, as
    /// with NixOS's type `attrsOf`. An option is there even if `mkIf` leaves out its value.
    fn names_are_values(&self, merge: &Merge) -> bool {
        const SETS: [&[u8]; 14] = [
            b"bcachefs_filesystems",
            b"datasets",
            b"disk",
            b"lvm_vg",
            b"lvs",
            b"mdadm",
            b"nodev",
            b"options",
            b"partitions",
            b"rootFsOptions",
            b"settings",
            b"subvolumes",
            b"swap",
            b"zpool",
        ];
        // What stands in such a set has a name of its author's choice, `swap` perhaps, and is none itself.
        let under = |outer: bool, name: &Text| !outer && SETS.contains(&&**name);
        self.system(merge.system).undeclared == Undeclared::Data || merge.path.iter().fold(false, under)
    }

    /// Whether anything defines a path. For that the outermost part of its definitions is computed.
    fn is_in_effect(&mut self, merge: &Merge) -> Res<bool> {
        let found = self.unmark(&merge.definitions).and_then(|plain| self.effective(plain));
        match found {
            Ok(plain) => Ok(!plain.is_empty()),
            Err(error) => {
                let span = merge.named.unwrap_or(self.nowhere);
                Err(error.within(span, || show(&self.full_path(merge.system, &merge.path))))
            }
        }
    }

    /// The text that a value comes from.
    fn origin(&self, definitions: &[Definition], span: Span) -> Span {
        match definitions {
            [only] if !self.is_internal(self.heap.span(only.value)) => self.heap.span(only.value),
            _ => span,
        }
    }

    /// Elements may stand under marks too, and those out of effect are left out.
    fn join_lists(&mut self, merge: &Merge, plain: &[Plain]) -> Res<Value> {
        let mut cells = Vec::new();
        for one in plain {
            let Value::List(elements) = &one.value else { continue };
            for cell in elements.iter() {
                let span = self.heap.span(*cell);
                let mut path = merge.path.clone();
                path.push(format!("[{}]", cells.len()).into());
                let definitions = vec![one.definition.settled_part(*cell, span)];
                let element = Merge { system: merge.system, path, definitions, named: None };
                if let Some(value) = self.merge_optional(&element)? {
                    cells.push(self.heap.add(Cell::Value(value), span)?);
                }
            }
        }
        self.new_list(cells)
    }

    /// Texts one after the other, as options of several lines are joined.
    pub(super) fn join_lines(&mut self, plain: &[Plain], separator: &[u8]) -> Res<Value> {
        let mut parts = Vec::with_capacity(plain.len());
        for one in plain {
            parts.push(self.expect_string(&one.value).map_err(|error| error.at(one.definition.span))?);
        }
        let parts: Vec<&[u8]> = parts.iter().map(|part| &**part).collect();
        self.new_text(parts.join(separator))
    }

    /// The value that all definitions agree on.
    pub(super) fn only_value(&mut self, path: &[Text], plain: &[Plain]) -> Res<Value> {
        let Some((first, others)) = plain.split_first() else { return Err(undefined(path)) };
        for other in others {
            if !self.equal(&first.value, &other.value)? {
                // In the order in which a reader meets them, whichever way modules are joined.
                let mut both = [first, other];
                both.sort_by_key(|one| one.definition.span);
                let [earlier, later] = both;
                return Err(NixError::eval(format!(
                    "`{}` is defined twice: as {} and as {}",
                    show(path),
                    brief(&earlier.value),
                    brief(&later.value)
                ))
                .at(later.definition.span)
                .other(earlier.definition.span, "first defined here")
                .hint(
                    "`lib.mkForce` around one of the values makes it win, `lib.mkDefault` makes it give way",
                ));
            }
        }
        Ok(first.value.clone())
    }
}

/// disko joins the texts of its hooks, because their type is lines.
fn is_hook(path: &[Text]) -> bool {
    path.last().is_some_and(|name| name.ends_with(b"Hook"))
}

/// The error of an option without a value.
fn undefined(path: &[Text]) -> Box<NixError> {
    NixError::eval(format!("option `{}` is used, but nothing defines it", show(path)))
}

/// A value in a few words.
pub(super) fn brief(value: &Value) -> String {
    const LONGEST: usize = 40;
    match value {
        Value::String(text) | Value::Path(text) => {
            let text = text.to_string();
            match text.char_indices().nth(LONGEST) {
                Some((end, _)) => format!("`{}…`", text.get(..end).unwrap_or_default()),
                None => format!("`{text}`"),
            }
        }
        Value::Int(number) => format!("`{number}`"),
        Value::Bool(value) => format!("`{value}`"),
        Value::Float(number) => format!("`{number}`"),
        other => other.describe().to_owned(),
    }
}
