//! The firmware's boot variables: `Boot####` and `BootOrder`.
//!
//! A `Boot####` variable holds a load option: attributes, a name for the menu, a device path that
//! says what to start, and data for it. `BootOrder` lists the numbers to try.
//!
//! ```text
//! attributes u32 | length of path u16 | description UTF-16, NUL | device path nodes … end | data
//! ```
//!
//! Governing document: UEFI Specification 2.10, sections 3.1.3 "Load Options" and 3.3 "Globally
//! Defined Variables"; device paths in 10.3. Everything is little endian. Not supported: load options
//! with several device paths in the list keep those behind the first as raw nodes.

mod device_path;
mod load_option;
mod utf16;

pub use device_path::{DevicePath, HardDrive, Node, PathError};
pub use load_option::{LoadOption, OptionError};

use uuid::Uuid;

/// `EFI_GLOBAL_VARIABLE`, the vendor of `Boot####` and `BootOrder` (UEFI 2.10, section 3.3).
pub const GLOBAL_VENDOR: Uuid = Uuid::from_u128(0x8be4df61_93ca_11d2_aa0d_00e098032b8c);

/// Attributes of these variables: non-volatile, boot service access, runtime access (UEFI 2.10,
/// section 8.2). Linux's `efivarfs` wants them as four bytes in front of the data.
pub const VARIABLE_ATTRIBUTES: u32 = 0x7;

/// Name of the variable with load option `number`: `Boot`, four upper-case hexadecimal digits.
pub fn variable_name(number: u16) -> String {
    format!("Boot{number:04X}")
}

/// Number of the load option in the variable `name`; `None` for other variables.
pub fn variable_number(name: &str) -> Option<u16> {
    let digits = name.strip_prefix("Boot")?;
    let upper = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
    (digits.len() == 4 && digits.bytes().all(upper)).then(|| u16::from_str_radix(digits, 16).ok())?
}

/// The numbers in the data of `BootOrder`; an odd last byte is ignored, as firmware does.
pub fn decode_boot_order(data: &[u8]) -> Vec<u16> {
    data.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// The data of `BootOrder`.
pub fn encode_boot_order(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// `order` with `number` first and nowhere else.
pub fn put_first(order: &[u16], number: u16) -> Vec<u16> {
    std::iter::once(number).chain(order.iter().copied().filter(|other| *other != number)).collect()
}

/// The lowest number that no load option in `used` has; `None` when all 65,536 are taken.
pub fn free_number(used: &[u16]) -> Option<u16> {
    (0..=u16::MAX).find(|number| !used.contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_named_by_their_number() {
        assert_eq!(variable_name(0x1a), "Boot001A");
        assert_eq!(variable_number("Boot001A"), Some(0x1a));
        for other in ["Boot001a", "BootOrder", "BootNext", "Boot01A", "Driver0001", "Boot+01A"] {
            assert_eq!(variable_number(other), None, "{other}");
        }
    }

    #[test]
    fn the_boot_order_is_a_list_of_numbers() {
        assert_eq!(encode_boot_order(&[1, 0x2001]), [1, 0, 1, 0x20]);
        assert_eq!(decode_boot_order(&[1, 0, 1, 0x20, 9]), [1, 0x2001]);
        assert_eq!(put_first(&[3, 1, 2], 1), [1, 3, 2]);
        assert_eq!(free_number(&[0, 1, 3]), Some(2));
    }
}
