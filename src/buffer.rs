//! Buffers that are used again: making and clearing one anew for every file costs a tenth of copying it.

use std::cell::RefCell;

/// Calls `use_it` with a buffer of `len` bytes, whatever they are. Calls may be nested: each has its own.
pub fn with_buffer<R>(len: usize, use_it: impl FnOnce(&mut [u8]) -> R) -> R {
    thread_local!(static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) });
    let mut buffer = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
    if buffer.len() < len {
        buffer.resize(len, 0);
    }
    let result = use_it(&mut buffer[..len]);
    SPARE.with_borrow_mut(|spare| spare.push(buffer));
    result
}

/// Bytes to which more are added. Emptied, it keeps what lay in it as room for what comes, which is not cleared again.
#[derive(Debug, Default)]
pub struct Appended {
    bytes: Vec<u8>,
    len: usize,
}

impl Appended {
    /// Takes all away.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Room for `len` bytes more, with whatever lies there; [`keep`](Self::keep) adds the first of them.
    pub fn room(&mut self, len: usize) -> &mut [u8] {
        let end = self.len + len;
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        &mut self.bytes[self.len..end]
    }

    /// Adds the first `len` bytes of the room.
    pub fn keep(&mut self, len: usize) {
        self.len = (self.len + len).min(self.bytes.len());
    }

    /// All that was added.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_calls_have_buffers_of_their_own() {
        let sum = with_buffer(4, |outer| {
            outer.fill(1);
            with_buffer(2, |inner| inner.fill(7));
            outer.iter().sum::<u8>()
        });
        assert_eq!(sum, 4);
        assert_eq!(with_buffer(9, |buffer| buffer.len()), 9);
    }

    #[test]
    fn what_is_added_is_there_and_what_was_is_not() {
        let mut bytes = Appended::default();
        for (text, kept) in [("first", 5), ("second", 3), ("", 0)] {
            bytes.room(text.len()).copy_from_slice(text.as_bytes());
            bytes.keep(kept);
        }
        assert_eq!(bytes.as_slice(), b"firstsec");
        bytes.clear();
        assert_eq!(bytes.as_slice(), b"");
        assert_eq!(bytes.room(9).len(), 9);
    }
}
