//! Who owns which bytes: two owners of one byte are found when the second one asks.

use std::collections::BTreeMap;

use crate::units::ByteRange;

/// Two owners want the same bytes: a mistake of the layout that was computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{new}` at {new_range} overlaps `{old}` at {old_range}")]
pub struct ClaimError {
    new: String,
    new_range: String,
    old: String,
    old_range: String,
}

/// The claimed ranges of one Block.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    by_start: BTreeMap<u64, (ByteRange, String)>,
}

impl Claims {
    /// Claims `range` for `owner`; fails when a byte of it has an owner. An empty range claims nothing.
    pub fn claim(&mut self, range: ByteRange, owner: impl Into<String>) -> Result<(), ClaimError> {
        let owner = owner.into();
        if range.is_empty() {
            return Ok(());
        }
        // Claims do not overlap, so only the last one that starts before our end can reach into us.
        let before = self.by_start.range(..range.end()).next_back();
        if let Some((_, (old_range, old))) = before.filter(|(_, (old, _))| old.overlaps(range)) {
            return Err(ClaimError {
                new: owner,
                new_range: range.to_string(),
                old: old.clone(),
                old_range: old_range.to_string(),
            });
        }
        self.by_start.insert(range.start(), (range, owner));
        Ok(())
    }

    /// All claims in the order of their addresses.
    pub fn iter(&self) -> impl Iterator<Item = (ByteRange, &str)> {
        self.by_start.values().map(|(range, owner)| (*range, owner.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_owner_of_a_byte_is_told_of_the_first() {
        let range = |start, len| ByteRange::new(start, len).unwrap();
        let mut claims = Claims::default();
        claims.claim(range(0, 100), "superblock").unwrap();
        claims.claim(range(100, 50), "bitmap").unwrap();
        for overlapping in [range(99, 1), range(0, 1000), range(120, 1), range(149, 10)] {
            assert!(claims.claim(overlapping, "journal").is_err(), "{overlapping}");
        }
        let error = claims.claim(range(140, 20), "journal").unwrap_err();
        assert_eq!(error.to_string(), "`journal` at 140..160 overlaps `bitmap` at 100..150");
        claims.claim(range(150, 1), "journal").unwrap();
    }
}
