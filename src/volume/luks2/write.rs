//! Formatting: keys into slots, both headers, and the mapping.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
use zerocopy::IntoBytes;
use zeroize::Zeroizing;

use super::format::{
    BINARY_SIZE, BinaryHeader, CHECKSUM_OFFSET, HEADER_SIZE, MAGIC_PRIMARY, MAGIC_SECONDARY, VERSION,
    text_field,
};
use super::layout::{Layout, Options, Pbkdf, STRIPES, layout};
use super::mapping::Cipher;
use super::metadata::{AntiForensic, Area, Argon2, Config, Digest, Kdf, Keyslot, Metadata, Segment};
use super::pending::{PendingHeader, Slot, wrong_key_size};
use super::xts::Xts;
use super::{Luks2Block, Luks2Error, anti_forensic, kdf};
use crate::identity::Seed;
use crate::secret::Secret;
use crate::units::{ByteRange, u64_of, usize_of};
use crate::volume::Block;

/// The cipher of the data and of the keyslots.
const CIPHER: &str = "aes-xts-plain64";
/// Iterations of the digest: what cryptsetup uses at least; the key behind it has full entropy.
const DIGEST_ITERATIONS: u32 = 1000;
/// Bytes of a salt.
const SALT: usize = 32;

/// Where volume key, salts and stripes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Randomness {
    /// The operating system.
    System,
    /// A seed, so that tests get the same bytes each time. Everyone who knows the seed has the key.
    Seed(Seed),
}

impl Randomness {
    /// `len` bytes for the purpose `label`.
    fn bytes(self, label: &str, len: usize) -> Result<Zeroizing<Vec<u8>>, Luks2Error> {
        let mut bytes = Zeroizing::new(vec![0; len]);
        match self {
            Self::System => getrandom::fill(&mut bytes)?,
            Self::Seed(seed) => {
                for (number, chunk) in bytes.chunks_mut(32).enumerate() {
                    chunk.copy_from_slice(&seed.bytes(&format!("luks2/{label}/{number}"))[..chunk.len()]);
                }
            }
        }
        Ok(bytes)
    }
}

/// Formats `block` so that each of `keys` opens it, and gives its plain text.
///
/// Fails before anything is written when options, keys and Block do not go together.
pub fn write<B: Block>(
    block: B,
    options: &Options,
    keys: &[Secret],
    randomness: Randomness,
) -> Result<Luks2Block<B>, Luks2Error> {
    let (plain, header) = begin(block, options, keys, randomness)?;
    header.commit(plain.below())?;
    Ok(plain)
}

/// As [`write`], but the header follows when it is committed: until then nothing opens what is there.
///
/// The keys of the keyslots cost the better part of a second each, by design. They are derived in a thread of
/// their own, beside the writing of what is encrypted.
pub fn begin<B: Block>(
    block: B,
    options: &Options,
    keys: &[Secret],
    randomness: Randomness,
) -> Result<(Luks2Block<B>, PendingHeader), Luks2Error> {
    let layout = layout(options, keys.len(), block.len())?;
    let volume_key = randomness.bytes("volume key", usize_of(layout.key_size.into()))?;
    let metadata = metadata(options, &layout, &volume_key, randomness)?;
    let mut slots = Vec::new();
    for (slot, (area, key)) in layout.keyslots.iter().zip(keys).enumerate() {
        let filler = randomness
            .bytes(&format!("stripes {slot}"), volume_key.len() * usize_of(u64::from(STRIPES) - 1))?;
        slots.push(Slot {
            area: *area,
            kdf: metadata.keyslots[&slot.to_string()].kdf.clone(),
            key_size: layout.key_size,
            key: key.clone(),
            material: anti_forensic::split(&volume_key, filler),
        });
    }
    let xts = Xts::new(&volume_key).ok_or_else(wrong_key_size)?;
    let cipher = Cipher { xts, sector: options.sector_size.into(), iv_tweak: 0 };
    let header = PendingHeader::start(
        slots,
        header(options, &metadata, MAGIC_SECONDARY, HEADER_SIZE, randomness)?,
        header(options, &metadata, MAGIC_PRIMARY, 0, randomness)?,
    );
    // The whole area is cleared first: nothing of a former life may be taken for a key or a file system.
    clear(&block, layout.data.start())?;
    Ok((Luks2Block::new(block, layout.data, cipher), header))
}

/// Makes the first `len` bytes of `block` zero.
fn clear(block: &dyn Block, len: u64) -> Result<(), Luks2Error> {
    // The range starts at 0, so it cannot wrap.
    let range = ByteRange::new(0, len).ok_or(Luks2Error::NotLuks2)?;
    Ok(block.zero_range(range)?)
}

