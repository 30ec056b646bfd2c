//! Blocks that were compressed before, kept in a folder between runs of the program.
//!
//! There is a file for each run (store path) that was packed, and one for the metadata of each file system. A run's
//! is named for its identity where the caller knows one, else for what it holds; a block is found by the digest of
//! what it holds, in whichever file it is. So an unchanged store path costs one reading of its compressed blocks and
//! none of its files, and a changed one what is new in it.
//!
//! Names also say what the bytes depend on besides: compressor, level, block size, and the version of this program.
//! Files come into being by renaming and never change, so processes can share the folder, and anybody may remove
//! anything from it at any time. What is damaged is not used. Nothing here can make a build fail.

mod evict;
mod metadata;
mod pack;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use data_encoding::HEXLOWER;

pub(super) use metadata::MetadataCache;
pub(super) use pack::check_of;
use pack::{Contents, ENDING, Entry, Pack};

use super::digest::{Digest, Digests};
use super::format::StoredSize;
use super::layout::{Chunk, Layout};
use super::options::Options;
use super::survey::{Run, Survey, content, pieces};
use crate::error::IoError;
use crate::tree::Content;
use crate::units::{ByteRange, ByteSize};
use crate::volume::Block;

/// To be counted up when equal pieces are put together to other blocks than before.
const RECIPE: u32 = 1;
/// Blocks whose places are kept in memory; a cache of small blocks can have more.
const KNOWN_MAX: usize = 1 << 18;

/// Where the cache is, and how large it may become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    /// The folder; it is made when it is missing.
    pub folder: PathBuf,
    /// What is used longest ago is removed when there is more than this.
    pub limit: ByteSize,
}

/// What the cache was worth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheUse {
    /// Blocks that were taken from it.
    pub found: usize,
    /// Blocks that had to be compressed.
    pub compressed: usize,
    /// Why the cache could not be used, or not be added to.
    pub problem: Option<String>,
}

/// A block in a file of the cache.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pack: usize,
    entry: Entry,
}

impl Kept {
    /// Digest of the block as it is stored.
    pub(super) fn check(&self) -> [u8; 16] {
        self.entry.check
    }
}

/// A cache as a build uses it.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    limit: ByteSize,
    /// Bytes of a data block.
    block_size: u64,
    /// How the names of all files begin that are of use here.
    prefix: String,
    packs: Vec<PathBuf>,
    /// Never iterated.
    known: HashMap<Digest, Kept>,
    /// Files that this build has taken something from.
    used: Mutex<BTreeSet<usize>>,
    damaged: Mutex<BTreeSet<usize>>,
    /// The first thing that went wrong.
    problem: Mutex<Option<String>>,
}

impl Cache {
    /// The cache that `options` name, if any.
    pub(super) fn open(options: &Options) -> Option<Self> {
        let CacheOptions { folder, limit } = options.cache.as_ref()?;
        let cache = Self {
            folder: folder.clone(),
            limit: *limit,
            block_size: options.block_size.bytes(),
            prefix: prefix(options),
            packs: Vec::new(),
            known: HashMap::new(),
            used: Mutex::default(),
            damaged: Mutex::default(),
            problem: Mutex::default(),
        };
        if let Err(error) = crate::files::create_dir_all(folder) {
            cache.fail(&error);
        }
        Some(cache)
    }

    /// What the files of `run` hold, when it was packed before under the same identity.
    pub(super) fn digests(&mut self, survey: &Survey<'_>, run: &Run) -> Option<Digests> {
        let path = self.path(&identity_key(survey, run)?);
        let pack = Pack::open(&path).ok()??;
        let lengths = run.files.iter().filter_map(|id| content(survey.tree, *id)).map(Content::len);
        let wanted: usize = lengths.map(|len| pieces(len, self.block_size)).sum();
        (pack.pieces.len() == wanted).then(|| self.add(pack))
    }

    /// Where each chunk of `layout` is in the cache.
    pub(super) fn find(&mut self, layout: &Layout) -> Vec<Option<Kept>> {
        let find = |cache: &Self, chunk: &Chunk| cache.known.get(&chunk.digest).copied();
        if layout.chunks.iter().any(|chunk| find(self, chunk).is_none()) {
            self.open_all();
        }
        layout.chunks.iter().map(|chunk| find(self, chunk)).collect()
    }

    /// The block that is kept, and how it is stored; `None` when it is damaged or gone.
    pub(super) fn read(&self, kept: &Kept) -> Option<(Vec<u8>, StoredSize)> {
        let path = self.packs.get(kept.pack)?;
        let note = |set: &Mutex<BTreeSet<usize>>| {
            set.lock().unwrap_or_else(PoisonError::into_inner).insert(kept.pack);
        };
        match pack::read_block(path, &kept.entry) {
            Ok(Some(bytes)) => {
                note(&self.used);
                Some((bytes, StoredSize(kept.entry.size.get())))
            }
            _ => {
                note(&self.damaged);
                None
            }
        }
    }

    /// Takes note of what is in `pack`; the digests of its run.
    fn add(&mut self, pack: Pack) -> Digests {
        let number = self.packs.len();
        self.packs.push(pack.path);
        for entry in pack.entries {
            if self.known.len() < KNOWN_MAX {
                self.known.entry(Digest(entry.digest)).or_insert(Kept { pack: number, entry });
            }
        }
        pack.pieces
    }

