//! Finds the modules: the layout, what it imports, what those import.

use std::collections::{HashSet, VecDeque};
use std::rc::Rc;

use super::super::error::{NixError, NixErrorKind, Res};
use super::super::eval::Evaluator;
use super::super::heap::{Cell, CellId};
use super::super::text::Text;
use super::super::value::{Attrs, Value};
use super::definition::Definition;
use super::option::OptionTree;
use super::{Collected, SystemId};
use crate::layout::diagnostic::Diagnostic;
use crate::layout::syntax::source::Span;

/// Names of a module beside what it defines.
const STRUCTURE: [&[u8]; 8] =
    [b"_class", b"_file", b"key", b"disabledModules", b"imports", b"freeformType", b"meta", b"require"];

/// A module that is a set by now.
struct Module {
    attrs: Rc<Attrs>,
    span: Span,
}

impl Evaluator<'_> {
    /// Collects what modules define. Breadth first, then reversed: so NixOS orders definitions, imported ones first.
    pub(super) fn collect(&mut self, system: SystemId, modules: Vec<CellId>) -> Res<Collected> {
        let mut waiting: VecDeque<CellId> = modules.into();
        let mut known: HashSet<Text> = HashSet::new();
        let mut collected = Vec::new();
        while let Some(cell) = waiting.pop_front() {
            self.budget.step()?;
            if self.is_of_a_flake(cell)? {
                continue;
            }
            let Some(module) = self.load_module(system, cell, &mut known)? else { continue };
            for list in [&b"imports"[..], b"require"] {
                if let Some(imports) = module.attrs.get(list) {
                    let imports = self.list(imports.value).map_err(|error| error.at(imports.span))?;
                    waiting.extend(imports.iter().copied());
                }
            }
            collected.push(module);
        }
        let mut options = OptionTree::default();
        let mut definitions = Vec::with_capacity(collected.len());
        for module in collected.iter().rev() {
            let (config, declared) = self.split_module(module)?;
            definitions.push(Definition::new(config, module.span));
            if let Some(declared) = declared {
                self.declare(&mut options, declared, &mut Vec::new())?;
            }
        }
        let has_free_form = collected.iter().any(|module| module.attrs.get(b"freeformType").is_some());
        Ok(Collected { definitions, options, has_free_form })
    }

    /// Whether a module comes from a flake, which only a real Nix has. Configurations import many of those (hardware, secrets,
    /// impermanence), and none of them says which disks there are: they are passed over with a warning.
    fn is_of_a_flake(&mut self, cell: CellId) -> Res<bool> {
        let error = match self.force(cell) {
            Err(error) if error.kind == NixErrorKind::NeedsNix => error,
            Err(error) => return Err(error),
            Ok(_) => return Ok(false),
        };
        let span = error.span.unwrap_or_else(|| self.heap.span(cell));
        let finding = Diagnostic::warning(
            "passed-over",
            span,
            format!("this module is passed over: {}", error.message),
        );
        self.findings.push(finding.hint("if it says anything about disks, use `--nix`"));
        Ok(true)
    }

    /// A module as a set; `None` if it was there before or adds nothing.
    fn load_module(
        &mut self,
        system: SystemId,
        cell: CellId,
        known: &mut HashSet<Text>,
    ) -> Res<Option<Module>> {
        let mut cell = cell;
        let span = self.heap.span(cell);
        let mut value = self.force(cell)?;
        if let Value::Path(_) | Value::String(_) = value {
            let path = self.path(cell).map_err(|error| error.at(span))?;
            if Self::is_known_module(&path) {
                return Ok(None);
            }
            let file = self.files.nix_file(&path).map_err(|error| error.at(span))?;
            if !known.insert(file.clone()) {
                return Ok(None);
            }
            cell = self
                .import_cell(&file)
                .map_err(|error| error.at(span).through(span, || "imported here".to_owned()))?;
            value = self.force(cell)?;
        }
        let here = self.heap.span(cell);
        let value = self.call_module(system, value, here)?;
        match value {
            Value::Attrs(attrs) => Ok(Some(Module { attrs, span: here })),
            other => Err(NixError::eval(format!(
                "a module must be a set or a function that gives one, found {}",
                other.describe()
            ))
            .at(here)),
        }
    }

    /// The cells of a module's definitions and of its declarations.
    fn split_module(&mut self, module: &Module) -> Res<(CellId, Option<CellId>)> {
        let attrs = &module.attrs;
        let (config, options) = (attrs.get(b"config"), attrs.get(b"options"));
        let others = attrs.entries().iter().filter(|attr| !STRUCTURE.contains(&&*attr.name));
        if config.is_none() && options.is_none() {
            let own = Value::Attrs(Rc::new(Attrs::from_sorted(others.cloned().collect())));
            return Ok((self.heap.add(Cell::Value(own), module.span)?, None));
        }
        let mut others = others.filter(|attr| !matches!(&*attr.name, b"config" | b"options"));
        if let Some(stray) = others.next() {
            let name = &stray.name;
            return Err(NixError::eval(format!(
                "the module has `config` or `options`, and so `{name}` must stand in `config`"
            ))
            .at(stray.span)
            .hint(format!("write `config.{name}`")));
        }
        let config = match config {
            Some(config) => config.value,
            None => self.heap.add(Cell::Value(Value::attrs(Vec::new())), module.span)?,
        };
        Ok((config, options.map(|options| options.value)))
    }
}
