//! Digests of what is on a medium, chunk by chunk: `/landfall/digests`. A damaged medium is named with its
//! place.
//!
//! They tell damage, not malice: who can change the medium can change them too. So a checksum will do, and it is one that
//! costs next to nothing: in an emulated machine, BLAKE3 took a third of the whole installation. Text, a line each:
//!
//! ```text
//! landfall digests 2 xxh64 1048576        version, algorithm, bytes of a chunk
//! file nix-store.squashfs 273154048       path relative to the medium's root, size in bytes
//! 9f86d081884c7d65                        digest of each chunk of the file, the last one shorter
//! area 00000000000281018368 36700160 EFI system partition     bytes of the medium in no file: place, size, name
//! end 5e884898da280471                    digest of all lines before this one
//! ```

use std::fmt;
use std::io::{self, Read, Write};

use xxhash_rust::xxh64::{Xxh64, xxh64};

use crate::units::{ByteRange, ByteSize, u64_of, usize_of};

/// Where the digests are, relative to the medium's root.
pub const DIGESTS_FILE: &str = "landfall/digests";

/// Bytes that have a digest of their own: how exact a place can be named.
const CHUNK: u64 = 1 << 20;

/// The first line.
const HEAD: &str = "landfall digests 2 xxh64 1048576";

/// The digest of a chunk; in text 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Digest(u64);

impl Digest {
    fn of(bytes: &[u8]) -> Self {
        Self(xxh64(bytes, 0))
    }

    fn parse(text: &str) -> Option<Self> {
        let is_plain = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        u64::from_str_radix(text, 16).ok().filter(|_| is_plain).map(Self)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Digests of files, in the order in which they are checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    files: Vec<FileDigests>,
}

/// Where bytes that have digests are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// They are a file of the medium.
    File,
    /// They begin at this byte of the medium, outside of all files.
    Medium(u64),
}

/// Digests of one file, or of another part of the medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDigests {
    /// Its path, relative to the medium's root; what is no file has a name.
    pub path: String,
    /// Where it is.
    pub place: Place,
    /// Its size.
    pub size: ByteSize,
    chunks: Vec<Digest>,
}

/// Why a text is not a list of digests.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of `{DIGESTS_FILE}` is damaged")]
pub struct DigestsError {
    /// Number of the line, from 1.
    line: usize,
}

/// A file that is not what was put on the medium.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// Bytes are other ones.
    #[error("`{path}` is damaged between byte {start} and byte {end}")]
    Content {
        /// The file.
        path: String,
        /// First byte of the damaged part.
        start: u64,
        /// The byte behind it.
        end: u64,
    },
    /// The file ends early.
    #[error("`{path}` ends at byte {found} instead of {expected}: the medium is truncated")]
    Truncated {
        /// The file.
        path: String,
        /// Bytes that were found.
        found: u64,
        /// Bytes that it should have.
        expected: u64,
    },
    /// It cannot be read there.
    #[error("`{path}` cannot be read at byte {offset}")]
    Unreadable {
        /// The file.
        path: String,
        /// The chunk's first byte.
        offset: u64,
        /// What the operating system said.
        source: io::Error,
    },
}

/// Takes a file's bytes and gives its digests.
pub struct FileDigester {
    path: String,
    place: Place,
    hasher: Xxh64,
    size: u64,
    chunks: Vec<Digest>,
}

impl fmt::Debug for FileDigester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileDigester")
            .field("path", &self.path)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl FileDigester {
    /// For the file that will be at `path`, relative to the medium's root.
    pub fn new(path: &str) -> Self {
        Self::of(path, Place::File)
    }

    /// For what is called `path` and will be at `place`.
    pub fn of(path: &str, place: Place) -> Self {
        Self { path: path.to_owned(), place, hasher: Xxh64::new(0), size: 0, chunks: Vec::new() }
    }

    /// The digests of everything that was written.
    pub fn finish(mut self) -> FileDigests {
        if !self.size.is_multiple_of(CHUNK) {
            self.end_chunk();
        }
        FileDigests { path: self.path, place: self.place, size: ByteSize(self.size), chunks: self.chunks }
    }

    fn end_chunk(&mut self) {
        self.chunks.push(Digest(self.hasher.digest()));
        self.hasher.reset(0);
    }
}

