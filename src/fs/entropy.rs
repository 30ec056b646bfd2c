//! Telling without compressing them that bytes are in no order that a compressor could use.

use crate::units::{u64_of, usize_of};

/// How many pieces the sample has.
const PIECES: usize = 16;
/// Bytes of each.
const PIECE: usize = 2 << 10;
/// The sample's length; what is shorter is not judged.
pub(super) const SAMPLE: usize = PIECES * PIECE;

/// What files begin with whose content is compressed as well as zstd could: gzip (RFC 1952), xz, Zstandard (RFC 8878), bzip2.
const COMPRESSED: [&[u8]; 4] = [b"\x1f\x8b\x08", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"BZh"];
/// As much of a file's beginning as [`is_compressed`] looks at.
pub(super) const HEAD: usize = 6;

/// Whether a file that begins with `head` says that it is compressed.
pub(super) fn is_compressed(head: &[u8]) -> bool {
    COMPRESSED.iter().any(|magic| head.starts_with(magic))
}

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
    fn compressed_files_are_told_by_how_they_begin() {
        let data = b"the quick brown fox ".repeat(100);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gzip, &data).unwrap();
        let zstd = zstd::bulk::compress(&data, 3).unwrap();
        for compressed in [gzip.finish().unwrap(), zstd, b"\xfd7zXZ\0\0\x04".to_vec(), b"BZh91AY".to_vec()] {
            assert!(is_compressed(&compressed[..HEAD]), "{:x?}", &compressed[..HEAD]);
            assert!(!is_compressed(&compressed[..2]));
        }
        assert!(!is_compressed(&data));
    }

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
