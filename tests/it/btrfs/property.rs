//! Random trees: written, judged, read back, equal.

use std::sync::Arc;

use landfall::fs::btrfs::{Compression, Filling, NodeSize, Overwriting, Storage, Volumes, read};
use proptest::prelude::*;

use super::image::{Image, lines, options};
use crate::ext4::describe::assert_same;
use crate::ext4::property::{additions, build};

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_trees_survive_the_way_to_disk_and_back(
        top in additions(),
        below in additions(),
        node_size in prop::sample::select(vec![4_u64, 16, 64]),
        storage in prop::sample::select(vec![
            Storage::default(),
            Storage { compression: Some(Compression::Zstd(3)), ..Storage::default() },
            Storage { overwriting: Overwriting::InPlace, ..Storage::default() },
        ]),
    ) {
        let (top, below) = (build(&top), build(&below));
        let mut volumes = Volumes { top: Filling { storage, ..Filling::from(&top) }, ..Volumes::from(&top) };
        let path = "a-name-that-no-random-tree-has/subvolume".parse().unwrap();
        volumes.subvolumes.insert(path, Filling { storage, ..Filling::from(&below) });
        let options = options(|it| it.node_size = NodeSize::from_bytes(node_size << 10).unwrap());
        let image = Image::measured(&volumes, &options, 1);
        image.check();
        let reader = Arc::new(read(image.blocks()).unwrap());
        assert_same(&lines(&below), &lines(&reader.tree(256).unwrap()));
        let mut expected = top.clone();
        let folder = landfall::tree::Metadata::root(0o755);
        expected.make_directories("a-name-that-no-random-tree-has/subvolume", &folder).unwrap();
        assert_same(&lines(&expected), &lines(&reader.tree(5).unwrap()));
    }
}
