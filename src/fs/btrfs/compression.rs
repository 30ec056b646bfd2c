//! Compression of extents, in the forms that the kernel reads.
//!
//! - zlib: one stream with its header (RFC 1950).
//! - zstd: one frame whose window is at most 128 KiB; that follows from the length of what is compressed.
//! - lzo: the length of the whole, then for each sector of the input its compressed length and bytes. No length
//!   crosses a sector of the output: where fewer than four bytes are left, zeroes fill it up.

use std::fmt;
use std::io::Write;

use super::format::SECTOR;
use crate::units::usize_of;

/// How files are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// zlib at a level from 1 to 9.
    Zlib(u8),
    /// LZO, which has no levels.
    Lzo,
    /// Zstandard at a level from 1 to 15.
    Zstd(u8),
}

impl Compression {
    /// What `compress=TEXT` among mount options means; `None` for what the kernel does not know.
    ///
    /// The levels without number are the kernel's: 3 for both zlib and zstd; 0 means that as well.
    pub fn from_option(text: &str) -> Option<Self> {
        let (name, level) = match text.split_once(':') {
            Some((name, level)) => (name, level.parse().ok()?),
            None => (text, 0_u8),
        };
        let level = |most: u8| if level == 0 { 3 } else { level.min(most) };
        match name {
            "zlib" => Some(Self::Zlib(level(9))),
            "lzo" => Some(Self::Lzo),
            "zstd" => Some(Self::Zstd(level(15))),
            _ => None,
        }
    }

    /// Whether it leaves noise alone at gigabytes a second by itself, so that looking for noise first costs more than it saves.
    /// zstd does up to the last level that looks in one place for a match.
    pub(super) const fn gives_up_early(self) -> bool {
        matches!(self, Self::Zstd(..=10))
    }

    /// Its number in parts of files.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Zlib(_) => 1,
            Self::Lzo => 2,
            Self::Zstd(_) => 3,
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zlib(level) => write!(f, "zlib:{level}"),
            Self::Lzo => f.write_str("lzo"),
            Self::Zstd(level) => write!(f, "zstd:{level}"),
        }
    }
}

/// One thread's compressor, which keeps its tables from extent to extent.
pub(super) struct Compressor {
    zstd: Option<(u8, zstd::bulk::Compressor<'static>)>,
}

impl Compressor {
    /// Nothing allocated yet.
    pub fn new() -> Self {
        Self { zstd: None }
    }

    /// Writes `input`, whole sectors of an extent, to the start of `output` in compressed form, filled up to whole sectors:
    /// how many bytes those are.
    ///
    /// `None`, and anything in `output`, where that would not save a sector: then the kernel stores it plain, too.
    pub fn compress(&mut self, how: Compression, input: &[u8], output: &mut [u8]) -> Option<usize> {
        let sector = usize_of(SECTOR);
        let room = input.len().saturating_sub(sector);
        if room == 0 {
            return None;
        }
        // What finds no room there saves nothing.
        let output = output.get_mut(..room)?;
        let len = match how {
            Compression::Zstd(level) => self.zstd(level, input, output),
            Compression::Zlib(level) => zlib(level, input, output),
            Compression::Lzo => lzo(input, output),
        }?;
        let whole = len.next_multiple_of(sector);
        output.get_mut(len..whole)?.fill(0);
        Some(whole)
    }

