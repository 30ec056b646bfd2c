//! `lib` and `pkgs`: the first is written in Nix in the folder `lib/`, the second is a set of refusals.

use std::rc::Rc;

use super::builtins::Builtin;
use super::error::Res;
use super::eval::Evaluator;
use super::heap::{Cell, CellId};
use super::text::Text;
use super::value::{Absence, Attr, Attrs, Reason, Value};
use crate::layout::syntax::source::Span;

/// The texts of `lib`; the first makes one set of the others.
const TEXTS: [(&str, &str); 10] = [
    ("lib", include_str!("lib/default.nix")),
    ("trivial", include_str!("lib/trivial.nix")),
    ("lists", include_str!("lib/lists.nix")),
    ("attrsets", include_str!("lib/attrsets.nix")),
    ("strings", include_str!("lib/strings.nix")),
    ("options", include_str!("lib/options.nix")),
    ("types", include_str!("lib/types.nix")),
    ("generators", include_str!("lib/generators.nix")),
    ("cli", include_str!("lib/cli.nix")),
    ("filesystem", include_str!("lib/filesystem.nix")),
];

/// What `import <nixpkgs>` gives: whatever its arguments, a set in which only `lib` is real.
pub(super) static PACKAGES: Builtin = Builtin {
    name: "import <nixpkgs>",
    arity: 1,
    run: |eval, _| {
        let packages = eval.packages("pkgs")?;
        eval.force(packages)
    },
};

impl Evaluator<'_> {
    /// Whether a place is in a text of ours.
    pub(super) fn is_internal(&self, span: Span) -> bool {
        self.internal.contains(&span.source())
    }

    /// Reads the texts of `lib`.
    pub(super) fn load_library(&mut self) -> Res<CellId> {
        let folder = Text::from("/");
        let mut cells = Vec::with_capacity(TEXTS.len());
        for (name, text) in TEXTS {
            let cell = self.read_text(&format!("<landfall/lib/{name}.nix>"), &folder, text)?;
            self.internal.push(self.heap.span(cell).source());
            cells.push((name, cell));
        }
        let Some(((_, combine), parts)) = cells.split_first() else { return Ok(self.null) };
        let parts = self.record(parts);
        let parts = self.heap.add(Cell::Value(parts), self.nowhere)?;
        let combined = self.call_cell(*combine, &[parts])?;
        let library = self.expect_attrs(&combined)?;
        self.mark_library(&library, "lib")
    }

    /// Marks the set and the sets in it, so that a missing name says that landfall lacks it.
    fn mark_library(&mut self, library: &Rc<Attrs>, path: &str) -> Res<CellId> {
        const SETS: [&[u8]; 9] = [
            b"trivial",
            b"lists",
            b"attrsets",
            b"strings",
            b"options",
            b"types",
            b"generators",
            b"cli",
            b"filesystem",
        ];
        let mut entries = library.entries().to_vec();
        for attr in &mut entries {
            if SETS.contains(&&*attr.name) {
                let inner = self.attrs(attr.value)?;
                let marked = absent_elsewhere(
                    inner.entries().to_vec(),
                    &format!("{path}.{}", attr.name),
                    Reason::Library,
                );
                attr.value = self.heap.add(Cell::Value(marked), self.nowhere)?;
            }
        }
        let marked = absent_elsewhere(entries, path, Reason::Library);
        self.heap.add(Cell::Value(marked), self.nowhere)
    }

    /// A set of packages under the name `path`: only `lib` is in it.
    pub(super) fn packages(&mut self, path: &str) -> Res<CellId> {
        let library = self.library()?;
        let entries = vec![Attr { name: "lib".into(), value: library, span: self.nowhere }];
        let packages = absent_elsewhere(entries, path, Reason::NeedsNix);
        self.heap.add(Cell::Value(packages), self.nowhere)
    }

    /// What stands for the flake `disko`: modules that add nothing, because landfall is what they would add.
    pub(super) fn disko_flake(&mut self, path: &str) -> Res<CellId> {
        let empty = self.heap.add(Cell::Value(Value::attrs(Vec::new())), self.nowhere)?;
        let modules = vec![
            Attr { name: "default".into(), value: empty, span: self.nowhere },
            Attr { name: "disko".into(), value: empty, span: self.nowhere },
        ];
        let modules = absent_elsewhere(modules, &format!("{path}.nixosModules"), Reason::NeedsNix);
        let modules = self.heap.add(Cell::Value(modules), self.nowhere)?;
        let entries = vec![Attr { name: "nixosModules".into(), value: modules, span: self.nowhere }];
        let flake = absent_elsewhere(entries, path, Reason::NeedsNix);
        self.heap.add(Cell::Value(flake), self.nowhere)
    }

    /// What stands for a flake: only its inputs are in it, and of those only disko's modules.
    pub(super) fn flake(&mut self, path: &str) -> Res<CellId> {
        let inputs = self.flake_inputs(&format!("{path}.inputs"))?;
        let entries = vec![Attr { name: "inputs".into(), value: inputs, span: self.nowhere }];
        let flake = absent_elsewhere(entries, path, Reason::NeedsNix);
        self.heap.add(Cell::Value(flake), self.nowhere)
    }

    /// What stands for the inputs of a flake: only disko's modules and the `lib` of nixpkgs are in it.
    pub(super) fn flake_inputs(&mut self, path: &str) -> Res<CellId> {
        let disko = self.disko_flake(&format!("{path}.disko"))?;
        let nixpkgs = self.packages(&format!("{path}.nixpkgs"))?;
        let entries = vec![
            Attr { name: "disko".into(), value: disko, span: self.nowhere },
            Attr { name: "nixpkgs".into(), value: nixpkgs, span: self.nowhere },
        ];
        let inputs = absent_elsewhere(entries, path, Reason::NeedsNix);
        self.heap.add(Cell::Value(inputs), self.nowhere)
    }
}

/// A set of which a part is missing.
fn absent_elsewhere(entries: Vec<Attr>, path: &str, reason: Reason) -> Value {
    let absence = Absence::Elsewhere { path: path.into(), reason };
    Value::Attrs(Rc::new(Attrs::new(entries).with_absence(absence)))
}
