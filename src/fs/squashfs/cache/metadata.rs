//! Blocks of metadata that were compressed before.
//!
//! They tell where everything is, so that any change moves most of what they say: they are kept together, for a
//! file system that is made again as it was. Compressing them is most of what such a build would do.

use std::collections::HashMap;

use super::super::digest::Digest;
use super::super::format::{Form, StoredSize};
use super::pack::{Contents, Entry, check_of, create, read_block};
use super::{Cache, Pack};
use crate::error::IoError;
use crate::fs::squashfs::layout::Layout;
use crate::units::{ByteRange, SectorSize, low_u32, u64_of, usize_of};
use crate::volume::MemoryBlock;

/// What a build before left, and what this one leaves.
pub(in crate::fs::squashfs) struct MetadataCache {
    key: Digest,
    /// Never iterated.
    before: HashMap<Digest, Entry>,
    stored_before: Vec<u8>,
    entries: Vec<Entry>,
    stored: Vec<u8>,
    /// Whether anything was compressed now.
    is_new: bool,
}

impl MetadataCache {
    /// Puts `block` as it is stored into `out`: as it was stored before, else as `compress` does it.
    pub(in crate::fs::squashfs) fn take<E>(
        &mut self,
        block: &[u8],
        out: &mut Vec<u8>,
        compress: impl FnOnce(&mut Vec<u8>) -> Result<Form, E>,
    ) -> Result<Form, E> {
        let digest = Digest(blake3::derive_key("landfall squashfs metadata block", block));
        let size = match self.before.get(&digest) {
            Some(entry) => {
                let size = StoredSize(entry.size.get());
                let start = usize_of(entry.offset.get());
                out.clear();
                out.extend_from_slice(&self.stored_before[start..start + usize_of(size.len().into())]);
                size
            }
            None => {
                self.is_new = true;
                let form = compress(out)?;
                StoredSize::new(low_u32(u64_of(out.len())), form)
            }
        };
        self.entries.push(Entry {
            digest: digest.0,
            check: check_of(out),
            offset: u64_of(self.stored.len()).into(),
            size: size.0.into(),
            unused: 0.into(),
        });
        self.stored.extend_from_slice(out);
        Ok(size.form())
    }
}

impl Cache {
    /// What is known of the metadata of a file system with the data of `layout`.
    pub(in crate::fs::squashfs) fn metadata(&self, layout: &Layout) -> MetadataCache {
        let mut hasher = blake3::Hasher::new_derive_key("landfall squashfs cache metadata");
        for chunk in &layout.chunks {
            hasher.update(&chunk.digest.0);
        }
        let key = Digest(*hasher.finalize().as_bytes());
        let mut cache = MetadataCache {
            key,
            before: HashMap::new(),
            stored_before: Vec::new(),
            entries: Vec::new(),
            stored: Vec::new(),
            is_new: false,
        };
        let path = self.path(&key);
        let Ok(Some(pack)) = Pack::open(&path) else { return cache };
        for mut entry in pack.entries {
            // Damage and whatever else is wrong: those are compressed again.
            let Ok(Some(bytes)) = read_block(&path, &entry) else { continue };
            entry.offset = u64_of(cache.stored_before.len()).into();
            cache.stored_before.extend_from_slice(&bytes);
            cache.before.insert(Digest(entry.digest), entry);
        }
        cache
    }

    /// Keeps what `metadata` was given, if that is not kept already.
    pub(in crate::fs::squashfs) fn keep_metadata(&self, metadata: MetadataCache) {
        let path = self.path(&metadata.key);
        if !metadata.is_new {
            super::evict::touch(&[path]);
            return;
        }
        if self.has_failed() {
            return;
        }
        let Some(range) = ByteRange::new(0, u64_of(metadata.stored.len())) else { return };
        let block = MemoryBlock::from_bytes(metadata.stored, SectorSize::S512);
        let contents = Contents { block: &block, range, entries: &metadata.entries, pieces: &[] };
        match create(&path, &contents) {
            Ok(()) => {}
            // Somebody removed the folder: that is allowed.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => self.fail(&IoError::new("writing", &path, error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> MetadataCache {
        MetadataCache {
            key: Digest([1; 32]),
            before: HashMap::new(),
            stored_before: Vec::new(),
            entries: Vec::new(),
            stored: Vec::new(),
            is_new: false,
        }
    }

    #[test]
    fn what_was_compressed_before_is_taken_as_it_was() {
        let mut first = empty();
        let mut out = Vec::new();
        let half = |out: &mut Vec<u8>| {
            *out = vec![7; 100];
            Ok::<_, ()>(Form::Compressed)
        };
        first.take(&[1; 8192], &mut out, half).unwrap();
        assert!(first.is_new);
        let mut second = empty();
        second.stored_before = first.stored;
        second.before = first.entries.iter().map(|entry| (Digest(entry.digest), *entry)).collect();
        let never = |_: &mut Vec<u8>| Err("compressed again");
        assert_eq!(second.take(&[1; 8192], &mut out, never), Ok(Form::Compressed));
        assert_eq!((out.as_slice(), second.is_new), (&[7; 100][..], false));
        assert_eq!(second.take(&[2; 8192], &mut out, never), Err("compressed again"));
        assert!(second.is_new);
    }
}
