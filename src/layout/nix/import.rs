//! `import`, `<…>` and the parts of nixpkgs that landfall stands in for.

use super::error::{NixError, NixErrorKind, Res};
use super::eval::Evaluator;
use super::files::{DISKO, Files, NIXPKGS};
use super::heap::{Cell, CellId};
use super::library::PACKAGES;
use super::lower::{Unit, lower};
use super::path;
use super::text::Text;
use super::value::Value;

impl Evaluator<'_> {
    /// The value of a file.
    pub(super) fn import(&mut self, path: &Text) -> Res<Value> {
        if let Some(rest) = path.strip_prefix(NIXPKGS) {
            return match rest {
                b"/lib" | b"/lib/default.nix" => {
                    let library = self.library()?;
                    self.force(library)
                }
                b"" | b"/default.nix" => Ok(super::builtins::function(&PACKAGES)),
                _ => self.files.read(path).map(|_| Value::Null),
            };
        }
        let cell = self.import_cell(path)?;
        if matches!(self.heap.get(cell), Cell::Busy) {
            let message =
                format!("`{}` imports itself, directly or through other files", self.files.shown(path));
            return Err(NixError::new(NixErrorKind::Recursion, message));
        }
        self.force(cell)
    }

    /// The cell of a file's value; each file is read once.
    pub(super) fn import_cell(&mut self, path: &Text) -> Res<CellId> {
        let file = self.files.nix_file(path)?;
        if let Some(cell) = self.files.imported.get(&file) {
            return Ok(*cell);
        }
        let data = self.files.read(&file)?;
        let cell = self.read_unit(&file, data)?;
        self.files.imported.insert(file, cell);
        Ok(cell)
    }

    /// Reads the bytes of a file as Nix.
    pub(super) fn read_unit(&mut self, file: &Text, data: Vec<u8>) -> Res<CellId> {
        let shown = self.files.shown(file);
        self.budget.bytes(data.len())?;
        let text = String::from_utf8(data).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let line = error.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
            NixError::new(NixErrorKind::Syntax, format!("`{shown}` is not UTF-8: byte {at} in line {line}"))
        })?;
        self.read_text(&shown, &path::folder(file).into(), &text)
    }

    /// Reads a text as Nix; the cell is its value, not computed yet.
    pub(super) fn read_text(&mut self, shown: &str, folder: &Text, text: &str) -> Res<CellId> {
        let source = self
            .sources
            .add(shown, text)
            .map_err(|error| NixError::new(NixErrorKind::Limit, error.to_string()))?;
        let expr = lower(&mut self.code, &self.globals, Unit { source, text, folder })?;
        let span = self.code.span(expr);
        self.heap.add(Cell::Delayed(expr, self.root), span)
    }

    /// `<name>`
    pub(super) fn search_path(&self, name: &Text) -> Res<Value> {
        let (prefix, stand_in) = match &**name {
            rest if rest == b"nixpkgs" || rest.starts_with(b"nixpkgs/") => ("nixpkgs", NIXPKGS),
            rest if rest == b"disko" || rest.starts_with(b"disko/") => ("disko", DISKO),
            _ => {
                return Err(NixError::needs_nix(format!(
                    "`<{name}>` is found only by a real Nix, through NIX_PATH"
                )));
            }
        };
        let rest = name.get(prefix.len()..).unwrap_or_default();
        Ok(Value::Path(path::normal(&[stand_in, rest].concat())))
    }

    /// Whether a module path leads to modules that landfall stands in for: they add nothing to a layout.
    pub(super) fn is_known_module(path: &[u8]) -> bool {
        Files::is_virtual(path)
    }

    /// The `lib` of nixpkgs, as far as layouts use it.
    pub(super) fn library(&mut self) -> Res<CellId> {
        if let Some(cell) = self.library {
            return Ok(cell);
        }
        let cell = self.load_library()?;
        self.library = Some(cell);
        Ok(cell)
    }
}
