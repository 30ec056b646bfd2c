//! An exFAT volume that we filled, as Linux mounts it.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use landfall::fs::external::{self, Kind, Options};
use landfall::progress::{Silent, Step, Unit};
use landfall::tree::host_tree;
use landfall::units::{ByteSize, SectorSize};
use landfall::volume::FileBlock;
use qemu::{Architecture, Drive};
use serde_json::json;

use crate::harness::{Guest, Image, Sample};
use crate::layers::{disk, esp, ext4, machine, runner};

/// Names, sizes, times and sums of all files below the working directory.
const LIST: &str = "export LC_ALL=C; for what in \"stat -c '%n %s %Y'\" md5sum; do \
                    eval \"find . -type f -exec $what {} +\" | sort | md5sum; done; find . -type d | sort | md5sum";

/// Files of all lengths around those of clusters, more than a cluster of entries in the root and below.
fn fill(folder: &Path) {
    for (number, len) in [0, 1, 511, 4095, 4096, 4097, 32_768, 32_769, 3_000_000].into_iter().enumerate() {
        let bytes: Vec<u8> =
            (0..len).map(|at: usize| u8::try_from((at / 7 + number) % 251).unwrap()).collect();
        fs::write(folder.join(format!("length {len}")), bytes).unwrap();
    }
    for number in 0..700 {
        fs::create_dir_all(folder.join(format!("Größe {number}/Ω-😀"))).unwrap();
        fs::write(
            folder.join(format!("Größe {number}/Ω-😀/{}", "n".repeat(number % 250 + 1))),
            number.to_string(),
        )
        .unwrap();
    }
    let file = File::create(folder.join("holes")).unwrap();
    file.set_len(2_000_000).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"in the middle", 1_000_000).unwrap();
}

#[test]
fn linux_finds_every_file_of_an_exfat_volume() {
    let Some(sample) = Sample::require(Architecture::X86_64) else { return };
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join("files");
    fs::create_dir(&files).unwrap();
    fill(&files);
    let path = folder.path().join("exfat");
    let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    let block = FileBlock::create(file, &path, ByteSize::mib(300).bytes(), SectorSize::S512).unwrap();
    let options =
        Options { uuid: "6f1c1b0e-0000-4000-8000-000000000001".parse().unwrap(), arguments: Vec::new() };
    let step = Step::start(&Silent, "write", None, Unit::Bytes);
    external::write(Kind::Exfat, &host_tree(&files).unwrap(), &options, (&block, &step)).unwrap();
    let expected = Command::new("sh").args(["-c", LIST]).current_dir(&files).output().unwrap();
    let expected = String::from_utf8(expected.stdout).unwrap();

    let layout = json!({ "disk": { "main": disk(&json!({ "ESP": esp(), "root": { "size": "100%", "content": ext4("/") } })) } });
    let image = Image::build(&sample, &layout.to_string(), &[]);
    let guest = Guest::boot(&machine(&sample, &image, &["main"]).with_drive(Drive::image(&path).snapshot()));
    guest.multi_user();
    let run = runner(&guest);
    run("mkdir -p /mnt && mount -t exfat /dev/vdb /mnt");
    let found = run(&format!("cd /mnt && {LIST}"));
    assert_eq!(found.lines().map(str::trim).collect::<Vec<_>>(), expected.lines().collect::<Vec<_>>());
    // The kernel goes on with our bitmap and our root, whose clusters are a chain in the FAT.
    run("cd /mnt && for i in $(seq 500); do echo $i > new-$i; done && cp holes again && cd / && umount /mnt");
    run("mount -t exfat -o ro /dev/vdb /mnt && cmp /mnt/holes /mnt/again && test $(cat /mnt/new-500) = 500");
    let found = run("md5sum < '/mnt/length 3000000'");
    let sum =
        Command::new("sh").args(["-c", "md5sum < 'length 3000000'"]).current_dir(&files).output().unwrap();
    assert!(found.contains(String::from_utf8(sum.stdout).unwrap().trim()), "{found}");
}
