//! The compressors of Squashfs: each block is compressed by itself.

use std::fmt;

use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};
use liblzma::stream::{Action, Check, Filters, LzmaOptions, Stream};
use zerocopy::IntoBytes;

use super::error::SquashfsError;
use super::format::Form;
use super::format::superblock::{GzipOptions, Lz4Options, XzOptions, ZstdOptions};
use super::incompressible::Trial;
use super::options::BlockSize;
use crate::units::usize_of;

/// Level of zstd: 1 to 22.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ZstdLevel(u8);

impl ZstdLevel {
    /// `level`, if zstd has it.
    pub const fn new(level: u8) -> Option<Self> {
        if level >= 1 && level <= 22 { Some(Self(level)) } else { None }
    }
}

/// Level of gzip: 1 to 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GzipLevel(u8);

impl GzipLevel {
    /// `level`, if gzip has it.
    pub const fn new(level: u8) -> Option<Self> {
        if level >= 1 && level <= 9 { Some(Self(level)) } else { None }
    }
}

/// How blocks are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// zstd.
    Zstd(ZstdLevel),
    /// xz, with the dictionary as large as a block.
    Xz,
    /// LZ4, the fast mode.
    Lz4,
    /// zlib.
    Gzip(GzipLevel),
}

impl Default for Compression {
    /// zstd at level 15: dense, and fast to unpack.
    fn default() -> Self {
        Self::Zstd(ZstdLevel(15))
    }
}

/// Names the compressor and its level: `zstd-15`.
impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zstd(ZstdLevel(level)) => write!(f, "zstd-{level}"),
            Self::Xz => write!(f, "xz"),
            Self::Lz4 => write!(f, "lz4"),
            Self::Gzip(GzipLevel(level)) => write!(f, "gzip-{level}"),
        }
    }
}

impl Compression {
    /// The compressor without its level.
    pub(super) const fn algorithm(self) -> Algorithm {
        match self {
            Self::Zstd(_) => Algorithm::Zstd,
            Self::Xz => Algorithm::Xz,
            Self::Lz4 => Algorithm::Lz4,
            Self::Gzip(_) => Algorithm::Gzip,
        }
    }

    /// What stands behind the superblock for whoever unpacks or packs again.
    pub(super) fn options(self, block_size: BlockSize) -> Vec<u8> {
        match self {
            Self::Zstd(ZstdLevel(level)) => {
                ZstdOptions { compression_level: u32::from(level).into() }.as_bytes().to_vec()
            }
            Self::Xz => {
                let dictionary_size = dictionary_size(block_size).into();
                XzOptions { dictionary_size, flags: 0.into() }.as_bytes().to_vec()
            }
            Self::Lz4 => Lz4Options { version: 1.into(), flags: 0.into() }.as_bytes().to_vec(),
            Self::Gzip(GzipLevel(level)) => GzipOptions {
                compression_level: u32::from(level).into(),
                window_size: 15.into(),
                strategy: 0.into(),
            }
            .as_bytes()
            .to_vec(),
        }
    }
}

/// The dictionary of xz: a block, and at least a metadata block, as the kernel reserves it.
fn dictionary_size(block_size: BlockSize) -> u32 {
    // Block sizes are at most 1 MiB.
    u32::try_from(block_size.bytes().max(8192)).unwrap_or(1 << 20)
}

/// A compressor as the superblock numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// zlib: 1.
    Gzip,
    /// LZO: 3. It is read and not written.
    Lzo,
    /// xz: 4.
    Xz,
    /// LZ4: 5.
    Lz4,
    /// zstd: 6.
    Zstd,
}

impl Algorithm {
    const ALL: [(Self, u16, &'static str); 5] = [
        (Self::Gzip, 1, "gzip"),
        (Self::Lzo, 3, "lzo"),
        (Self::Xz, 4, "xz"),
        (Self::Lz4, 5, "lz4"),
        (Self::Zstd, 6, "zstd"),
    ];

    /// The compressor of `number`, if it is one that we read.
    pub(super) fn from_number(number: u16) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == number).map(|(algorithm, ..)| *algorithm)
    }

    /// Its number in the superblock.
    pub(super) fn number(self) -> u16 {
        Self::ALL.iter().find(|(algorithm, ..)| *algorithm == self).map_or(0, |(_, number, _)| *number)
    }

    /// Its name, as `mksquashfs -comp` takes it.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(algorithm, ..)| *algorithm == self).map_or("", |(.., name)| name)
    }
}

/// Compresses blocks, one after the other.
pub(super) struct Compressor {
    engine: Engine,
    trial: Trial,
    compression: Compression,
    block_size: BlockSize,
}

