//! The assembled array: where each byte of it lies on its members.

use std::sync::{Mutex, PoisonError};

use super::layout::{Layout, Level, Rotation};
use super::parity;
use crate::units::{ByteRange, SectorSize, u64_of, usize_of};
use crate::volume::{Block, BlockError};

/// An md array as a Block.
#[derive(Debug)]
pub struct MdBlock<B> {
    members: Vec<Option<B>>,
    layout: Layout,
    /// Parity is read, changed and written back as one step.
    parity: Mutex<()>,
}

/// A piece of the array that lies in one piece on a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// Offset in the members' data areas.
    offset: u64,
    /// Bytes in one piece.
    len: u64,
    /// Number of the stripe.
    stripe: u64,
    /// Number of the data chunk in the stripe.
    index: u64,
}

impl<B: Block> MdBlock<B> {
    /// The array of `members` in the order of their roles; a missing one is `None`.
    pub(super) fn new(members: Vec<Option<B>>, layout: Layout) -> Self {
        Self { members, layout, parity: Mutex::new(()) }
    }

    /// An array without superblocks: the whole of `members` is data. Other layers that stripe, copy or
    /// compute parity as md does are made of it. `chunk` counts bytes.
    pub(in crate::volume) fn assemble(members: Vec<B>, level: Level, chunk: u64, rotation: Rotation) -> Self {
        let unit = if level.has_chunks() { chunk } else { 512 };
        let smallest = members.iter().map(Block::len).min().unwrap_or(0) / unit * unit;
        let layout = Layout {
            level,
            rotation,
            chunk: unit,
            // A range from 0 does not wrap.
            data: ByteRange::new(0, smallest).unwrap_or_else(ByteRange::empty),
            len: level.array_len(smallest, unit, u64_of(members.len())),
            superblocks: Vec::new(),
            bitmap_distance: None,
            bitmap_chunk: 0,
        };
        Self::new(members.into_iter().map(Some).collect(), layout)
    }

    /// The members, the array being done with.
    pub fn into_members(self) -> Vec<Option<B>> {
        self.members
    }

    fn count(&self) -> u64 {
        u64_of(self.members.len())
    }

    /// Data chunks in a stripe; for RAID 10, copies counted.
    fn width(&self) -> u64 {
        match self.layout.level {
            Level::Raid0 | Level::Raid10 => self.count(),
            Level::Raid1 => 1,
            Level::Raid4 | Level::Raid5 => self.count() - 1,
            Level::Raid6 => self.count() - 2,
        }
    }

    fn place(&self, offset: u64, len: u64) -> Place {
        if self.layout.level == Level::Raid1 {
            return Place { offset, len, stripe: 0, index: 0 };
        }
        let chunk = self.layout.chunk;
        let (number, into) = (offset / chunk, offset % chunk);
        let (stripe, index) = match self.layout.level {
            // Every chunk comes twice, on members that follow each other, over the ends of stripes.
            Level::Raid10 => (2 * number / self.count(), 2 * number % self.count()),
            _ => (number / self.width(), number % self.width()),
        };
        Place { offset: stripe * chunk + into, len: len.min(chunk - into), stripe, index }
    }

    /// Member that holds the first parity of a stripe.
    fn p_member(&self, stripe: u64) -> u64 {
        match (self.layout.level, self.layout.rotation) {
            (Level::Raid4, _) => self.count() - 1,
            (_, Rotation::LeftSymmetric) => self.count() - 1 - stripe % self.count(),
            (_, Rotation::ZeroRestart) => stripe % self.count(),
        }
    }

    /// Member that holds data chunk `index` of a stripe.
    fn data_member(&self, stripe: u64, index: u64) -> u64 {
        let p = self.p_member(stripe);
        match (self.layout.level, self.layout.rotation) {
            (Level::Raid5, _) => (p + 1 + index) % self.count(),
            (Level::Raid6, Rotation::LeftSymmetric) => (p + 2 + index) % self.count(),
            // The second parity of the last member's is on the first.
            (Level::Raid6, Rotation::ZeroRestart) if p + 1 == self.count() => index + 1,
            (Level::Raid6, Rotation::ZeroRestart) if index >= p => index + 2,
            _ => index,
        }
    }

