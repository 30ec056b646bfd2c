//! System use fields: what Rock Ridge adds to a directory's records.
//!
//! SUSP 1.12 (framework) and RRIP 1.09 (fields). A field is two letters, its length, version 1 and data.
//! What a record has no room for goes on in its directory's continuation area, which a field `CE` leads to.

pub(crate) mod read;

use zerocopy::IntoBytes;

use crate::format::{Both32, ShortDate};
use crate::time;
use crate::tree::Attributes;
use crate::units::{BLOCK_LEN, Lba};

/// Bytes of the field `CE`.
const CE_LEN: usize = 28;

/// Bytes of a name or of a link's part that one field takes: its length is a byte.
const PIECE: usize = 240;

/// `Extension Record`: which extension the fields belong to (RRIP 4.3).
const EXTENSION: (&[u8], &[u8], &[u8]) = (
    b"RRIP_1991A",
    b"THE ROCK RIDGE INTERCHANGE PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS",
    b"PLEASE CONTACT DISC PUBLISHER FOR SPECIFICATION SOURCE.  SEE PUBLISHER IDENTIFIER IN PRIMARY VOLUME \
      DESCRIPTOR FOR CONTACT INFORMATION.",
);

/// `S_IFREG` and its like: the type in a POSIX mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum FileType {
    Directory = 0o040_000,
    Regular = 0o100_000,
    Symlink = 0o120_000,
}

impl FileType {
    #[expect(clippy::as_conversions, reason = "the enum's numbers are its meaning")]
    pub(crate) const fn bits(self) -> u32 {
        self as u32
    }
}

/// A field with its letters, length and version before `data`, which has at most 251 bytes.
fn field(letters: &[u8; 2], data: &[u8]) -> Vec<u8> {
    let length = u8::try_from(4 + data.len()).unwrap_or(u8::MAX);
    [letters, &[length, 1][..], data].concat()
}

/// `SP`: system use fields begin here, at the start of each record's area (SUSP 5.3).
pub(crate) fn beginning() -> Vec<u8> {
    field(b"SP", &[0xbe, 0xef, 0])
}

/// `ER`: the fields are those of Rock Ridge.
pub(crate) fn extension() -> Vec<u8> {
    let (id, description, source) = EXTENSION;
    let length = |text: &[u8]| u8::try_from(text.len()).unwrap_or(u8::MAX);
    let lengths = [length(id), length(description), length(source), 1];
    field(b"ER", &[&lengths[..], id, description, source].concat())
}

/// `PX`: type, permissions, count of names, owner (RRIP 4.1.1).
pub(crate) fn posix(kind: FileType, attributes: &Attributes, links: u32) -> Vec<u8> {
    let mode = kind.bits() | u32::from(attributes.permissions);
    let numbers: [Both32; 4] = [mode, links, attributes.uid, attributes.gid].map(Into::into);
    field(b"PX", numbers.as_bytes())
}

/// `TF`: times of modification, last use and last change of attributes: one for all (RRIP 4.1.6).
pub(crate) fn times(attributes: &Attributes) -> Vec<u8> {
    const MODIFY_ACCESS_ATTRIBUTES: u8 = 0x0e;
    let date: ShortDate = time::short(attributes.modified);
    let mut data = vec![MODIFY_ACCESS_ATTRIBUTES];
    (0..3).for_each(|_| data.extend_from_slice(date.as_bytes()));
    field(b"TF", &data)
}

/// `NM`: the name, in as many fields as it takes (RRIP 4.1.4).
pub(crate) fn name(name: &[u8]) -> Vec<Vec<u8>> {
    let last = name.len().div_ceil(PIECE).max(1) - 1;
    let piece = |(number, piece): (usize, &[u8])| {
        let continues = u8::from(number < last);
        field(b"NM", &[&[continues], piece].concat())
    };
    name.chunks(PIECE).enumerate().map(piece).collect()
}

