//! What was made of blocks last: decompressed, checked.

use std::collections::VecDeque;

/// Values by the offsets of the blocks that they come from, as many as fit a number of bytes. Those used longest ago go
/// first.
#[derive(Debug)]
pub struct Cache<V> {
    /// The one used last at the back, each with its weight.
    values: VecDeque<(u64, usize, V)>,
    weight: usize,
    weight_max: usize,
}

impl<V: Clone> Cache<V> {
    /// A cache for `weight_max` bytes, and for one value in any case.
    pub fn new(weight_max: usize) -> Self {
        Self { values: VecDeque::new(), weight: 0, weight_max }
    }

    /// The value of the block at `offset`, if it is still there.
    pub fn get(&mut self, offset: u64) -> Option<V> {
        let at = self.values.iter().rposition(|(key, ..)| *key == offset)?;
        // There is a value at the place that was just found.
        let value = self.values.remove(at)?;
        let found = value.2.clone();
        self.values.push_back(value);
        Some(found)
    }

    /// Keeps `value`, of `weight` bytes, in place of those used longest ago.
    pub fn put(&mut self, offset: u64, weight: usize, value: V) {
        if self.values.iter().any(|(key, ..)| *key == offset) {
            return;
        }
        self.values.push_back((offset, weight, value));
        self.weight += weight;
        while self.weight > self.weight_max && self.values.len() > 1 {
            if let Some((_, gone, _)) = self.values.pop_front() {
                self.weight -= gone;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let mut cache = Cache::new(10);
        for offset in [1, 2] {
            cache.put(offset, 5, offset);
        }
        assert_eq!(cache.get(1), Some(1));
        cache.put(3, 5, 3);
        assert_eq!((cache.get(1), cache.get(2), cache.get(3)), (Some(1), None, Some(3)));
        cache.put(4, 50, 4);
        assert_eq!((cache.get(3), cache.get(4)), (None, Some(4)));
    }
}
