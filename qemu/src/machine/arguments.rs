//! From a machine to QEMU's arguments. Pure: the same machine and wiring, the same arguments.
//!
//! Every option is documented in `qemu-system-x86_64(1)`; device properties by `-device NAME,help`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::{
    Access, Boot, Bus, DirectKernel, Drive, Machine, Mebibytes, Network, Reboot, Screen, Sectors, Tpm,
};
use crate::accelerator::Accelerator;
use crate::architecture::Architecture;
use crate::firmware::FirmwareFiles;

/// Why no machine can be built from the parts asked for.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MachineError {
    /// A UEFI machine without firmware files.
    #[error("a machine that boots by UEFI needs firmware files")]
    NoFirmware,
    /// A machine with a TPM but no socket to reach it.
    #[error("a machine with a TPM needs the socket of its emulator")]
    NoTpmSocket,
    /// SATA disks of QEMU know 512-byte sectors only.
    #[error("drive {} cannot have 4096-byte sectors on SATA: use virtio, NVMe or USB", .0.display())]
    SataSectors(PathBuf),
    /// QEMU's SATA disks are writable.
    #[error("drive {} cannot be write-protected on SATA: use a snapshot, or virtio, NVMe or USB", .0.display())]
    ProtectedSata(PathBuf),
    /// A disc is read-only.
    #[error("drive {} is an optical disc, which cannot be written", .0.display())]
    WritableDisc(PathBuf),
    /// The SATA controller has six ports.
    #[error("a machine has at most {SATA_PORTS} SATA disks and discs, {0} are asked for")]
    TooManySata(usize),
    /// Too little memory for firmware and kernel.
    #[error("{} MiB of memory are too little for a machine: {} at least", .0.0, LEAST_MEMORY.0)]
    TooLittleMemory(Mebibytes),
}

/// Ports of the ICH9 controller.
const SATA_PORTS: usize = 6;

/// With less, UEFI firmware does not get to its boot menu.
const LEAST_MEMORY: Mebibytes = Mebibytes(64);

/// Where the guest's first serial port goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serial {
    /// QEMU's standard input and output, nothing else: what [`crate::Console`] reads and writes.
    Stdio,
    /// The terminal, shared with QEMU's monitor (`Ctrl-A x` ends, `Ctrl-A h` helps).
    Terminal,
}

/// Where QEMU's monitor (QMP) listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Monitor {
    /// Nowhere.
    None,
    /// On a Unix socket with this path, at most 107 bytes long.
    Socket(PathBuf),
}

/// The things of the host that a machine is plugged into.
#[derive(Clone, Debug)]
pub struct Wiring<'a> {
    /// The accelerator.
    pub accelerator: Accelerator,
    /// Firmware code and this machine's own variable store.
    pub firmware: Option<&'a FirmwareFiles>,
    /// Where the serial port goes.
    pub serial: Serial,
    /// Where the monitor listens.
    pub monitor: Monitor,
    /// The socket of swtpm.
    pub tpm_socket: Option<PathBuf>,
}

/// QEMU's arguments for a machine.
pub fn arguments(machine: &Machine, wiring: &Wiring<'_>) -> Result<Vec<OsString>, MachineError> {
    if machine.memory < LEAST_MEMORY {
        return Err(MachineError::TooLittleMemory(machine.memory));
    }
    let mut list = List::default();
    // Nothing but what is said here: no default drives, network or display, no configuration of the user.
    list.flag("-nodefaults");
    list.flag("-no-user-config");
    board(&mut list, machine, wiring);
    firmware(&mut list, machine, wiring)?;
    drives(&mut list, machine)?;
    network(&mut list, &machine.network);
    screen(&mut list, machine);
    serial(&mut list, wiring);
    tpm(&mut list, machine, wiring)?;
    // The guest's random numbers are there at once; without it early boot waits for interrupts.
    list.option("-device", "virtio-rng-pci");
    if machine.reboot == Reboot::End {
        list.flag("-no-reboot");
    }
    list.0.extend(machine.extra.iter().cloned());
    Ok(list.0)
}

/// The growing list.
#[derive(Default)]
struct List(Vec<OsString>);

impl List {
    fn flag(&mut self, flag: &str) {
        self.0.push(flag.into());
    }

    fn option(&mut self, name: &str, value: impl Into<OsString>) {
        self.flag(name);
        self.0.push(value.into());
    }

    /// An option whose value ends with a path; QEMU reads a doubled comma as one.
    fn path_option(&mut self, name: &str, before: &str, path: &Path) {
        let mut value = OsString::from(before);
        value.push(commas_doubled(path.as_os_str()));
        self.option(name, value);
    }
}

fn commas_doubled(text: &OsStr) -> OsString {
    let bytes = text.as_bytes().iter();
    let doubled = bytes.flat_map(|&byte| std::iter::repeat_n(byte, if byte == b',' { 2 } else { 1 }));
    OsString::from_vec(doubled.collect())
}

