//! Arguments that several commands share.

use std::path::PathBuf;

use clap::Args;

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub(super) struct Common {
    /// Say more: -v what is done, -vv in detail
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub(super) verbose: u8,

    /// Print without colour
    #[arg(long, global = true)]
    pub(super) no_color: bool,

    /// Write progress as JSON lines to a file, or to `fd:N`
    #[arg(long, value_name = "FILE|fd:N", global = true)]
    pub(super) events: Option<String>,
}

/// A layout and the arguments of its function.
#[derive(Clone, Debug, Args)]
pub(super) struct LayoutArguments {
    /// The disk layout: a .nix, .json or .toml file
    #[arg(value_name = "LAYOUT")]
    pub(super) layout: PathBuf,

    /// Give the layout's function an argument, as a Nix expression
    #[arg(long, num_args = 2, value_names = ["NAME", "EXPR"], action = clap::ArgAction::Append)]
    pub(super) arg: Vec<String>,

    /// Give the layout's function an argument, as text
    #[arg(long, num_args = 2, value_names = ["NAME", "TEXT"], action = clap::ArgAction::Append)]
    pub(super) argstr: Vec<String>,

    /// Let an installed `nix` evaluate the layout
    #[arg(long)]
    pub(super) nix: bool,
}

/// A system and where its closure is.
#[derive(Clone, Debug, Args)]
pub(super) struct SystemArguments {
    /// The system's toplevel: a store path, or a link to one
    #[arg(long, value_name = "TOPLEVEL")]
    pub(super) system: PathBuf,

    /// Store root that holds the system, as `nix --store DIR` has it, or a
    /// closure-info directory
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub(super) store: PathBuf,
}
