//! A person picks the disks and confirms. Lines only: it works on a serial line as on a screen.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::console::{Consoles, Echo};
use crate::device::{Contents, Disk, Machine};
use crate::installer::install::Targets;
use crate::layout::Layout;

/// A disk as it is offered: what is on it, or why that is not known.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) disk: Disk,
    pub(super) contents: String,
}

/// The disks to choose from, with what is on them.
pub(super) fn offers(machine: &Machine, disks: &[Disk]) -> Vec<Offer> {
    let contents = |disk: &Disk| {
        let uses = machine.uses(disk).unwrap_or_default();
        let uses: Vec<String> = uses.iter().map(ToString::to_string).collect();
        let found =
            Contents::of(disk).map_or_else(|error| crate::error::chain(&error), |found| found.to_string());
        if uses.is_empty() { found } else { format!("{found} (in use: {})", uses.join(", ")) }
    };
    disks.iter().map(|disk| Offer { disk: disk.clone(), contents: contents(disk) }).collect()
}

/// The list that a person chooses from.
pub(super) fn list(offers: &[Offer]) -> String {
    if offers.is_empty() {
        return "this machine has no disks".to_owned();
    }
    let line = |(number, offer): (usize, &Offer)| {
        format!("  {}  {}\n       {}", number + 1, offer.disk, offer.contents)
    };
    offers.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
}

/// Has a person choose a disk for each one of the layout; `None` when nobody can be asked or the person
/// does not want to.
pub(super) fn choose(consoles: &Consoles, layout: &Layout, offers: &[Offer]) -> Option<Targets> {
    let mut targets = BTreeMap::new();
    for (name, disk) in &layout.devices().disk {
        loop {
            let question = format!(
                "Which disk becomes `{name}` ({} in the layout)? Number, or q to stop:",
                disk.device.as_str()
            );
            let answer = consoles.ask(&question, Echo::Shown)?;
            if answer.trim() == "q" {
                return None;
            }
            let number = answer.trim().parse::<usize>().ok().and_then(|number| number.checked_sub(1));
            let Some(offer) = number.and_then(|index| offers.get(index)) else {
                consoles.say(&format!("`{}` is not a number from 1 to {}", answer.trim(), offers.len()));
                continue;
            };
            if targets.values().any(|taken: &Disk| taken.name == offer.disk.name) {
                consoles.say(&format!("{} is taken already", offer.disk.name));
                continue;
            }
            targets.insert(name.clone(), offer.disk.clone());
            break;
        }
    }
    Some(targets)
}

/// Has a person type the name of every disk that will be erased. `false`: not this way.
pub(super) fn confirm(consoles: &Consoles, targets: &Targets, offers: &[Offer]) -> bool {
    consoles.say("");
    consoles.say("Everything on these disks will be lost:");
    for (name, disk) in targets {
        let offer = offers.iter().find(|offer| offer.disk.name == disk.name);
        let contents = offer.map_or("", |offer| offer.contents.as_str());
        consoles.say(&format!("  {name}: {disk}\n       {contents}"));
    }
    let names: Vec<&str> = targets.values().map(|disk| disk.name.as_str()).collect();
    let question = format!("Type `{}` to erase and install, anything else to stop:", names.join(" "));
    let answer = consoles.ask(&question, Echo::Shown);
    answer.is_some_and(|answer| answer.split_whitespace().eq(names.iter().copied()))
}

/// Whether a person wants the very installation that is on the disks already once more. Nobody answers on an
/// unattended machine: it stays as it is.
pub(super) fn again(consoles: &Consoles, targets: &Targets) -> bool {
    let disks: Vec<String> = targets.values().map(ToString::to_string).collect();
    consoles.say(&format!("This very installation is already on {}.", disks.join(", ")));
    consoles.say("Nothing was written. Take the medium out to start the disk.");
    let question = "Type `again` to erase and install, anything else to stop:";
    consoles.ask(question, Echo::Shown).is_some_and(|answer| answer.trim() == "again")
}

/// Has a person type a new passphrase, twice. `None` when nobody can be asked.
pub(super) fn passphrase(consoles: &Consoles, volume: &str) -> Option<Zeroizing<String>> {
    loop {
        let first = consoles.ask(&format!("New passphrase for `{volume}`:"), Echo::Hidden)?;
        if first.is_empty() {
            consoles.say("it must not be empty");
            continue;
        }
        let second = consoles.ask("The same again:", Echo::Hidden)?;
        if *first == *second {
            return Some(first);
        }
        consoles.say("these differ");
    }
}