impl Write for FileDigester {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let mut rest = data;
        while !rest.is_empty() {
            let room = usize_of(CHUNK - self.size % CHUNK);
            let (now, later) = rest.split_at(room.min(rest.len()));
            self.hasher.update(now);
            self.size += u64_of(now.len());
            if self.size.is_multiple_of(CHUNK) {
                self.end_chunk();
            }
            rest = later;
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl FileDigests {
    /// Digests of bytes that are not known yet: its text is as long as theirs will be.
    pub fn unknown(path: &str, place: Place, size: ByteSize) -> Self {
        let chunks = vec![Digest(0); usize_of(size.bytes().div_ceil(CHUNK))];
        Self { path: path.to_owned(), place, size, chunks }
    }

    fn head(&self) -> String {
        match self.place {
            Place::File => format!("file {} {}\n", self.path, self.size.bytes()),
            // Padded, so that the text is as long wherever the bytes come to lie.
            Place::Medium(offset) => format!("area {offset:020} {} {}\n", self.size.bytes(), self.path),
        }
    }

    /// Reads a [head](Self::head) again, without its line end.
    fn parse_head(line: &str) -> Option<Self> {
        let chunks = Vec::new();
        if let Some(rest) = line.strip_prefix("file ") {
            let (path, size) = rest.rsplit_once(' ')?;
            let size = ByteSize(size.parse().ok()?);
            return Some(Self { path: path.to_owned(), place: Place::File, size, chunks });
        }
        let (offset, rest) = line.strip_prefix("area ")?.split_once(' ')?;
        let (size, name) = rest.split_once(' ')?;
        let place = Place::Medium(offset.parse().ok()?);
        Some(Self { path: name.to_owned(), place, size: ByteSize(size.parse().ok()?), chunks })
    }

    /// How many chunks there are.
    pub fn chunks(&self) -> usize {
        self.chunks.len()
    }

    /// Where chunk `index` lies in the file.
    pub fn chunk(&self, index: usize) -> ByteRange {
        let start = (u64_of(index) * CHUNK).min(self.size.bytes());
        ByteRange::new(start, CHUNK.min(self.size.bytes() - start)).unwrap_or(ByteRange::empty())
    }

    /// The chunk that byte `offset` of the file is in; `None` behind its end.
    pub fn chunk_at(&self, offset: u64) -> Option<usize> {
        (offset < self.size.bytes()).then(|| usize_of(offset / CHUNK))
    }

    /// Compares `bytes`, read where chunk `index` lies, with its digest.
    ///
    /// # Errors
    ///
    /// [`Damage::Content`].
    pub fn check(&self, index: usize, bytes: &[u8]) -> Result<(), Damage> {
        let range = self.chunk(index);
        if self.chunks.get(index).is_some_and(|expected| Digest::of(bytes) == *expected) {
            return Ok(());
        }
        Err(Damage::Content { path: self.path.clone(), start: range.start(), end: range.end() })
    }

    /// Compares `file` with the digests; `advance` is told of bytes as they are done.
    ///
    /// # Errors
    ///
    /// The first damage, with its place.
    pub fn verify(&self, file: &mut dyn Read, advance: &mut dyn FnMut(ByteSize)) -> Result<(), Damage> {
        let mut buffer = vec![0; usize_of(CHUNK)];
        for index in 0..self.chunks.len() {
            let range = self.chunk(index);
            let (offset, chunk) = (range.start(), &mut buffer[..usize_of(range.len())]);
            let found = fill(file, chunk).map_err(|source| Damage::Unreadable {
                path: self.path.clone(),
                offset,
                source,
            })?;
            if found < chunk.len() {
                let found = offset + u64_of(found);
                let expected = self.size.bytes();
                return Err(Damage::Truncated { path: self.path.clone(), found, expected });
            }
            self.check(index, chunk)?;
            advance(ByteSize(range.len()));
        }
        Ok(())
    }
}

/// Reads until `buffer` is full or the file ends; how many bytes there were.
fn fill(file: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read(&mut buffer[done..]) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

impl Digests {
    /// Of these files.
    pub fn new(files: Vec<FileDigests>) -> Self {
        Self { files }
    }

    /// The files, in the order in which they are checked.
    pub fn files(&self) -> &[FileDigests] {
        &self.files
    }

    /// Bytes of all files.
    pub fn size(&self) -> ByteSize {
        ByteSize(self.files.iter().map(|file| file.size.bytes()).fold(0, u64::saturating_add))
    }

    /// The text.
    pub fn render(&self) -> String {
        let mut text = format!("{HEAD}\n");
        for file in &self.files {
            text.push_str(&file.head());
            for chunk in &file.chunks {
                text.push_str(&format!("{chunk}\n"));
            }
        }
        let end = Digest::of(text.as_bytes());
        text.push_str(&format!("end {end}\n"));
        text
    }

    /// Reads the text.
    pub fn parse(text: &str) -> Result<Self, DigestsError> {
        let error = |line| DigestsError { line };
        let last = text.lines().count();
        let at = text.rfind("end ").ok_or_else(|| error(last))?;
        let (before, end) = text.split_at(at);
        if end.trim_end() != format!("end {}", Digest::of(before.as_bytes())) {
            return Err(error(last));
        }
        let mut lines = before.lines().enumerate().map(|(index, line)| (index + 1, line));
        if lines.next().is_none_or(|(_, line)| line != HEAD) {
            return Err(error(1));
        }
        let mut files: Vec<FileDigests> = Vec::new();
        for (number, line) in lines {
            if line.starts_with("file ") || line.starts_with("area ") {
                files.push(FileDigests::parse_head(line).ok_or_else(|| error(number))?);
            } else {
                let chunk = Digest::parse(line).ok_or_else(|| error(number))?;
                files.last_mut().ok_or_else(|| error(number))?.chunks.push(chunk);
            }
        }
        let is_complete = |file: &FileDigests| u64_of(file.chunks.len()) == file.size.bytes().div_ceil(CHUNK);
        if files.iter().all(is_complete) { Ok(Self { files }) } else { Err(error(last)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digests(content: &[u8]) -> Digests {
        let mut digester = FileDigester::new("nix-store.squashfs");
        // In odd pieces: where a write ends means nothing.
        for piece in content.chunks(300_001) {
            digester.write_all(piece).unwrap();
        }
        let area = FileDigester::of("EFI system partition", Place::Medium(1 << 20));
        Digests::new(vec![digester.finish(), FileDigester::new("empty").finish(), area.finish()])
    }

    fn content() -> Vec<u8> {
        (0..2_500_000_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect()
    }

    fn damage(digests: &Digests, content: &[u8]) -> String {
        digests.files()[0].verify(&mut &content[..], &mut |_| {}).unwrap_err().to_string()
    }

    #[test]
    fn what_was_written_passes_and_the_text_comes_back() {
        let digests = digests(&content());
        assert_eq!(Digests::parse(&digests.render()).unwrap(), digests);
        let mut done = 0;
        digests.files()[0].verify(&mut &content()[..], &mut |bytes| done += bytes.bytes()).unwrap();
        assert_eq!(done, 2_500_000);
        digests.files()[1].verify(&mut &b""[..], &mut |_| {}).unwrap();
    }

    #[test]
    fn the_text_is_as_long_before_the_bytes_are_known() {
        let content = content();
        let mut digester = FileDigester::of("EFI system partition", Place::Medium(281_018_368));
        digester.write_all(&content).unwrap();
        let known = Digests::new(vec![digester.finish()]);
        let size = ByteSize(u64_of(content.len()));
        let unknown = FileDigests::unknown("EFI system partition", Place::Medium(0), size);
        assert_eq!(Digests::new(vec![unknown]).render().len(), known.render().len());
    }

    #[test]
    fn one_flipped_bit_is_named_with_its_place() {
        let digests = digests(&content());
        let mut changed = content();
        changed[1_500_000] ^= 1;
        assert_eq!(
            damage(&digests, &changed),
            "`nix-store.squashfs` is damaged between byte 1048576 and byte 2097152"
        );
    }

    #[test]
    fn a_file_that_ends_early_is_named_as_such() {
        let text = damage(&digests(&content()), &content()[..2_400_000]);
        assert_eq!(
            text,
            "`nix-store.squashfs` ends at byte 2400000 instead of 2500000: the medium is truncated"
        );
    }

    #[test]
    fn damaged_digests_are_no_digests() {
        let text = digests(&content()).render();
        for at in [0, 20, 40, 100, text.len() - 10] {
            let mut changed = text.clone().into_bytes();
            changed[at] ^= 1;
            assert!(Digests::parse(&String::from_utf8(changed).unwrap()).is_err(), "byte {at}");
        }
        assert!(Digests::parse("").is_err());
    }
}
