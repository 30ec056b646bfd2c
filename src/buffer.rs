//! Buffers that a thread keeps: making and clearing one anew for every file costs a tenth of copying it.

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
}
