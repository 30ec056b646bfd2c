//! The kernel of this host as judge: what it shows of a mounted file system, and that it can go on with it.

use std::process::Command;

use landfall::fs::btrfs::{Compression, Filling, Options, Profile, Storage, SwapFile, Volumes};
use landfall::tree::Kind;
use landfall::units::ByteSize;
use tempfile::TempDir;

use super::image::{Image, as_btrfs, complaint_of, lines, options};
use crate::ext4::describe::{assert_same, describe_mounted};
use crate::ext4::trees;
use crate::oracle::{require_root, require_tool, run, run_ok};

/// A mounted file system over loop devices, which go with it.
struct Mounted {
    folder: TempDir,
    devices: Vec<String>,
    open: bool,
}

impl Mounted {
    /// Mounts `image` with `options`. `None` where that is not possible: not root, no tools.
    fn new(image: &Image, options: &str) -> Option<Self> {
        if !require_root() {
            return None;
        }
        let (mount, losetup) = (require_tool("mount")?, require_tool("losetup")?);
        let mut mounted = Self { folder: tempfile::tempdir().unwrap(), devices: Vec::new(), open: false };
        for file in &image.files {
            let path = file.path().to_str().unwrap();
            mounted.devices.push(run_ok(&losetup, &["-f", "--show", path]).trim().to_owned());
        }
        // The kernel joins devices that it is told of; udev may be slower than this test.
        let named: Vec<String> = mounted.devices.iter().map(|device| format!("device={device}")).collect();
        let options = [named.join(","), options.to_owned()].join(",");
        let arguments =
            ["-t", "btrfs", "-o", options.trim_end_matches(','), mounted.devices[0].as_str(), mounted.path()];
        run_ok(&mount, &arguments);
        mounted.open = true;
        Some(mounted)
    }

