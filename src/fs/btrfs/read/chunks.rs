//! Chunks, and reading logical addresses through them.

use super::super::address::Logical;
use super::super::chunk::{Chunk, Stripe, Use, find};
use super::super::error::BtrfsError;
use super::super::format::chunk::{ChunkItem, StripeItem};
use super::super::format::{STRIPE, group, kind};
use super::super::key::Key;
use super::super::profile::Profile;
use super::inode::struct_at;
use super::{Reader, corrupt};
use crate::units::{ByteSize, u64_of, usize_of};
use crate::volume::Block;

/// More stripes than this no chunk of any use has.
const STRIPES_MAX: usize = 1024;

impl<B: Block> Reader<B> {
    /// All chunks of the tree of chunks, sorted; they do not overlap.
    pub(super) fn read_chunks(&self) -> Result<Vec<Chunk>, BtrfsError> {
        let mut chunks: Vec<Chunk> = Vec::new();
        let devices = self.devices.len();
        self.walk(self.chunk_root(), Key::default()..=Key::MAX, &mut |key, data| {
            if key.kind != kind::CHUNK_ITEM {
                return Ok(());
            }
            let (chunk, _) = parse_chunk(key, data, devices)?;
            if chunks.last().is_some_and(|last| last.end() > chunk.start) {
                return Err(corrupt(format!("chunk {}", chunk.start.0), "it overlaps the one before"));
            }
            chunks.push(chunk);
            Ok(())
        })?;
        Ok(chunks)
    }

    /// Fills `buffer` from copy `copy` of `address`; `false` when there are fewer copies.
    pub(super) fn read_copy(
        &self,
        address: Logical,
        buffer: &mut [u8],
        copy: usize,
    ) -> Result<bool, BtrfsError> {
        let mut done = 0;
        while done < buffer.len() {
            let at = Logical(address.0.saturating_add(u64_of(done)));
            let outside = || corrupt(format!("address {}", at.0), "no chunk holds it");
            let chunk = find(&self.chunks, at).ok_or_else(outside)?;
            let rest = u64_of(buffer.len() - done).min(chunk.end().0 - at.0);
            let located = chunk.profile.locate(chunk.stripes.len(), at.0 - chunk.start.0, rest);
            if copy >= located.copies {
                return Ok(false);
            }
            let stripe = chunk
                .stripes
                .get(located.first + copy)
                .ok_or_else(|| corrupt("chunk", "a stripe is missing"))?;
            let device = &self.devices[stripe.device];
            let part = &mut buffer[done..done + usize_of(located.len)];
            device.read_at(part, stripe.offset.saturating_add(located.at))?;
            done += usize_of(located.len);
        }
        Ok(true)
    }
}

/// The chunk that an item describes, and how many bytes the item has. Its stripes are on the first `devices` devices.
pub(super) fn parse_chunk(key: Key, data: &[u8], devices: usize) -> Result<(Chunk, usize), BtrfsError> {
    let wrong = |what: &str| corrupt(format!("chunk {}", key.offset), what);
    let head: ChunkItem = struct_at(data, 0).ok_or_else(|| wrong("its item is cut off"))?;
    let count = usize::from(head.num_stripes.get());
    let bits = head.kind.get();
    let Some(profile) = Profile::from_bits(bits) else {
        return Err(BtrfsError::Unsupported(format!("chunks of type {bits:#x}")));
    };
    let content = if bits & group::SYSTEM != 0 {
        Use::System
    } else if bits & group::METADATA != 0 {
        Use::Metadata
    } else {
        Use::Data
    };
    let fits = count > 0 && count <= STRIPES_MAX && u64_of(count).is_multiple_of(profile.copies());
    if !fits || head.stripe_len.get() != STRIPE {
        return Err(wrong("its stripes cannot be"));
    }
    let len = head.length.get();
    if len == 0 || key.offset.checked_add(len).is_none() {
        return Err(wrong(&format!("its length {} cannot be", ByteSize(len))));
    }
    let mut stripes = Vec::with_capacity(count);
    for index in 0..count {
        let at = size_of::<ChunkItem>() + index * size_of::<StripeItem>();
        let stripe: StripeItem = struct_at(data, at).ok_or_else(|| wrong("its stripes are cut off"))?;
        let device = usize_of(stripe.devid.get().wrapping_sub(1));
        if device >= devices {
            return Err(wrong(&format!("it lies on device {}, which is not there", stripe.devid.get())));
        }
        stripes.push(Stripe { device, offset: stripe.offset.get() });
    }
    let size = size_of::<ChunkItem>() + count * size_of::<StripeItem>();
    Ok((Chunk { start: Logical(key.offset), len, content, profile, stripes }, size))
}
