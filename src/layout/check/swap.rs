//! Swap: what the kernel accepts, and what hibernation needs.

use super::View;
use crate::layout::diagnostic::Diagnostic;
use crate::layout::model::btrfs::SwapFile;
use crate::layout::model::content::ContentRef;
use crate::layout::model::places::Places;
use crate::layout::syntax::source::Span;

pub(super) fn check(view: &View<'_>, findings: &mut Vec<Diagnostic>) {
    let mut resume: Option<Span> = None;
    for block in view.blocks {
        match block.content {
            Some(ContentRef::Swap(swap)) => {
                priority(swap.priority, &swap.places, findings);
                if !swap.resume_device {
                    continue;
                }
                let place = swap.places.of("resumeDevice");
                if swap.random_encryption {
                    findings.push(
                        Diagnostic::warning(
                            "resume-impossible",
                            place,
                            "the system cannot resume from this swap",
                        )
                        .other(
                            swap.places.of("randomEncryption"),
                            "its key is forgotten when the machine is off",
                        )
                        .hint("put it in a LUKS container instead"),
                    );
                }
                match resume {
                    Some(first) => findings.push(
                        Diagnostic::error(
                            "two-resume-devices",
                            place,
                            "two swap spaces are to be resumed from",
                        )
                        .label("here again")
                        .other(first, "first here"),
                    ),
                    None => resume = Some(place),
                }
            }
            Some(ContentRef::Btrfs(btrfs)) => {
                let top = btrfs.swap.values().map(|file| (file, btrfs.mountpoint.is_some()));
                let below = btrfs.subvolumes.values();
                let below =
                    below.flat_map(|set| set.swap.values().map(|file| (file, set.mountpoint.is_some())));
                for (file, is_mounted) in top.chain(below) {
                    swap_file(file, is_mounted, findings);
                }
            }
            _ => {}
        }
    }
}

/// swapon(2): priorities are 15 bits wide.
fn priority(priority: Option<i64>, places: &Places, findings: &mut Vec<Diagnostic>) {
    if priority.is_some_and(|priority| !(-1..=32767).contains(&priority)) {
        let message = "a swap priority lies between 0 and 32767";
        findings.push(Diagnostic::warning("swap-priority", places.of("priority"), message));
    }
}

fn swap_file(file: &SwapFile, is_mounted: bool, findings: &mut Vec<Diagnostic>) {
    priority(file.priority, &file.places, findings);
    if !is_mounted {
        let message = format!("the swap file `{}` is never used: where it lies is not mounted", file.path);
        findings.push(
            Diagnostic::warning("no-effect", file.places.of("size"), message)
                .hint("give the subvolume (or the filesystem) that has it a `mountpoint`"),
        );
    }
}