    /// The power of the generator by which data chunk `index` of a stripe counts in the second parity.
    fn exponent(&self, stripe: u64, index: u64) -> usize {
        usize_of(match self.layout.rotation {
            Rotation::LeftSymmetric => index,
            // Here the places of the parities count as well.
            Rotation::ZeroRestart => self.data_member(stripe, index),
        })
    }

    /// The members that hold copies of a piece, each with the offset in its data.
    fn copies(&self, place: Place) -> Vec<(u64, u64)> {
        match self.layout.level {
            Level::Raid1 => (0..self.count()).map(|member| (member, place.offset)).collect(),
            Level::Raid10 if place.index + 1 < self.count() => {
                vec![(place.index, place.offset), (place.index + 1, place.offset)]
            }
            Level::Raid10 => vec![(place.index, place.offset), (0, place.offset + self.layout.chunk)],
            _ => vec![(self.data_member(place.stripe, place.index), place.offset)],
        }
    }

    fn member(&self, number: u64) -> Option<&B> {
        self.members.get(usize_of(number)).and_then(Option::as_ref)
    }

    fn read_piece(&self, buffer: &mut [u8], place: Place) -> Result<(), BlockError> {
        let start = self.layout.data.start();
        for (number, offset) in self.copies(place) {
            if let Some(member) = self.member(number) {
                return member.read_at(buffer, start + offset);
            }
        }
        match self.layout.level {
            Level::Raid4 | Level::Raid5 | Level::Raid6 => self.rebuild(buffer, place),
            Level::Raid0 | Level::Raid1 | Level::Raid10 => Err(missing()),
        }
    }

    /// Computes a piece of a missing member from the other data of its stripe and its parities.
    fn rebuild(&self, buffer: &mut [u8], place: Place) -> Result<(), BlockError> {
        let p_member = self.member(self.p_member(place.stripe));
        let mut lost = Vec::new();
        let mut others = Vec::new();
        for index in (0..self.width()).filter(|index| *index != place.index) {
            match self.member(self.data_member(place.stripe, index)) {
                Some(member) => others.push((self.exponent(place.stripe, index), member)),
                None => lost.push(self.exponent(place.stripe, index)),
            }
        }
        let offset = self.layout.data.start() + place.offset;
        let mut piece = vec![0; buffer.len()];
        // What P lacks of the other data is what was here, and where another piece is lost, both.
        buffer.fill(0);
        if let Some(member) = p_member {
            member.read_at(buffer, offset)?;
            for (_, member) in &others {
                member.read_at(&mut piece, offset)?;
                parity::add(buffer, &piece);
            }
            if lost.is_empty() {
                return Ok(());
            }
        }
        let q_number = (self.p_member(place.stripe) + 1) % self.count();
        let q_member =
            self.member(q_number).filter(|_| self.layout.level == Level::Raid6).ok_or_else(missing)?;
        let mut sum = vec![0; buffer.len()];
        q_member.read_at(&mut sum, offset)?;
        for (exponent, member) in &others {
            member.read_at(&mut piece, offset)?;
            parity::add_scaled(&mut sum, &piece, *exponent);
        }
        let here = self.exponent(place.stripe, place.index);
        match (p_member, lost.as_slice()) {
            (None, []) => parity::solve_one(buffer, &sum, here),
            (Some(_), [other]) => parity::solve_two(buffer, &sum, (here, *other)),
            _ => return Err(missing()),
        }
        Ok(())
    }

