//! A header whose keys are still being derived.

use std::thread::{self, JoinHandle};

use zeroize::Zeroizing;

use super::format::HEADER_SIZE;
use super::metadata::Kdf;
use super::xts::{Direction, Xts};
use super::{Luks2Error, kdf};
use crate::secret::Secret;
use crate::units::ByteRange;
use crate::volume::Block;

/// What becomes the area of one keyslot.
pub(super) struct Slot {
    /// Where it is.
    pub(super) area: ByteRange,
    /// How the passphrase becomes the key of the area.
    pub(super) kdf: Kdf,
    /// Bytes of that key.
    pub(super) key_size: u32,
    /// The passphrase.
    pub(super) key: Secret,
    /// The volume key, split into stripes.
    pub(super) material: Zeroizing<Vec<u8>>,
}

impl Slot {
    /// The area and its bytes.
    fn sealed(mut self) -> Result<(ByteRange, Zeroizing<Vec<u8>>), Luks2Error> {
        let area_key = kdf::derive(&self.kdf, self.key.expose(), self.key_size)?;
        let xts = Xts::new(&area_key).ok_or_else(wrong_key_size)?;
        xts.apply(Direction::Encrypt, &mut self.material, 512, 0);
        Ok((self.area, self.material))
    }
}

/// The areas of all keyslots.
type Areas = Result<Vec<(ByteRange, Zeroizing<Vec<u8>>)>, Luks2Error>;

/// Headers and keyslots of a volume, not written yet: [`PendingHeader::commit`] makes that it can be opened.
#[must_use = "without its header nothing opens the volume"]
pub struct PendingHeader {
    areas: JoinHandle<Areas>,
    secondary: Vec<u8>,
    primary: Vec<u8>,
}

impl std::fmt::Debug for PendingHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PendingHeader").finish_non_exhaustive()
    }
}

impl PendingHeader {
    /// Begins to derive the keys of `slots`, one after the other: each may take 128 MiB of memory, or what the layout asks for.
    pub(super) fn start(slots: Vec<Slot>, secondary: Vec<u8>, primary: Vec<u8>) -> Self {
        let areas = thread::spawn(move || slots.into_iter().map(Slot::sealed).collect());
        Self { areas, secondary, primary }
    }

    /// Waits for the keys and writes all to `block`, the device that was formatted; the primary header last.
    pub fn commit(self, block: &dyn Block) -> Result<(), Luks2Error> {
        let areas = self.areas.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        for (area, bytes) in areas {
            block.write_at(&bytes, area.start())?;
        }
        block.write_at(&self.secondary, HEADER_SIZE)?;
        Ok(block.write_at(&self.primary, 0)?)
    }
}

/// No cipher has keys of that size.
pub(super) fn wrong_key_size() -> Luks2Error {
    Luks2Error::Options("the size of the key".to_owned())
}
