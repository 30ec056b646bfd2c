//! A plan as JSON, and the schema of that.

use std::collections::BTreeMap;

use schemars::{JsonSchema, schema_for};
use serde::Serialize;
use serde_json::Value as Json;

use super::super::Plan;
use super::super::assembly::{Array, Bcachefs, Pool, VolumeGroup};
use super::super::boot::Boot;
use super::super::disk::Disk;
use super::super::machine::MachineNeed;
use super::super::mount::{Mount, SwapUse};
use super::super::step::Step;
use super::sfdisk::SfdiskTable;
use crate::layout::Diagnostic;
use crate::layout::render::{Finding, for_programs};
use crate::layout::syntax::source::SourceMap;

/// Version of the document: raised when a reader of the last one could misread it.
const VERSION: u32 = 1;

/// A plan for the disks of a layout: every number decided.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    /// Version of this form.
    version: u32,
    /// Where identities came from that the layout does not give.
    seed: String,
    /// The layout with all defaults filled in, in disko's own option names.
    layout: &'a Json,
    /// The disks, by their attribute names in the layout.
    disks: BTreeMap<&'a str, DiskDocument<'a>>,
    /// Arrays of Linux software RAID, by name.
    arrays: BTreeMap<&'a str, &'a Array>,
    /// Volume groups of LVM, by name.
    groups: BTreeMap<&'a str, &'a VolumeGroup>,
    /// ZFS pools, by name.
    pools: BTreeMap<&'a str, &'a Pool>,
    /// bcachefs filesystems, by name.
    bcachefs: BTreeMap<&'a str, &'a Bcachefs>,
    /// What is mounted, in the order of mounting.
    mounts: &'a [Mount],
    /// What is swapped to.
    swaps: &'a [SwapUse],
    /// What a machine starts from.
    boot: &'a Boot,
    /// What is done, in order.
    steps: &'a [Step],
    /// What only a running kernel can do, so that an image takes a virtual machine.
    machine: Vec<MachineNeed>,
    /// What a reader should know besides.
    notes: &'a [String],
    /// What was found about the layout and its plan. With an error among them nothing is made from the plan.
    findings: Vec<Finding<'a>>,
}

/// A disk, and its partition table once more in the form of `sfdisk --json`.
#[derive(Serialize, JsonSchema)]
struct DiskDocument<'a> {
    /// The disk.
    #[serde(flatten)]
    disk: &'a Disk,
    /// Its partition table as `sfdisk --json` would show it, without chance GUIDs; null where it has none.
    table: Option<SfdiskTable>,
}

impl Plan {
    /// The plan as JSON, described by [`Plan::json_schema`].
    ///
    /// # Panics
    /// Never: every part of a plan has a form in JSON.
    pub fn json(&self) -> Json {
        self.json_with(&[], &SourceMap::new())
    }

    /// The same with what was found about the layout, whose texts are `sources`.
    ///
    /// # Panics
    /// Never, as [`Plan::json`].
    pub fn json_with(&self, findings: &[Diagnostic], sources: &SourceMap) -> Json {
        let disk = |disk| DiskDocument {
            disk,
            table: Disk::table(disk).map(|table| SfdiskTable::new(table, disk.sector_size)),
        };
        let document = Document {
            version: VERSION,
            seed: self.seed.to_string(),
            layout: &self.layout,
            disks: self.disks.iter().map(|each| (each.key.as_str(), disk(each))).collect(),
            arrays: self.arrays.iter().map(|each| (each.name.as_str(), each)).collect(),
            groups: self.groups.iter().map(|each| (each.name.as_str(), each)).collect(),
            pools: self.pools.iter().map(|each| (each.name.as_str(), each)).collect(),
            bcachefs: self.bcachefs.iter().map(|each| (each.name.as_str(), each)).collect(),
            mounts: &self.mounts,
            swaps: &self.swaps,
            boot: &self.boot,
            steps: &self.steps,
            machine: self.machine_needs(),
            notes: &self.notes,
            findings: for_programs(findings, sources),
        };
        // Maps have text keys and no number is beyond JSON, the two things that can fail.
        serde_json::to_value(&document).expect("a plan has a form in JSON")
    }

    /// The JSON schema of [`Plan::json`].
    pub fn json_schema() -> Json {
        schema_for!(Document<'static>).to_value()
    }
}
