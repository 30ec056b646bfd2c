//! The two kinds of machine.

use std::fmt;
use std::str::FromStr;

/// A processor architecture that landfall builds for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Architecture {
    /// Intel and AMD, 64 bit: QEMU's `q35` machine.
    X86_64,
    /// Arm, 64 bit, little-endian: QEMU's `virt` machine.
    Aarch64,
}

impl Architecture {
    /// Both, for tests that go through all.
    pub const ALL: [Self; 2] = [Self::X86_64, Self::Aarch64];

    /// The name that the kernel, Nix and QEMU use: `x86_64` or `aarch64`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// QEMU's program for this architecture.
    pub const fn program(self) -> &'static str {
        match self {
            Self::X86_64 => "qemu-system-x86_64",
            Self::Aarch64 => "qemu-system-aarch64",
        }
    }

    /// The Debian package that brings [`Self::program`].
    pub const fn package(self) -> &'static str {
        match self {
            Self::X86_64 => "qemu-system-x86",
            Self::Aarch64 => "qemu-system-arm",
        }
    }

    /// The Debian package that brings UEFI firmware.
    pub const fn firmware_package(self) -> &'static str {
        match self {
            Self::X86_64 => "ovmf",
            Self::Aarch64 => "qemu-efi-aarch64",
        }
    }

    /// The device that Linux calls the first serial port of QEMU's machine.
    pub const fn serial_device(self) -> &'static str {
        match self {
            Self::X86_64 => "ttyS0",
            Self::Aarch64 => "ttyAMA0",
        }
    }

    /// Fails when QEMU for this machine type is not installed; the error names the package.
    pub fn require_qemu(self) -> Result<(), crate::Error> {
        crate::program::find(self.program(), self.package()).map(drop)
    }

    /// The architecture of this program, which KVM can accelerate; `None` where it is neither.
    pub fn host() -> Option<Self> {
        std::env::consts::ARCH.parse().ok()
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The text names no architecture that landfall knows.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not an architecture: x86_64 and aarch64 are")]
pub struct UnknownArchitecture(pub String);

impl FromStr for Architecture {
    type Err = UnknownArchitecture;

    /// Takes the names of [`Self::name`], Debian's (`amd64`, `arm64`) and Nix's (`x86_64-linux`).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_suffix("-linux").unwrap_or(text) {
            "x86_64" | "amd64" => Ok(Self::X86_64),
            "aarch64" | "arm64" => Ok(Self::Aarch64),
            _ => Err(UnknownArchitecture(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for architecture in Architecture::ALL {
            assert_eq!(architecture.name().parse(), Ok(architecture));
        }
        assert_eq!("aarch64-linux".parse(), Ok(Architecture::Aarch64));
        assert_eq!("amd64".parse(), Ok(Architecture::X86_64));
    }

    #[test]
    fn an_unknown_name_is_repeated_in_the_error() {
        let error = "riscv64".parse::<Architecture>().unwrap_err();
        assert_eq!(error.to_string(), "`riscv64` is not an architecture: x86_64 and aarch64 are");
    }
}
