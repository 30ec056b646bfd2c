//! The way in: a file or a text, and what comes out.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::builtins::outermost;
use super::error::{NixError, NixErrorKind, Res};
use super::eval::Evaluator;
use super::files::{Files, failed};
use super::heap::{CellId, Frame, Heap};
use super::limits::{Budget, STACK};
use super::module::{Given, Undeclared};
use super::text::Text;
use super::value::{Attrs, Value as NixValue};
use crate::error::IoError;
use crate::layout::diagnostic::Diagnostic;
use crate::layout::syntax::source::{SourceMap, Span};
use crate::layout::syntax::value::Value;

/// What an argument of the layout is given as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// `--arg`: an expression in Nix.
    Expression(String),
    /// `--argstr`: a text, taken as it is.
    Text(String),
}

/// Arguments for a layout that is a function, by name. Of two with the same name the later holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    items: Vec<(String, Argument)>,
}

impl Arguments {
    /// No arguments.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more argument.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, argument: Argument) -> Self {
        let name = name.into();
        self.items.retain(|(known, _)| *known != name);
        self.items.push((name, argument));
        self
    }

    /// All arguments with their names.
    pub(super) fn items(&self) -> &[(String, Argument)] {
        &self.items
    }
}

/// What a layout's program has come to.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// `{ disko.devices = …; }`, or the devices alone if the file is written so.
    pub value: Value,
    /// What was passed over on the way: modules of flakes.
    pub findings: Vec<Diagnostic>,
}

/// Evaluates the layout in a file. The texts it reads are added to `sources`.
///
/// # Errors
/// [`NixError`], whose places are in `sources`.
pub fn evaluate(path: &Path, arguments: &Arguments, sources: &mut SourceMap) -> Result<Evaluated, NixError> {
    on_large_stack(|| {
        let (file, files) = open(path)?;
        let mut eval = Evaluator::new(sources, files)?;
        let data = eval.files.read(&file)?;
        let cell = eval.read_unit(&file, data)?;
        eval.files.imported.insert(file.clone(), cell);
        let folder = super::path::folder(&file).into();
        let value = eval.layout(cell, arguments, &folder)?;
        Ok(Evaluated { value, findings: eval.findings })
    })
}

/// Evaluates a layout in a text that has no file, and so may read none. `name` is what errors call it.
///
/// # Errors
/// [`NixError`], whose places are in `sources`.
pub fn evaluate_text(
    name: &str,
    text: &str,
    arguments: &Arguments,
    sources: &mut SourceMap,
) -> Result<Evaluated, NixError> {
    on_large_stack(|| {
        let mut eval = Evaluator::new(sources, Files::none())?;
        let folder = Text::from("/");
        let cell = eval.read_text(name, &folder, text)?;
        let value = eval.layout(cell, arguments, &folder)?;
        Ok(Evaluated { value, findings: eval.findings })
    })
}

/// Evaluates an expression that need not be a layout and gives its JSON, as `nix-instantiate --eval --strict --json` does.
/// It may read the files under `folder`.
///
/// # Errors
/// [`NixError`], whose places are in `sources`.
pub fn evaluate_expression(
    text: &str,
    folder: Option<&Path>,
    sources: &mut SourceMap,
) -> Result<String, NixError> {
    on_large_stack(|| {
        let (folder, files) = match folder {
            Some(folder) => open_folder(folder)?,
            None => (Text::from("/"), Files::none()),
        };
        let mut eval = Evaluator::new(sources, files)?;
        let cell = eval.read_text("<expression>", &folder, text)?;
        let mut json = Vec::new();
        eval.write_json(cell, &mut json)?;
        String::from_utf8(json).map_err(|_| NixError::eval("the value holds a string that is not UTF-8"))
    })
}

