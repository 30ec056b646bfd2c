//! The two machine architectures, under every name that boot files use for them.

use std::fmt;

/// A machine architecture that we make bootable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Architecture {
    /// AMD64, also called x86-64.
    X64,
    /// 64-bit ARM.
    Aa64,
}

impl Architecture {
    /// Every architecture.
    pub const ALL: [Self; 2] = [Self::X64, Self::Aa64];

    /// The architecture of a Nix system double such as `x86_64-linux`; `None` for other machines
    /// and other kernels than Linux.
    pub fn from_nix_system(system: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|architecture| architecture.nix_system() == system)
    }

    /// The Nix system double.
    pub const fn nix_system(self) -> &'static str {
        match self {
            Self::X64 => "x86_64-linux",
            Self::Aa64 => "aarch64-linux",
        }
    }

    /// The name in the kernel's words, as `uname -m` prints it.
    pub const fn kernel_name(self) -> &'static str {
        match self {
            Self::X64 => "x86_64",
            Self::Aa64 => "aarch64",
        }
    }

    /// The short name in UEFI's and systemd's file names: the `x64` of `systemd-bootx64.efi`.
    pub const fn efi_suffix(self) -> &'static str {
        match self {
            Self::X64 => "x64",
            Self::Aa64 => "aa64",
        }
    }

    /// File in `EFI/BOOT` that firmware starts from a disk without boot variables.
    ///
    /// UEFI Specification 2.10, section 3.5.1.1, table "UEFI Image Types".
    pub const fn removable_media_file(self) -> &'static str {
        match self {
            Self::X64 => "BOOTX64.EFI",
            Self::Aa64 => "BOOTAA64.EFI",
        }
    }

    /// `Machine` field of a PE/COFF header.
    ///
    /// Microsoft PE Format, "Machine Types": `IMAGE_FILE_MACHINE_AMD64`, `IMAGE_FILE_MACHINE_ARM64`.
    pub const fn pe_machine(self) -> u16 {
        match self {
            Self::X64 => 0x8664,
            Self::Aa64 => 0xaa64,
        }
    }

    /// The architecture of a machine number, if it is one of ours.
    pub fn from_pe_machine(machine: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|architecture| architecture.pe_machine() == machine)
    }
}

/// The kernel's name: `x86_64`, `aarch64`.
impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kernel_name())
    }
}

/// `Machine` field of the PE image that begins with `head`; `None` when that is no PE image, or its
/// header lies behind the bytes given (boot loaders and kernels have it within the first 4 KiB).
///
/// Microsoft PE Format: `e_lfanew` at 0x3c of the MS-DOS stub points to the signature `PE\0\0`, the
/// COFF header behind it begins with `Machine`. Little endian.
pub fn pe_machine(head: &[u8]) -> Option<u16> {
    if !head.starts_with(b"MZ") {
        return None;
    }
    let offset = u32::from_le_bytes(*head.get(0x3c..)?.first_chunk()?);
    let header = head.get(usize::try_from(offset).ok()?..)?.strip_prefix(b"PE\0\0")?;
    Some(u16::from_le_bytes(*header.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(machine: u16) -> Vec<u8> {
        let mut bytes = vec![0; 0x46];
        bytes[..2].copy_from_slice(b"MZ");
        bytes[0x3c] = 0x40;
        bytes[0x40..0x44].copy_from_slice(b"PE\0\0");
        bytes[0x44..].copy_from_slice(&machine.to_le_bytes());
        bytes
    }

    #[test]
    fn the_machine_of_an_image_is_found_behind_the_dos_stub() {
        for architecture in Architecture::ALL {
            let machine = pe_machine(&image(architecture.pe_machine())).unwrap();
            assert_eq!(Architecture::from_pe_machine(machine), Some(architecture));
        }
        assert_eq!(pe_machine(&image(0x14c)), Some(0x14c));
        assert_eq!(Architecture::from_pe_machine(0x14c), None);
    }

    #[test]
    fn what_is_no_image_has_no_machine() {
        let good = image(0x8664);
        for length in 0..good.len() {
            assert_eq!(pe_machine(&good[..length]), None, "{length} bytes");
        }
        for at in [0, 1, 0x3c, 0x3f, 0x40, 0x43] {
            let mut bytes = good.clone();
            bytes[at] ^= 0x80;
            assert_eq!(pe_machine(&bytes), None, "byte {at}");
        }
    }

    #[test]
    fn nix_systems_name_the_architecture() {
        assert_eq!(Architecture::from_nix_system("aarch64-linux"), Some(Architecture::Aa64));
        assert_eq!(Architecture::from_nix_system("x86_64-linux"), Some(Architecture::X64));
        for other in ["aarch64-darwin", "i686-linux", "x86_64", ""] {
            assert_eq!(Architecture::from_nix_system(other), None);
        }
    }
}
