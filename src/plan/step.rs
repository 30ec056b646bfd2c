//! The steps from blank or foreign disks to mounted file systems, in their order.

use schemars::JsonSchema;
use serde::Serialize;

/// A step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// To what: a device, a name, a path.
    pub target: String,
    /// In words.
    pub what: String,
    /// Whether it destroys what was there before.
    pub destructive: bool,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// Removes every trace of what a disk held.
    Wipe,
    /// Writes a partition table.
    Partition,
    /// Makes and opens an encrypted container.
    Encrypt,
    /// Puts devices together.
    Assemble,
    /// Makes a volume or dataset in what was put together.
    Create,
    /// Makes a file system or swap space.
    Format,
    /// Mounts a file system.
    Mount,
    /// Switches swap on.
    SwapOn,
}
