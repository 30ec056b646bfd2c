//! Reading the system use fields of a record.

use zerocopy::FromBytes;

use super::CE_LEN;
use crate::error::ReadError;
use crate::format::Both32;
use crate::tree::Attributes;
use crate::units::{BLOCK, Lba};

/// Continuations that are followed: a name and a link of the greatest lengths have four.
const CONTINUATIONS_MAX: usize = 32;

/// What Rock Ridge says of a file.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) name: Option<Vec<u8>>,
    /// The time is not among them: it is in the record's fixed part.
    pub(crate) attributes: Option<Attributes>,
    pub(crate) link: Option<Vec<u8>>,
}

/// Reads the fields in `area` and in all areas that it leads to; `fetch` reads bytes of the image.
pub(crate) fn fields(
    area: &[u8],
    fetch: &dyn Fn(u64, usize) -> Result<Vec<u8>, ReadError>,
) -> Result<Found, ReadError> {
    let mut found = Found::default();
    let mut target = Target::default();
    let mut next = read_area(area, &mut found, &mut target);
    for _ in 0..CONTINUATIONS_MAX {
        let Some((offset, len)) = next else { break };
        let bytes = fetch(offset, len)?;
        next = read_area(&bytes, &mut found, &mut target);
    }
    if target.seen {
        found.link = Some(target.path);
    }
    Ok(found)
}

/// Reads the fields of one area; place and length of the next, when there is one.
fn read_area(area: &[u8], found: &mut Found, target: &mut Target) -> Option<(u64, usize)> {
    let mut rest = area;
    let mut next = None;
    while let [first, second, length, _version, ..] = *rest {
        let length = usize::from(length);
        let Some(data) = rest.get(4..length) else { break };
        match &[first, second] {
            b"NM" if data.len() > 1 => {
                found.name.get_or_insert_default().extend_from_slice(&data[1..]);
            }
            b"PX" => found.attributes = posix(data),
            b"SL" if !data.is_empty() => target.read(&data[1..]),
            b"CE" if length == CE_LEN => next = lead(data),
            b"ST" => break,
            _ => {}
        }
        rest = &rest[length..];
    }
    next
}

fn posix(data: &[u8]) -> Option<Attributes> {
    let (numbers, _) = <[Both32; 4]>::read_from_prefix(data).ok()?;
    let [mode, _, uid, gid] = numbers.map(Both32::get);
    let permissions = u16::try_from(mode? & 0o7777).ok()?;
    Some(Attributes { permissions, uid: uid?, gid: gid?, modified: 0 })
}

fn lead(data: &[u8]) -> Option<(u64, usize)> {
    let (numbers, _) = <[Both32; 3]>::read_from_prefix(data).ok()?;
    let [block, offset, len] = numbers.map(Both32::get);
    let (offset, len) = (u64::from(offset?), u64::from(len?));
    let inside = offset < BLOCK && len <= BLOCK - offset;
    inside.then(|| Some((Lba(block?).offset() + offset, usize::try_from(len).ok()?)))?
}

/// Where a link leads, while its parts are put together.
#[derive(Debug, Default)]
struct Target {
    path: Vec<u8>,
    seen: bool,
    /// The part before goes on in the next.
    open: bool,
}

impl Target {
    fn read(&mut self, mut components: &[u8]) {
        while let [flags, length, ..] = *components {
            let end = 2 + usize::from(length);
            let Some(part) = components.get(2..end) else { return };
            self.push(flags, part);
            components = &components[end..];
        }
    }

    fn push(&mut self, flags: u8, part: &[u8]) {
        if self.seen && !self.open && self.path != b"/" {
            self.path.push(b'/');
        }
        self.seen = true;
        self.open = flags & 1 != 0;
        match flags & 0x0e {
            0x02 => self.path.push(b'.'),
            0x04 => self.path.extend_from_slice(b".."),
            0x08 => self.path.push(b'/'),
            _ => self.path.extend_from_slice(part),
        }
    }
}
