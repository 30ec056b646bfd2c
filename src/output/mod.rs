//! Outputs: what prepared disks become, with a manifest beside them.

pub mod iso;
pub mod manifest;
pub mod raw;
pub mod vm;
