//! From a passphrase to the key of a keyslot's area, and from a key to its digest.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

use super::Luks2Error;
use super::metadata::{Argon2, Digest, Kdf};
use crate::units::usize_of;

/// The most memory for Argon2 that we take from a header, in KiB: the largest that cryptsetup writes (4 GiB).
const MAX_MEMORY: u32 = 4 << 20;

/// The key of `key_size` bytes that `passphrase` gives.
pub(super) fn derive(kdf: &Kdf, passphrase: &[u8], key_size: u32) -> Result<Zeroizing<Vec<u8>>, Luks2Error> {
    let mut key = Zeroizing::new(vec![0; usize_of(key_size.into())]);
    match kdf {
        Kdf::Pbkdf2 { salt, hash, iterations } => {
            pbkdf2(hash, passphrase, &decode(salt)?, *iterations, &mut key)?
        }
        Kdf::Argon2id(costs) => argon2(argon2::Algorithm::Argon2id, costs, passphrase, &mut key)?,
        Kdf::Argon2i(costs) => argon2(argon2::Algorithm::Argon2i, costs, passphrase, &mut key)?,
    }
    Ok(key)
}

/// Whether `key` is the one that `digest` was made from.
pub(super) fn digest_matches(digest: &Digest, key: &[u8]) -> Result<bool, Luks2Error> {
    let expected = decode(&digest.digest)?;
    let mut found = vec![0; expected.len()];
    pbkdf2(&digest.hash, key, &decode(&digest.salt)?, digest.iterations, &mut found)?;
    // Both values are derived from the key and public salt; the comparison leaks nothing of use.
    Ok(!expected.is_empty() && found == expected)
}

/// PBKDF2 (RFC 8018, section 5.2) with HMAC of the named hash.
pub(super) fn pbkdf2(
    hash: &str,
    secret: &[u8],
    salt: &[u8],
    iterations: u32,
    out: &mut [u8],
) -> Result<(), Luks2Error> {
    match hash {
        "sha256" => ::pbkdf2::pbkdf2::<hmac::Hmac<Sha256>>(secret, salt, iterations, out),
        "sha512" => ::pbkdf2::pbkdf2::<hmac::Hmac<Sha512>>(secret, salt, iterations, out),
        other => return Err(Luks2Error::Unsupported(format!("hash `{other}`"))),
    }
    .map_err(|error| Luks2Error::Corrupt(format!("key derivation: {error}")))
}

fn argon2(
    algorithm: argon2::Algorithm,
    costs: &Argon2,
    secret: &[u8],
    out: &mut [u8],
) -> Result<(), Luks2Error> {
    if costs.memory > MAX_MEMORY {
        return Err(Luks2Error::Unsupported(format!("Argon2 with {} KiB of memory", costs.memory)));
    }
    let bad = |error: argon2::Error| Luks2Error::Corrupt(format!("Argon2 costs: {error}"));
    let params = argon2::Params::new(costs.memory, costs.time, costs.cpus, Some(out.len())).map_err(bad)?;
    argon2::Argon2::new(algorithm, argon2::Version::V0x13, params)
        .hash_password_into(secret, &decode(&costs.salt)?, out)
        .map_err(bad)
}

/// Base64 as the JSON area has it.
pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

fn decode(text: &str) -> Result<Vec<u8>, Luks2Error> {
    STANDARD.decode(text).map_err(|error| Luks2Error::Corrupt(format!("Base64 in the JSON area: {error}")))
}
