//! A table as text, for `inspect` and for goldens: two different tables never give the same text.

use std::fmt;

use super::read::Found;
use super::table::Table;

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "gpt {}", self.disk_guid)?;
        for (number, entry) in &self.entries {
            write!(
                f,
                "{number} {}..={} {} {:?} {}",
                entry.first, entry.last, entry.type_guid, entry.name, entry.unique_guid
            )?;
            for bit in entry.attributes.iter() {
                write!(f, " bit{bit}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table.fmt(f)?;
        writeln!(f, "slots {}", self.slots)?;
        for problem in &self.problems {
            writeln!(f, "problem: {problem}")?;
        }
        Ok(())
    }
}
