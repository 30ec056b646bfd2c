//! Random stacks of layers: what was written at the top is read at the top, after every layer was opened again
//! from its disk alone.

use std::sync::Arc;

use landfall::identity::Seed;
use landfall::secret::Secret;
use landfall::timestamp::Timestamp;
use landfall::units::{ByteRange, ByteSize, Lba, SectorSize};
use landfall::volume::gpt::{self, Attributes, Entry, PartitionName, TypeGuid};
use landfall::volume::luks2::{self, Pbkdf, Randomness};
use landfall::volume::lvm::{self, PoolOptions, ThinPool, Volume, VolumeKind, VolumeSize};
use landfall::volume::md::{self, Bitmap, Level, Version};
use landfall::volume::{Block, FileBlock, SliceBlock};
use proptest::prelude::*;

/// A disk: sparse, so its size costs nothing.
const DISK: u64 = 2 << 30;

/// A layer on one Block that gives one Block. Those with several members cut it into partitions first.
#[derive(Clone, Debug)]
enum Layer {
    Partition { first_mib: u64 },
    Luks { sector: u32 },
    Array { level: Level, version: Version, members: usize, missing: usize },
    Group { kind: VolumeKind, members: usize },
}

/// Every level, with its members and how many of them may be missing.
fn levels() -> Vec<(Level, usize, usize)> {
    vec![
        (Level::Raid0, 2, 0),
        (Level::Raid1, 2, 1),
        (Level::Raid1, 3, 2),
        (Level::Raid4, 3, 1),
        (Level::Raid5, 4, 1),
        (Level::Raid6, 5, 2),
        (Level::Raid10, 4, 1),
        (Level::Raid10, 3, 1),
    ]
}

const VERSIONS: [Version; 4] = [Version::V1_0, Version::V1_1, Version::V1_2, Version::V0_90];

/// Every kind of volume, with the members of its group. In a pool, a thin volume is what is above.
fn kinds() -> Vec<(VolumeKind, usize)> {
    vec![
        (VolumeKind::Linear, 1),
        (VolumeKind::Linear, 3),
        (VolumeKind::Striped(2), 2),
        (VolumeKind::Raid0(3), 3),
        (VolumeKind::Raid1(2), 2),
        (VolumeKind::Raid4(3), 3),
        (VolumeKind::Raid5(3), 4),
        (VolumeKind::Raid6(5), 5),
        (VolumeKind::Raid10(4), 4),
        (VolumeKind::Mirror(3), 3),
        (VolumeKind::ThinPool(1, PoolOptions::default()), 2),
        (VolumeKind::ThinPool(2, PoolOptions::default()), 2),
    ]
}

fn layer() -> impl Strategy<Value = Layer> {
    let level = prop::sample::select(levels());
    let version = prop::sample::select(VERSIONS.to_vec());
    let kind = prop::sample::select(kinds());
    prop_oneof![
        (1_u64..9).prop_map(|first_mib| Layer::Partition { first_mib }),
        prop::sample::select(vec![512_u32, 4096]).prop_map(|sector| Layer::Luks { sector }),
        (level, version, 0_usize..=2).prop_map(|((level, members, most), version, missing)| Layer::Array {
            level,
            version,
            members,
            missing: missing.min(most)
        }),
        kind.prop_map(|(kind, members)| Layer::Group { kind, members }),
    ]
}

fn seed(depth: usize) -> Seed {
    Seed::from_inputs([depth.to_le_bytes().as_slice()])
}

fn key() -> Vec<Secret> {
    vec![Secret::new(b"correct horse".to_vec())]
}

fn has_parity(layer: &Layer) -> bool {
    matches!(
        layer,
        Layer::Array { level: Level::Raid4 | Level::Raid5 | Level::Raid6, .. }
            | Layer::Group { kind: VolumeKind::Raid4(_) | VolumeKind::Raid5(_) | VolumeKind::Raid6(_), .. }
    )
}

