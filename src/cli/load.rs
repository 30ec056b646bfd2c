//! Reading what the command line names: layouts with their findings, systems.

use std::path::Path;
use std::sync::Arc;

use super::arguments::{LayoutArguments, SystemArguments};
use super::terminal::Terminal;
use super::{Failure, note};
use crate::error::Exit;
use crate::files;
use crate::image::{ImageError, System};
use crate::layout::nix::{self, Argument, Arguments, NixError, NixErrorKind};
use crate::layout::render::{Style, render};
use crate::layout::syntax::source::{LARGEST_SOURCE, SourceMap};
use crate::layout::{Diagnostic, Diagnostics, Draft, Layout, Source};

/// What reading a layout has come to: the layout unless it has mistakes, and everything found on the way.
pub(super) type Read = Result<(Layout, Vec<Diagnostic>), Diagnostics>;

/// Reads the layout; warnings go to standard error, mistakes are the failure.
pub(super) fn layout(arguments: &LayoutArguments, terminal: &Terminal) -> Result<Layout, Failure> {
    match read(arguments)? {
        Ok((layout, findings)) => {
            if !findings.is_empty() {
                note(&render(&findings, layout.sources(), terminal.style()), terminal);
            }
            Ok(layout)
        }
        Err(mistakes) => Err(Failure::rendered(Exit::Input, mistakes.render(terminal.style()))),
    }
}

/// Reads the layout for looking at: what only the checks beyond types find is left to the caller, whatever it is.
pub(super) fn draft(
    arguments: &LayoutArguments,
    terminal: &Terminal,
) -> Result<(Draft, Vec<Diagnostic>), Failure> {
    source(arguments)?
        .and_then(Draft::parse)
        .map_err(|mistakes| Failure::rendered(Exit::Input, mistakes.render(terminal.style())))
}

/// Reads the layout and leaves the findings to the caller.
pub(super) fn read(arguments: &LayoutArguments) -> Result<Read, Failure> {
    Ok(source(arguments)?.and_then(Layout::parse))
}

fn source(arguments: &LayoutArguments) -> Result<Result<Source, Diagnostics>, Failure> {
    let path = &arguments.layout;
    let name = path.display().to_string();
    let text = || {
        files::read_at_most(path, LARGEST_SOURCE).map_err(|error| Failure::from_error(Exit::Input, &error))
    };
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => Ok(Ok(Source::Json { name, text: text()? })),
        Some("toml") => Ok(Ok(Source::Toml { name, text: text()? })),
        Some("nix") => evaluated(arguments, path),
        _ if arguments.nix || path.is_dir() => evaluated(arguments, path),
        _ => {
            Err(Failure::new(Exit::Input, format!("`{name}` is neither a .nix nor a .json nor a .toml file"))
                .with_hint("the end of the name says which language a layout is written in"))
        }
    }
}

/// A layout that cannot be evaluated is a mistake of the layout; an installed Nix that is missing or fails is not.
fn evaluated(arguments: &LayoutArguments, path: &Path) -> Result<Result<Source, Diagnostics>, Failure> {
    let given = given(arguments);
    let mut sources = SourceMap::new();
    if arguments.nix {
        let text = nix::evaluate_by_nix(path, &given)
            .map_err(|error| Failure::rendered(exit_of(&error), error.report(&sources)))?;
        let name = format!("{} (evaluated by nix)", path.display());
        return Ok(Ok(Source::Json { name, text: text.into_bytes() }));
    }
    Ok(match nix::evaluate(path, &given, &mut sources) {
        Ok(evaluated) => Ok(Source::Evaluated { evaluated, sources }),
        Err(error) => Err(Diagnostics { items: vec![error.diagnostic()], sources: Arc::new(sources) }),
    })
}

fn given(arguments: &LayoutArguments) -> Arguments {
    let pairs = |words: &[String], make: fn(String) -> Argument| -> Vec<(String, Argument)> {
        words.chunks_exact(2).map(|pair| (pair[0].clone(), make(pair[1].clone()))).collect()
    };
    let expressions = pairs(&arguments.arg, Argument::Expression);
    let texts = pairs(&arguments.argstr, Argument::Text);
    let all = expressions.into_iter().chain(texts);
    all.fold(Arguments::new(), |known, (name, argument)| known.with(name, argument))
}

/// A Nix that fails says that its input is wrong; one that was asked for and is not there is missing.
fn exit_of(error: &NixError) -> Exit {
    match error.kind {
        NixErrorKind::Missing => Exit::Missing,
        _ => Exit::Input,
    }
}

/// Opens the system.
pub(super) fn system(arguments: &SystemArguments) -> Result<System, Failure> {
    System::open(&arguments.store, &arguments.system)
        .map_err(|error| image_failure(&error, None, Style::Plain))
}

/// An image error as the failure of a command; findings in the layout are shown with their lines.
pub(super) fn image_failure(error: &ImageError, layout: Option<&Layout>, style: Style) -> Failure {
    let findings = error.findings();
    if let (Some(layout), false) = (layout, findings.is_empty()) {
        return Failure::rendered(error.exit(), render(&findings, layout.sources(), style));
    }
    let failure = Failure::from_error(error.exit(), error);
    match error.hint() {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}
