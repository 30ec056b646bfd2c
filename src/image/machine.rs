//! What of an image is left to a virtual machine, and whether one may be used.

use super::ImageError;
use crate::plan::Plan;
use crate::plan::assembly::Bcachefs;
use crate::plan::content::{Content, Filesystem, Maker};
use crate::plan::machine::MachineNeed;
use crate::tree::{Kind, Tree};
use crate::units::{ByteSize, KIB, MIB, u64_of};

/// Whether a virtual machine may make what only a running kernel can.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Machine {
    /// There is none: what takes one is not supported, and hooks are left out with a remark. A real disk.
    #[default]
    None,
    /// It may.
    Allowed,
    /// It must not: what takes one is refused, and so are hooks.
    Refused,
}

/// Whether the hooks of a layout are run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HookUse {
    /// They are not.
    #[default]
    LeaveOut,
    /// In the virtual machine, at the points where disko runs them.
    Run,
}

/// File systems that the system's own `mkfs.FORMAT` makes in a machine, where its kernel then mounts and fills them.
const FORMATS: [&str; 6] = ["bcachefs", "jfs", "minix", "nilfs2", "reiserfs", "udf"];

/// Bytes that a file system, the journal or the log of a machine's own tools takes for itself at least.
const BASE: u64 = 32 * MIB;

/// A block of most file systems, and a record of ZFS.
const BLOCK: u64 = 4 * KIB;
const RECORD: u64 = 128 * KIB;

/// Whether `filesystem` is made in a machine and filled there.
pub(super) fn is_made_there(filesystem: &Filesystem) -> bool {
    filesystem.maker == Maker::Machine && FORMATS.contains(&filesystem.format.as_str())
}

/// What a machine is needed for.
///
/// # Errors
///
/// When it is needed and refused.
pub(super) fn needs(plan: &Plan, machine: Machine, hooks: HookUse) -> Result<Vec<MachineNeed>, ImageError> {
    let needs: Vec<MachineNeed> =
        plan.machine_needs().into_iter().filter(|need| hooks == HookUse::Run || !need.is_hooks()).collect();
    match machine {
        Machine::None => Ok(Vec::new()),
        Machine::Refused if !needs.is_empty() => Err(ImageError::NeedsMachine(needs)),
        Machine::Allowed | Machine::Refused => Ok(needs),
    }
}

/// About how many bytes `tree` takes where the system's own tools make the file system: on the large side.
pub(super) fn estimate(tree: &Tree, free: ByteSize) -> ByteSize {
    let of_node = |kind: &Kind| match kind {
        Kind::File(content) if content.len() > RECORD => content.len().div_ceil(RECORD) * RECORD,
        Kind::File(content) => content.len().div_ceil(BLOCK) * BLOCK,
        _ => BLOCK,
    };
    let data = tree.nodes().map(|(_, node)| of_node(&node.kind)).fold(0, u64::saturating_add);
    let inodes = u64_of(tree.len()) * KIB;
    let structures = (data / 16).saturating_add(inodes).saturating_add(BASE);
    ByteSize(data.saturating_add(structures).saturating_add(free.bytes()))
}

/// The same for a place on `filesystem`, which has parts of it several times.
pub(super) fn estimate_bcachefs(filesystem: &Bcachefs, tree: &Tree, free: ByteSize) -> ByteSize {
    let once = estimate(tree, free).bytes();
    // Of every device it keeps some for its journal, and 8 parts in a hundred for moving what is there.
    let several = once.saturating_mul(replicas(&filesystem.extra_format_args));
    let devices = BASE.saturating_mul(u64_of(filesystem.members.len()));
    ByteSize(several.saturating_add(several / 8).saturating_add(devices))
}

/// How many copies `arguments` for `bcachefs format` ask for.
fn replicas(arguments: &[String]) -> u64 {
    let words = arguments.iter().flat_map(|argument| argument.split_whitespace());
    let values = words.filter_map(|word| word.split_once("replicas=")?.1.parse().ok());
    values.max().unwrap_or(1)
}

/// Whether something that lies on `content` or is put together from it is made in a machine.
pub fn leads_to_machine(content: &Content, plan: &Plan) -> bool {
    use crate::plan::content::AssemblyKind::{Array, Bcachefs, Pool, VolumeGroup};
    let below =
        |content: &Option<Content>| content.as_ref().is_some_and(|inner| leads_to_machine(inner, plan));
    match content {
        Content::Table(table) => table.partitions.iter().any(|partition| below(&partition.content)),
        Content::Filesystem(filesystem) => is_made_there(filesystem),
        Content::Luks(luks) => luks.content.as_ref().is_some_and(|inner| leads_to_machine(inner, plan)),
        Content::Swap(_) => false,
        Content::Member(member) => match member.of.kind {
            Pool | Bcachefs => true,
            Array => plan.arrays.iter().any(|array| array.name == member.of.name && below(&array.content)),
            VolumeGroup => plan
                .groups
                .iter()
                .filter(|group| group.name == member.of.name)
                .any(|group| group.volumes.iter().any(|volume| below(&volume.content))),
        },
    }
}