enum Engine {
    Zstd(zstd::bulk::Compressor<'static>),
    Xz,
    Lz4,
    Gzip(Box<Compress>),
}

impl Compressor {
    /// A compressor for blocks of at most `block_size`.
    pub(super) fn new(compression: Compression, block_size: BlockSize) -> Result<Self, SquashfsError> {
        let engine = match compression {
            Compression::Zstd(ZstdLevel(level)) => {
                // No checksum in the frames: Linux gives up on a block (EIO) when one is cut by a page of its
                // input after the last page of output is full (`zstd_uncompress` of `fs/squashfs`).
                let engine = zstd::bulk::Compressor::new(i32::from(level));
                let engine = engine.map_err(|error| failed(compression, &error))?;
                Engine::Zstd(engine)
            }
            Compression::Xz => Engine::Xz,
            Compression::Lz4 => Engine::Lz4,
            Compression::Gzip(GzipLevel(level)) => {
                Engine::Gzip(Box::new(Compress::new(flate2::Compression::new(level.into()), true)))
            }
        };
        Ok(Self { engine, trial: Trial::new()?, compression, block_size })
    }

    /// What to store for `input`, in place of what `output` holds: compressed where that is shorter.
    pub(super) fn compress(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<Form, SquashfsError> {
        output.clear();
        let len = match self.trial.is_hopeless(input)? {
            true => None,
            false => {
                output.resize(input.len(), 0);
                self.compress_into(input, output)?
            }
        };
        match len {
            Some(len) if len < input.len() => {
                output.truncate(len);
                Ok(Form::Compressed)
            }
            _ => {
                output.clear();
                output.extend_from_slice(input);
                Ok(Form::Raw)
            }
        }
    }

    /// Bytes that the compressed `input` takes in `output`; `None` when it does not fit.
    fn compress_into(&mut self, input: &[u8], output: &mut [u8]) -> Result<Option<usize>, SquashfsError> {
        let compression = self.compression;
        match &mut self.engine {
            // The one way in which it fails is that the output is full.
            Engine::Zstd(engine) => Ok(engine.compress_to_buffer(input, output).ok()),
            Engine::Lz4 => Ok(lz4_flex::block::compress_into(input, output).ok()),
            Engine::Xz => {
                let error = |error| failed(compression, &error);
                let mut options = LzmaOptions::new_preset(6).map_err(error)?;
                options.dict_size(dictionary_size(self.block_size));
                let mut filters = Filters::new();
                filters.lzma2(&options);
                // The kernel knows no longer checksum than this one.
                let mut stream = Stream::new_stream_encoder(&filters, Check::Crc32).map_err(error)?;
                let status = stream.process(input, output, Action::Finish).map_err(error)?;
                let ended = matches!(status, liblzma::stream::Status::StreamEnd);
                Ok(ended.then(|| length(stream.total_out())))
            }
            Engine::Gzip(engine) => {
                engine.reset();
                let status = engine.compress(input, output, FlushCompress::Finish);
                let ended = matches!(status, Ok(Status::StreamEnd));
                Ok(ended.then(|| length(engine.total_out())))
            }
        }
    }
}

/// A count of bytes that are in memory.
fn length(count: u64) -> usize {
    usize_of(count)
}

fn failed(compression: Compression, why: &dyn fmt::Display) -> SquashfsError {
    SquashfsError::Compress { algorithm: compression.algorithm().name(), why: why.to_string() }
}

/// Memory that unpacking a block of xz may take: its dictionary and what the decoder itself needs.
const XZ_MEMORY: u64 = 16 << 20;

/// Unpacks `input` to the start of `output`; how many bytes that were, or what is wrong with them.
pub(super) fn decompress(algorithm: Algorithm, input: &[u8], output: &mut [u8]) -> Result<usize, String> {
    match algorithm {
        Algorithm::Zstd => zstd::bulk::decompress_to_buffer(input, output).map_err(|error| error.to_string()),
        Algorithm::Lz4 => lz4_flex::block::decompress_into(input, output).map_err(|error| error.to_string()),
        Algorithm::Lzo => lzokay::decompress::decompress(input, output).map_err(|error| format!("{error:?}")),
        Algorithm::Xz => {
            let mut stream = Stream::new_stream_decoder(XZ_MEMORY, 0).map_err(|error| error.to_string())?;
            let status = stream.process(input, output, Action::Finish).map_err(|error| error.to_string())?;
            match status {
                liblzma::stream::Status::StreamEnd => Ok(length(stream.total_out())),
                _ => Err("it does not end".to_owned()),
            }
        }
        Algorithm::Gzip => {
            let mut stream = Decompress::new(true);
            let status = stream.decompress(input, output, FlushDecompress::Finish);
            match status.map_err(|error| error.to_string())? {
                Status::StreamEnd => Ok(length(stream.total_out())),
                Status::Ok | Status::BufError => Err("it does not end".to_owned()),
            }
        }
    }
}
