//! A report for people.

use std::fmt::{self, Write};

use super::report::{Area, Report, SquashfsReport};
use super::system::{BootReport, SystemReport};

impl Report {
    /// The report in lines.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = self.render(&mut text);
        text
    }

    fn render(&self, out: &mut String) -> fmt::Result {
        match &self.table {
            Some(table) => {
                writeln!(
                    out,
                    "{}, {} with {}-byte sectors, {}",
                    self.size, table.kind, self.sector_size, table.guid
                )?;
                problems(&table.problems, out)?;
            }
            None => writeln!(out, "{}, no partition table", self.size)?,
        }
        self.areas.iter().try_for_each(|area| area.render(out))?;
        if let Some(boot) = &self.boot {
            boot.render(out)?;
        }
        self.system.iter().try_for_each(|system| system.render(out))
    }
}

fn problems(problems: &[String], out: &mut String) -> fmt::Result {
    problems.iter().try_for_each(|problem| writeln!(out, "     problem: {problem}"))
}

impl Area {
    fn render(&self, out: &mut String) -> fmt::Result {
        match self.number {
            Some(number) => write!(out, "{number:>3}  {}", self.name.as_deref().unwrap_or("(no name)"))?,
            None => write!(out, "     the whole")?,
        }
        write!(out, ", {}", self.size)?;
        match &self.partition_type {
            Some(partition_type) => writeln!(out, ", {partition_type}")?,
            None => writeln!(out)?,
        }
        write!(out, "     {}", self.format.as_deref().unwrap_or("nothing known"))?;
        if let Some(label) = &self.label {
            write!(out, " \"{label}\"")?;
        }
        if let Some(uuid) = &self.uuid {
            write!(out, " {uuid}")?;
        }
        if let Some(free) = self.free {
            write!(out, ", {free} free")?;
        }
        writeln!(out)?;
        for subvolume in &self.subvolumes {
            let mark = if subvolume.default { ", the default" } else { "" };
            writeln!(out, "     subvolume {} {}{mark}", subvolume.number, subvolume.path)?;
        }
        if let Some(squashfs) = &self.squashfs {
            squashfs.render(out)?;
        }
        problems(&self.problems, out)
    }
}

impl SquashfsReport {
    fn render(&self, out: &mut String) -> fmt::Result {
        writeln!(
            out,
            "     {} of files in {}, {} in blocks of {}; {} inodes: {} files, {} directories",
            self.content,
            self.used,
            self.compression,
            self.block_size,
            self.inodes,
            self.files,
            self.directories
        )
    }
}

impl BootReport {
    fn render(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "boot")?;
        for (path, version) in &self.loaders {
            match version {
                Some(version) => writeln!(out, "     {path}: systemd-boot {version}")?,
                None => writeln!(out, "     {path}")?,
            }
        }
        for entry in &self.entries {
            let mark = if entry.default { '*' } else { ' ' };
            writeln!(out, "   {mark} {}: {}", entry.name, entry.title.as_deref().unwrap_or("(no title)"))?;
            if let Some(version) = &entry.version {
                writeln!(out, "       {version}")?;
            }
            entry.missing.iter().try_for_each(|file| writeln!(out, "       problem: {file} is missing"))?;
        }
        self.unified_kernels.iter().try_for_each(|kernel| writeln!(out, "     {kernel}"))
    }
}

impl SystemReport {
    fn render(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "system")?;
        writeln!(out, "     {} store paths, {}", self.store_paths, self.nar_size)?;
        for generation in &self.generations {
            let mark = if generation.current { '*' } else { ' ' };
            writeln!(out, "   {mark} generation {}: {}", generation.number, generation.toplevel)?;
        }
        match self.faults.as_deref() {
            Some([]) => writeln!(out, "     each path is as registered"),
            Some(faults) => problems(faults, out),
            None => Ok(()),
        }
    }
}
