//! Extended attributes: sets that nodes share, values that sets share.

use std::collections::{BTreeMap, HashMap};

use zerocopy::IntoBytes;

use super::error::{SquashfsError, Unfit};
use super::format::table::{
    XATTR_ELSEWHERE, XATTR_NAME_MAX, XATTR_PREFIXES, XATTR_VALUE_MAX, XattrEntry, XattrId, XattrTable,
};
use super::format::{MetadataRef, NO_TABLE, NONE};
use super::metadata::{MetadataPacker, MetadataWriter};
use super::output::Output;
use crate::tree::{NodeId, Xattr};
use crate::units::{low_u16, u64_of};

/// A value from this length on is stored once, however many have it. What stands in its place takes 8 bytes.
const SHARED_FROM: usize = 16;

/// All attributes of a tree.
#[derive(Debug, Default)]
pub(super) struct Xattrs {
    /// Each different set, in the order of its first use.
    sets: Vec<Vec<Xattr>>,
    /// Never iterated: its order reaches nothing.
    by_set: HashMap<Vec<Xattr>, u32>,
    by_node: BTreeMap<NodeId, u32>,
}

impl Xattrs {
    /// Takes note of what node `id` has.
    pub(super) fn add(&mut self, id: NodeId, xattrs: &[Xattr]) -> Result<(), Unfit> {
        if xattrs.is_empty() {
            return Ok(());
        }
        for Xattr { name, value } in xattrs {
            let shown = || String::from_utf8_lossy(name).into_owned();
            if split_name(name).is_none() || name.len() > XATTR_NAME_MAX {
                return Err(Unfit::XattrName(shown()));
            }
            if value.len() > XATTR_VALUE_MAX {
                return Err(Unfit::XattrValue(shown()));
            }
        }
        let index = match self.by_set.get(xattrs) {
            Some(index) => *index,
            None => {
                let index = u32::try_from(self.sets.len()).map_err(|_| Unfit::TooMany)?;
                self.sets.push(xattrs.to_vec());
                self.by_set.insert(xattrs.to_vec(), index);
                index
            }
        };
        self.by_node.insert(id, index);
        Ok(())
    }

    /// Number of node `id`'s set; [`NONE`] without attributes.
    pub(super) fn of(&self, id: NodeId) -> u32 {
        self.by_node.get(&id).copied().unwrap_or(NONE)
    }

    /// Whether no node has attributes.
    pub(super) fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// Writes the tables; where their header is, or [`NO_TABLE`].
    pub(super) fn write(
        &self,
        packer: &MetadataPacker,
        output: &mut Output<'_>,
    ) -> Result<u64, SquashfsError> {
        if self.is_empty() {
            return Ok(NO_TABLE);
        }
        let mut values = MetadataWriter::new(packer);
        let mut ids = MetadataWriter::new(packer);
        // Never iterated.
        let mut shared: HashMap<&[u8], MetadataRef> = HashMap::new();
        for set in &self.sets {
            let xattr = values.position().0.into();
            let mut size = 0;
            for attribute in set {
                size += put(attribute, &mut values, &mut shared)?;
            }
            // A node's attributes are in memory, and no memory holds 2³² of them.
            let [count, size] =
                [set.len(), size].map(|value| u32::try_from(value).unwrap_or(u32::MAX).into());
            ids.put(XattrId { xattr, count, size }.as_bytes())?;
        }
        let xattr_table_start = values.finish(output)?.into();
        // The number of sets was checked as they were added.
        let xattr_ids = u32::try_from(self.sets.len()).unwrap_or(NONE).into();
        let header = XattrTable { xattr_table_start, xattr_ids, unused: 0.into() };
        ids.finish_table(output, header.as_bytes())
    }
}

/// Writes one attribute; how many bytes that were.
fn put<'x>(
    Xattr { name, value }: &'x Xattr,
    values: &mut MetadataWriter<'_>,
    shared: &mut HashMap<&'x [u8], MetadataRef>,
) -> Result<usize, SquashfsError> {
    // Names without a prefix were refused.
    let (prefix, rest) = split_name(name).unwrap_or((0, name));
    let elsewhere = shared.get(value.as_slice()).copied();
    let flag = if elsewhere.is_some() { XATTR_ELSEWHERE } else { 0 };
    let entry = XattrEntry { entry_type: (prefix | flag).into(), size: low_u16(u64_of(rest.len())).into() };
    values.put(entry.as_bytes())?;
    values.put(rest)?;
    let stored = match elsewhere {
        Some(place) => place.0.to_le_bytes().to_vec(),
        None => {
            if value.len() >= SHARED_FROM {
                shared.insert(value, values.position());
            }
            value.clone()
        }
    };
    // Values are at most 64 KiB.
    values.put(&u32::try_from(stored.len()).unwrap_or(u32::MAX).to_le_bytes())?;
    values.put(&stored)?;
    Ok(size_of::<XattrEntry>() + rest.len() + 4 + stored.len())
}

/// Number of the name's prefix, and the rest of the name.
fn split_name(name: &[u8]) -> Option<(u16, &[u8])> {
    let numbered = (0_u16..).zip(XATTR_PREFIXES);
    numbered.filter_map(|(number, prefix)| Some((number, name.strip_prefix(prefix)?))).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_three_namespaces_have_a_number() {
        assert_eq!(split_name(b"user.a"), Some((0, &b"a"[..])));
        assert_eq!(split_name(b"trusted.overlay.opaque"), Some((1, &b"overlay.opaque"[..])));
        assert_eq!(split_name(b"security.capability"), Some((2, &b"capability"[..])));
        assert_eq!(split_name(b"system.posix_acl_access"), None);
    }

    #[test]
    fn equal_sets_are_one_and_what_cannot_be_stored_is_named() {
        let mut tree = crate::tree::Tree::new(crate::tree::Metadata::root(0o755));
        let folder = crate::tree::Metadata::root(0o755);
        let ids = ["a", "b", "c"].map(|path| tree.make_directories(path, &folder).unwrap());
        let xattr = |name: &str, len| Xattr { name: name.into(), value: vec![7; len] };
        let mut xattrs = Xattrs::default();
        xattrs.add(ids[0], &[xattr("user.a", 3)]).unwrap();
        xattrs.add(ids[1], &[xattr("user.a", 3)]).unwrap();
        assert_eq!((xattrs.of(ids[0]), xattrs.of(ids[1]), xattrs.of(ids[2])), (0, 0, NONE));
        let refused = xattrs.add(ids[2], &[xattr("system.posix_acl_access", 4)]);
        assert_eq!(refused, Err(Unfit::XattrName("system.posix_acl_access".into())));
        assert!(xattrs.add(ids[2], &[xattr("user.large", XATTR_VALUE_MAX + 1)]).is_err());
    }
}
