//! Putting a medium into a file.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use iso::Plan;
use serde::Serialize;

use super::IsoError;
use super::prepare::{Body, MediumFile, Prepared};
use crate::error::IoError;
use crate::files::ReplaceFile;
use crate::fs::squashfs::{CacheUse, SquashfsError};
use crate::fs::{cpio, fat, squashfs};
use crate::installer::digests::{FileDigests, Place as DigestPlace};
use crate::installer::{Digests, FileDigester};
use crate::progress::{Progress, Step, Unit};
use crate::tree::Content;
use crate::units::{ByteRange, ByteSize, Lba, MIB, SectorSize, u64_of, usize_of};
use crate::volume::gpt::{Attributes, Entry, Table, TypeGuid};
use crate::volume::{Block, BlockError, FileBlock, SliceBlock};

/// What the boot image is called where damage is told.
const BOOT_IMAGE: &str = "EFI system partition";

/// A medium that was written.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Written {
    /// The image.
    pub file: PathBuf,
    /// Its size in bytes.
    pub size: ByteSize,
    /// The medium's name.
    pub volume_id: String,
    /// Bytes of the store's file system.
    pub store_size: ByteSize,
    /// Bytes of the boot image.
    pub boot_image_size: ByteSize,
    /// What the cache was worth; null without one.
    pub cache: Option<CacheReport>,
}

/// What the cache of compressed blocks was worth.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CacheReport {
    /// Blocks that were taken from it.
    pub found: usize,
    /// Blocks that had to be compressed.
    pub compressed: usize,
    /// Why it could not be used, or not be added to.
    pub problem: Option<String>,
}

impl From<CacheUse> for CacheReport {
    fn from(cache: CacheUse) -> Self {
        let CacheUse { found, compressed, problem } = cache;
        Self { found, compressed, problem }
    }
}

impl Prepared {
    /// Writes the image to `out`, whose folder must exist. The file has its name only when it is complete.
    ///
    /// # Errors
    ///
    /// When the operating system says no, when files of the store changed meanwhile, when it becomes too large.
    pub fn write(&self, out: &Path, progress: &dyn Progress) -> Result<Written, IsoError> {
        let replacement = ReplaceFile::create(out)?;
        let plan = self.plan.clone();
        let mut image = Image { prepared: self, plan, out, replacement: &replacement, digests: None };
        let (store_size, cache) = image.write_files(progress)?;
        let boot_image_size = image.write_boot_image(progress)?;
        image.write_digests()?;
        image.write_structures()?;
        let size = ByteSize(image.plan.image_len());
        let file = out.to_owned();
        replacement.commit_cached()?;
        let volume_id = self.volume_id().to_owned();
        Ok(Written { file, size, volume_id, store_size, boot_image_size, cache: cache.map(Into::into) })
    }
}

struct Image<'a> {
    prepared: &'a Prepared,
    /// Becomes exact as sizes become known.
    plan: Plan,
    out: &'a Path,
    replacement: &'a ReplaceFile,
    /// Of all files, and where their text goes: it is written when the boot image has its own.
    digests: Option<(u64, Vec<FileDigests>)>,
}

