//! Access control lists: between the format that `getxattr` exchanges and the shorter one on disk.
//!
//! The exchange format gives every entry an id; the disk gives one only to named users and groups, and
//! has another version number ("POSIX ACLs"). A kernel refuses lists that it finds in the wrong one.

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, IntoBytes};

use super::error::Unfit;
use super::format::xattr::acl::{
    DISK_VERSION, EXCHANGE_VERSION, GROUP, GROUP_OBJ, LongEntry, MASK, NO_ID, OTHER, ShortEntry, USER,
    USER_OBJ,
};

/// Bytes of the version in front of the entries.
const VERSION_SIZE: usize = 4;

/// The list for the disk. Fails on what is no valid list: the kernel would not take it either.
pub(super) fn to_disk(exchange: &[u8]) -> Result<Vec<u8>, Unfit> {
    let (version, rest) = U32::read_from_prefix(exchange).map_err(|_| Unfit::Acl("has no version"))?;
    if version.get() != EXCHANGE_VERSION {
        return Err(Unfit::Acl("has an unknown version"));
    }
    let entries = <[LongEntry]>::ref_from_bytes(rest).map_err(|_| Unfit::Acl("ends within an entry"))?;
    check_order(entries)?;
    let mut disk = DISK_VERSION.to_le_bytes().to_vec();
    for entry in entries {
        match entry.e_tag.get() {
            USER | GROUP => disk.extend_from_slice(entry.as_bytes()),
            _ => {
                let short = ShortEntry { e_tag: entry.e_tag, e_perm: entry.e_perm };
                disk.extend_from_slice(short.as_bytes());
            }
        }
    }
    Ok(disk)
}

/// The list as `getxattr` returns it; `None` when the disk holds no list.
pub(super) fn to_exchange(disk: &[u8]) -> Option<Vec<u8>> {
    let (version, mut rest) = U32::read_from_prefix(disk).ok()?;
    if version.get() != DISK_VERSION {
        return None;
    }
    let mut exchange = Vec::with_capacity(VERSION_SIZE + rest.len() * 2);
    exchange.extend_from_slice(&EXCHANGE_VERSION.to_le_bytes());
    while !rest.is_empty() {
        let (tag, _) = U16::read_from_prefix(rest).ok()?;
        let (entry, behind) = match tag.get() {
            USER | GROUP => LongEntry::read_from_prefix(rest).ok()?,
            USER_OBJ | GROUP_OBJ | MASK | OTHER => {
                let (short, behind) = ShortEntry::read_from_prefix(rest).ok()?;
                (LongEntry { e_tag: short.e_tag, e_perm: short.e_perm, e_id: U32::new(NO_ID) }, behind)
            }
            _ => return None,
        };
        exchange.extend_from_slice(entry.as_bytes());
        rest = behind;
    }
    Some(exchange)
}

/// A valid list names owner, users, group, groups, mask, others in this order; the mask may be missing
/// only where no user or group is named (acl(5), "Valid ACLs").
fn check_order(entries: &[LongEntry]) -> Result<(), Unfit> {
    let tags: Vec<u16> = entries.iter().map(|entry| entry.e_tag.get()).collect();
    if !tags.is_sorted()
        || tags.iter().any(|tag| ![USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER].contains(tag))
    {
        return Err(Unfit::Acl("has entries out of order or of unknown kinds"));
    }
    let count = |tag| tags.iter().filter(|candidate| **candidate == tag).count();
    if [USER_OBJ, GROUP_OBJ, OTHER].map(count) != [1; 3] || count(MASK) > 1 {
        return Err(Unfit::Acl("does not have owner, group and others once each"));
    }
    if count(USER) + count(GROUP) > 0 && count(MASK) == 0 {
        return Err(Unfit::Acl("names users or groups and has no mask"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The list `u::rwx,u:1000:r-x,g::r-x,m::rwx,o::---` in exchange format.
    fn exchange(entries: &[(u16, u16, u32)]) -> Vec<u8> {
        let mut bytes = EXCHANGE_VERSION.to_le_bytes().to_vec();
        for (tag, perm, id) in entries {
            bytes.extend_from_slice(&tag.to_le_bytes());
            bytes.extend_from_slice(&perm.to_le_bytes());
            bytes.extend_from_slice(&id.to_le_bytes());
        }
        bytes
    }

    const GOOD: [(u16, u16, u32); 5] =
        [(USER_OBJ, 7, NO_ID), (USER, 5, 1000), (GROUP_OBJ, 5, NO_ID), (MASK, 7, NO_ID), (OTHER, 0, NO_ID)];

    #[test]
    fn lists_survive_the_way_to_disk_and_back() {
        let list = exchange(&GOOD);
        let disk = to_disk(&list).unwrap();
        assert_eq!(disk.len(), 4 + 4 * 4 + 8, "only the named user's entry is long");
        assert_eq!(to_exchange(&disk), Some(list));
    }

    #[test]
    fn invalid_lists_are_refused() {
        let without = |tag| exchange(&GOOD.into_iter().filter(|entry| entry.0 != tag).collect::<Vec<_>>());
        for tag in [USER_OBJ, GROUP_OBJ, OTHER, MASK] {
            assert!(matches!(to_disk(&without(tag)), Err(Unfit::Acl(_))), "{tag}");
        }
        assert!(to_disk(&without(USER)).is_ok());
        assert!(to_disk(&[]).is_err());
        assert!(to_disk(&exchange(&GOOD)[..10]).is_err());
        let mut reversed = GOOD;
        reversed.reverse();
        assert!(to_disk(&exchange(&reversed)).is_err());
    }
}
