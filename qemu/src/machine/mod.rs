//! A machine as a value, and the pure function from it to QEMU's arguments.

mod arguments;
mod drive;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::num::NonZeroU8;
use std::path::PathBuf;

pub use arguments::{MachineError, Monitor, Serial, Wiring, arguments};
pub use drive::{Access, Bus, Drive, Format, Sectors};

use crate::architecture::Architecture;
use crate::firmware::SecureBoot;

/// An amount of guest memory in units of 1,048,576 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mebibytes(pub u32);

/// What the machine starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Boot {
    /// UEFI firmware, which goes through the drives in the order they are listed.
    Uefi(SecureBoot),
    /// A kernel handed over by QEMU without any firmware of ours: the quickest way into an initrd.
    Kernel(DirectKernel),
}

/// A kernel that QEMU itself loads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectKernel {
    /// The kernel image (`vmlinuz`, `Image`).
    pub kernel: PathBuf,
    /// The initial RAM file system, where there is one.
    pub initrd: Option<PathBuf>,
    /// The kernel's command line.
    pub command_line: String,
}

/// The machine's network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Network {
    /// No network card.
    None,
    /// A card behind QEMU's user-mode address translation, with ports of the host led into the guest.
    User(Vec<Forward>),
}

/// A TCP port of the host's loopback address that leads into the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    /// The port on 127.0.0.1 of the host.
    pub host: u16,
    /// The port in the guest.
    pub guest: u16,
}

/// The machine's display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// No graphics adapter: firmware and kernel use the serial console alone.
    None,
    /// An adapter that nobody watches, for screendumps; with a keyboard.
    Hidden,
    /// An adapter, a keyboard and a window on the host's desktop.
    Window,
}

/// Whether the machine has a Trusted Platform Module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tpm {
    /// It has none.
    Absent,
    /// It has a TPM 2.0, emulated by swtpm.
    Version2,
}

/// What a reset that the guest asks for does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reboot {
    /// The machine starts again, as a real one does.
    Restart,
    /// QEMU ends: a test sees that the guest rebooted, and no boot loop hides a crash.
    End,
}

/// Which accelerator is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceleration {
    /// KVM where it is seen to run a guest, else TCG.
    Automatic,
    /// KVM or nothing.
    Kvm,
    /// QEMU's translator, which works anywhere.
    Tcg,
}

/// A virtual machine: its hardware and what it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The processor architecture.
    pub architecture: Architecture,
    /// Guest memory.
    pub memory: Mebibytes,
    /// Virtual processors.
    pub cpus: NonZeroU8,
    /// What it starts.
    pub boot: Boot,
    /// Its drives, in the firmware's boot order.
    pub drives: Vec<Drive>,
    /// Its network.
    pub network: Network,
    /// Its display.
    pub screen: Screen,
    /// Its TPM.
    pub tpm: Tpm,
    /// What a reset does.
    pub reboot: Reboot,
    /// How it is run.
    pub acceleration: Acceleration,
    /// Further arguments of QEMU, after all others.
    pub extra: Vec<OsString>,
}

impl Machine {
    /// A machine that boots an ordinary Linux quickly under TCG: 1 GiB, 2 processors, UEFI, no drives,
    /// no network, no display. More than 2 processors slow TCG down on a small host.
    pub fn new(architecture: Architecture) -> Self {
        Self {
            architecture,
            memory: Mebibytes(1024),
            cpus: NonZeroU8::MIN.saturating_add(1),
            boot: Boot::Uefi(SecureBoot::Unsupported),
            drives: Vec::new(),
            network: Network::None,
            screen: Screen::None,
            tpm: Tpm::Absent,
            reboot: Reboot::End,
            acceleration: Acceleration::Automatic,
            extra: Vec::new(),
        }
    }

    /// The same machine with one more drive.
    pub fn with_drive(mut self, drive: Drive) -> Self {
        self.drives.push(drive);
        self
    }

    /// The same machine with another amount of memory.
    pub fn with_memory(self, memory: Mebibytes) -> Self {
        Self { memory, ..self }
    }

    /// The same machine with a display.
    pub fn with_screen(self, screen: Screen) -> Self {
        Self { screen, ..self }
    }

    /// The same machine, started another way.
    pub fn with_boot(self, boot: Boot) -> Self {
        Self { boot, ..self }
    }
}
