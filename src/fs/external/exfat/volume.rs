//! An empty volume as mkfs.exfat leaves it: where things are, which clusters are free.
//!
//! Source: Microsoft's "exFAT file system specification", sections 3 (boot region), 4 (FAT) and 7.1, 7.2 (bitmap and
//! upcase table). Numbers are little-endian.

use super::super::staging::Staging;
use super::entries::{BITMAP, ENTRY, UNUSED, UPCASE, number, upcase_table};
use super::{ExternalError, fill, wrong};
use crate::units::{low_u8, u64_of, usize_of};

/// Sectors of the boot region, its copy behind it; the last of each holds the sum.
const BOOT_SECTORS: usize = 12;
/// Offsets in the boot sector: FAT, clusters and how many, the root's first, serial number, sizes as powers of two.
const FAT: usize = 80;
const HEAP: usize = 88;
const COUNT: usize = 92;
const ROOT: usize = 96;
const SERIAL: usize = 100;
const SECTOR_SHIFT: usize = 108;
const CLUSTER_SHIFT: usize = 109;
/// How full the volume is, in hundredths.
const PERCENT: usize = 112;
/// Bytes that the sum leaves out: flags, and how full the volume is.
const NOT_SUMMED: [usize; 3] = [106, 107, PERCENT];

/// The number of the first cluster.
const FIRST: u64 = 2;
/// The end of a chain in the FAT.
const END: u32 = 0xffff_ffff;

/// Offsets in the entry of the bitmap or of the upcase table: first cluster, bytes.
const ENTRY_FIRST: usize = 20;
const ENTRY_LEN: usize = 24;

/// A volume in the file of a [`Staging`].
pub(super) struct Volume<'a> {
    staging: &'a Staging,
    /// The boot region.
    boot: Vec<u8>,
    /// Offset of the FAT, and of the first cluster.
    fat: u64,
    heap: u64,
    /// Bytes of a cluster, and how many there are.
    cluster: u64,
    count: u64,
    root: u64,
    /// The root's entries: label, bitmap, upcase table.
    entries: Vec<u8>,
    /// Offset of the bitmap, and its bytes.
    bitmap: (u64, Vec<u8>),
    upcase: Vec<u16>,
    /// The first cluster behind all that are in use.
    next: u64,
}

impl<'a> Volume<'a> {
    /// Reads what mkfs made: its bitmap, upcase table and root are each in one piece.
    pub(super) fn read(staging: &'a Staging) -> Result<Self, ExternalError> {
        let mut head = [0; 512];
        staging.read_at(&mut head, 0)?;
        let power = |at: usize| 1_u64.checked_shl(u32::from(head[at])).unwrap_or(0);
        let (sector, sectors) = (power(SECTOR_SHIFT), power(CLUSTER_SHIFT));
        if head[3..11] != *b"EXFAT   " || ![512, 4096].contains(&sector) || !(1..=1 << 25).contains(&sectors)
        {
            return Err(wrong("there is no boot sector"));
        }
        let mut boot = vec![0; usize_of(sector) * BOOT_SECTORS];
        staging.read_at(&mut boot, 0)?;
        let field = |at: usize| u64::from(le32(&boot, at));
        let mut volume = Self {
            staging,
            fat: field(FAT) * sector,
            heap: field(HEAP) * sector,
            cluster: sector * sectors,
            count: field(COUNT),
            root: field(ROOT),
            boot,
            entries: Vec::new(),
            bitmap: (0, Vec::new()),
            upcase: Vec::new(),
            next: 0,
        };
        volume.read_root()?;
        Ok(volume)
    }

    fn read_root(&mut self) -> Result<(), ExternalError> {
        let mut link = [0; 4];
        self.staging.read_at(&mut link, self.fat + self.root * 4)?;
        if u32::from_le_bytes(link) != END {
            return Err(wrong("its root has more than a cluster"));
        }
        let mut root = vec![0; usize_of(self.cluster)];
        self.staging.read_at(&mut root, self.offset(self.root))?;
        let used = root.chunks_exact(ENTRY).take_while(|entry| entry[0] != UNUSED);
        self.entries = used.flatten().copied().collect();
        self.bitmap = self.stream(BITMAP)?;
        let (_, upcase) = self.stream(UPCASE)?;
        self.upcase = upcase_table(&upcase);
        let last = self.bitmap.1.iter().rposition(|byte| *byte != 0).unwrap_or(0);
        let bits = self.bitmap.1.get(last).map_or(0, |byte| 8 - byte.leading_zeros());
        self.next = FIRST + u64_of(last) * 8 + u64::from(bits);
        Ok(())
    }

