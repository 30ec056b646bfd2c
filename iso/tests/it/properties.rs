//! What holds for every image.

use std::fs::File;
use std::os::unix::fs::FileExt;

use iso::{Attributes, EntryKind, Image, Options, Plan, PlanError, Tree, VolumeId};
use proptest::prelude::{Strategy, prop};

use crate::made::{Filled, TIME, open, varied};

#[test]
fn made_twice_it_is_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let [first, second] = ["a.iso", "b.iso"].map(|name| {
        let path = dir.path().join(name);
        varied().write(&path, Some(&[9; 1 << 20]));
        std::fs::read(path).unwrap()
    });
    assert!(first == second);
}

#[test]
fn a_directory_that_holds_one_above_it_is_an_error_and_takes_no_memory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.iso");
    varied().write(&path, Some(&[1; 2048]));
    let inner = open(&path).find(b"level-0/level-1").unwrap().unwrap().extents[0].0 / 2048;
    let mut bytes = std::fs::read(&path).unwrap();
    // The root's record in the primary volume descriptor has its place at byte 2, in both byte orders.
    let root: [u8; 8] = bytes[16 * 2048 + 158..][..8].try_into().unwrap();
    let inner = u32::try_from(inner).unwrap();
    let inner = [inner.to_le_bytes(), inner.to_be_bytes()].concat();
    let places: Vec<usize> = (0..bytes.len() - 8).filter(|at| bytes[*at..][..8] == inner[..]).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + 8].copy_from_slice(&root);
    }
    std::fs::write(&path, &bytes).unwrap();
    let error = open(&path).entries().unwrap_err().to_string();
    assert!(error.contains("a directory has two names"), "{error}");
}

#[test]
fn a_file_that_became_shorter_pulls_the_rest_forward() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.iso");
    let mut tree = Tree::new(Attributes::directory(TIME));
    let store = tree.file("nix-store.squashfs", 20 << 30, Attributes::file(TIME)).unwrap();
    let digests = tree.file("digests", 1 << 20, Attributes::file(TIME)).unwrap();
    let mut plan =
        Plan::new(tree, Options { boot_image: Some(1 << 20), ..Options::new("A", TIME).unwrap() }).unwrap();
    let planned = plan.offset(store);
    plan.shorten(store, 3000);
    plan.shorten(digests, 10);
    assert_eq!(plan.offset(store), planned);
    assert_eq!(plan.offset(digests), planned + 4096);
    assert!(plan.image_len() < 4 << 20);
    let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    file.set_len(plan.image_len()).unwrap();
    file.write_all_at(&[5; 3000], plan.offset(store)).unwrap();
    file.write_all_at(b"0123456789", plan.offset(digests)).unwrap();
    plan.write(&file).unwrap();
    let image = open(&path);
    assert_eq!(image.check(plan.image_len()).unwrap(), []);
    let found = image.find(b"nix-store.squashfs").unwrap().unwrap();
    assert_eq!((found.len(), found.extents.len()), (3000, 1));
    assert_eq!(image.read_file(&image.find(b"digests").unwrap().unwrap()).unwrap(), b"0123456789");
    // A length over the planned one would run into what comes after.
    let end = plan.image_len();
    plan.shorten(digests, 1 << 30);
    assert_eq!(plan.image_len(), end);
}

#[test]
fn names_that_cannot_be_are_refused() {
    let mut tree = Tree::new(Attributes::directory(TIME));
    let file = Attributes::file(TIME);
    for name in ["", "b/..", ".", "with\0zero", &"n".repeat(256)] {
        assert!(matches!(tree.file(name, 0, file), Err(PlanError::Name(_))), "{name}");
    }
    tree.file("a", 0, file).unwrap();
    assert_eq!(tree.file("a", 0, file), Err(PlanError::Exists("a".to_owned())));
    assert_eq!(tree.file("a/b", 0, file), Err(PlanError::NotADirectory("a".to_owned())));
    for name in ["", "a name of more than thirty-two letters", "größe", " blank", "blank "] {
        assert!(VolumeId::new(name).is_err(), "{name}");
    }
    assert_eq!(VolumeId::new("nixos-minimal-26.05-x86_64").unwrap().as_str(), "nixos-minimal-26.05-x86_64");
}

#[test]
fn too_much_is_refused_before_anything_is_written() {
    let mut tree = Tree::new(Attributes::directory(TIME));
    tree.file("huge", 9 << 40, Attributes::file(TIME)).unwrap();
    let refused = Plan::new(tree, Options::new("A", TIME).unwrap());
    assert!(matches!(refused, Err(PlanError::TooLarge { .. })));
}

/// Some names, some of them alike after shortening.
fn names() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    let part = "[a-cA-C.ä-]{1,40}".prop_filter("no dots alone", |name| !name.chars().all(|c| c == '.'));
    let path = prop::collection::vec(part, 1..6).prop_map(|parts| parts.join("/"));
    prop::collection::vec((path, prop::collection::vec(0_u8.., 0..5000)), 0..30)
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(60))]

    #[test]
    fn what_goes_in_comes_out(files in names()) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("image.iso");
        let mut filled = Filled::new();
        let mut wanted = Vec::new();
        for (name, content) in files {
            let len = u64::try_from(content.len()).unwrap();
            if let Ok(id) = filled.tree.file(&name, len, Attributes::file(TIME)) {
                filled.contents.push((id, content.clone()));
                wanted.push((name.into_bytes(), content));
            }
        }
        let plan = filled.write(&path, None);
        let image = open(&path);
        proptest::prop_assert_eq!(image.check(plan.image_len()).unwrap(), vec![]);
        let entries = image.entries().unwrap();
        let files: Vec<_> = entries.iter().filter(|entry| entry.kind == EntryKind::File).collect();
        proptest::prop_assert_eq!(files.len(), wanted.len());
        for (name, content) in wanted {
            let entry = image.find(&name).unwrap().unwrap();
            proptest::prop_assert_eq!(image.read_file(&entry).unwrap(), content);
        }
    }

    #[test]
    fn no_damage_makes_the_reader_panic(at in 0_usize..200_000, with in 0_u8.., run in 1_usize..40) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("image.iso");
        varied().write(&path, Some(&[1; 2048]));
        let mut bytes = std::fs::read(&path).unwrap();
        let start = 16 * 2048 + at % (bytes.len() - 16 * 2048 - run);
        bytes[start..start + run].fill(with);
        std::fs::write(&path, &bytes).unwrap();
        if let Ok(image) = Image::open(File::open(&path).unwrap()) {
            // Errors are fine; a panic or an endless loop is not.
            let _ = image.entries();
            let _ = image.check(u64::try_from(bytes.len()).unwrap());
        }
    }
}