    fn write_piece(&self, data: &[u8], place: Place) -> Result<(), BlockError> {
        let start = self.layout.data.start();
        match self.layout.level {
            Level::Raid0 | Level::Raid1 | Level::Raid10 => {
                for (number, offset) in self.copies(place) {
                    if let Some(member) = self.member(number) {
                        member.write_at(data, start + offset)?;
                    }
                }
                Ok(())
            }
            Level::Raid4 | Level::Raid5 | Level::Raid6 => self.write_with_parity(data, place),
        }
    }

    fn write_with_parity(&self, data: &[u8], place: Place) -> Result<(), BlockError> {
        let _one_at_a_time = self.parity.lock().unwrap_or_else(PoisonError::into_inner);
        let offset = self.layout.data.start() + place.offset;
        let mut delta = vec![0; data.len()];
        self.read_piece(&mut delta, place)?;
        parity::add(&mut delta, data);
        if let Some(member) = self.member(self.data_member(place.stripe, place.index)) {
            member.write_at(data, offset)?;
        }
        let p_member = self.p_member(place.stripe);
        let mut sum = vec![0; data.len()];
        if let Some(member) = self.member(p_member) {
            member.read_at(&mut sum, offset)?;
            parity::add(&mut sum, &delta);
            member.write_at(&sum, offset)?;
        }
        let q_member = (p_member + 1) % self.count();
        if self.layout.level == Level::Raid6
            && let Some(member) = self.member(q_member)
        {
            member.read_at(&mut sum, offset)?;
            parity::add_scaled(&mut sum, &delta, self.exponent(place.stripe, place.index));
            member.write_at(&sum, offset)?;
        }
        Ok(())
    }

    fn check(&self, offset: u64, len: u64) -> Result<(), BlockError> {
        match offset.checked_add(len) {
            Some(end) if end <= self.layout.len => Ok(()),
            _ => Err(BlockError::out_of_range("the array", offset, len, self.layout.len)),
        }
    }
}

fn missing() -> BlockError {
    BlockError::Corrupt { what: "md array".to_owned(), why: "too many members are missing".to_owned() }
}

impl<B: Block> Block for MdBlock<B> {
    fn len(&self) -> u64 {
        self.layout.len
    }

    fn sector_size(&self) -> SectorSize {
        self.members.iter().flatten().map(Block::sector_size).max().unwrap_or_default()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), BlockError> {
        self.check(offset, u64_of(buffer.len()))?;
        let mut done = 0;
        while done < buffer.len() {
            let place = self.place(offset + u64_of(done), u64_of(buffer.len() - done));
            let len = usize_of(place.len);
            self.read_piece(&mut buffer[done..done + len], place)?;
            done += len;
        }
        Ok(())
    }

    fn write_at(&self, data: &[u8], offset: u64) -> Result<(), BlockError> {
        self.check(offset, u64_of(data.len()))?;
        let mut done = 0;
        while done < data.len() {
            let place = self.place(offset + u64_of(done), u64_of(data.len() - done));
            let len = usize_of(place.len);
            self.write_piece(&data[done..done + len], place)?;
            done += len;
        }
        Ok(())
    }

    fn zero_range(&self, range: ByteRange) -> Result<(), BlockError> {
        self.check(range.start(), range.len())?;
        let mut done = 0;
        while done < range.len() {
            let place = self.place(range.start() + done, range.len() - done);
            let start = self.layout.data.start();
            match self.layout.level {
                Level::Raid0 | Level::Raid1 | Level::Raid10 => {
                    for (number, offset) in self.copies(place) {
                        if let (Some(member), Some(piece)) =
                            (self.member(number), ByteRange::new(start + offset, place.len))
                        {
                            member.zero_range(piece)?;
                        }
                    }
                }
                Level::Raid4 | Level::Raid5 | Level::Raid6 => {
                    self.write_with_parity(&vec![0; usize_of(place.len)], place)?
                }
            }
            done += place.len;
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), BlockError> {
        self.members.iter().flatten().try_for_each(Block::flush)
    }
}