    /// Offset and bytes of what the root's entry of type `kind` leads to.
    fn stream(&self, kind: u8) -> Result<(u64, Vec<u8>), ExternalError> {
        let entry = self.entries.chunks_exact(ENTRY).find(|entry| entry[0] == kind);
        let entry = entry.ok_or_else(|| wrong("its root has no bitmap or no upcase table"))?;
        let first = u64::from(le32(entry, ENTRY_FIRST));
        // The upper half of its 64 bits is zero: a bit for each of at most 2^32 clusters.
        let len = u64::from(le32(entry, ENTRY_LEN));
        if first < FIRST || len > self.count * self.cluster {
            return Err(wrong("its bitmap or upcase table is nowhere"));
        }
        let mut bytes = vec![0; usize_of(len)];
        self.staging.read_at(&mut bytes, self.offset(first))?;
        Ok((self.offset(first), bytes))
    }

    /// Bytes of a cluster.
    pub(super) const fn cluster(&self) -> u64 {
        self.cluster
    }

    /// The root's first cluster.
    pub(super) const fn root(&self) -> u64 {
        self.root
    }

    /// The root's own entries.
    pub(super) fn root_entries(&self) -> &[u8] {
        &self.entries
    }

    /// The upper case of every unit of UTF-16.
    pub(super) fn upcase(&self) -> &[u16] {
        &self.upcase
    }

    /// Offset of a cluster.
    pub(super) const fn offset(&self, cluster: u64) -> u64 {
        self.heap + (cluster - FIRST) * self.cluster
    }

    /// The first of `count` clusters in one piece, which are in use from now on.
    pub(super) fn allocate(&mut self, count: u64) -> Result<u64, ExternalError> {
        let first = self.next;
        self.next = first.saturating_add(count);
        if self.next > FIRST + self.count {
            return Err(fill::full(self.count, self.cluster));
        }
        for bit in first - FIRST..self.next - FIRST {
            if let Some(byte) = self.bitmap.1.get_mut(usize_of(bit / 8)) {
                *byte |= 1 << (bit % 8);
            }
        }
        Ok(first)
    }

    /// Writes one cluster.
    pub(super) fn write(&self, bytes: &[u8], cluster: u64) -> Result<(), ExternalError> {
        Ok(self.staging.write_at(bytes, self.offset(cluster))?)
    }

    /// Links `clusters` in the FAT: the root has no entry that would say that it is in one piece.
    pub(super) fn chain(&self, clusters: &[u64]) -> Result<(), ExternalError> {
        let next = clusters.iter().skip(1).map(|cluster| number(*cluster)).chain([END]);
        for (cluster, link) in clusters.iter().zip(next) {
            self.staging.write_at(&link.to_le_bytes(), self.fat + cluster * 4)?;
        }
        Ok(())
    }

    /// Writes the bitmap and both boot regions, with the serial number and how full the volume is.
    pub(super) fn finish(mut self, serial: u32) -> Result<(), ExternalError> {
        self.staging.write_at(&self.bitmap.1, self.bitmap.0)?;
        self.boot[SERIAL..SERIAL + 4].copy_from_slice(&serial.to_le_bytes());
        self.boot[PERCENT] = low_u8((self.next - FIRST) * 100 / self.count.max(1));
        let sector = self.boot.len() / BOOT_SECTORS;
        let (summed, sums) = self.boot.split_at_mut(sector * (BOOT_SECTORS - 1));
        let included = summed.iter().enumerate().filter(|(at, _)| !NOT_SUMMED.contains(at));
        let sum = included.fold(0_u32, |sum, (_, byte)| sum.rotate_right(1).wrapping_add(u32::from(*byte)));
        for place in sums.chunks_exact_mut(4) {
            place.copy_from_slice(&sum.to_le_bytes());
        }
        for copy in 0..2 {
            self.staging.write_at(&self.boot, u64_of(copy * self.boot.len()))?;
        }
        Ok(())
    }
}

fn le32(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}
