//! A volume as text, for `inspect` and for goldens.

use std::fmt;

use super::read::{ItemKind, Volume};

impl fmt::Display for Volume<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} bytes, clusters of {}",
            self.kind(),
            self.size().bytes(),
            self.cluster_size().bytes()
        )?;
        write!(f, ", {} free, serial {:08x}", self.free_clusters, self.serial)?;
        match &self.label {
            Some(label) => writeln!(f, ", label {label:?}")?,
            None => writeln!(f, ", no label")?,
        }
        for item in &self.items {
            match item.kind {
                ItemKind::Directory => write!(f, "{}/", item.path)?,
                ItemKind::File => write!(f, "{} {}", item.path, item.len)?,
            }
            write!(f, " ({})", item.short_name)?;
            match item.modified {
                Some(time) => write!(f, " @{}", time.seconds)?,
                None => write!(f, " no time")?,
            }
            for extent in &item.extents {
                write!(f, " {extent}")?;
            }
            writeln!(f)?;
        }
        for problem in &self.problems {
            writeln!(f, "problem: {problem}")?;
        }
        Ok(())
    }
}
