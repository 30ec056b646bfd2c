//! `--nix`: evaluation by an installed Nix, for layouts that need what only it has.

use std::path::Path;

use super::door::{Argument, Arguments};
use super::error::{NixError, NixErrorKind};
use crate::command::{CommandError, Program};

/// Evaluates the layout in a file with the host's `nix-instantiate`, or a flake's attribute (`PATH#ATTRIBUTE`) with `nix`. Gives
/// the JSON of the devices, under `disko.devices` for a file.
///
/// # Errors
/// [`NixErrorKind::Missing`] if Nix is not installed, [`NixErrorKind::Program`] if it fails; its own words are in the message.
pub fn evaluate_by_nix(layout: &Path, arguments: &Arguments) -> Result<String, NixError> {
    let program = match flake_attribute(layout) {
        Some(attribute) => Program::new("nix", "nix-bin")
            .args(["--extra-experimental-features", "nix-command flakes", "eval", "--json"])
            .arg(attribute),
        None => Program::new("nix-instantiate", "nix-bin")
            .args(["--eval", "--strict", "--json", "--expr"])
            .arg(expression(layout, arguments)?),
    };
    let output = program.run().map_err(|error| *describe(&error))?;
    String::from_utf8(output.stdout)
        .map_err(|_| *NixError::new(NixErrorKind::Program, "Nix printed JSON that is not UTF-8"))
}

/// `PATH#ATTRIBUTE`, unless a file of that very name exists.
fn flake_attribute(layout: &Path) -> Option<String> {
    let text = layout.to_str()?;
    (text.contains('#') && !layout.exists()).then(|| text.to_owned())
}

fn describe(error: &CommandError) -> Box<NixError> {
    match error {
        CommandError::Missing { .. } => NixError::new(NixErrorKind::Missing, error.to_string())
            .hint("without `--nix` the layout is evaluated by landfall itself"),
        _ => NixError::new(NixErrorKind::Program, crate::error::chain(error)),
    }
}

/// An expression that evaluates the layout as a set or, where it is a module, as NixOS would.
fn expression(layout: &Path, arguments: &Arguments) -> Result<String, NixError> {
    let file = std::path::absolute(layout)
        .map_err(|error| *super::files::failed(crate::error::IoError::new("finding", layout, error)))?;
    let file = quote(&file.display().to_string());
    let given: String = arguments
        .items()
        .iter()
        .map(|(name, argument)| match argument {
            Argument::Expression(text) => format!("{} = ({text}\n); ", quote(name)),
            Argument::Text(text) => format!("{} = {}; ", quote(name), quote(text)),
        })
        .collect();
    Ok(format!(
        "let file = /. + {file}; value = import file; given = {{ {given}}}; \
         lib = import <nixpkgs/lib>; \
         module = builtins.isFunction value || value ? imports || value ? config || value ? options; \
         system = lib.evalModules {{ \
         specialArgs = {{ pkgs = import <nixpkgs> {{ }}; modulesPath = <nixpkgs/nixos/modules>; }} // given; \
         modules = [ {{ freeformType = with lib.types; lazyAttrsOf anything; }} file ]; }}; \
         in {{ disko.devices = if module then system.config.disko.devices else value.disko.devices; }}"
    ))
}

/// A text as a string of Nix.
fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace("${", "\\${"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_nix_is_said_to_be_missing() {
        let error = Program::new("no-such-nix", "nix-bin").run().unwrap_err();
        let error = describe(&error);
        assert_eq!(error.kind, NixErrorKind::Missing);
        assert_eq!(
            error.message,
            "`no-such-nix` is not installed (Debian and Ubuntu: apt-get install nix-bin)"
        );
        assert_eq!(error.hints, ["without `--nix` the layout is evaluated by landfall itself"]);
    }

    #[test]
    fn texts_of_any_kind_are_quoted_for_nix() {
        assert_eq!(quote("a\"b\\c${d}"), "\"a\\\"b\\\\c\\${d}\"");
    }

    #[test]
    fn a_flake_attribute_is_told_from_a_file() {
        assert_eq!(flake_attribute(Path::new("/nosuch#x.y")), Some("/nosuch#x.y".to_owned()));
        assert_eq!(flake_attribute(Path::new("/nosuch/layout.nix")), None);
    }
}
