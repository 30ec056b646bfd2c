//! Where everything of a LUKS2 volume lies, and what it is encrypted with.

use uuid::Uuid;

use super::Luks2Error;
use super::format::{AREA_ALIGNMENT, DATA_OFFSET, HEADER_SIZE};
use crate::units::{ByteRange, u64_of};

/// Stripes of the anti-forensic splitter.
pub(super) const STRIPES: u32 = 4000;
/// Keyslots that the format numbers.
const MAX_KEYSLOTS: usize = 32;

/// How a passphrase is made expensive to guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pbkdf {
    /// PBKDF2 with HMAC-SHA256 and this many iterations.
    Pbkdf2 {
        /// At least 1000.
        iterations: u32,
    },
    /// Argon2id (RFC 9106).
    Argon2id {
        /// Passes over the memory, at least 4 as cryptsetup demands.
        time: u32,
        /// Memory in KiB.
        memory: u32,
        /// Lanes, 1 to 4.
        lanes: u32,
    },
}

impl Default for Pbkdf {
    /// Argon2id with 128 MiB and 4 passes. That is more than the 64 MiB and 3 passes that RFC 9106, section 4, calls safe where
    /// little memory may be there: an image does not know the machine that will unlock it, and one with 512 MiB fails at the
    /// 1 GiB that cryptsetup takes on a large one.
    fn default() -> Self {
        Self::Argon2id { time: 4, memory: 128 << 10, lanes: 4 }
    }
}

/// What the volume is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// UUID of the volume.
    pub uuid: Uuid,
    /// Label, at most 47 bytes; empty for none.
    pub label: String,
    /// Second label, at most 47 bytes; empty for none.
    pub subsystem: String,
    /// Size of the volume key in bits: 256 (AES-128) or 512 (AES-256).
    pub key_bits: u32,
    /// Encryption sector in bytes: 512, 1024, 2048 or 4096.
    pub sector_size: u32,
    /// For every keyslot.
    pub pbkdf: Pbkdf,
    /// Whether discards pass through (`allow-discards` flag).
    pub allow_discards: bool,
}

impl Options {
    /// cryptsetup's defaults: AES-256-XTS, 512-byte sectors, Argon2id.
    pub fn new(uuid: Uuid) -> Self {
        Self {
            uuid,
            label: String::new(),
            subsystem: String::new(),
            key_bits: 512,
            sector_size: 512,
            pbkdf: Pbkdf::default(),
            allow_discards: false,
        }
    }
}

/// How many bytes of a Block a volume needs for itself: what lies before its data.
pub const fn overhead() -> u64 {
    DATA_OFFSET
}

/// The decided places.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// One for each key, in bytes.
    pub(super) keyslots: Vec<ByteRange>,
    /// Cipher text.
    pub(super) data: ByteRange,
    /// Bytes between the headers and the data.
    pub(super) keyslots_size: u64,
    /// Bytes of the volume key.
    pub(super) key_size: u32,
}

/// Decides the places on a Block of `len` bytes for `keys` keys.
pub(super) fn layout(options: &Options, keys: usize, len: u64) -> Result<Layout, Luks2Error> {
    let refuse = |why: String| Err(Luks2Error::Options(why));
    if !matches!(options.key_bits, 256 | 512) {
        return refuse(format!("a key of {} bits; aes-xts takes 256 or 512", options.key_bits));
    }
    if !matches!(options.sector_size, 512 | 1024 | 2048 | 4096) {
        return refuse(format!(
            "sectors of {} bytes; possible are 512, 1024, 2048 and 4096",
            options.sector_size
        ));
    }
    if keys == 0 || keys > MAX_KEYSLOTS {
        return refuse(format!("{keys} keys; at least 1 and at most {MAX_KEYSLOTS} are possible"));
    }
    let key_size = options.key_bits / 8;
    let area = (u64::from(key_size) * u64::from(STRIPES)).next_multiple_of(AREA_ALIGNMENT);
    let first = 2 * HEADER_SIZE;
    let keyslots = (0..u64_of(keys)).filter_map(|slot| ByteRange::new(first + slot * area, area)).collect();
    let sector = u64::from(options.sector_size);
    let data_len = len.saturating_sub(DATA_OFFSET) / sector * sector;
    match ByteRange::new(DATA_OFFSET, data_len) {
        Some(data) if data_len > 0 => {
            Ok(Layout { keyslots, data, keyslots_size: DATA_OFFSET - first, key_size })
        }
        _ => refuse(format!("{len} bytes, of which the header takes {DATA_OFFSET}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_two_keyslots_fit_before_the_data() {
        let options = Options::new(Uuid::nil());
        let layout = layout(&options, 32, 1 << 30).unwrap();
        assert!(layout.keyslots.iter().all(|area| area.end() <= layout.data.start()));
        assert_eq!(layout.keyslots[1].start() - layout.keyslots[0].start(), 258_048);
    }

    #[test]
    fn contradictions_are_refused_by_name() {
        let ok = Options::new(Uuid::nil());
        let cases = [
            (Options { key_bits: 128, ..ok.clone() }, 1, 1 << 30, "a key of 128 bits"),
            (Options { sector_size: 8192, ..ok.clone() }, 1, 1 << 30, "sectors of 8192 bytes"),
            (ok.clone(), 0, 1 << 30, "0 keys"),
            (ok, 1, 16 << 20, "16777216 bytes"),
        ];
        for (options, keys, len, part) in cases {
            let text = layout(&options, keys, len).unwrap_err().to_string();
            assert!(text.contains(part), "{text}");
        }
    }
}
