//! Opening: the better of the two headers, a keyslot that a key opens, and the mapping.

use sha2::{Digest as _, Sha256, Sha512};
use uuid::Uuid;
use zerocopy::FromBytes;
use zeroize::Zeroizing;

use super::format::{
    BINARY_SIZE, BinaryHeader, CHECKSUM_OFFSET, CHECKSUM_SIZE, MAGIC_PRIMARY, MAGIC_SECONDARY, VERSION,
    field_text,
};
use super::mapping::Cipher;
use super::metadata::{Keyslot, Metadata, Segment};
use super::xts::{Direction, Xts};
use super::{Luks2Block, Luks2Error, anti_forensic, kdf};
use crate::secret::Secret;
use crate::units::{ByteRange, u64_of, usize_of};
use crate::volume::Block;

/// Sizes that a header may have, which are also the places of the secondary one (specification, table 1).
const HEADER_SIZES: [u64; 9] =
    [0x4000, 0x8000, 0x1_0000, 0x2_0000, 0x4_0000, 0x8_0000, 0x10_0000, 0x20_0000, 0x40_0000];

/// The largest keyslot area that is read, in bytes: a key of 512 bits takes a hundredth of it.
const MAX_AREA: u64 = 16 << 20;

/// What a header says, keys apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// UUID of the volume.
    pub uuid: Uuid,
    /// Label, or empty.
    pub label: String,
    /// Second label, or empty.
    pub subsystem: String,
    /// Count of updates.
    pub seqid: u64,
    /// The JSON area.
    pub metadata: Metadata,
    /// What is wrong with the header that was not used.
    pub other_copy: Option<String>,
}

/// The valid header with the larger sequence number.
pub fn read(block: &dyn Block) -> Result<Header, Luks2Error> {
    let primary = read_copy(block, MAGIC_PRIMARY, 0);
    let secondary = match &primary {
        Ok((_, size)) => read_copy(block, MAGIC_SECONDARY, *size),
        // A lost primary does not say where the secondary is: it is at one of the possible sizes.
        Err(_) => HEADER_SIZES
            .iter()
            .map(|offset| read_copy(block, MAGIC_SECONDARY, *offset))
            .find(|copy| !matches!(copy, Err(Luks2Error::NotLuks2)))
            .unwrap_or(Err(Luks2Error::NotLuks2)),
    };
    match (primary, secondary) {
        (Ok((first, _)), Ok((second, _))) if second.seqid > first.seqid => {
            Ok(Header { other_copy: Some("the primary header is older".to_owned()), ..second })
        }
        (Ok((first, _)), Ok((second, _))) if second.seqid < first.seqid => {
            Ok(Header { other_copy: Some("the secondary header is older".to_owned()), ..first })
        }
        (Ok((first, _)), Ok(_)) => Ok(first),
        (Ok((first, _)), Err(error)) => {
            Ok(Header { other_copy: Some(format!("secondary header: {error}")), ..first })
        }
        (Err(error), Ok((second, _))) => {
            Ok(Header { other_copy: Some(format!("primary header: {error}")), ..second })
        }
        (Err(Luks2Error::NotLuks2), Err(error)) | (Err(error), Err(_)) => Err(error),
    }
}

/// Reads one copy; the header and its size.
fn read_copy(block: &dyn Block, magic: [u8; 6], offset: u64) -> Result<(Header, u64), Luks2Error> {
    let corrupt = |what: &str| Luks2Error::Corrupt(what.to_owned());
    if offset.saturating_add(BINARY_SIZE) > block.len() {
        return Err(Luks2Error::NotLuks2);
    }
    let mut bytes = vec![0; usize_of(BINARY_SIZE)];
    block.read_at(&mut bytes, offset)?;
    let binary = BinaryHeader::read_from_bytes(&bytes).map_err(|_| Luks2Error::NotLuks2)?;
    if binary.magic != magic || binary.version.get() != VERSION {
        return Err(Luks2Error::NotLuks2);
    }
    let size = binary.hdr_size.get();
    if !HEADER_SIZES.contains(&size) || offset.saturating_add(size) > block.len() {
        return Err(corrupt("impossible header size"));
    }
    if binary.hdr_offset.get() != offset {
        return Err(corrupt("the header says that it belongs elsewhere"));
    }
    bytes.resize(usize_of(size), 0);
    block.read_at(&mut bytes, offset)?;
    check_sum(&mut bytes, &binary)?;
    let json = &bytes[usize_of(BINARY_SIZE)..];
    let end = json.iter().position(|byte| *byte == 0).unwrap_or(json.len());
    let metadata =
        serde_json::from_slice(&json[..end]).map_err(|error| corrupt(&format!("JSON area: {error}")))?;
    let uuid = field_text(&binary.uuid).parse().map_err(|_| corrupt("the UUID is none"))?;
    let header = Header {
        uuid,
        label: field_text(&binary.label),
        subsystem: field_text(&binary.subsystem),
        seqid: binary.seqid.get(),
        metadata,
        other_copy: None,
    };
    Ok((header, size))
}

