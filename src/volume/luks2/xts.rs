//! AES-XTS with dm-crypt's `plain64` IV, a whole sector at a time.
//!
//! Source: IEEE Std 1619-2018; the tweak of a sector is the encryption, under the second key, of the
//! sector's number as 128 bits little-endian. All tweaks of a sector are computed first, so that the
//! cipher gets its blocks in one batch and keeps its pipelines full.

use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit, consts::U16};
use aes::{Aes128, Aes256};

/// One block of AES.
type AesBlock = Array<u8, U16>;

/// The largest sector that LUKS2 encrypts as one.
const MAX_SECTOR: usize = 4096;

/// A pair of AES keys, expanded.
#[derive(Clone)]
enum Keys {
    Aes128 { data: Box<Aes128>, tweak: Box<Aes128> },
    Aes256 { data: Box<Aes256>, tweak: Box<Aes256> },
}

/// Encrypts and decrypts sectors.
#[derive(Clone)]
pub(super) struct Xts {
    keys: Keys,
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// Plain to cipher text.
    Encrypt,
    /// Cipher to plain text.
    Decrypt,
}

impl Xts {
    /// The cipher for a key of 32 (AES-128) or 64 bytes (AES-256): first half data, second half tweaks.
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        let (data, tweak) = key.split_at(key.len() / 2);
        let keys = match key.len() {
            32 => Keys::Aes128 {
                data: Box::new(Aes128::new_from_slice(data).ok()?),
                tweak: Box::new(Aes128::new_from_slice(tweak).ok()?),
            },
            64 => Keys::Aes256 {
                data: Box::new(Aes256::new_from_slice(data).ok()?),
                tweak: Box::new(Aes256::new_from_slice(tweak).ok()?),
            },
            _ => return None,
        };
        Some(Self { keys })
    }

    /// Works on `data` in place: whole sectors of `sector_size` bytes, the first of them numbered
    /// `first` in units of 512 bytes, as dm-crypt counts by default.
    pub(super) fn apply(&self, direction: Direction, data: &mut [u8], sector_size: usize, first: u64) {
        match &self.keys {
            Keys::Aes128 { data: key, tweak } => apply(&**key, &**tweak, direction, data, sector_size, first),
            Keys::Aes256 { data: key, tweak } => apply(&**key, &**tweak, direction, data, sector_size, first),
        }
    }
}

fn apply<C: BlockCipherEncrypt<BlockSize = U16> + BlockCipherDecrypt<BlockSize = U16>>(
    key: &C,
    tweak_key: &C,
    direction: Direction,
    data: &mut [u8],
    sector_size: usize,
    first: u64,
) {
    let mut tweaks = [AesBlock::default(); MAX_SECTOR / 16];
    let step = crate::units::u64_of(sector_size / 512);
    let mut number = first;
    for sector in data.chunks_exact_mut(sector_size) {
        let blocks = AesBlock::slice_as_chunks_mut(sector).0;
        fill_tweaks(tweak_key, number, &mut tweaks[..blocks.len()]);
        whiten(blocks, &tweaks);
        match direction {
            Direction::Encrypt => key.encrypt_blocks(blocks),
            Direction::Decrypt => key.decrypt_blocks(blocks),
        }
        whiten(blocks, &tweaks);
        number = number.wrapping_add(step);
    }
}

fn fill_tweaks<C: BlockCipherEncrypt<BlockSize = U16>>(tweak_key: &C, number: u64, tweaks: &mut [AesBlock]) {
    let mut first = AesBlock::from(u128::from(number).to_le_bytes());
    tweak_key.encrypt_block(&mut first);
    let mut tweak = u128::from_le_bytes(first.into());
    for place in tweaks {
        *place = tweak.to_le_bytes().into();
        // Multiplication by x in GF(2^128), modulo x^128 + x^7 + x^2 + x + 1.
        let carry = if tweak >> 127 == 1 { 0x87 } else { 0 };
        tweak = (tweak << 1) ^ carry;
    }
}

fn whiten(blocks: &mut [AesBlock], tweaks: &[AesBlock]) {
    for (block, tweak) in blocks.iter_mut().zip(tweaks) {
        let mixed = u128::from_ne_bytes((*block).into()) ^ u128::from_ne_bytes((*tweak).into());
        *block = mixed.to_ne_bytes().into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// IEEE 1619-2018, annex B, vector 2 (first 32 bytes, as a sector of its own size).
    #[test]
    fn the_standards_vector_comes_out() {
        let key: Vec<u8> = [[0x11; 16], [0x22; 16]].concat();
        let mut data = vec![0x44; 32];
        let xts = Xts::new(&key).unwrap();
        xts.apply(Direction::Encrypt, &mut data, 32, 0x33_3333_3333);
        let expected = "c454185e6a16936e39334038acef838bfb186fff7480adc4289382ecd6d394f0";
        let hex: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected);
        xts.apply(Direction::Decrypt, &mut data, 32, 0x33_3333_3333);
        assert_eq!(data, vec![0x44; 32]);
    }

    #[test]
    fn keys_of_other_sizes_are_refused() {
        assert!(Xts::new(&[0; 48]).is_none());
        assert!(Xts::new(&[]).is_none());
    }
}
