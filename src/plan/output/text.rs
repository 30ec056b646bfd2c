//! A plan as text of 80 columns.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::super::Plan;
use super::super::boot::BootPartition;
use super::super::content::Content;
use super::super::disk::{Before, Disk, PartitionKind};
use super::super::walk::contents;
use super::tree::{Node, trees};

/// How wide a line may be.
const WIDTH: usize = 80;

/// A line of a tree, laid out but not aligned.
struct Row {
    name: String,
    size: String,
    what: String,
    place: String,
}

impl Plan {
    /// The plan for people: the device graph as trees, then what is found under which name, what boots and what is destroyed.
    pub fn text(&self) -> String {
        self.text_on(&BTreeMap::new())
    }

    /// The same where disks were chosen: `chosen` has the devices that are erased in place of those that the layout names, by
    /// the names of the disks.
    pub fn text_on(&self, chosen: &BTreeMap<String, String>) -> String {
        let mut text = String::new();
        let mut rows = Vec::new();
        for tree in trees(self) {
            add_rows(&tree, "", "", &mut rows);
        }
        print_rows(&mut text, &rows);
        self.print_devices(&mut text);
        self.print_boot(&mut text);
        self.print_erased(&mut text, chosen);
        let needs = self.machine_needs();
        if !(needs.is_empty() && self.notes.is_empty()) {
            text.push('\n');
        }
        for need in &needs {
            wrapped(&mut text, "", &need.text());
        }
        for note in &self.notes {
            wrapped(&mut text, "note: ", note);
        }
        text
    }

    fn print_devices(&self, text: &mut String) {
        text.push_str("\ndevices\n");
        for disk in &self.disks {
            print_partitions(text, disk);
        }
        for array in &self.arrays {
            device(text, &array.device, &[("array", array.uuid.to_string())]);
        }
        for group in &self.groups {
            for volume in &group.volumes {
                device(text, &volume.device, &[]);
            }
        }
        for content in contents(self) {
            let (at, label, id) = match content {
                Content::Filesystem(filesystem) => {
                    let label =
                        filesystem.label.as_ref().map(|label| format!(" \"{label}\"")).unwrap_or_default();
                    (&filesystem.device, format!("{}{label}", filesystem.format), filesystem.id.to_string())
                }
                Content::Swap(swap) => (&swap.device, "swap".to_owned(), swap.uuid.to_string()),
                Content::Luks(luks) => (&luks.device, format!("LUKS {}", luks.name), luks.uuid.to_string()),
                Content::Table(_) | Content::Member(_) => continue,
            };
            device(text, at, &[(&label, id)]);
        }
        for filesystem in &self.bcachefs {
            device(text, &filesystem.name, &[("bcachefs", filesystem.uuid.to_string())]);
        }
    }

    fn print_boot(&self, text: &mut String) {
        text.push('\n');
        let list = |partitions: &[BootPartition]| -> String {
            let words: Vec<String> = partitions
                .iter()
                .map(|partition| {
                    let at = partition.mount.as_ref().map(|path| format!(" at {path}")).unwrap_or_default();
                    format!("{} partition {}{at}", partition.disk, partition.number)
                })
                .collect();
            words.join(", ")
        };
        for (name, partitions) in [
            ("UEFI boots from ", &self.boot.esp),
            ("more kernels on ", &self.boot.xbootldr),
            ("BIOS boots from ", &self.boot.bios),
        ] {
            if !partitions.is_empty() {
                wrapped(text, name, &list(partitions));
            }
        }
        if self.boot.esp.is_empty() && self.boot.bios.is_empty() {
            text.push_str("nothing boots from these disks\n");
        }
        if let Some(device) = &self.boot.resume {
            wrapped(text, "resumes from ", device);
        }
    }

    fn print_erased(&self, text: &mut String, chosen: &BTreeMap<String, String>) {
        let erased = || self.disks.iter().filter(|disk| disk.before == Before::Destroyed);
        let width = erased().map(|disk| disk.key.chars().count()).max().unwrap_or(0).min(WIDTH / 2);
        if erased().next().is_some() {
            text.push_str("\nerased with all that is on them\n");
        }
        for disk in erased() {
            let key = fitted(&disk.key, width);
            let device = fitted(chosen.get(&disk.key).unwrap_or(&disk.device), WIDTH - 4 - width);
            let _ = writeln!(text, "  {key:<width$}  {device}");
        }
    }
}