fn check_sum(bytes: &mut [u8], binary: &BinaryHeader) -> Result<(), Luks2Error> {
    bytes[CHECKSUM_OFFSET..CHECKSUM_OFFSET + CHECKSUM_SIZE].fill(0);
    let sum = match field_text(&binary.checksum_alg).as_str() {
        "sha256" => Sha256::digest(&*bytes).to_vec(),
        "sha512" => Sha512::digest(&*bytes).to_vec(),
        other => return Err(Luks2Error::Unsupported(format!("header checksum `{other}`"))),
    };
    if binary.csum[..sum.len()] == sum {
        Ok(())
    } else {
        Err(Luks2Error::Corrupt("wrong header checksum".to_owned()))
    }
}

/// Unlocks the volume on `block` with any one of `keys`.
pub fn open<B: Block>(block: B, keys: &[Secret]) -> Result<Luks2Block<B>, Luks2Error> {
    let header = read(&block)?;
    let metadata = &header.metadata;
    if let Some(requirements) = &metadata.config.requirements {
        return Err(Luks2Error::Unsupported(format!("requirements {requirements}")));
    }
    let (number, segment) = data_segment(metadata)?;
    let volume_key = volume_key(&block, metadata, number, keys)?;
    let range = segment_range(segment, block.len())?;
    let xts = cipher(&segment.encryption, &volume_key)?;
    Ok(Luks2Block::new(
        block,
        range,
        Cipher { xts, sector: segment.sector_size.into(), iv_tweak: segment.iv_tweak },
    ))
}

/// The one segment that holds data.
fn data_segment(metadata: &Metadata) -> Result<(&str, &Segment), Luks2Error> {
    let mut segments = metadata.segments.iter();
    let (Some((number, segment)), None) = (segments.next(), segments.next()) else {
        return Err(Luks2Error::Unsupported(format!("{} segments", metadata.segments.len())));
    };
    if segment.kind != "crypt" || segment.integrity.is_some() {
        let kind = if segment.integrity.is_some() { "integrity protection" } else { &segment.kind };
        return Err(Luks2Error::Unsupported(format!("a segment of {kind}")));
    }
    Ok((number, segment))
}

fn segment_range(segment: &Segment, len: u64) -> Result<ByteRange, Luks2Error> {
    let corrupt = |what: &str| Luks2Error::Corrupt(what.to_owned());
    let sector = u64::from(segment.sector_size);
    if !matches!(sector, 512 | 1024 | 2048 | 4096) {
        return Err(corrupt("impossible sector size"));
    }
    let available = len.checked_sub(segment.offset).ok_or_else(|| corrupt("the data begins past the end"))?;
    let size = match segment.size.as_str() {
        "dynamic" => available,
        size => size
            .parse()
            .ok()
            .filter(|size| *size <= available)
            .ok_or_else(|| corrupt("the data ends past the end"))?,
    };
    ByteRange::new(segment.offset, size / sector * sector)
        .ok_or_else(|| corrupt("the data ends past the end"))
}

fn cipher(encryption: &str, key: &[u8]) -> Result<Xts, Luks2Error> {
    match encryption {
        "aes-xts-plain64" => {
            Xts::new(key).ok_or_else(|| Luks2Error::Corrupt("impossible key size".to_owned()))
        }
        other => Err(Luks2Error::Unsupported(format!("cipher `{other}`"))),
    }
}

/// Tries every key on every keyslot of segment `segment`.
fn volume_key(
    block: &dyn Block,
    metadata: &Metadata,
    segment: &str,
    keys: &[Secret],
) -> Result<Zeroizing<Vec<u8>>, Luks2Error> {
    let digests = metadata.digests.values().filter(|digest| digest.segments.iter().any(|of| of == segment));
    for digest in digests {
        let slots = metadata
            .keyslots
            .iter()
            .filter(|(number, slot)| slot.kind == "luks2" && digest.keyslots.contains(number));
        for (_, slot) in slots {
            for key in keys {
                let candidate = try_keyslot(block, slot, key)?;
                if kdf::digest_matches(digest, &candidate)? {
                    return Ok(candidate);
                }
            }
        }
    }
    Err(Luks2Error::WrongKey)
}

/// What the keyslot gives for this key; garbage when it is not the right one.
fn try_keyslot(block: &dyn Block, slot: &Keyslot, key: &Secret) -> Result<Zeroizing<Vec<u8>>, Luks2Error> {
    let corrupt = |what: &str| Luks2Error::Corrupt(what.to_owned());
    if slot.af.kind != "luks1" || slot.af.hash != "sha256" {
        return Err(Luks2Error::Unsupported(format!(
            "anti-forensic splitter {} with {}",
            slot.af.kind, slot.af.hash
        )));
    }
    let size = u64::from(slot.key_size).saturating_mul(slot.af.stripes.into());
    if slot.key_size == 0 || slot.af.stripes == 0 || size > MAX_AREA.min(slot.area.size) {
        return Err(corrupt("a keyslot does not fit its area"));
    }
    let area_key = kdf::derive(&slot.kdf, key.expose(), slot.area.key_size)?;
    let xts = cipher(&slot.area.encryption, &area_key)?;
    let mut material = Zeroizing::new(vec![0; usize_of(size.next_multiple_of(512))]);
    block.read_at(&mut material, slot.area.offset)?;
    xts.apply(Direction::Decrypt, &mut material, 512, 0);
    debug_assert!(u64_of(material.len()) >= size);
    Ok(anti_forensic::merge(&material[..usize_of(size)], usize_of(slot.key_size.into())))
}
