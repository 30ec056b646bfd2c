//! Files under the layout's folder.

use super::{Builtin, builtin};
use crate::layout::nix::error::{NixError, Res};
use crate::layout::nix::eval::Evaluator;
use crate::layout::nix::heap::CellId;
use crate::layout::nix::path;
use crate::layout::nix::text::Text;
use crate::layout::nix::value::{Attr, Value};

/// The functions of this theme.
pub(super) const TABLE: &[Builtin] = &[
    builtin("import", 1, import),
    builtin("pathExists", 1, path_exists),
    builtin("readFile", 1, read_file),
    builtin("readDir", 1, read_dir),
];

impl Evaluator<'_> {
    /// A cell's value as an absolute path.
    pub(in crate::layout::nix) fn path(&mut self, cell: CellId) -> Res<Text> {
        let text = self.text(cell)?;
        if text.first() != Some(&b'/') {
            return Err(NixError::eval(format!("`{text}` is not an absolute path"))
                .hint("a path without quotes is relative to its file"));
        }
        Ok(path::normal(&text))
    }
}

fn import(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let path = eval.path(arguments[0])?;
    eval.import(&path)
}

fn path_exists(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let path = eval.path(arguments[0])?;
    eval.files.exists(&path).map(Value::Bool)
}

fn read_file(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let path = eval.path(arguments[0])?;
    let data = eval.files.read(&path)?;
    if data.contains(&0) {
        return Err(NixError::eval(format!("`{path}` holds NUL bytes, which a string cannot")));
    }
    eval.new_text(data)
}

fn read_dir(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let path = eval.path(arguments[0])?;
    let span = eval.heap.span(arguments[0]);
    let mut entries = Vec::new();
    for (name, kind) in eval.files.list(&path)? {
        eval.budget.step()?;
        let value = eval.cell(Value::text(kind), arguments[0])?;
        entries.push(Attr { name: Text::from(name), value, span });
    }
    eval.new_attrs(entries)
}
