//! Telling in a moment that bytes cannot be compressed, before a slow compressor tries for long.
//!
//! Files that are compressed already (archives, pictures, kernel modules) are a good part of a system, and a
//! high level spends more time on them than on others. A sample whose bytes are as good as equally frequent
//! raises the suspicion, the fastest level of zstd confirms it.

use super::error::SquashfsError;
use crate::fs::entropy::looks_random;

/// Blocks below this size are not worth a test.
const WORTH_TESTING: usize = 64 << 10;
/// What is saved at least, as one in so many, for a block to be compressed.
const LEAST_GAIN: usize = 100;

/// The test, with the memory that it needs.
pub(super) struct Trial {
    fast: zstd::bulk::Compressor<'static>,
    buffer: Vec<u8>,
}

impl Trial {
    /// A test that can be repeated.
    pub(super) fn new() -> Result<Self, SquashfsError> {
        let fast = zstd::bulk::Compressor::new(1)
            .map_err(|error| SquashfsError::Compress { algorithm: "zstd", why: error.to_string() })?;
        Ok(Self { fast, buffer: Vec::new() })
    }

    /// Whether compressing `input` is a waste of time.
    pub(super) fn is_hopeless(&mut self, input: &[u8]) -> Result<bool, SquashfsError> {
        if input.len() < WORTH_TESTING || !looks_random(input) {
            return Ok(false);
        }
        // Room for less than what must be saved: where it is not enough, nothing is to be gained.
        self.buffer.resize(input.len() - input.len() / LEAST_GAIN, 0);
        Ok(self.fast.compress_to_buffer(input, self.buffer.as_mut_slice()).is_err())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes without any order, from a linear congruential generator.
    fn noise(len: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            crate::units::low_u8(state >> 56)
        };
        (0..len).map(|_| next()).collect()
    }

    #[test]
    fn noise_is_hopeless_and_text_is_not() {
        let mut trial = Trial::new().unwrap();
        let noise = noise(1 << 20);
        assert!(trial.is_hopeless(&noise).unwrap());
        let text = b"the quick brown fox jumps over the lazy dog. ".repeat(20_000);
        assert!(!trial.is_hopeless(&text).unwrap());
    }

    #[test]
    fn noise_that_repeats_is_not_hopeless() {
        let mut trial = Trial::new().unwrap();
        // Not a divisor of the sample's steps.
        let repeated = noise(33_331).repeat(31);
        assert!(looks_random(&repeated));
        assert!(!trial.is_hopeless(&repeated).unwrap());
    }

    #[test]
    fn short_blocks_are_not_tested() {
        assert!(!Trial::new().unwrap().is_hopeless(&noise(1000)).unwrap());
    }
}
