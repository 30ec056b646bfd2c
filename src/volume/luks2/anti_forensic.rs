//! The anti-forensic splitter of LUKS: a key spread over so many bytes that losing any of them loses it.
//!
//! Source: LUKS1 On-Disk Format Specification 1.2.3, section 2.4. The diffusion hashes each digest-sized
//! chunk of a stripe with its number (32 bits, big-endian) in front; a last partial chunk keeps the
//! first bytes of its hash.

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Size of the digest that diffuses, in bytes.
const DIGEST: usize = 32;

/// Splits `key`. `filler` provides all stripes but the last, whose contents follow; it must be random.
pub(super) fn split(key: &[u8], mut filler: Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
    let mut state = Zeroizing::new(vec![0; key.len()]);
    for stripe in filler.chunks_exact(key.len()) {
        xor(&mut state, stripe);
        diffuse(&mut state);
    }
    xor(&mut state, key);
    filler.extend_from_slice(&state);
    filler
}

/// The key of `key_size` bytes that was split into `material`, whose size is a multiple of it.
pub(super) fn merge(material: &[u8], key_size: usize) -> Zeroizing<Vec<u8>> {
    let mut state = Zeroizing::new(vec![0; key_size]);
    let last = material.len() / key_size - 1;
    for (index, stripe) in material.chunks_exact(key_size).enumerate() {
        xor(&mut state, stripe);
        if index < last {
            diffuse(&mut state);
        }
    }
    state
}

fn xor(state: &mut [u8], stripe: &[u8]) {
    for (byte, other) in state.iter_mut().zip(stripe) {
        *byte ^= other;
    }
}

fn diffuse(state: &mut [u8]) {
    for (number, chunk) in (0_u32..).zip(state.chunks_mut(DIGEST)) {
        let digest = Sha256::new().chain_update(number.to_be_bytes()).chain_update(&*chunk).finalize();
        chunk.copy_from_slice(&digest[..chunk.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_split_comes_back_and_one_bit_lost_loses_it() {
        for key_size in [32, 48, 64] {
            let key: Vec<u8> = (0..key_size).collect();
            let filler = Zeroizing::new(
                (0..usize::from(key_size) * 3999).map(|i| (i % 251).try_into().unwrap()).collect(),
            );
            let mut material = split(&key, filler);
            assert_eq!(material.len(), key.len() * 4000);
            assert_eq!(*merge(&material, key.len()), key);
            material[17] ^= 1;
            assert_ne!(*merge(&material, key.len()), key);
        }
    }
}
