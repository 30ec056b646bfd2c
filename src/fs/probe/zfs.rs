//! Members of ZFS pools.
//!
//! After "ZFS On-Disk Specification" (draft of 2006), sections 1.2 and 1.3: a member has four labels of
//! 256 KiB, each with a list of names and values at 16 KiB and an array of uberblocks at 128 KiB. The list
//! is in XDR (RFC 4506): big-endian, everything in multiples of four bytes.

use super::window::Probed;
use super::{Kind, Signature};
use crate::volume::BlockError;

/// Length of a label.
const LABEL: u64 = 256 << 10;
/// Magic of an uberblock, in the byte order of the machine that wrote it.
const MAGIC: u64 = 0x00ba_b10c;
/// Types of values in the list.
const TYPE_UINT64: u32 = 8;
const TYPE_STRING: u32 = 9;

/// A label with an uberblock, at the start or, where that was wiped, at the end.
pub(super) fn detect(probed: &Probed<'_>) -> Result<Option<Signature>, BlockError> {
    let len = probed.block().len() / LABEL * LABEL;
    let labels = [Some(0), Some(LABEL), len.checked_sub(2 * LABEL), len.checked_sub(LABEL)];
    for label in labels.into_iter().flatten() {
        let Some(uberblocks) = probed.window(label + (128 << 10), 128 << 10)? else { continue };
        // Uberblocks have 1 KiB or a multiple.
        let slots = uberblocks.bytes().chunks(1024).filter_map(|slot| slot.first_chunk());
        let is_magic =
            |slot: &[u8; 8]| u64::from_le_bytes(*slot) == MAGIC || u64::from_be_bytes(*slot) == MAGIC;
        if !slots.into_iter().any(is_magic) {
            continue;
        }
        let mut signature = Signature::new(Kind::Zfs);
        if let Some(list) = probed.window(label + (16 << 10), 112 << 10)? {
            signature.label = find(list.bytes(), "name", TYPE_STRING).and_then(text);
            signature.uuid = find(list.bytes(), "pool_guid", TYPE_UINT64).and_then(number);
        }
        return Ok(Some(signature));
    }
    Ok(None)
}

/// The bytes of the value `name` of `kind` in an XDR list.
fn find<'a>(list: &'a [u8], name: &str, kind: u32) -> Option<&'a [u8]> {
    // Encoding and byte order, then version and flags.
    let mut pairs = list.strip_prefix(&[1])?.get(11..)?;
    loop {
        let size = usize::try_from(u32_at(pairs, 0)?).ok().filter(|size| *size > 8)?;
        let pair = pairs.get(..size)?;
        let name_len = usize::try_from(u32_at(pair, 8)?).ok()?;
        let value = name_len.checked_next_multiple_of(4)?.checked_add(12)?;
        let found = pair.get(12..)?.get(..name_len)?;
        // Type and count of elements stand before the value.
        if found == name.as_bytes() && u32_at(pair, value)? == kind {
            return pair.get(value.checked_add(8)?..);
        }
        pairs = pairs.get(size..)?;
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_be_bytes)
}

fn text(value: &[u8]) -> Option<String> {
    let len = usize::try_from(u32_at(value, 0)?).ok()?;
    Some(String::from_utf8_lossy(value.get(4..)?.get(..len)?).into_owned())
}

fn number(value: &[u8]) -> Option<String> {
    value.first_chunk().copied().map(|bytes| u64::from_be_bytes(bytes).to_string())
}