/// Cuts `block` into `count` partitions behind the first `first` MiB.
fn cut(block: &Arc<dyn Block>, first: u64, count: usize, depth: usize) -> Vec<Arc<dyn Block>> {
    let sector = block.sector_size().bytes();
    let mebibyte = (1 << 20) / sector;
    let (sectors, from) = (block.len() / sector, first * mebibyte);
    let each = (sectors - from - mebibyte) / u64::try_from(count).unwrap() / mebibyte * mebibyte;
    let mut table = gpt::Table { disk_guid: seed(depth).uuid("disk"), entries: Default::default() };
    for number in 0..u32::try_from(count).unwrap() {
        let start = from + u64::from(number) * each;
        let entry = Entry {
            type_guid: TypeGuid::LINUX_FILESYSTEM,
            unique_guid: seed(depth).uuid(&format!("partition/{number}")),
            first: Lba(start),
            last: Lba(start + each - 1),
            attributes: Attributes::NONE,
            name: PartitionName::EMPTY,
        };
        table.entries.insert(number + 1, entry);
    }
    table.write(&**block).unwrap();
    partitions(block)
}

/// The partitions that the table on `block` names.
fn partitions(block: &Arc<dyn Block>) -> Vec<Arc<dyn Block>> {
    let found = gpt::read(&**block).unwrap();
    assert_eq!(found.problems, []);
    let sector = block.sector_size().bytes();
    let mut slices: Vec<Arc<dyn Block>> = Vec::new();
    for entry in found.table.entries.values() {
        let range =
            ByteRange::new(entry.first.0 * sector, (entry.last.0 - entry.first.0 + 1) * sector).unwrap();
        slices.push(Arc::new(SliceBlock::new(block.clone(), range).unwrap()));
    }
    slices
}

/// Makes a layer on `block`; pools that will have to be committed are added to `pools`.
fn make(layer: &Layer, block: Arc<dyn Block>, depth: usize, pools: &mut Vec<ThinPool>) -> Arc<dyn Block> {
    match layer.clone() {
        Layer::Partition { first_mib } => cut(&block, first_mib, 1, depth).remove(0),
        Layer::Luks { sector } => {
            let options = luks2::Options {
                pbkdf: Pbkdf::Pbkdf2 { iterations: 1000 },
                sector_size: sector,
                ..luks2::Options::new(seed(depth).uuid("luks"))
            };
            Arc::new(luks2::write(block, &options, &key(), Randomness::Seed(seed(depth))).unwrap())
        }
        Layer::Array { level, version, members, .. } => {
            let options = md::Options {
                level,
                version,
                uuid: seed(depth).uuid("array"),
                member_uuids: (0..members)
                    .map(|number| seed(depth).uuid(&format!("member/{number}")))
                    .collect(),
                name: format!("array{depth}"),
                chunk: ByteSize::kib(64),
                bitmap: Bitmap::Internal,
                created: Timestamp::STORE,
            };
            Arc::new(md::write(cut(&block, 1, members, depth), &options).unwrap())
        }
        Layer::Group { kind, members } => {
            let volume = |name: &str, size, kind| Volume { name: name.to_owned(), size, kind };
            let volumes = match kind {
                VolumeKind::ThinPool(..) => vec![
                    volume("pool", VolumeSize::PercentFree(80), kind),
                    volume("other", VolumeSize::Bytes(ByteSize::gib(1)), VolumeKind::Thin("pool".to_owned())),
                    // More than there is: only what is written counts.
                    volume("top", VolumeSize::Bytes(ByteSize::gib(8)), VolumeKind::Thin("pool".to_owned())),
                ],
                kind => vec![volume("top", VolumeSize::PercentFree(100), kind)],
            };
            let options = lvm::Options {
                name: format!("group{depth}"),
                extent: ByteSize::kib(512),
                volumes,
                seed: seed(depth),
                created: Timestamp::STORE,
            };
            let mut made = lvm::write(&cut(&block, 1, members, depth), &options).unwrap();
            pools.extend(made.pools.into_values());
            Arc::new(made.volumes.remove("top").unwrap())
        }
    }
}