    fn path(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    fn unmount(&mut self) {
        if self.open {
            self.open = false;
            run_ok(&require_tool("umount").unwrap(), &[self.path()]);
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if self.open {
            let status = Command::new("umount").arg(self.folder.path()).status();
            if !status.is_ok_and(|status| status.success()) {
                eprintln!("could not unmount {}", self.path());
            }
        }
        for device in &self.devices {
            let status = Command::new("losetup").args(["-d", device]).status();
            if !status.is_ok_and(|status| status.success()) {
                eprintln!("could not detach {device}");
            }
        }
    }
}

fn btrfs(arguments: &[&str]) -> String {
    run_ok(&require_tool("btrfs").unwrap(), arguments)
}

/// Options for a file system that the kernel must tell from those of other tests, which run at the same time.
fn own(number: u128, change: impl FnOnce(&mut Options)) -> Options {
    options(|it| {
        it.uuid = uuid::Uuid::from_u128(0x6f1c_1b0e_0000_4000_8000_0000_0000_0000 + number);
        change(it);
    })
}

/// Every sector is read and compared with its checksum.
fn scrub(path: &str) {
    let text = btrfs(&["scrub", "start", "-B", path]);
    assert!(text.contains("no errors found"), "{text}");
}

#[test]
fn the_kernel_shows_what_the_tree_says_and_goes_on_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut tree = trees::everything(dir.path(), 4095);
    trees::add_huge_xattr(&mut tree);
    let methods = [None, Some(Compression::Zstd(3)), Some(Compression::Lzo), Some(Compression::Zlib(3))];
    for (number, compression) in (0x10..).zip(methods) {
        let storage = Storage { compression, ..Storage::default() };
        let volumes = Volumes { top: Filling { storage, ..Filling::from(&tree) }, ..Volumes::from(&tree) };
        let image = Image::measured(&volumes, &own(number, |it| it.free = ByteSize::mib(256)), 1);
        let Some(mut mounted) = Mounted::new(&image, "noatime") else { return };
        let Some(found) = describe_mounted(mounted.folder.path()) else { return };
        assert_same(&lines(&tree), &as_btrfs(found));
        scrub(mounted.path());
        // The kernel writes, moves everything and takes it back.
        let folder = mounted.folder.path();
        for number in 0..500 {
            std::fs::write(folder.join(format!("new-{number}")), vec![b'n'; number * 40]).unwrap();
        }
        std::fs::remove_dir_all(folder.join("flat")).unwrap();
        btrfs(&["balance", "start", "--full-balance", mounted.path()]);
        scrub(mounted.path());
        mounted.unmount();
        assert_eq!(complaint_of(image.path()).unwrap_or_default(), "");
    }
}

#[test]
fn one_other_byte_in_one_file_is_noticed() {
    let (tree, mut other) = (trees::flat(20), trees::flat(19));
    trees::put(&mut other, "flat/file-number-19", trees::file(b"18"));
    let image = Image::measured(&Volumes::from(&other), &own(1, |_| ()), 1);
    let Some(mounted) = Mounted::new(&image, "noatime") else { return };
    let Some(found) = describe_mounted(mounted.folder.path()) else { return };
    let found = as_btrfs(found);
    assert_eq!(found.len(), lines(&tree).len());
    assert_ne!(found, lines(&tree));
}

#[test]
fn every_profile_is_mounted_scrubbed_and_balanced() {
    let tree = trees::flat(2000);
    for (data, metadata, devices) in [
        (Profile::Raid1, Profile::Raid1, 2),
        (Profile::Raid0, Profile::Raid1, 2),
        (Profile::Raid10, Profile::Raid10, 4),
        (Profile::Raid1c3, Profile::Raid1c4, 4),
        (Profile::Single, Profile::Raid1, 3),
        (Profile::Dup, Profile::Dup, 1),
    ] {
        let number = 0x100 * (1 + u128::from(data.copies())) + u128::from(metadata.copies()) * 16 + devices;
        let options =
            own(number, |it| (it.data, it.metadata, it.free) = (data, metadata, ByteSize::mib(600)));
        let image = Image::measured(&Volumes::from(&tree), &options, usize::try_from(devices).unwrap());
        image.check();
        let Some(mut mounted) = Mounted::new(&image, "noatime") else { return };
        let Some(found) = describe_mounted(mounted.folder.path()) else { return };
        assert_same(&lines(&tree), &as_btrfs(found));
        scrub(mounted.path());
        std::fs::write(mounted.folder.path().join("new"), vec![b'n'; 1 << 20]).unwrap();
        // The kernel's new chunks of three copies leave too few devices for those of four.
        if data != Profile::Raid1c3 {
            btrfs(&["balance", "start", "--full-balance", mounted.path()]);
        }
        let usage = btrfs(&["filesystem", "df", mounted.path()]).to_lowercase();
        for line in [format!("data, {data}:"), format!("metadata, {metadata}:")] {
            assert!(usage.contains(&line), "no `{line}` in {usage}");
        }
        mounted.unmount();
        let check =
            run(&require_tool("btrfs").unwrap(), &["check", "--check-data-csum", &mounted.devices[0]]);
        assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
    }
}

#[test]
fn subvolumes_are_listed_and_mounted_and_swap_is_switched_on() {
    let (tree, empty) = (trees::flat(50), trees::empty());
    let mut volumes = Volumes::from(&empty);
    for path in ["root", "persist", "persist/home", "a/b"] {
        volumes.subvolumes.insert(path.parse().unwrap(), Filling::from(&tree));
    }
    let swap = SwapFile { path: "files/swapfile".parse().unwrap(), size: ByteSize::mib(200) };
    volumes.subvolumes.get_mut(&"persist".parse().unwrap()).unwrap().swap_files.push(swap);
    let options = own(2, |it| it.default_subvolume = Some("root".parse().unwrap()));
    let image = Image::measured(&volumes, &options, 1);
    {
        let Some(mounted) = Mounted::new(&image, "noatime") else { return };
        let Some(found) = describe_mounted(mounted.folder.path()) else { return };
        assert_same(&lines(&tree), &as_btrfs(found));
        let list = btrfs(&["subvolume", "list", mounted.path()]);
        let listed: Vec<&str> = list.lines().collect();
        assert_eq!(
            listed,
            [
                "ID 256 gen 1 top level 5 path a/b",
                "ID 257 gen 1 top level 5 path persist",
                "ID 258 gen 1 top level 257 path persist/home",
                "ID 259 gen 1 top level 5 path root",
            ]
        );
        let default = btrfs(&["subvolume", "get-default", mounted.path()]);
        assert!(default.contains("ID 259"), "{default}");
    }
    let Some(mounted) = Mounted::new(&image, "noatime,subvol=persist") else { return };
    let file = mounted.folder.path().join("files/swapfile");
    let (on, off) = (require_tool("swapon").unwrap(), require_tool("swapoff").unwrap());
    let activated = run(&on, &[file.to_str().unwrap()]);
    let words = String::from_utf8_lossy(&activated.stderr).into_owned();
    // A kernel without swap has no such call; any other refusal is about the file.
    if words.contains("Function not implemented") {
        eprintln!("skipped: this kernel has no swap");
        return;
    }
    assert!(activated.status.success(), "{words}");
    run_ok(&off, &[file.to_str().unwrap()]);
}

#[test]
fn names_beyond_an_item_are_found_by_the_kernel() {
    let mut tree = trees::empty();
    let id = trees::put(&mut tree, "original", trees::file(b"many names"));
    for number in 0..400 {
        let name = landfall::tree::Name::new(format!("{number:0>200}").as_bytes()).unwrap();
        tree.link(landfall::tree::Tree::ROOT, name, id).unwrap();
    }
    assert!(matches!(tree.node(id).kind, Kind::File(_)));
    let image = Image::measured(&Volumes::from(&tree), &own(3, |_| ()), 1);
    image.check();
    let Some(mut mounted) = Mounted::new(&image, "noatime") else { return };
    let Some(found) = describe_mounted(mounted.folder.path()) else { return };
    assert_same(&lines(&tree), &as_btrfs(found));
    for number in 0..400 {
        std::fs::remove_file(mounted.folder.path().join(format!("{number:0>200}"))).unwrap();
    }
    mounted.unmount();
    assert_eq!(complaint_of(image.path()).unwrap_or_default(), "");
}