/// The layout's real path and access to its folder.
fn open(path: &Path) -> Res<(Text, Files)> {
    let real = fs::canonicalize(path).map_err(|error| failed(IoError::new("opening", path, error)))?;
    if real.is_dir() {
        return open(&path.join("default.nix"));
    }
    if real.file_name().is_some_and(|name| name == "flake.nix") {
        return Err(NixError::needs_nix(format!(
            "`{}` is a flake, which only a real Nix can evaluate",
            path.display()
        ))
        .hint("or give the layout's own file, the one with `disko.devices`"));
    }
    let shown = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let file = Text::from(real.as_os_str().as_bytes());
    // A canonical file path has a parent.
    let root = real.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    Ok((file, Files::under(root, shown)))
}

fn open_folder(folder: &Path) -> Res<(Text, Files)> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let real = fs::canonicalize(folder).map_err(|error| failed(IoError::new("opening", folder, error)))?;
    Ok((Text::from(real.as_os_str().as_bytes()), Files::under(real, folder.to_path_buf())))
}

/// Runs an evaluation on a thread whose stack the limits are made for.
fn on_large_stack<T: Send>(work: impl FnOnce() -> Res<T> + Send) -> Result<T, NixError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("nix".to_owned()).stack_size(STACK);
        let handle = thread.spawn_scoped(scope, work).map_err(|error| {
            *failed(IoError::new("starting a thread for", "the evaluation of the layout", error))
        })?;
        match handle.join() {
            Ok(result) => result.map_err(|error| *error),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

impl<'s> Evaluator<'s> {
    /// A fresh evaluation.
    fn new(sources: &'s mut SourceMap, files: Files) -> Res<Self> {
        let source = sources
            .add("<landfall>", "")
            .map_err(|error| NixError::new(NixErrorKind::Limit, error.to_string()))?;
        let nowhere = Span::new(source, 0, 0);
        let mut heap = Heap::default();
        let null = heap.add(super::heap::Cell::Value(NixValue::Null), nowhere)?;
        let root = heap.frame(Frame::Empty, None)?;
        let outermost = outermost(&mut heap, nowhere)?;
        Ok(Self {
            code: super::ast::Code::default(),
            heap,
            budget: Budget::default(),
            sources,
            files,
            globals: outermost.names,
            global_cells: outermost.cells,
            root,
            null,
            library: None,
            nowhere,
            internal: vec![source],
            origin: None,
            systems: Vec::new(),
            bare: false,
            findings: Vec::new(),
        })
    }

    /// The devices that the file in `cell` describes.
    fn layout(&mut self, cell: CellId, arguments: &Arguments, folder: &Text) -> Res<Value> {
        let mut given = Vec::new();
        for (name, argument) in arguments.items() {
            let value = match argument {
                Argument::Expression(text) => self.read_text(&format!("<argument {name}>"), folder, text)?,
                Argument::Text(text) => {
                    let source = self.sources.add(format!("<argument {name}>"), text.as_str());
                    let source =
                        source.map_err(|error| NixError::new(NixErrorKind::Limit, error.to_string()))?;
                    let span = Span::new(source, 0, text.len());
                    self.heap.add(super::heap::Cell::Value(NixValue::text(text.as_str())), span)?
                }
            };
            given.push(Given { name: Text::from(name.as_str()), value });
        }
        match self.force(cell)? {
            NixValue::Attrs(attrs) => refuse_flake(&attrs)?,
            NixValue::Closure(_) => {}
            other => {
                let message =
                    format!("a layout is a set or a function that gives one, found {}", other.describe());
                return Err(NixError::eval(message).at(self.heap.span(cell)));
            }
        }
        let config = self.module_system(vec![cell], Vec::new(), given, Undeclared::Open)?;
        self.convert_layout(config, cell)
    }
}

/// A flake is recognised by its shape too: it may have another name.
fn refuse_flake(attrs: &Attrs) -> Res<()> {
    let Some(outputs) = attrs.get(b"outputs") else { return Ok(()) };
    if attrs.get(b"inputs").is_none() && attrs.get(b"description").is_none() {
        return Ok(());
    }
    Err(NixError::needs_nix("this is a flake, which only a real Nix can evaluate")
        .at(outputs.span)
        .hint("or give the layout's own file, the one with `disko.devices`"))
}