impl Image<'_> {
    /// The image as a Block of the length that the plan has now.
    fn block(&self) -> Result<FileBlock, IsoError> {
        let file = self.replacement.file();
        let error = |operation| move |source| IoError::new(operation, self.out, source);
        file.set_len(self.plan.image_len()).map_err(error("setting the length of"))?;
        let file = file.try_clone().map_err(error("opening"))?;
        Ok(FileBlock::open(file, self.out, SectorSize::S512)?.cached())
    }

    /// Writes all files in their order; bytes of the store's file system, and what the cache was worth.
    fn write_files(&mut self, progress: &dyn Progress) -> Result<(ByteSize, Option<CacheUse>), IsoError> {
        let block = self.block()?;
        let (mut store_size, mut cache) = (ByteSize::ZERO, None);
        for (number, file) in self.prepared.files.iter().enumerate() {
            let offset = self.plan.offset(file.node);
            match &file.body {
                Body::Content(content) => put(content, &block, offset)?,
                Body::Archive(tree) => {
                    cpio::write(tree, &mut Sink { block: &block, position: offset })?;
                }
                Body::Store => {
                    let written = self.write_store((&block, offset), progress)?;
                    (store_size, cache) = (written.size, written.cache);
                    self.plan.shorten(file.node, store_size.bytes());
                }
                Body::Digests => {
                    let digests = self.file_digests((&block, number), store_size, progress)?;
                    let boot_image = self.plan.boot_image().map_or(0, |(_, len)| len);
                    let unknown =
                        FileDigests::unknown(BOOT_IMAGE, DigestPlace::Medium(0), ByteSize(boot_image));
                    let text = Digests::new([&digests[..], &[unknown]].concat()).render();
                    self.plan.shorten(file.node, u64_of(text.len()));
                    self.digests = Some((offset, digests));
                }
            }
        }
        Ok((store_size, cache))
    }

    /// Compresses the store into `block` from `offset` on.
    fn write_store(
        &self,
        (block, offset): (&FileBlock, u64),
        progress: &dyn Progress,
    ) -> Result<squashfs::Written, IsoError> {
        let prepared = self.prepared;
        let end = prepared.max_size.map_or(block.len(), |max| max.bytes().min(block.len()));
        // No sector is cut: a slice is a whole number of them.
        let room = end.saturating_sub(offset) / 512 * 512;
        let slice = slice(block, offset, room)?;
        let total = prepared.store.content_len();
        let step = Step::start(progress, "iso/store", Some(total), Unit::Bytes);
        let written = squashfs::write(&prepared.store, &prepared.store_options, &slice, step);
        let written = written.map_err(|error| match (error, prepared.max_size) {
            (SquashfsError::DoesNotFit { .. }, Some(max)) => {
                IsoError::TooLarge { size: max, at_least: true, max }
            }
            (error, _) => error.into(),
        })?;
        step.finish();
        Ok(written)
    }

    /// The digests of the first `count` files, read back from `block`.
    fn file_digests(
        &self,
        (block, count): (&FileBlock, usize),
        store_size: ByteSize,
        progress: &dyn Progress,
    ) -> Result<Vec<FileDigests>, IsoError> {
        let step = Step::start(progress, "iso/digests", Some(store_size.bytes()), Unit::Bytes);
        let files = &self.prepared.files[..count];
        let digests = files.iter().map(|file| {
            let range = (self.plan.offset(file.node), len_of(file, store_size)?);
            self.digest(block, FileDigester::new(&file.path), range, &mut |bytes| step.advance(bytes))
        });
        let digests = digests.collect::<Result<_, IsoError>>()?;
        step.finish();
        Ok(digests)
    }

    /// Feeds the bytes at `offset` of `block` to `digester`.
    fn digest(
        &self,
        block: &FileBlock,
        mut digester: FileDigester,
        (offset, len): (u64, ByteSize),
        advance: &mut dyn FnMut(u64),
    ) -> Result<FileDigests, IsoError> {
        let mut buffer = vec![0; usize_of(MIB)];
        let mut done = 0;
        while done < len.bytes() {
            let chunk = &mut buffer[..usize_of((len.bytes() - done).min(MIB))];
            block.read_at(chunk, offset + done)?;
            digester.write_all(chunk).map_err(|error| IoError::new("digesting", self.out, error))?;
            done += u64_of(chunk.len());
            advance(u64_of(chunk.len()));
        }
        Ok(digester.finish())
    }

    /// Writes the digests of the files and of the boot image, where the medium has digests.
    fn write_digests(&mut self) -> Result<(), IsoError> {
        let Some((place, mut digests)) = self.digests.take() else { return Ok(()) };
        let block = self.block()?;
        if let Some((offset, len)) = self.plan.boot_image() {
            let digester = FileDigester::of(BOOT_IMAGE, DigestPlace::Medium(offset));
            digests.push(self.digest(&block, digester, (offset, ByteSize(len)), &mut |_| {})?);
        }
        Ok(block.write_at(Digests::new(digests).render().as_bytes(), place)?)
    }

    /// Writes the EFI system partition; its size.
    fn write_boot_image(&self, progress: &dyn Progress) -> Result<ByteSize, IsoError> {
        let block = self.block()?;
        let Some((offset, len)) = self.plan.boot_image() else { return Ok(ByteSize::ZERO) };
        let step = Step::start(progress, "iso/boot", Some(self.prepared.esp.content_len()), Unit::Bytes);
        fat::write(&self.prepared.esp, &self.prepared.esp_options, &slice(&block, offset, len)?, &step)?;
        step.finish();
        Ok(ByteSize(len))
    }

    /// Writes the partition table and, last, the descriptors.
    fn write_structures(&self) -> Result<(), IsoError> {
        let size = ByteSize(self.plan.image_len());
        if let Some(max) = self.prepared.max_size.filter(|max| size > *max) {
            return Err(IsoError::TooLarge { size, at_least: false, max });
        }
        self.table()?.write(&self.block()?)?;
        let written = self.plan.write(self.replacement.file());
        written.map_err(|source| IsoError::Write { path: self.out.to_owned(), source })
    }

    /// The partition table that a disk with this image has: the EFI system partition.
    fn table(&self) -> Result<Table, IsoError> {
        let sector = SectorSize::S512.bytes();
        let seed = self.prepared.seed;
        let entry = |(offset, len): (u64, u64)| -> Result<Entry, IsoError> {
            Ok(Entry {
                type_guid: TypeGuid::EFI_SYSTEM,
                unique_guid: seed.uuid("iso/partition/esp"),
                first: Lba(offset / sector),
                last: Lba((offset + len) / sector - 1),
                attributes: Attributes::NONE,
                name: "EFIBOOT".parse()?,
            })
        };
        let entries = self.plan.boot_image().map(entry).transpose()?.map(|entry| (1, entry));
        Ok(Table { disk_guid: seed.uuid("iso/disk"), entries: BTreeMap::from_iter(entries) })
    }
}

/// Bytes of a file of the medium.
fn len_of(file: &MediumFile, store_size: ByteSize) -> Result<ByteSize, IsoError> {
    Ok(match &file.body {
        Body::Content(content) => ByteSize(content.len()),
        Body::Archive(tree) => cpio::measure(tree)?,
        Body::Store => store_size,
        Body::Digests => ByteSize::ZERO,
    })
}

fn slice(block: &FileBlock, offset: u64, len: u64) -> Result<SliceBlock<&FileBlock>, BlockError> {
    let range = ByteRange::new(offset, len);
    let range = range.ok_or_else(|| BlockError::out_of_range("the image", offset, len, block.len()))?;
    SliceBlock::new(block, range)
}

/// Writes `content` to `block` at `offset`.
fn put(content: &Content, block: &FileBlock, offset: u64) -> Result<(), IsoError> {
    let open = content.open()?;
    for range in content.data_ranges() {
        open.copy_to(range, block, offset + range.start())?;
    }
    Ok(())
}

/// Takes bytes in their order and writes them from a position on.
struct Sink<'a> {
    block: &'a FileBlock,
    position: u64,
}

impl Write for Sink<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.block.write_at(data, self.position).map_err(io::Error::other)?;
        self.position += u64_of(data.len());
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
