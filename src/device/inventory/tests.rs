//! Machines made of folders.

use std::os::unix::fs::symlink;

use super::*;
use crate::device::Use;

/// A made-up machine below a temporary folder.
pub(in crate::device) struct Made {
    folder: tempfile::TempDir,
}

impl Made {
    pub(in crate::device) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["sys/block", "sys/dev/block", "proc/self", "dev"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        Self { folder }
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A disk whose device is at `place` in `/sys/devices`, with these files in the device's folder.
    fn disk(&self, place: &str, (number, gib): (&str, u64), device: &[(&str, &str)]) {
        let name = place.rsplit('/').next().unwrap();
        let base = format!("sys/devices/{place}");
        self.write(&format!("{base}/dev"), format!("{number}\n"));
        self.write(&format!("{base}/size"), format!("{}\n", (gib << 30) / 512));
        self.write(&format!("{base}/queue/logical_block_size"), "512\n");
        self.write(&format!("{base}/ro"), "0\n");
        self.write(&format!("{base}/removable"), "0\n");
        // The folder of the device is two levels up for SCSI and virtio, one for NVMe.
        let above: Vec<&str> = place.split('/').collect();
        let up = if above[above.len() - 2] == "block" { 2 } else { 1 };
        let parent = above[..above.len() - up].join("/");
        fs::create_dir_all(self.folder.path().join(format!("sys/devices/{parent}"))).unwrap();
        symlink(if up == 2 { "../.." } else { ".." }, self.folder.path().join(&base).join("device")).unwrap();
        for (file, text) in device {
            self.write(&format!("sys/devices/{parent}/{file}"), text);
        }
        let link = self.folder.path().join("sys/block").join(name);
        symlink(format!("../devices/{place}"), link).unwrap();
    }

    fn machine(&self) -> Machine {
        Machine::at(self.folder.path())
    }
}

const VIRTIO: &str = "pci0000:00/0000:00:03.0/virtio1/block/vda";
const NVME: &str = "pci0000:00/0000:00:04.0/nvme/nvme0/nvme0n1";
const SATA: &str = "pci0000:00/0000:00:1f.2/ata3/host2/target2:0:0/2:0:0:0/block/sda";
const USB: &str = "pci0000:00/0000:00:05.0/usb1/1-2/1-2:1.0/host6/target6:0:0/6:0:0:0/block/sdb";

fn made() -> Made {
    let made = Made::new();
    made.disk(VIRTIO, ("254:0", 20), &[]);
    made.write(&format!("sys/devices/{VIRTIO}/serial"), "disk one");
    made.disk(NVME, ("259:0", 500), &[("model", "Fast 9   \n"), ("serial", "N1\n")]);
    made.write(&format!("sys/devices/{NVME}/nsid"), "1\n");
    made.write(&format!("sys/devices/{NVME}/wwid"), "eui.0025385b\n");
    made.disk(
        SATA,
        ("8:0", 1000),
        &[("vendor", "ATA     \n"), ("model", "Samsung SSD 860 \n"), ("type", "0\n")],
    );
    made.disk(USB, ("8:16", 8), &[("vendor", "Corsair \n"), ("model", "Voyager \n"), ("type", "0\n")]);
    made.write("sys/devices/pci0000:00/0000:00:05.0/usb1/1-2/idVendor", "1b1c\n");
    made.write("sys/devices/pci0000:00/0000:00:05.0/usb1/1-2/serial", "AA11\n");
    made
}

fn named(machine: &Machine, name: &str) -> Disk {
    machine.disks().unwrap().into_iter().find(|disk| disk.name == name).unwrap()
}

#[test]
fn disks_have_the_names_that_udev_would_give_them() {
    let machine = made().machine_kept();
    let vda = named(&machine.1, "vda");
    assert_eq!(vda.to_string().split(" (").nth(1), Some("20 GiB, serial disk one, virtio)"));
    assert_eq!(
        (vda.by_id, vda.by_path),
        (
            vec!["virtio-disk_one".to_owned()],
            vec!["pci-0000:00:03.0".to_owned(), "virtio-pci-0000:00:03.0".to_owned()]
        )
    );
    let nvme = named(&machine.1, "nvme0n1");
    assert_eq!(nvme.by_id, ["nvme-Fast_9_N1", "nvme-Fast_9_N1_1", "nvme-eui.0025385b"]);
    assert_eq!(nvme.by_path, ["pci-0000:00:04.0-nvme-1"]);
    let sda = named(&machine.1, "sda");
    assert_eq!((sda.transport, sda.model.as_deref()), (Some(Transport::Sata), Some("Samsung SSD 860")));
    assert_eq!(sda.by_path, ["pci-0000:00:1f.2-ata-3", "pci-0000:00:1f.2-ata-3.0"]);
    let usb = named(&machine.1, "sdb");
    assert_eq!(usb.by_id, ["usb-Corsair_Voyager_AA11-0:0"]);
    assert_eq!(usb.by_path, ["pci-0000:00:05.0-usb-0:2:1.0-scsi-0:0:0:0"]);
}

#[test]
fn optical_drives_virtual_devices_and_empty_slots_are_no_disks() {
    let made = made();
    let optical = "pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sr0";
    made.disk(optical, ("11:0", 1), &[("type", "5\n")]);
    made.disk(
        "pci0000:00/0000:00:06.0/usb2/2-1/2-1:1.0/host7/target7:0:0/7:0:0:0/block/sdc",
        ("8:32", 0),
        &[],
    );
    let virtual_disk = "sys/devices/virtual/block/loop0";
    made.write(&format!("{virtual_disk}/size"), "100\n");
    symlink("../devices/virtual/block/loop0", made.folder.path().join("sys/block/loop0")).unwrap();
    let names: Vec<String> = made.machine().disks().unwrap().into_iter().map(|disk| disk.name).collect();
    assert_eq!(names, ["sda", "sdb", "vda", "nvme0n1"]);
}

#[test]
fn every_use_of_a_disk_and_of_what_is_made_of_it_is_found() {
    let made = made();
    let partition = format!("sys/devices/{SATA}/sda1");
    made.write(&format!("{partition}/partition"), "1\n");
    made.write(&format!("{partition}/dev"), "8:1\n");
    made.write(&format!("{partition}/holders/dm-0"), "");
    made.write("sys/block/dm-0/dev", "253:0\n");
    made.write(
        "proc/self/mountinfo",
        "22 1 253:0 / /my\\040data rw - ext4 /dev/mapper/x rw\n23 1 259:0 / / rw - ext4 /dev/nvme0n1 rw\n",
    );
    let machine = made.machine();
    let uses = machine.uses(&named(&machine, "sda")).unwrap();
    assert_eq!(
        uses,
        [
            Use::Mounted { device: "dm-0".to_owned(), at: "/my data".to_owned() },
            Use::Held { device: "sda1".to_owned(), holder: "dm-0".to_owned() },
        ]
    );
    assert_eq!(machine.uses(&named(&machine, "nvme0n1")).unwrap().len(), 1);
    assert!(machine.uses(&named(&machine, "vda")).unwrap().is_empty());
}

impl Made {
    /// The machine, and what keeps its folder.
    fn machine_kept(self) -> (tempfile::TempDir, Machine) {
        let machine = self.machine();
        (self.folder, machine)
    }
}
