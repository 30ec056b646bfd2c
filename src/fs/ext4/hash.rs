//! The hash by which large directories are ordered ("Hash Tree Directories",
//! <https://docs.kernel.org/filesystems/ext4/dynamic.html#hash-tree-directories>): half MD4.
//!
//! The compression is that of MD4 (RFC 1320) cut down: eight words of input instead of sixteen, and
//! eight steps a round.

use uuid::Uuid;

/// What all names of one file system are hashed with: the four words of `s_hash_seed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HashSeed([u32; 4]);

/// Hash of a name: `major` places it in the tree, `minor` orders equal majors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NameHash {
    /// Even, and never the value that means "end of directory".
    pub major: u32,
    /// The other half.
    pub minor: u32,
}

/// RFC 1320's initial value, in force where the seed is zero.
const INITIAL: [u32; 4] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476];
/// A `major` that directory positions use for the end.
const END: u32 = 0xFFFF_FFFE;
/// Bytes of a name that go into one compression.
const CHUNK: usize = 32;

impl HashSeed {
    /// The seed as the sixteen bytes of `s_hash_seed`.
    pub fn new(bytes: Uuid) -> Self {
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().zip(bytes.as_bytes().as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        Self(words)
    }

    /// The seed from the words as the superblock has them.
    pub const fn from_words(words: [u32; 4]) -> Self {
        Self(words)
    }

    /// The words of `s_hash_seed`.
    pub const fn words(self) -> [u32; 4] {
        self.0
    }

    /// Hashes `name`, its bytes taken as `signedness` says.
    pub fn hash(self, name: &[u8], signedness: Signedness) -> NameHash {
        let mut state = if self.0 == [0; 4] { INITIAL } else { self.0 };
        let mut rest = name;
        while !rest.is_empty() {
            compress(&mut state, &words_of(rest, signedness));
            rest = &rest[rest.len().min(CHUNK)..];
        }
        // The lowest bit belongs to the tree: it marks a hash that continues from the block before.
        let major = state[1] & !1;
        NameHash { major: if major == END { END - 2 } else { major }, minor: state[2] }
    }
}

/// How the bytes of a name above 127 are widened, which `s_flags` records because it was once left to
/// the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signedness {
    /// As negative numbers: what we write.
    Signed,
    /// As they are.
    Unsigned,
}

/// Up to [`CHUNK`] bytes as eight words, most significant byte first, filled up with the length of
/// all that is left.
fn words_of(rest: &[u8], signedness: Signedness) -> [u32; 8] {
    let length = u32::try_from(rest.len() & 0xFF).unwrap_or(0);
    let padding = length * 0x0101_0101;
    let mut words = [padding; 8];
    for (word, bytes) in words.iter_mut().zip(rest[..rest.len().min(CHUNK)].chunks(4)) {
        for byte in bytes {
            let value = match signedness {
                Signedness::Signed => i32::from(byte.cast_signed()).cast_unsigned(),
                Signedness::Unsigned => u32::from(*byte),
            };
            *word = value.wrapping_add(*word << 8);
        }
    }
    words
}

/// RFC 1320's F, G and H.
fn choose(x: u32, y: u32, z: u32) -> u32 {
    z ^ (x & (y ^ z))
}

fn majority(x: u32, y: u32, z: u32) -> u32 {
    (x & y).wrapping_add((x ^ y) & z)
}

fn parity(x: u32, y: u32, z: u32) -> u32 {
    x ^ y ^ z
}

/// A round: its function, its constant, the order of input words, and four rotations in turn.
struct Round {
    mix: fn(u32, u32, u32) -> u32,
    constant: u32,
    order: [usize; 8],
    rotations: [u32; 4],
}

/// The constants are the roots of 2 and 3 of RFC 1320, section 3.4.
const ROUNDS: [Round; 3] = [
    Round { mix: choose, constant: 0, order: [0, 1, 2, 3, 4, 5, 6, 7], rotations: [3, 7, 11, 19] },
    Round { mix: majority, constant: 0x5A82_7999, order: [1, 3, 5, 7, 0, 2, 4, 6], rotations: [3, 5, 9, 13] },
    Round { mix: parity, constant: 0x6ED9_EBA1, order: [3, 7, 2, 6, 1, 5, 0, 4], rotations: [3, 9, 11, 15] },
];

fn compress(state: &mut [u32; 4], input: &[u32; 8]) {
    let [mut a, mut b, mut c, mut d] = *state;
    for round in &ROUNDS {
        for (word, rotation) in round.order.iter().zip(round.rotations.iter().cycle()) {
            let sum =
                a.wrapping_add((round.mix)(b, c, d)).wrapping_add(input[*word]).wrapping_add(round.constant);
            // Each step computes the next of a, d, c, b: the four change places instead.
            (a, b, c, d) = (d, sum.rotate_left(*rotation), b, c);
        }
    }
    for (word, change) in state.iter_mut().zip([a, b, c, d]) {
        *word = word.wrapping_add(change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `debugfs -R "dx_hash -h half_md4 -s SEED NAME"` of e2fsprogs 1.47, whose hash is signed.
    #[test]
    fn hashes_are_those_of_e2fsprogs() {
        let seed = HashSeed::new(Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef));
        let cases: [(&[u8], u32, u32); 4] = [
            (b"a", 0x35dc_0cc4, 0x3f1d_acef),
            (b"hello-world.txt", 0x0530_aafa, 0x5375_215c),
            (b"0123456789abcdef0123456789abcdef0123456789abcdef", 0xeddc_7418, 0x3c3c_0810),
            ("grün".as_bytes(), 0x31cb_1010, 0x236c_ad79),
        ];
        for (name, major, minor) in cases {
            let expected = NameHash { major, minor };
            assert_eq!(seed.hash(name, Signedness::Signed), expected, "{}", name.escape_ascii());
        }
    }

    #[test]
    fn only_bytes_above_127_depend_on_signedness() {
        let seed = HashSeed::new(Uuid::from_u128(7));
        let differs =
            |name: &[u8]| seed.hash(name, Signedness::Signed) != seed.hash(name, Signedness::Unsigned);
        assert!(!differs(b"plain"));
        assert!(differs("grün".as_bytes()));
    }
}
