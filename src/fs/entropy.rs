//! Telling from a sample that bytes are in no order that a compressor could use.

use crate::units::{u64_of, usize_of};

/// How many pieces the sample has.
const PIECES: usize = 16;
/// Bytes of each.
const PIECE: usize = 2 << 10;
/// The sample's length; what is shorter is not judged.
pub(super) const SAMPLE: usize = PIECES * PIECE;

/// Whether all values of a byte are about equally frequent in a sample of `input`, of [`SAMPLE`] bytes or more.
pub(super) fn looks_random(input: &[u8]) -> bool {
    let mut counts = [0_u64; 256];
    let step = input.len() / PIECES;
    if step < PIECE {
        return false;
    }
    for piece in 0..PIECES {
        for byte in &input[piece * step..][..PIECE] {
            counts[usize::from(*byte)] += 1;
        }
    }
    // The sum of squares is least when all are equal. In random bytes it is 1 + 256 / sample times that; the
    // tenth more stands for about 0.07 bits of entropy.
    let sample = u64_of(SAMPLE);
    let squares: u64 = counts.iter().map(|count| count * count).sum();
    let even = sample * sample / 256;
    usize_of(squares) < usize_of(even + even / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_looks_random_and_what_has_a_pattern_does_not() {
        let mut state = 1_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        })
        .take(128 << 10)
        .collect();
        assert!(looks_random(&noise));
        assert!(!looks_random(&noise[..SAMPLE - 1]), "too short to be judged");
        assert!(!looks_random(&b"the quick brown fox ".repeat(6_000)));
        assert!(!looks_random(&vec![0; 128 << 10]));
    }
}
