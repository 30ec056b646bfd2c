//! DOS tables as text, for `inspect` and for goldens.

use std::fmt;

use super::table::{BootRecord, Partition, Table};

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let active = if self.active { " active" } else { "" };
        write!(f, "{}+{} {}{active}", self.first, self.sectors, self.kind)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "dos {:08x}", self.disk_signature)?;
        for (number, partition) in &self.partitions {
            writeln!(f, "{number} {partition}")?;
        }
        Ok(())
    }
}

impl fmt::Display for BootRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "boot record {:08x}", self.disk_signature)?;
        for (number, slot) in (1..).zip(&self.slots) {
            match slot {
                Some(partition) => writeln!(f, "{number} {partition}")?,
                None => writeln!(f, "{number} empty")?,
            }
        }
        Ok(())
    }
}