/// Board, processors, memory, accelerator, monitor.
fn board(list: &mut List, machine: &Machine, wiring: &Wiring<'_>) {
    let needs_smm = wiring.firmware.is_some_and(|files| files.needs_smm());
    let board = match machine.architecture {
        // System management mode costs time and only firmware with Secure Boot uses it.
        Architecture::X86_64 if needs_smm => "q35,smm=on",
        Architecture::X86_64 => "q35,smm=off",
        Architecture::Aarch64 => "virt",
    };
    list.option("-machine", board);
    let processor = match (wiring.accelerator, machine.architecture) {
        (Accelerator::Kvm, _) => "host",
        // All that the emulator has, but for what nothing needs and each step pays for: page tables of five
        // levels cost a twentieth of a boot, memory that is copied by string instructions (which are emulated byte by
        // byte) a tenth, wide vectors a thirtieth; pointer authentication and scalable vectors together a quarter.
        (Accelerator::Tcg, Architecture::X86_64) => "max,la57=off,erms=off,fsrm=off,avx=off,avx2=off",
        (Accelerator::Tcg, Architecture::Aarch64) => "max,pauth=off,sve=off",
    };
    list.option("-cpu", processor);
    list.option("-accel", wiring.accelerator.argument());
    list.option("-smp", machine.cpus.to_string());
    list.option("-m", machine.memory.0.to_string());
    match &wiring.monitor {
        Monitor::None => {}
        // QEMU must not wait for us: the machine starts by itself when a person runs the script.
        Monitor::Socket(path) => {
            list.path_option("-chardev", "socket,id=monitor,server=on,wait=off,path=", path);
            list.option("-mon", "chardev=monitor,mode=control");
        }
    }
}

/// Firmware flash or a kernel.
fn firmware(list: &mut List, machine: &Machine, wiring: &Wiring<'_>) -> Result<(), MachineError> {
    match &machine.boot {
        Boot::Uefi(_) => {
            let files = wiring.firmware.ok_or(MachineError::NoFirmware)?;
            if files.needs_smm() {
                // Only code in system management mode may write the variable store.
                list.option("-global", "driver=cfi.pflash01,property=secure,value=on");
            }
            let code = "if=pflash,unit=0,format=raw,readonly=on,file=";
            list.path_option("-drive", code, files.code());
            if let Some(variables) = files.variables() {
                list.path_option("-drive", "if=pflash,unit=1,format=raw,file=", variables);
            }
            // The firmware offers its setup for this many milliseconds; without the option Arm's waits 5 s.
            list.option("-boot", "menu=on,splash-time=0");
        }
        Boot::Kernel(DirectKernel { kernel, initrd, command_line }) => {
            list.option("-kernel", kernel);
            if let Some(initrd) = initrd {
                list.option("-initrd", initrd);
            }
            list.option("-append", command_line);
        }
    }
    Ok(())
}

/// Controllers, then drives; the boot order is the order of the list.
fn drives(list: &mut List, machine: &Machine) -> Result<(), MachineError> {
    let on_sata = |drive: &&Drive| sata_device(machine.architecture, drive.bus).is_some();
    let sata_count = machine.drives.iter().filter(on_sata).count();
    if sata_count > SATA_PORTS {
        return Err(MachineError::TooManySata(sata_count));
    }
    if sata_count > 0 {
        list.option("-device", "ich9-ahci,id=sata");
    }
    let keyboard = machine.screen != Screen::None;
    if keyboard || machine.drives.iter().any(|drive| drive.bus == Bus::Usb) {
        list.option("-device", "qemu-xhci,id=usb");
    }
    let needs_scsi = |drive: &Drive| drive.bus == Bus::Cdrom && machine.architecture == Architecture::Aarch64;
    if machine.drives.iter().any(needs_scsi) {
        list.option("-device", "virtio-scsi-pci,id=scsi");
    }
    let mut sata_port = 0;
    for (index, drive) in machine.drives.iter().enumerate() {
        backend(list, drive, index)?;
        let mut device = match (drive.bus, sata_device(machine.architecture, drive.bus)) {
            (_, Some(name)) => {
                let device = format!("{name},bus=sata.{sata_port}");
                sata_port += 1;
                device
            }
            (Bus::Nvme, _) => "nvme".to_owned(),
            (Bus::Usb, _) => "usb-storage,bus=usb.0".to_owned(),
            (Bus::Cdrom, _) => "scsi-cd,bus=scsi.0".to_owned(),
            (Bus::Virtio | Bus::Sata, _) => "virtio-blk-pci".to_owned(),
        };
        device.push_str(&format!(",drive=drive{index}"));
        // A kernel that QEMU loads has the first index for itself.
        if matches!(machine.boot, Boot::Uefi(_)) {
            device.push_str(&format!(",bootindex={index}"));
        }
        if drive.sectors == Sectors::B4096 && drive.bus != Bus::Cdrom {
            device.push_str(",logical_block_size=4096,physical_block_size=4096");
        }
        match (&drive.serial, drive.bus) {
            (Some(serial), _) => device.push_str(&format!(",serial={}", serial.replace(',', ",,"))),
            // An NVMe controller without a serial number is refused.
            (None, Bus::Nvme) => device.push_str(&format!(",serial=drive{index}")),
            (None, _) => {}
        }
        list.option("-device", device);
    }
    Ok(())
}

