//! On a file system that can share bytes between files, an image takes no copy of them.

use std::fs;
use std::path::{Path, PathBuf};

use super::measure::{Run, command, found, median};
use super::{Bench, ROUNDS, Row};

/// XFS in a file, mounted; gone when dropped.
struct Mounted {
    place: PathBuf,
}

impl Mounted {
    fn new(dir: &Path) -> Option<Self> {
        if !nix::unistd::geteuid().is_root() || !found("mkfs.xfs") {
            eprintln!("not root, or mkfs.xfs is not installed: reflinks are left out");
            return None;
        }
        let (file, place) = (dir.join("xfs.img"), dir.join("xfs"));
        fs::File::create(&file).ok()?.set_len(12 << 30).ok()?;
        fs::create_dir_all(&place).ok()?;
        let mut mkfs = command("mkfs.xfs");
        mkfs.args(["-q", "-m", "reflink=1"]).arg(&file);
        Run::of(mkfs);
        let mut mount = command("mount");
        mount.args(["-o", "loop"]).arg(&file).arg(&place);
        Run::try_of(mount).map(|_| Self { place })
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let mut umount = command("umount");
        umount.arg(&self.place);
        if Run::try_of(umount).is_none() {
            eprintln!("{} could not be unmounted", self.place.display());
        }
    }
}

/// Our image beside `tar`, both on XFS; none where that cannot be mounted.
pub fn rows(bench: &Bench) -> Option<Row> {
    let mounted = Mounted::new(&bench.dir)?;
    let sample = mounted.place.join("sample");
    let mut copy = command("cp");
    copy.arg("-a").arg(&bench.sample).arg(&sample);
    Run::of(copy);
    let there = Bench { sample, dir: mounted.place.clone() };
    let (out, tar) = (mounted.place.join("out"), mounted.place.join("tree.tar"));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        // Nothing that the other wrote shall be on its way through both file systems meanwhile.
        let fresh = || [&out, &tar].into_iter().for_each(|path| super::fresh(path));
        fresh();
        let first = there.landfall(&out).seconds;
        fresh();
        let second = there.tar(&tar).seconds;
        // The first round fills the page cache.
        if round > 0 {
            ours.push(first);
            theirs.push(second);
        }
    }
    Some(Row::times("`tar -cf` on XFS with reflinks", median(&ours), median(&theirs), "at most 0.4 times"))
}
