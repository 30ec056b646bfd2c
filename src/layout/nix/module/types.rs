//! Joining by type: what `lib.types` mean for definitions.

use std::rc::Rc;

use super::super::error::{NixError, Res};
use super::super::eval::Evaluator;
use super::super::heap::{Cell, CellId};
use super::super::text::Text;
use super::super::value::{Attr, Attrs, Value};
use super::arguments::Given;
use super::definition::{Definition, Plain};
use super::option::Declaration;
use super::{Undeclared, show};

impl Evaluator<'_> {
    /// Whether an option without definitions has a value all the same: the empty set or list.
    pub(super) fn has_empty_value(&mut self, option: &Declaration) -> Res<bool> {
        let Some(kind) = option.kind() else { return Ok(false) };
        let kind = self.attrs(kind)?;
        let name = self.type_name(&kind)?;
        Ok(matches!(
            &*name,
            b"attrsOf"
                | b"lazyAttrsOf"
                | b"listOf"
                | b"attrs"
                | b"submodule"
                | b"nullOr"
                | b"separatedString"
        ))
    }

    fn type_name(&mut self, kind: &Attrs) -> Res<Text> {
        match kind.get(b"name") {
            Some(name) => self.string_of(name.value),
            None => Ok("unspecified".into()),
        }
    }

    /// Joins definitions of an option without a type.
    pub(super) fn merge_untyped(&mut self, path: &[Text], plain: Vec<Plain>) -> Res<Value> {
        let all = |test: fn(&Value) -> bool| plain.iter().all(|one| test(&one.value));
        if plain.len() > 1 && all(|value| matches!(value, Value::List(_))) {
            return self.concat_definitions(&plain);
        }
        if plain.len() > 1 && all(|value| matches!(value, Value::Attrs(_))) {
            return Ok(shallow(&plain));
        }
        self.only_value(path, &plain)
    }

    fn concat_definitions(&mut self, plain: &[Plain]) -> Res<Value> {
        let mut lists = Vec::with_capacity(plain.len());
        for one in plain {
            lists.push(self.expect_list(&one.value).map_err(|error| error.at(one.definition.span))?);
        }
        self.concat_lists(&lists)
    }

    /// Joins definitions by a type, after checking each.
    pub(super) fn merge_type(&mut self, kind: CellId, path: &[Text], plain: Vec<Plain>) -> Res<Value> {
        super::refuse_depth(path)?;
        self.budget.enter()?;
        let result = self.merge_checked(kind, path, plain);
        self.budget.leave();
        result
    }

    fn merge_checked(&mut self, kind: CellId, path: &[Text], plain: Vec<Plain>) -> Res<Value> {
        let kind = self.attrs(kind)?;
        for one in &plain {
            self.check_type(&kind, path, one)?;
        }
        if let Some(merge) = kind.get(b"merge") {
            return self.merge_by_function(merge.value, path, &plain);
        }
        let nested = kind.get(b"nested").map(|attr| attr.value);
        let name = self.type_name(&kind)?;
        match (&*name, nested) {
            (b"attrsOf" | b"lazyAttrsOf", Some(inner)) => self.merge_attrs_of(inner, path, &plain),
            (b"listOf", Some(inner)) => self.merge_list_of(inner, path, &plain),
            (b"nullOr", Some(inner)) => {
                let nulls = plain.iter().filter(|one| matches!(one.value, Value::Null)).count();
                if nulls == plain.len() {
                    return Ok(Value::Null);
                }
                if nulls > 0 { self.only_value(path, &plain) } else { self.merge_type(inner, path, plain) }
            }
            (b"uniq", Some(inner)) => {
                if plain.len() > 1 {
                    self.only_value(path, &plain)?;
                }
                self.merge_type(inner, path, plain)
            }
            (b"coercedTo", Some(inner)) => {
                let converted = self.coerce_definitions(&kind, plain)?;
                self.merge_type(inner, path, converted)
            }
            (b"either", _) => self.merge_either(&kind, path, plain),
            (b"separatedString", _) => {
                let separator = match kind.get(b"separator") {
                    Some(separator) => self.string_of(separator.value)?,
                    None => Text::from("\n"),
                };
                self.join_lines(&plain, &separator)
            }
            (b"boolByOr", _) => {
                Ok(Value::Bool(plain.iter().any(|one| matches!(one.value, Value::Bool(true)))))
            }
            (b"attrs", _) => Ok(shallow(&plain)),
            (b"submodule", _) => self.merge_submodule(&kind, path, &plain),
            (b"anything" | b"unspecified" | b"raw", _) => self.merge_untyped(path, plain),
            _ => self.only_value(path, &plain),
        }
    }

    fn check_type(&mut self, kind: &Attrs, path: &[Text], one: &Plain) -> Res<()> {
        let Some(check) = kind.get(b"check") else { return Ok(()) };
        let cell = self.heap.add(Cell::Value(one.value.clone()), one.definition.span)?;
        let value = self.call_cell(check.value, &[cell])?;
        if self.expect_bool(&value)? {
            return Ok(());
        }
        let expected = match kind.get(b"description") {
            Some(text) => self.string_of(text.value)?,
            None => self.type_name(kind)?,
        };
        let message =
            format!("`{}` must be a {expected}, found {}", show(path), super::merge::brief(&one.value));
        Err(NixError::eval(message).at(one.definition.span))
    }

    /// A type of the layout's own: `merge loc [ { file, value } … ]`.
    fn merge_by_function(&mut self, merge: CellId, path: &[Text], plain: &[Plain]) -> Res<Value> {
        let names =
            path.iter().map(|name| self.cell(Value::String(name.clone()), merge)).collect::<Res<Vec<_>>>()?;
        let names = self.cell(Value::list(names), merge)?;
        let mut definitions = Vec::with_capacity(plain.len());
        for one in plain {
            let place = self.sources.place(one.definition.span);
            let file = self.cell(Value::text(&*place.file), merge)?;
            let value = self.heap.add(Cell::Value(one.value.clone()), one.definition.span)?;
            let definition = self.record(&[("file", file), ("value", value)]);
            definitions.push(self.cell(definition, merge)?);
        }
        let definitions = self.cell(Value::list(definitions), merge)?;
        self.call_cell(merge, &[names, definitions])
    }

    /// Joins one element by its type; `None` if it is not in effect.
    fn merge_element(
        &mut self,
        inner: CellId,
        path: &[Text],
        definitions: &[Definition],
    ) -> Res<Option<Value>> {
        let plain = self.unmark(definitions)?;
        let plain = self.effective(plain)?;
        if plain.is_empty() { Ok(None) } else { self.merge_type(inner, path, plain).map(Some) }
    }

    fn merge_attrs_of(&mut self, inner: CellId, path: &[Text], plain: &[Plain]) -> Res<Value> {
        let mut names: std::collections::BTreeMap<Text, Vec<Definition>> = std::collections::BTreeMap::new();
        for one in plain {
            for attr in self.expect_attrs(&one.value)?.entries() {
                let definition = one.definition.settled_part(attr.value, attr.span);
                names.entry(attr.name.clone()).or_default().push(definition);
            }
        }
        let mut entries = Vec::with_capacity(names.len());
        for (name, definitions) in names {
            let span = definitions.first().map_or(self.nowhere, |definition| definition.span);
            let mut path = path.to_vec();
            path.push(name.clone());
            if let Some(value) = self.merge_element(inner, &path, &definitions)? {
                entries.push(Attr { name, value: self.heap.add(Cell::Value(value), span)?, span });
            }
        }
        self.new_attrs(entries)
    }

    fn merge_list_of(&mut self, inner: CellId, path: &[Text], plain: &[Plain]) -> Res<Value> {
        let mut cells = Vec::new();
        for one in plain {
            for cell in self.expect_list(&one.value)?.iter() {
                let span = self.heap.span(*cell);
                let mut path = path.to_vec();
                path.push(format!("[{}]", cells.len()).into());
                if let Some(value) = self.merge_element(inner, &path, &[Definition::new(*cell, span)])? {
                    cells.push(self.heap.add(Cell::Value(value), span)?);
                }
            }
        }
        self.new_list(cells)
    }

    fn coerce_definitions(&mut self, kind: &Attrs, plain: Vec<Plain>) -> Res<Vec<Plain>> {
        let (Some(from), Some(convert)) = (kind.get(b"from"), kind.get(b"convert")) else { return Ok(plain) };
        let from = self.attrs(from.value)?;
        let Some(check) = from.get(b"check") else { return Ok(plain) };
        let mut converted = Vec::with_capacity(plain.len());
        for one in plain {
            let cell = self.heap.add(Cell::Value(one.value.clone()), one.definition.span)?;
            let fits = self.call_cell(check.value, &[cell])?;
            let value =
                if self.expect_bool(&fits)? { self.call_cell(convert.value, &[cell])? } else { one.value };
            converted.push(Plain { value, definition: one.definition });
        }
        Ok(converted)
    }

    /// The first of the types that accepts every definition joins them.
    fn merge_either(&mut self, kind: &Attrs, path: &[Text], plain: Vec<Plain>) -> Res<Value> {
        let choices = match kind.get(b"choices") {
            Some(choices) => self.list(choices.value)?,
            None => Rc::new([]),
        };
        for choice in choices.iter() {
            let attrs = self.attrs(*choice)?;
            let mut accepts = true;
            for one in &plain {
                let Some(check) = attrs.get(b"check") else { continue };
                let cell = self.heap.add(Cell::Value(one.value.clone()), one.definition.span)?;
                let fits = self.call_cell(check.value, &[cell])?;
                accepts = accepts && self.expect_bool(&fits)?;
            }
            if accepts {
                return self.merge_type(*choice, path, plain);
            }
        }
        self.only_value(path, &plain)
    }

    /// A value that is a system of modules of its own: the type's, and each definition.
    fn merge_submodule(&mut self, kind: &Attrs, path: &[Text], plain: &[Plain]) -> Res<Value> {
        let mut modules = match kind.get(b"modules") {
            Some(modules) => self.list(modules.value)?.to_vec(),
            None => Vec::new(),
        };
        let shorthand = match kind.get(b"shorthandOnlyDefinesConfig") {
            Some(flag) => matches!(self.force(flag.value)?, Value::Bool(true)),
            None => false,
        };
        for one in plain {
            let mut cell = self.heap.add(Cell::Value(one.value.clone()), one.definition.span)?;
            // A set is all values then, even if it has the names `options` and `config`.
            if shorthand && matches!(&one.value, Value::Attrs(attrs) if attrs.get(b"__functor").is_none()) {
                let wrapped = self.record(&[("config", cell)]);
                cell = self.heap.add(Cell::Value(wrapped), one.definition.span)?;
            }
            modules.push(cell);
        }
        let mut special = Vec::new();
        if let Some(arguments) = kind.get(b"specialArgs") {
            let arguments = self.attrs(arguments.value)?;
            special.extend(
                arguments.entries().iter().map(|attr| Given { name: attr.name.clone(), value: attr.value }),
            );
        }
        let name = path.last().cloned().unwrap_or_else(|| "".into());
        let name = self.heap.add(Cell::Value(Value::String(name)), self.nowhere)?;
        special.push(Given { name: "name".into(), value: name });
        let config = self.module_system(modules, path.to_vec(), special, Undeclared::Refused)?;
        match self.force(config)? {
            // The arguments of modules are no option of the value.
            Value::Attrs(attrs) => {
                let entries = attrs.entries().iter().filter(|attr| *attr.name != *b"_module");
                Ok(Value::Attrs(Rc::new(Attrs::from_sorted(entries.cloned().collect()))))
            }
            other => Ok(other),
        }
    }
}

/// The sets as one; of a name that several have, the last wins.
fn shallow(plain: &[Plain]) -> Value {
    let mut joined = Attrs::new(Vec::new());
    for one in plain {
        if let Value::Attrs(attrs) = &one.value {
            joined = joined.update(attrs);
        }
    }
    Value::Attrs(Rc::new(joined))
}
