//! A pool that gives out chunks, and its volumes as Blocks.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::LvmError;
use super::super::text::corrupt;
use super::metadata::{self, Chunks, Mapping};
use crate::units::{ByteRange, ByteSize, SectorSize, u64_of, usize_of};
use crate::volume::{Block, BlockError, check_range};

/// What a pool lies on: data and metadata.
pub(in crate::volume::lvm) type PoolParts = (Arc<dyn Block>, Arc<dyn Block>);

/// A thin pool; clones are the same pool.
#[derive(Clone)]
pub struct ThinPool(Arc<Pool>);

struct Pool {
    name: String,
    data: Arc<dyn Block>,
    metadata: Arc<dyn Block>,
    /// Bytes of a chunk.
    chunk: u64,
    state: Mutex<State>,
}

struct State {
    mapping: Mapping,
    supply: Supply,
}

/// Where new chunks come from.
enum Supply {
    /// All from this one on are free.
    From(u64),
    /// A pool that was read gives none.
    None,
}

impl std::fmt::Debug for ThinPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ThinPool").field("name", &self.0.name).finish_non_exhaustive()
    }
}

impl ThinPool {
    /// A new pool named `name` on `data` and `metadata`, with `devices` thin devices whose numbers begin with 1.
    pub(in crate::volume::lvm) fn create(
        name: &str,
        (data, metadata): PoolParts,
        chunk: ByteSize,
        devices: u64,
    ) -> Result<Self, LvmError> {
        let chunk = chunk.bytes();
        let mapping = Mapping {
            chunk,
            total: data.len() / chunk,
            transaction: devices,
            devices: (1..=devices).map(|device| (device, Chunks::new())).collect(),
        };
        let state = Mutex::new(State { mapping, supply: Supply::From(0) });
        let pool = Self(Arc::new(Pool { name: name.to_owned(), data, metadata, chunk, state }));
        pool.commit()?;
        Ok(pool)
    }

    /// The pool that is on `data` and `metadata`.
    pub(in crate::volume::lvm) fn open(name: &str, (data, metadata): PoolParts) -> Result<Self, LvmError> {
        let mapping = metadata::read(&*metadata)?;
        let chunk = mapping.chunk;
        if mapping.total.checked_mul(chunk).is_none_or(|len| len > data.len()) {
            return Err(corrupt("the thin pool has more chunks than its data volume"));
        }
        let state = Mutex::new(State { mapping, supply: Supply::None });
        Ok(Self(Arc::new(Pool { name: name.to_owned(), data, metadata, chunk, state })))
    }

    /// LVM's count of changes, as the pool itself has it.
    pub(in crate::volume::lvm) fn transaction(&self) -> u64 {
        self.0.lock().mapping.transaction
    }

    /// The volume with this number, of `len` bytes.
    pub(in crate::volume::lvm) fn volume(&self, device: u64, len: u64) -> Result<ThinBlock, LvmError> {
        if !self.0.lock().mapping.devices.contains_key(&device) {
            return Err(corrupt(&format!("the thin pool knows no volume {device}")));
        }
        Ok(ThinBlock { pool: self.0.clone(), device, len })
    }

    /// Puts the chunks in the order of volumes and of their place in them, whatever the order of the writes was,
    /// and writes the metadata. Nobody may write meanwhile. Does nothing for a pool that was read.
    ///
    /// # Errors
    /// When the metadata have no room for all that was written, and for I/O.
    pub fn commit(&self) -> Result<(), LvmError> {
        let mut state = self.0.lock();
        let Supply::From(used) = state.supply else { return Ok(()) };
        let mut goals = vec![0; usize_of(used)];
        let mut goal = 0;
        for chunks in state.mapping.devices.values_mut() {
            for place in chunks.values_mut() {
                goals[usize_of(*place)] = goal;
                *place = goal;
                goal += 1;
            }
        }
        self.0.rearrange(goals)?;
        metadata::write(&state.mapping, &*self.0.metadata)?;
        Ok(self.0.metadata.flush()?)
    }
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves every chunk to its goal, ring by ring.
    fn rearrange(&self, mut goals: Vec<u64>) -> Result<(), BlockError> {
        let mut carried = vec![0; usize_of(self.chunk)];
        let mut found = carried.clone();
        for start in 0..u64_of(goals.len()) {
            let mut goal = goals[usize_of(start)];
            if goal == start {
                continue;
            }
            self.data.read_at(&mut carried, start * self.chunk)?;
            goals[usize_of(start)] = start;
            while goal != start {
                self.data.read_at(&mut found, goal * self.chunk)?;
                self.data.write_at(&carried, goal * self.chunk)?;
                std::mem::swap(&mut carried, &mut found);
                goal = std::mem::replace(&mut goals[usize_of(goal)], goal);
            }
            self.data.write_at(&carried, start * self.chunk)?;
        }
        Ok(())
    }

    fn full(&self, total: u64) -> BlockError {
        let size = ByteSize(total.saturating_mul(self.chunk));
        let why = format!("all of its {size} are taken: its volumes hold more than it has");
        BlockError::Corrupt { what: format!("thin pool `{}`", self.name), why }
    }

