//! Nix's names for content: base 32 digests and content-addressed store paths.
//!
//! The rules are those of the Nix manual, "Complete store path calculation": a path's digest is the
//! SHA-256 of a description, folded to 160 bits by exclusive or, in Nix's own base 32.

use sha2::{Digest as _, Sha256};

/// Where store paths live.
pub(super) const STORE: &str = "/nix/store";

/// Letters of Nix's base 32: no `e`, `o`, `u`, `t`.
const ALPHABET: &[u8; 32] = b"0123456789abcdfghijklmnpqrsvwxyz";

/// Bytes of the digest in a store path's name.
const PATH_DIGEST: usize = 20;

/// Nix's base 32: five bits a letter, the most significant letter first.
pub(super) fn base32(bytes: &[u8]) -> String {
    let letters = (bytes.len() * 8).div_ceil(5);
    let letter = |index: usize| {
        let bit = index * 5;
        let low = u16::from(bytes[bit / 8]);
        let high = u16::from(bytes.get(bit / 8 + 1).copied().unwrap_or(0));
        usize::from(((high << 8 | low) >> (bit % 8)) & 31)
    };
    (0..letters).rev().map(|index| char::from(ALPHABET[letter(index)])).collect()
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 of a byte string.
pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The store path of a tree whose archive hash is `nar_sha256`, that refers to `references` (sorted full
/// paths) and not to itself.
pub(super) fn source_path(name: &str, nar_sha256: &[u8; 32], references: &[String]) -> String {
    let mut kind = "source".to_owned();
    for reference in references {
        kind.push(':');
        kind.push_str(reference);
    }
    path_of(&format!("{kind}:sha256:{}:{STORE}:{name}", hex(nar_sha256)), name)
}

/// The store path of a tree that refers to itself: named, as the output of a derivation is, after what it
/// was made from, here its own archive with every mention of itself replaced by [`PLACEHOLDER`].
pub(super) fn output_path(name: &str, masked_sha256: &[u8; 32]) -> String {
    path_of(&format!("output:out:sha256:{}:{STORE}:{name}", hex(masked_sha256)), name)
}

/// Stands for a path's own digest while that is not yet known.
pub(super) const PLACEHOLDER: &str = "00000000000000000000000000000000";

fn path_of(description: &str, name: &str) -> String {
    let mut folded = [0; PATH_DIGEST];
    for (index, byte) in sha256(description.as_bytes()).into_iter().enumerate() {
        folded[index % PATH_DIGEST] ^= byte;
    }
    format!("{STORE}/{}-{name}", base32(&folded))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The archive of a small tree whose store path the real Nix computed.
    const NAR: [u8; 32] = [
        0x08, 0x50, 0xe0, 0x21, 0x06, 0x0f, 0x2a, 0xb1, 0x57, 0x97, 0x60, 0x53, 0xa8, 0xca, 0xdf, 0xa4, 0xf2,
        0xf6, 0xf9, 0xbc, 0xd5, 0xd5, 0x7d, 0xae, 0xd0, 0x26, 0x92, 0x49, 0xd3, 0xc8, 0x70, 0xcf,
    ];

    #[test]
    fn base32_is_nix_s() {
        assert_eq!(base32(&NAR), "1kvhr39lk4i6s2p7vmfmpkwzdwm4vz5ahlv0jxbv2ahg0qhy0l08");
    }

    #[test]
    fn a_source_path_without_references_is_what_nix_computes() {
        assert_eq!(source_path("src", &NAR, &[]), "/nix/store/nqxa5k8g6ny7l8ckvlpnxs4796chcyw8-src");
    }

    #[test]
    fn references_and_name_both_change_the_path() {
        let plain = source_path("src", &NAR, &[]);
        assert_ne!(plain, source_path("src", &NAR, &["/nix/store/x".to_owned()]));
        assert_ne!(plain[..43], source_path("other", &NAR, &[])[..43]);
    }
}
