//! Random trees: packed, judged, read back, equal.

use landfall::fs::squashfs::BlockSize;
use proptest::prelude::*;

use super::image::{Image, compressions, options, stored};
use crate::ext4::describe::{assert_same, lines};
use crate::ext4::property::{additions, build};

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_trees_survive_the_way_to_squashfs_and_back(
        additions in additions(),
        block_size in prop::sample::select(vec![4096_u64, 8192, 1 << 20]),
        compression in prop::sample::select(compressions().to_vec()),
    ) {
        let tree = build(&additions);
        let options = options(|options| {
            options.block_size = BlockSize::new(block_size).unwrap();
            options.compression = compression;
        });
        let image = Image::of(&tree, &options);
        image.check();
        assert_same(&lines(&stored(&tree)), &lines(&image.tree()));
        image.is_listed();
    }
}
