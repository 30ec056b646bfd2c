//! Random trees: written, judged, read back, equal.

use landfall::fs::ext4::{BlockSize, read};
use landfall::timestamp::Timestamp;
use landfall::tree::{DeviceNumber, Kind, Metadata, Name, Node, NodeId, Tree, Xattr};
use landfall::units::ByteSize;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::describe::{assert_same, describe};
use super::image::{Image, options};
use super::trees;

/// One step of making a tree: where, under which name, what. Steps that are not possible are left out.
#[derive(Clone, Debug)]
pub struct Addition {
    /// Picks one of the directories made so far.
    parent: prop::sample::Index,
    name: Vec<u8>,
    what: What,
    metadata: Metadata,
}

#[derive(Clone, Debug)]
enum What {
    New(Kind),
    /// One more name of a node made so far.
    Link(prop::sample::Index),
}

fn kinds() -> impl Strategy<Value = What> {
    let device = (0..4096_u32, 0..1_u32 << 20).prop_map(|(major, minor)| DeviceNumber { major, minor });
    prop_oneof![
        4 => Just(What::New(Kind::directory())),
        4 => vec(any::<u8>(), 0..9000).prop_map(|bytes| What::New(Kind::File(bytes.into()))),
        2 => vec(1..=255_u8, 1..1000).prop_map(|target| What::New(Kind::Symlink(target))),
        1 => device.clone().prop_map(|device| What::New(Kind::CharDevice(device))),
        1 => device.prop_map(|device| What::New(Kind::BlockDevice(device))),
        1 => Just(What::New(Kind::Fifo)),
        1 => Just(What::New(Kind::Socket)),
        2 => any::<prop::sample::Index>().prop_map(What::Link),
    ]
}

fn metadata() -> impl Strategy<Value = Metadata> {
    let names = ("(user|trusted|security)\\.[a-z]{1,20}", vec(any::<u8>(), 0..200));
    let xattrs = btree_map(names.0, names.1, 0..4).prop_map(|map| {
        map.into_iter().map(|(name, value)| Xattr { name: name.into_bytes(), value }).collect::<Vec<_>>()
    });
    // e2fsck takes times from 2310-04-04 on for ones before 1970 that old kernels wrote.
    let time = (-(1_i64 << 31)..(5 << 31), 0..1_000_000_000_u32);
    (0..=0o7777_u16, any::<u32>(), any::<u32>(), time, xattrs).prop_map(
        |(permissions, uid, gid, time, xattrs)| {
            let modified = Timestamp::new(time.0, time.1).unwrap();
            Metadata { permissions, uid, gid, modified, xattrs }
        },
    )
}

/// Steps that make a tree.
pub fn additions() -> impl Strategy<Value = Vec<Addition>> {
    // Names from few letters, long ones among them, so that directories get several blocks.
    let name = prop_oneof![vec(1..=255_u8, 1..12), vec(b'a'..=b'c', 200..=255)];
    let addition = (any::<prop::sample::Index>(), name, kinds(), metadata())
        .prop_map(|(parent, name, what, metadata)| Addition { parent, name, what, metadata });
    vec(addition, 0..80)
}

/// The tree that steps make.
pub fn build(additions: &[Addition]) -> Tree {
    let mut tree = trees::empty();
    let mut folders: Vec<NodeId> = vec![Tree::ROOT];
    let mut others: Vec<NodeId> = Vec::new();
    for addition in additions {
        let parent = *addition.parent.get(&folders);
        let Ok(name) = Name::new(&addition.name) else { continue };
        match &addition.what {
            What::Link(which) => {
                if let Some(id) = others.get(which.index(others.len().max(1))) {
                    // A name that is taken stays with whom it has.
                    tree.link(parent, name, *id).ok();
                }
            }
            What::New(kind) => {
                let node = Node { metadata: addition.metadata.clone(), kind: kind.clone() };
                let is_folder = matches!(kind, Kind::Directory(_));
                if let Ok(id) = tree.add(parent, name, node) {
                    if is_folder { folders.push(id) } else { others.push(id) }
                }
            }
        }
    }
    tree
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_trees_survive_the_way_to_disk_and_back(
        additions in additions(),
        block_size in prop::sample::select(vec![BlockSize::B1024, BlockSize::B2048, BlockSize::B4096]),
        free in 0..20_u64,
    ) {
        let tree = build(&additions);
        let options = options(|options| {
            options.block_size = block_size;
            options.free = ByteSize::mib(free);
        });
        let image = Image::measured(&tree, &options);
        image.check();
        let found = read(image.block()).unwrap().tree().unwrap();
        assert_same(&describe(&tree), &describe(&found));
    }
}
