//! Builtins that a layout evaluated without Nix cannot have: the store, the network, the clock.

use super::{Builtin, builtin};
use crate::layout::nix::error::{NixError, NixErrorKind, Res};
use crate::layout::nix::eval::Evaluator;
use crate::layout::nix::heap::CellId;
use crate::layout::nix::value::Value;

/// The functions of this theme.
pub(super) const TABLE: &[Builtin] = &[
    builtin("derivation", 1, |_, _| store("derivation")),
    builtin("derivationStrict", 1, |_, _| store("derivationStrict")),
    builtin("toFile", 2, |_, _| store("builtins.toFile")),
    builtin("storePath", 1, |_, _| store("builtins.storePath")),
    builtin("path", 1, |_, _| store("builtins.path")),
    builtin("filterSource", 2, |_, _| store("builtins.filterSource")),
    builtin("placeholder", 1, |_, _| store("placeholder")),
    builtin("fetchGit", 1, |_, _| network("fetchGit")),
    builtin("fetchMercurial", 1, |_, _| network("fetchMercurial")),
    builtin("fetchTarball", 1, |_, _| network("fetchTarball")),
    builtin("fetchTree", 1, |_, _| network("fetchTree")),
    builtin("fetchurl", 1, |_, _| network("builtins.fetchurl")),
    builtin("getFlake", 1, |_, _| network("builtins.getFlake")),
    builtin("toXML", 1, |_, _| absent("builtins.toXML")),
    builtin("scopedImport", 2, |_, _| absent("scopedImport")),
    builtin("findFile", 2, |_, _| absent("builtins.findFile")),
    builtin("getEnv", 1, get_env),
];

/// Not a function in Nix; called with anything when its value is asked for.
pub(super) static CURRENT_TIME: Builtin = builtin("currentTime", 1, |_, _| clock());

fn store(name: &str) -> Res<Value> {
    Err(NixError::needs_nix(format!("`{name}` needs the Nix store, which only a real Nix has")))
}

fn network(name: &str) -> Res<Value> {
    Err(NixError::needs_nix(format!("`{name}` needs the network, which a layout's evaluation does not have")))
}

fn absent(name: &str) -> Res<Value> {
    Err(NixError::needs_nix(format!("`{name}` is not among the builtins that landfall has")))
}

fn clock() -> Res<Value> {
    Err(NixError::new(NixErrorKind::Purity, "`builtins.currentTime` would give another layout every second"))
}

/// As in Nix's pure evaluation, no variable is set.
fn get_env(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    eval.string_of(arguments[0])?;
    Ok(Value::text(""))
}