/// Opens what [`make`] made, without the members that may be missing.
fn open(layer: &Layer, block: Arc<dyn Block>) -> Arc<dyn Block> {
    match *layer {
        Layer::Partition { .. } => partitions(&block).remove(0),
        Layer::Luks { .. } => Arc::new(luks2::open(block, &key()).unwrap()),
        Layer::Array { missing, .. } => {
            let mut members = partitions(&block);
            members.reverse();
            Arc::new(md::open(members.split_off(missing)).unwrap())
        }
        Layer::Group { .. } => {
            let mut members = partitions(&block);
            members.rotate_left(1);
            Arc::new(lvm::open(&members).unwrap().1.remove("top").unwrap())
        }
    }
}

/// Writes at the top of `layers`, opens them again from the disk alone, and reads what was written.
fn round_trip(layers: Vec<Layer>, writes: Vec<(u64, usize, u8)>) -> Result<(), TestCaseError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let disk = FileBlock::create(file.reopen().unwrap(), file.path(), DISK, SectorSize::S512).unwrap();
    let disk: Arc<dyn Block> = Arc::new(disk);
    let mut top = disk.clone();
    // Parity begins with zeroes: above what is encrypted, gigabytes of them would have to be written.
    let mut encrypted = false;
    let layers: Vec<Layer> = layers
        .into_iter()
        .filter(|layer| match layer {
            Layer::Luks { .. } => !std::mem::replace(&mut encrypted, true),
            other => !encrypted || !has_parity(other),
        })
        .collect();
    let mut pools = Vec::new();
    for (depth, layer) in layers.iter().enumerate() {
        top = make(layer, top, depth, &mut pools);
    }
    let mut expected = Vec::new();
    for (at, len, byte) in writes {
        let offset = at % (top.len() - u64::try_from(len).unwrap()) / 4096 * 4096;
        let data = vec![byte; len.next_multiple_of(4096)];
        if offset + u64::try_from(data.len()).unwrap() > top.len() {
            continue;
        }
        top.write_at(&data, offset).unwrap();
        let range = ByteRange::new(offset, u64::try_from(data.len()).unwrap()).unwrap();
        // What a later write covers is not looked at again.
        expected.retain(|(other, _): &(ByteRange, Vec<u8>)| !other.overlaps(range));
        expected.push((range, data));
    }
    let len = top.len();
    drop(top);
    for pool in pools.iter().rev() {
        pool.commit().unwrap();
    }
    let mut top = disk;
    for layer in &layers {
        top = open(layer, top);
    }
    prop_assert_eq!(top.len(), len);
    for (range, data) in expected {
        let mut found = vec![0; data.len()];
        top.read_at(&mut found, range.start()).unwrap();
        prop_assert!(found == data, "{:?} through {:?}", range, layers);
    }
    Ok(())
}

/// What chance may leave out: each kind of layer by itself, and in an encrypted one.
#[test]
fn every_layer_gives_back_what_was_written_through_it() {
    let arrays = levels().into_iter().zip(VERSIONS.into_iter().cycle());
    let arrays =
        arrays.map(|((level, members, missing), version)| Layer::Array { level, version, members, missing });
    let groups = kinds().into_iter().map(|(kind, members)| Layer::Group { kind, members });
    let tables = [512, 4096].map(|sector| Layer::Luks { sector });
    let writes = vec![(0, 150_000, 1), (300 << 20, 200_000, 2), (150_000, 70_000, 3), (200 << 20, 4096, 4)];
    for layer in arrays.chain(groups).chain(tables) {
        for below in [Layer::Partition { first_mib: 3 }, Layer::Luks { sector: 4096 }] {
            round_trip(vec![below, layer.clone()], writes.clone()).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 40, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_at_the_top_is_read_at_the_top(
        layers in prop::collection::vec(layer(), 1..4),
        writes in prop::collection::vec((0_u64..1 << 40, 1_usize..200_000, any::<u8>()), 1..12),
    ) {
        round_trip(layers, writes)?;
    }
}