/// `SL`: where a link leads, part by part (RRIP 4.1.3).
pub(crate) fn link(target: &[u8]) -> Vec<Vec<u8>> {
    const CONTINUES: u8 = 1;
    let mut components: Vec<Vec<u8>> = Vec::new();
    let (absolute, rest) = target.strip_prefix(b"/").map_or((false, target), |rest| (true, rest));
    if absolute {
        components.push(vec![0x08, 0]);
    }
    // `/` alone has no parts behind it; elsewhere an empty part is one, of no bytes.
    let parts = rest.split(|byte| *byte == b'/').filter(|_| !(absolute && rest.is_empty()));
    for part in parts {
        match part {
            b"." => components.push(vec![0x02, 0]),
            b".." => components.push(vec![0x04, 0]),
            b"" => components.push(vec![0, 0]),
            _ => {
                let last = part.len().div_ceil(PIECE) - 1;
                for (number, piece) in part.chunks(PIECE).enumerate() {
                    let flags = if number < last { CONTINUES } else { 0 };
                    let length = u8::try_from(piece.len()).unwrap_or(u8::MAX);
                    components.push([&[flags, length], piece].concat());
                }
            }
        }
    }
    let mut fields: Vec<Vec<u8>> = vec![Vec::new()];
    for component in components {
        // The first byte of a field's data says whether another follows.
        if fields.last().is_some_and(|data| data.len() + component.len() > 250) {
            fields.push(Vec::new());
        }
        if let Some(data) = fields.last_mut() {
            data.extend_from_slice(&component);
        }
    }
    let last = fields.len() - 1;
    let made =
        |(number, data): (usize, Vec<u8>)| field(b"SL", &[&[u8::from(number < last)], &data[..]].concat());
    fields.into_iter().enumerate().map(made).collect()
}

/// The continuation area of a directory, while it fills.
#[derive(Debug, Default)]
pub(crate) struct Continuation {
    /// Its first block.
    pub(crate) base: Lba,
    /// What is in it so far.
    pub(crate) bytes: Vec<u8>,
}

impl Continuation {
    /// The bytes of `fields` that go into a record with `room` bytes for them; the rest is put into the area.
    pub(crate) fn fit(&mut self, fields: &[Vec<u8>], room: usize) -> Vec<u8> {
        if total(fields) <= room {
            return fields.concat();
        }
        let (now, later) = split(fields, room - CE_LEN);
        let mut bytes = now.concat();
        let lead = self.place(later);
        bytes.extend_from_slice(&lead);
        bytes
    }

    /// Puts `fields` into the area; the field `CE` that leads there. No piece crosses the end of a block.
    fn place(&mut self, fields: &[Vec<u8>]) -> Vec<u8> {
        let len = total(fields);
        let room = BLOCK_LEN - self.bytes.len() % BLOCK_LEN;
        if len > room && room < BLOCK_LEN {
            self.bytes.resize(self.bytes.len() + room, 0);
            return self.place(fields);
        }
        let at = self.bytes.len();
        if len <= room {
            self.bytes.extend(fields.concat());
            return self.lead(at, len);
        }
        let (now, later) = split(fields, room - CE_LEN);
        self.bytes.extend(now.concat());
        let len = self.bytes.len() - at + CE_LEN;
        // The rest begins in the next block, behind the field that leads there.
        let gap = self.bytes.len();
        self.bytes.resize(at + BLOCK_LEN, 0);
        let lead = self.place(later);
        self.bytes[gap..gap + CE_LEN].copy_from_slice(&lead);
        self.lead(at, len)
    }

    /// `CE`: the fields go on at byte `at` of the area, for `len` bytes (SUSP 5.1).
    fn lead(&self, at: usize, len: usize) -> Vec<u8> {
        // An area is smaller than its directory, whose size has 32 bits.
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        let block = self.base.0.saturating_add(number(at / BLOCK_LEN));
        let numbers: [Both32; 3] = [block, number(at % BLOCK_LEN), number(len)].map(Into::into);
        field(b"CE", numbers.as_bytes())
    }
}

fn total(fields: &[Vec<u8>]) -> usize {
    fields.iter().map(Vec::len).sum()
}

/// The fields that fit `room` bytes, and the others.
fn split(fields: &[Vec<u8>], room: usize) -> (&[Vec<u8>], &[Vec<u8>]) {
    let mut used = 0;
    let fits = fields.iter().take_while(|field| {
        used += field.len();
        used <= room
    });
    fields.split_at(fits.count())
}