/// The device that a drive is on the SATA controller, for the buses that are SATA on this architecture.
/// Arm's firmware has no driver for SATA discs, so discs are SCSI there.
fn sata_device(architecture: Architecture, bus: Bus) -> Option<&'static str> {
    match (architecture, bus) {
        (_, Bus::Sata) => Some("ide-hd"),
        (Architecture::X86_64, Bus::Cdrom) => Some("ide-cd"),
        (Architecture::Aarch64, Bus::Cdrom) | (_, Bus::Virtio | Bus::Nvme | Bus::Usb) => None,
    }
}

/// The image behind a drive.
fn backend(list: &mut List, drive: &Drive, index: usize) -> Result<(), MachineError> {
    if drive.bus == Bus::Sata && drive.sectors == Sectors::B4096 {
        return Err(MachineError::SataSectors(drive.image.clone()));
    }
    if drive.bus == Bus::Sata && drive.access == Access::ReadOnly {
        return Err(MachineError::ProtectedSata(drive.image.clone()));
    }
    if drive.bus == Bus::Cdrom && drive.access == Access::ReadWrite {
        return Err(MachineError::WritableDisc(drive.image.clone()));
    }
    let access = match drive.access {
        Access::ReadWrite => "",
        Access::ReadOnly => ",readonly=on",
        Access::Snapshot => ",snapshot=on",
    };
    let media = if drive.bus == Bus::Cdrom { ",media=cdrom" } else { "" };
    // The host's own cache holds what the guest flushed: a machine that is killed loses nothing, only a
    // power cut of the host would, and every flush is many times faster. Discarded blocks become holes.
    let before = format!(
        "if=none,id=drive{index},format={}{media}{access},cache=unsafe,discard=unmap,\
         file.driver=file,file.filename=",
        drive.format.name(),
    );
    list.path_option("-drive", &before, &drive.image);
    Ok(())
}

fn network(list: &mut List, network: &Network) {
    match network {
        Network::None => {}
        Network::User(forwards) => {
            let mut backend = "user,id=net0".to_owned();
            for forward in forwards {
                backend.push_str(&format!(",hostfwd=tcp:127.0.0.1:{}-:{}", forward.host, forward.guest));
            }
            list.option("-netdev", backend);
            // No option ROM to boot over the network. The firmware's own drivers do not try it either as
            // long as a drive has a place in the boot order: what has none is dropped.
            list.option("-device", "virtio-net-pci,netdev=net0,romfile=");
        }
    }
}

fn screen(list: &mut List, machine: &Machine) {
    let shown = match machine.screen {
        Screen::None | Screen::Hidden => "none",
        Screen::Window => "gtk",
    };
    list.option("-display", shown);
    if machine.screen != Screen::None {
        let adapter = match machine.architecture {
            Architecture::X86_64 => "VGA",
            // Arm's firmware has a driver for it, and Linux takes it over.
            Architecture::Aarch64 => "virtio-gpu-pci",
        };
        list.option("-device", adapter);
        list.option("-device", "usb-kbd,bus=usb.0");
    }
}

fn serial(list: &mut List, wiring: &Wiring<'_>) {
    match wiring.serial {
        Serial::Stdio => {
            // Signals stay ours: Ctrl-C of the terminal ends the program, not the byte stream.
            list.option("-chardev", "stdio,id=console,signal=off");
            list.option("-serial", "chardev:console");
        }
        Serial::Terminal => list.option("-serial", "mon:stdio"),
    }
}

fn tpm(list: &mut List, machine: &Machine, wiring: &Wiring<'_>) -> Result<(), MachineError> {
    match machine.tpm {
        Tpm::Absent => {}
        Tpm::Version2 => {
            let socket = wiring.tpm_socket.as_deref().ok_or(MachineError::NoTpmSocket)?;
            list.path_option("-chardev", "socket,id=tpm,path=", socket);
            list.option("-tpmdev", "emulator,id=tpm0,chardev=tpm");
            let device = match machine.architecture {
                Architecture::X86_64 => "tpm-crb,tpmdev=tpm0",
                Architecture::Aarch64 => "tpm-tis-device,tpmdev=tpm0",
            };
            list.option("-device", device);
        }
    }
    Ok(())
}