fn metadata(
    options: &Options,
    layout: &Layout,
    volume_key: &[u8],
    randomness: Randomness,
) -> Result<Metadata, Luks2Error> {
    let mut keyslots = BTreeMap::new();
    for (slot, area) in layout.keyslots.iter().enumerate() {
        let salt = kdf::encode(&randomness.bytes(&format!("salt {slot}"), SALT)?);
        keyslots.insert(slot.to_string(), keyslot(options, layout.key_size, *area, salt));
    }
    let digest = digest(volume_key, keyslots.keys().cloned().collect(), randomness)?;
    let flags = if options.allow_discards { vec!["allow-discards".to_owned()] } else { Vec::new() };
    Ok(Metadata {
        keyslots,
        tokens: BTreeMap::new(),
        segments: BTreeMap::from([("0".to_owned(), segment(options, layout))]),
        digests: BTreeMap::from([("0".to_owned(), digest)]),
        config: Config {
            json_size: HEADER_SIZE - BINARY_SIZE,
            keyslots_size: layout.keyslots_size,
            flags,
            requirements: None,
        },
    })
}

fn keyslot(options: &Options, key_size: u32, area: ByteRange, salt: String) -> Keyslot {
    let kdf = match options.pbkdf {
        Pbkdf::Pbkdf2 { iterations } => Kdf::Pbkdf2 { salt, hash: "sha256".to_owned(), iterations },
        Pbkdf::Argon2id { time, memory, lanes } => Kdf::Argon2id(Argon2 { salt, time, memory, cpus: lanes }),
    };
    Keyslot {
        kind: "luks2".to_owned(),
        key_size,
        priority: None,
        af: AntiForensic { kind: "luks1".to_owned(), stripes: STRIPES, hash: "sha256".to_owned() },
        area: Area {
            kind: "raw".to_owned(),
            offset: area.start(),
            size: area.len(),
            encryption: CIPHER.to_owned(),
            key_size,
        },
        kdf,
    }
}

fn segment(options: &Options, layout: &Layout) -> Segment {
    Segment {
        kind: "crypt".to_owned(),
        offset: layout.data.start(),
        size: "dynamic".to_owned(),
        iv_tweak: 0,
        encryption: CIPHER.to_owned(),
        sector_size: options.sector_size,
        flags: Vec::new(),
        integrity: None,
    }
}

fn digest(volume_key: &[u8], keyslots: Vec<String>, randomness: Randomness) -> Result<Digest, Luks2Error> {
    let salt = randomness.bytes("digest salt", SALT)?;
    let mut digest = vec![0; 32];
    kdf::pbkdf2("sha256", volume_key, &salt, DIGEST_ITERATIONS, &mut digest)?;
    Ok(Digest {
        kind: "pbkdf2".to_owned(),
        keyslots,
        segments: vec!["0".to_owned()],
        salt: kdf::encode(&salt),
        digest: kdf::encode(&digest),
        hash: "sha256".to_owned(),
        iterations: DIGEST_ITERATIONS,
    })
}

/// A binary header with its JSON area, checksum included (specification, section 2.2).
fn header(
    options: &Options,
    metadata: &Metadata,
    magic: [u8; 6],
    offset: u64,
    randomness: Randomness,
) -> Result<Vec<u8>, Luks2Error> {
    let too_long = |what: &str| Luks2Error::Options(format!("the {what} is longer than 47 bytes"));
    let mut salt = [0; 64];
    salt.copy_from_slice(&randomness.bytes(&format!("header salt {offset}"), 64)?);
    let binary = BinaryHeader {
        magic,
        version: VERSION.into(),
        hdr_size: HEADER_SIZE.into(),
        seqid: 1.into(),
        label: text_field(&options.label).ok_or_else(|| too_long("label"))?,
        checksum_alg: text_field("sha256").ok_or_else(|| too_long("checksum's name"))?,
        salt,
        uuid: text_field(&options.uuid.to_string()).ok_or_else(|| too_long("UUID"))?,
        subsystem: text_field(&options.subsystem).ok_or_else(|| too_long("subsystem"))?,
        hdr_offset: offset.into(),
        padding: [0; 184],
        csum: [0; 64],
        padding4096: [0; 3584],
    };
    let mut bytes = binary.as_bytes().to_vec();
    serde_json::to_writer(&mut bytes, metadata).map_err(|error| Luks2Error::Corrupt(error.to_string()))?;
    // One byte is left for the NUL that ends the JSON text.
    if u64_of(bytes.len()) >= HEADER_SIZE {
        return Err(Luks2Error::Options("so many keys that the JSON area overflows".to_owned()));
    }
    bytes.resize(usize_of(HEADER_SIZE), 0);
    let sum = Sha256::digest(&bytes);
    bytes[CHECKSUM_OFFSET..CHECKSUM_OFFSET + sum.len()].copy_from_slice(&sum);
    Ok(bytes)
}