    /// Looks into every file that could be of use and was not looked at.
    fn open_all(&mut self) {
        let opened: BTreeSet<PathBuf> = self.packs.iter().cloned().collect();
        let is_ours = |path: &Path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with(&self.prefix) && name.ends_with(ENDING))
        };
        let Ok(files) = std::fs::read_dir(&self.folder) else { return };
        let mut paths: Vec<PathBuf> = files.flatten().map(|file| file.path()).collect();
        paths.retain(|path| is_ours(path) && !opened.contains(path));
        paths.sort();
        for path in paths {
            match Pack::open(&path) {
                Ok(Some(pack)) => drop(self.add(pack)),
                Ok(None) => self.remove(&path),
                // Gone since the folder was read, most likely.
                Err(_) => {}
            }
        }
    }

    fn remove(&self, path: &Path) {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                self.fail(&IoError::new("removing", path, error));
            }
            _ => {}
        }
    }

    fn path(&self, key: &Digest) -> PathBuf {
        let hex = HEXLOWER.encode(&key.0[..16]);
        self.folder.join(format!("{}{hex}{ENDING}", self.prefix))
    }

    /// Nothing is added to the cache after this.
    fn fail(&self, error: &dyn std::error::Error) {
        let mut problem = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        problem.get_or_insert_with(|| crate::error::chain(error));
    }

    fn has_failed(&self) -> bool {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Keeps the chunks of a run that was just written to `block`.
    pub(super) fn keep(&self, survey: &Survey<'_>, run: &StoredRun<'_>, block: &dyn Block) {
        if self.has_failed() || run.chunks.is_empty() && run.run.identity.is_none() {
            return;
        }
        let key = identity_key(survey, run.run).unwrap_or_else(|| content_key(run.chunks));
        let mut entries = Vec::with_capacity(run.chunks.len());
        let mut len = 0;
        for ((chunk, size), check) in run.chunks.iter().zip(run.sizes).zip(run.checks) {
            entries.push(Entry {
                digest: chunk.digest.0,
                check: *check,
                offset: len.into(),
                size: size.0.into(),
                unused: 0.into(),
            });
            len += u64::from(size.len());
        }
        let Some(range) = ByteRange::new(run.start, len) else { return };
        let pieces = if run.run.identity.is_some() { run.pieces } else { &[] };
        let path = self.path(&key);
        let contents = Contents { block, range, entries: &entries, pieces };
        match pack::create(&path, &contents) {
            Ok(()) => self.replaced(&path),
            // Somebody removed the folder: that is allowed.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => self.fail(&IoError::new("writing", &path, error)),
        }
    }

    /// The file at `path` is new: if it was damaged, it is no longer.
    fn replaced(&self, path: &Path) {
        let mut damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        damaged.retain(|number| self.packs.get(*number).is_none_or(|known| known != path));
    }

    /// Ends the use of the cache: what was used counts as new, what is damaged or too much is removed.
    pub(super) fn finish(self) -> Option<String> {
        let taken = |set: &Mutex<BTreeSet<usize>>| {
            std::mem::take(&mut *set.lock().unwrap_or_else(PoisonError::into_inner))
        };
        let (used, damaged) = (taken(&self.used), taken(&self.damaged));
        let paths = |numbers: BTreeSet<usize>| {
            numbers.into_iter().filter_map(|number| self.packs.get(number).cloned()).collect::<Vec<_>>()
        };
        let (used, damaged) = (paths(used), paths(damaged));
        evict::touch(&used);
        for path in damaged {
            self.remove(&path);
        }
        if let Err(error) = evict::shrink(&self.folder, self.limit) {
            self.fail(&error);
        }
        self.problem.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A run as it was written.
pub(super) struct StoredRun<'w> {
    pub(super) run: &'w Run,
    /// What its pieces hold.
    pub(super) pieces: &'w [Digest],
    /// Its own chunks, which follow each other on the volume.
    pub(super) chunks: &'w [Chunk],
    /// Where the first one is, in bytes from the start of the volume.
    pub(super) start: u64,
    /// How long each is.
    pub(super) sizes: &'w [StoredSize],
    /// Digest of each as it is stored.
    pub(super) checks: &'w [[u8; 16]],
}

/// What all files begin with that hold what this program makes with `options`.
fn prefix(options: &Options) -> String {
    let made_by = format!(
        "{RECIPE} {} {} {} {}",
        env!("CARGO_PKG_VERSION"),
        zstd::zstd_safe::version_number(),
        options.compression,
        options.block_size.bytes()
    );
    let digest = blake3::derive_key("landfall squashfs cache settings", made_by.as_bytes());
    format!("{}-", HEXLOWER.encode(&digest[..8]))
}

/// The key of a run with an identity. The lengths of its files are part of it: whatever the caller says, a run of
/// another shape is another one.
fn identity_key(survey: &Survey<'_>, run: &Run) -> Option<Digest> {
    let identity = run.identity?;
    let mut hasher = blake3::Hasher::new_derive_key("landfall squashfs cache identity");
    hasher.update(&identity);
    for id in &run.files {
        let len = content(survey.tree, *id).map_or(0, Content::len);
        hasher.update(&len.to_le_bytes());
    }
    Some(Digest(*hasher.finalize().as_bytes()))
}

/// The key of a run that nothing is known of.
fn content_key(chunks: &[Chunk]) -> Digest {
    let mut hasher = blake3::Hasher::new_derive_key("landfall squashfs cache content");
    for chunk in chunks {
        hasher.update(&chunk.digest.0);
    }
    Digest(*hasher.finalize().as_bytes())
}