fn print_partitions(text: &mut String, disk: &Disk) {
    for partition in disk.table().into_iter().flat_map(|table| &table.partitions) {
        let ids = match partition.kind {
            PartitionKind::Gpt { guid, .. } => vec![("partition", guid.to_string())],
            PartitionKind::Msdos { .. } => Vec::new(),
        };
        let ids: Vec<(&str, String)> = ids;
        device(text, &partition.device, &ids);
    }
}

/// A device and what it is identified by; a device may come again with further identities.
fn device(text: &mut String, device: &str, ids: &[(&str, String)]) {
    let line = format!("  {}\n", fitted(device, WIDTH - 2));
    if !text.ends_with(&line) && !text.contains(&line) {
        text.push_str(&line);
    }
    let mut lines = String::new();
    for (label, id) in ids {
        let _ = writeln!(lines, "    {} {id}", fitted(label, WIDTH - 6 - id.chars().count()));
    }
    match text.find(&line) {
        // Behind the lines that the device has already.
        Some(at) => {
            let rest = &text[at + line.len()..];
            let own: usize =
                rest.split_inclusive('\n').take_while(|next| next.starts_with("    ")).map(str::len).sum();
            text.insert_str(at + line.len() + own, &lines);
        }
        None => text.push_str(&lines),
    }
}

fn add_rows(node: &Node, first: &str, rest: &str, rows: &mut Vec<Row>) {
    rows.push(Row {
        name: format!("{first}{}", node.name),
        size: node.size.map(|size| size.to_string()).unwrap_or_default(),
        what: node.what.clone(),
        place: node.place.clone(),
    });
    for (index, below) in node.below.iter().enumerate() {
        let last = index + 1 == node.below.len();
        let (branch, trunk) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        add_rows(below, &format!("{rest}{branch}"), &format!("{rest}{trunk}"), rows);
    }
}

/// Rows in four columns: names and kinds are cut where they are too long for the line, places never.
fn print_rows(text: &mut String, rows: &[Row]) {
    let widest = |of: fn(&Row) -> &String| rows.iter().map(|row| of(row).chars().count()).max().unwrap_or(0);
    let size = widest(|row| &row.size);
    let place = widest(|row| &row.place).min(28);
    let what = widest(|row| &row.what).min(30);
    let name = widest(|row| &row.name).min(WIDTH.saturating_sub(size + what + place + 6));
    for row in rows {
        let line = format!(
            "{:<name$}  {:>size$}  {:<what$}  {}",
            fitted(&row.name, name),
            row.size,
            fitted(&row.what, what),
            fitted(&row.place, WIDTH.saturating_sub(name + size + what + 6)),
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

/// A text of at most `width` characters, what does not fit cut out of its middle.
fn fitted(text: &str, width: usize) -> String {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(1);
    let (front, back) = (kept.div_ceil(2), kept / 2);
    let mut fitted: String = letters.iter().take(front).collect();
    fitted.push('…');
    fitted.extend(letters.iter().skip(letters.len() - back));
    fitted
}

/// A text in lines of at most [`WIDTH`] characters, the first after `lead`, the others indented by four.
fn wrapped(text: &mut String, lead: &str, words: &str) {
    let mut line = lead.to_owned();
    let mut fresh = true;
    for word in words.split_whitespace() {
        if !fresh && line.chars().count() + 1 + word.chars().count() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            "    ".clone_into(&mut line);
            fresh = true;
        }
        if !fresh {
            line.push(' ');
        }
        line.push_str(word);
        fresh = false;
    }
    text.push_str(&line);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_lose_their_middle() {
        assert_eq!(fitted("partition", 9), "partition");
        assert_eq!(fitted("partition", 8), "part…ion");
        assert_eq!(fitted("größer", 3), "g…r");
        assert_eq!(fitted("x", 0), "…");
    }

    #[test]
    fn long_notes_are_wrapped() {
        let mut text = String::new();
        wrapped(&mut text, "note: ", &"word ".repeat(30));
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert_eq!(text.split_whitespace().count(), 31);
    }
}