    /// Gives `device` the chunks of `keys` that it lacks. What `range` of the device, which is about to be
    /// written, leaves of them becomes zero.
    fn give(&self, device: u64, keys: std::ops::Range<u64>, range: ByteRange) -> Result<(), BlockError> {
        let mut guard = self.lock();
        let State { mapping, supply } = &mut *guard;
        let total = mapping.total;
        let Some(chunks) = mapping.devices.get_mut(&device) else { return Err(self.full(total)) };
        for key in keys {
            if chunks.contains_key(&key) {
                continue;
            }
            let Supply::From(next) = supply else {
                let why = "it was read, and gives out no chunks".to_owned();
                return Err(BlockError::Corrupt { what: format!("thin pool `{}`", self.name), why });
            };
            if *next >= total {
                return Err(self.full(total));
            }
            // Others write into this chunk only once they find it, so the zeroes come first.
            let (start, place) = (key * self.chunk, *next * self.chunk);
            let written = (range.start().max(start) - start, range.end().min(start + self.chunk) - start);
            for (from, to) in [(0, written.0), (written.1, self.chunk)] {
                if let Some(rest) = ByteRange::new(place + from, to - from).filter(|rest| !rest.is_empty()) {
                    self.data.zero_range(rest)?;
                }
            }
            chunks.insert(key, *next);
            *next += 1;
        }
        Ok(())
    }

    /// Runs of `range` that lie in one piece in the pool, each with its place there; without one where `device` has
    /// no chunk.
    fn runs(&self, device: u64, range: ByteRange) -> Vec<(Option<u64>, ByteRange)> {
        let guard = self.lock();
        let chunks = guard.mapping.devices.get(&device);
        let mut runs: Vec<(Option<u64>, ByteRange)> = Vec::new();
        let mut at = range.start();
        while at < range.end() {
            let (key, into) = (at / self.chunk, at % self.chunk);
            let next = chunks.and_then(|chunks| chunks.range(key..).next());
            let (place, len) = match next {
                Some((found, place)) if *found == key => {
                    (Some(place * self.chunk + into), (self.chunk - into).min(range.end() - at))
                }
                // Nothing up to the next chunk, or the end.
                Some((found, _)) => (None, found.saturating_mul(self.chunk).min(range.end()) - at),
                None => (None, range.end() - at),
            };
            let goes_on = |last: &(Option<u64>, ByteRange)| match (last.0, place) {
                (Some(before), Some(place)) => before + last.1.len() == place,
                (None, None) => true,
                _ => false,
            };
            match runs.last_mut().filter(|last| goes_on(last)) {
                Some(last) => {
                    last.1 = ByteRange::new(last.1.start(), last.1.len() + len).unwrap_or(last.1);
                }
                None => runs.extend(ByteRange::new(at, len).map(|run| (place, run))),
            }
            at += len;
        }
        runs
    }
}

/// A volume of a thin pool. What it was never given reads as zeroes.
#[derive(Clone)]
pub(in crate::volume::lvm) struct ThinBlock {
    pool: Arc<Pool>,
    device: u64,
    len: u64,
}

impl ThinBlock {
    fn range(&self, offset: u64, len: u64) -> Result<ByteRange, BlockError> {
        check_range("the thin volume", offset, len, self.len)?;
        ByteRange::new(offset, len)
            .ok_or_else(|| BlockError::out_of_range("the thin volume", offset, len, self.len))
    }

    /// Gives the volume all that `range` touches; the runs of it.
    fn prepare(&self, range: ByteRange) -> Result<Vec<(Option<u64>, ByteRange)>, BlockError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let keys = range.start() / self.pool.chunk..range.end().div_ceil(self.pool.chunk);
        self.pool.give(self.device, keys, range)?;
        Ok(self.pool.runs(self.device, range))
    }
}

impl Block for ThinBlock {
    fn len(&self) -> u64 {
        self.len
    }

    fn sector_size(&self) -> SectorSize {
        self.pool.data.sector_size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), BlockError> {
        let range = self.range(offset, u64_of(buffer.len()))?;
        for (place, run) in self.pool.runs(self.device, range) {
            let part = &mut buffer[usize_of(run.start() - offset)..usize_of(run.end() - offset)];
            match place {
                Some(place) => self.pool.data.read_at(part, place)?,
                None => part.fill(0),
            }
        }
        Ok(())
    }

    fn write_at(&self, data: &[u8], offset: u64) -> Result<(), BlockError> {
        let range = self.range(offset, u64_of(data.len()))?;
        for (place, run) in self.prepare(range)? {
            if let Some(place) = place {
                let part = &data[usize_of(run.start() - offset)..usize_of(run.end() - offset)];
                self.pool.data.write_at(part, place)?;
            }
        }
        Ok(())
    }

    fn zero_range(&self, range: ByteRange) -> Result<(), BlockError> {
        let range = self.range(range.start(), range.len())?;
        for (place, run) in self.pool.runs(self.device, range) {
            if let Some(inner) = place.and_then(|place| ByteRange::new(place, run.len())) {
                self.pool.data.zero_range(inner)?;
            }
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), BlockError> {
        self.pool.data.flush()
    }

    fn copy_from(&self, source: &File, range: ByteRange, offset: u64) -> Result<(), BlockError> {
        let target = self.range(offset, range.len())?;
        for (place, run) in self.prepare(target)? {
            let from = ByteRange::new(range.start() + (run.start() - offset), run.len());
            if let (Some(place), Some(from)) = (place, from) {
                self.pool.data.copy_from(source, from, place)?;
            }
        }
        Ok(())
    }
}

/// The pools of a group by name, to be committed when all that lies on them is written.
pub type Pools = BTreeMap<String, ThinPool>;