    fn zstd(&mut self, level: u8, input: &[u8], output: &mut [u8]) -> Option<usize> {
        if self.zstd.as_ref().is_none_or(|(known, _)| *known != level) {
            self.zstd = zstd::bulk::Compressor::new(i32::from(level)).ok().map(|new| (level, new));
        }
        let (_, compressor) = self.zstd.as_mut()?;
        compressor.compress_to_buffer(input, output).ok()
    }
}

fn zlib(level: u8, input: &[u8], output: &mut [u8]) -> Option<usize> {
    let room = output.len();
    let mut encoder = flate2::write::ZlibEncoder::new(output, flate2::Compression::new(u32::from(level)));
    encoder.write_all(input).ok()?;
    Some(room - encoder.finish().ok()?.len())
}

fn lzo(input: &[u8], output: &mut [u8]) -> Option<usize> {
    let sector = usize_of(SECTOR);
    let mut at = 4;
    for part in input.chunks(sector) {
        let left = sector - at % sector;
        if left < 4 {
            output.get_mut(at..at + left)?.fill(0);
            at += left;
        }
        let compressed = lzokay::compress::compress(part).ok()?;
        let len = u32::try_from(compressed.len()).ok()?;
        output.get_mut(at..at + 4)?.copy_from_slice(&len.to_le_bytes());
        at += 4;
        output.get_mut(at..at + compressed.len())?.copy_from_slice(&compressed);
        at += compressed.len();
    }
    output.get_mut(..4)?.copy_from_slice(&u32::try_from(at).ok()?.to_le_bytes());
    Some(at)
}

/// The uncompressed bytes of an extent, `len` of them; `None` where `input` is damaged.
pub(super) fn decompress(code: u8, input: &[u8], len: usize) -> Option<Vec<u8>> {
    use std::io::Read;
    let mut output = Vec::with_capacity(len);
    let limit = crate::units::u64_of(len);
    match code {
        1 => {
            flate2::read::ZlibDecoder::new(input).take(limit).read_to_end(&mut output).ok()?;
        }
        2 => unlzo(input, len, &mut output)?,
        3 => {
            let decoder = zstd::stream::read::Decoder::new(input).ok()?.single_frame();
            decoder.take(limit).read_to_end(&mut output).ok()?;
        }
        _ => return None,
    }
    // What is missing was not worth storing: the kernel fills up with zeroes, too.
    output.resize(len, 0);
    Some(output)
}

fn unlzo(input: &[u8], len: usize, output: &mut Vec<u8>) -> Option<()> {
    let sector = usize_of(SECTOR);
    let number = |at: usize| -> Option<usize> {
        let bytes = input.get(at..at.checked_add(4)?)?;
        Some(usize_of(u64::from(u32::from_le_bytes(bytes.try_into().ok()?))))
    };
    let total = number(0)?;
    let mut at = 4;
    let mut buffer = vec![0; sector];
    while at < total && output.len() < len {
        let left = sector - at % sector;
        if left < 4 {
            at += left;
        }
        let part = number(at)?;
        at += 4;
        let bytes = input.get(at..at.checked_add(part)?)?;
        let written = lzokay::decompress::decompress(bytes, &mut buffer).ok()?;
        output.extend_from_slice(&buffer[..written]);
        at += part;
    }
    output.truncate(len);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..9000_u32).flat_map(|number| number.to_string().into_bytes()).collect();
        bytes.truncate(8 * 4096);
        bytes
    }

    #[test]
    fn every_method_gives_back_what_it_took_and_saves_sectors() {
        for how in [Compression::Zlib(3), Compression::Lzo, Compression::Zstd(3), Compression::Zstd(15)] {
            let mut output = vec![7; text().len()];
            let len = Compressor::new().compress(how, &text(), &mut output).unwrap();
            assert_eq!(len % 4096, 0);
            assert!(
                len < text().len()
                    && output[len..].iter().all(|byte| *byte == 7 || len + 4096 > text().len())
            );
            assert_eq!(decompress(how.code(), &output[..len], text().len()), Some(text()), "{how}");
        }
    }

    #[test]
    fn what_saves_no_sector_is_left_plain() {
        let mut state = 1_u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_le_bytes()[3]
        })
        .take(4 * 4096)
        .collect();
        for how in [Compression::Zlib(3), Compression::Lzo, Compression::Zstd(3)] {
            let mut output = vec![0; noise.len()];
            assert_eq!(Compressor::new().compress(how, &noise, &mut output), None, "{how}");
            let one = Compressor::new().compress(how, &[0; 4096], &mut output);
            assert_eq!(one, None, "one sector cannot be less");
        }
    }

    #[test]
    fn options_are_read_as_the_kernel_reads_them() {
        assert_eq!(Compression::from_option("zstd"), Some(Compression::Zstd(3)));
        assert_eq!(Compression::from_option("zstd:1"), Some(Compression::Zstd(1)));
        assert_eq!(Compression::from_option("zstd:19"), Some(Compression::Zstd(15)));
        assert_eq!(Compression::from_option("zlib:9"), Some(Compression::Zlib(9)));
        assert_eq!(Compression::from_option("lzo"), Some(Compression::Lzo));
        assert_eq!(Compression::from_option("brotli"), None);
    }
}
