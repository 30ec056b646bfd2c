use proptest::prelude::*;

use super::*;
use crate::timestamp::Timestamp;
use crate::tree::{Content, DeviceNumber, HostFile, Kind, Metadata, Name, Node, Tree, Xattr};

fn node(permissions: u16, kind: Kind) -> Node {
    Node { metadata: Metadata::root(permissions), kind }
}

fn file(bytes: &[u8]) -> Node {
    node(0o644, Kind::File(Content::from(bytes.to_vec())))
}

/// One of everything.
fn initrd() -> Tree {
    let folder = Metadata::root(0o755);
    let mut tree = Tree::new(Metadata::root(0o700));
    let device = DeviceNumber { major: 5, minor: 1 };
    let init = tree.insert("init", node(0o755, Kind::File(Content::from(b"#!/bin/sh\n".to_vec()))), &folder);
    tree.insert("dev/console", node(0o600, Kind::CharDevice(device)), &folder).unwrap();
    tree.insert("dev/vda", node(0o660, Kind::BlockDevice(DeviceNumber { major: 254, minor: 0 })), &folder)
        .unwrap();
    tree.insert("bin", node(0o777, Kind::Symlink(b"usr/bin".to_vec())), &folder).unwrap();
    tree.insert("run/pipe", node(0o640, Kind::Fifo), &folder).unwrap();
    tree.insert("run/socket", node(0o4755, Kind::Socket), &folder).unwrap();
    tree.insert("empty", file(b""), &folder).unwrap();
    tree.insert("zz/binary", file(&[0, 255, 10, 13]), &folder).unwrap();
    let id = tree.insert("zz/odd", file(b"12345"), &folder).unwrap();
    tree.metadata_mut(id).uid = 1000;
    tree.metadata_mut(id).modified = Timestamp::seconds(4_294_967_295);
    let zz = tree.lookup("zz").unwrap();
    tree.link(zz, Name::new(b"a second init").unwrap(), init.unwrap()).unwrap();
    tree.add(zz, Name::new(b"\xff\xfe").unwrap(), file(b"not UTF-8")).unwrap();
    tree
}

fn archive(tree: &Tree) -> Vec<u8> {
    let mut bytes = Vec::new();
    let written = write(tree, &mut bytes).unwrap();
    assert_eq!(written.bytes(), crate::units::u64_of(bytes.len()));
    assert_eq!(measure(tree).unwrap(), written);
    assert_eq!(bytes.len() % 4, 0);
    bytes
}

fn dump(bytes: &[u8]) -> String {
    let members = read(&mut &bytes[..]).unwrap();
    members.iter().map(|member| format!("{member}\n")).collect()
}

#[test]
fn the_text_of_an_archive_shows_everything() {
    insta::assert_snapshot!(dump(&archive(&initrd())));
}

#[test]
fn what_was_written_unpacks_to_the_same_tree() {
    let bytes = archive(&initrd());
    let again = tree(&read(&mut &bytes[..]).unwrap()).unwrap();
    assert_eq!(archive(&again), bytes);
    assert_eq!(again.lookup("init"), again.lookup("zz/a second init"));
}

#[test]
fn archives_may_follow_each_other() {
    let mut other = Tree::new(Metadata::root(0o755));
    other.insert("more", file(b"x"), &Metadata::root(0o755)).unwrap();
    for zeroes in [0, 4, 512] {
        let bytes = [archive(&initrd()), vec![0; zeroes], archive(&other)].concat();
        let members = read(&mut &bytes[..]).unwrap();
        let last = members.last().unwrap();
        assert_eq!((last.path.as_slice(), last.archive, last.body.as_slice()), (&b"more"[..], 1, &b"x"[..]));
    }
}

#[test]
fn what_cpio_cannot_hold_is_named_with_its_path() {
    let with = |node: Node| {
        let mut tree = initrd();
        tree.insert("zz/bad", node, &Metadata::root(0o755)).unwrap();
        let mut sink = Vec::new();
        let error = write(&tree, &mut sink).unwrap_err().to_string();
        assert!(sink.is_empty());
        error
    };
    let large = Content::Host(HostFile { path: "/nowhere".into(), len: 1 << 32, data: None });
    assert_eq!(
        with(node(0o644, Kind::File(large))),
        "cpio cannot hold `zz/bad`: it has 4 GiB, and 4 GiB or more"
    );
    let mut early = file(b"");
    early.metadata.modified = Timestamp::seconds(-1);
    assert_eq!(with(early), "cpio cannot hold the time of `zz/bad`: -1 seconds from 1970");
    let mut capable = file(b"");
    capable.metadata.xattrs = vec![Xattr { name: b"security.capability".to_vec(), value: vec![1] }];
    assert_eq!(with(capable), "cpio cannot hold the extended attributes of `zz/bad`");
    let mut deep = Tree::new(Metadata::root(0o755));
    deep.insert(&"x/".repeat(2048), file(b""), &Metadata::root(0o755)).unwrap();
    assert!(measure(&deep).is_ok());
    deep.insert(&"y/".repeat(2049), file(b""), &Metadata::root(0o755)).unwrap();
    assert!(measure(&deep).unwrap_err().to_string().ends_with("the path is longer than 4095 bytes"));
}

#[test]
fn broken_archives_are_refused_with_the_place() {
    let bytes = archive(&initrd());
    let read = |bytes: &[u8]| super::read(&mut &bytes[..]).unwrap_err().to_string();
    assert_eq!(read(&bytes[..200]), "the cpio archive ends at byte 200, before its trailer");
    let poke = |at: usize, value: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = value;
        read(&bytes)
    };
    assert_eq!(poke(0, b'1'), "no header of a cpio archive at byte 0");
    assert_eq!(poke(20, b'x'), "no header of a cpio archive at byte 0");
    assert_eq!(poke(94, b'F'), "bad name of a cpio member at byte 0");
    assert_eq!(poke(110, 0), "bad name of a cpio member at byte 0");
    assert!(super::read(&mut &b""[..]).unwrap().is_empty());
}

#[test]
fn members_without_a_place_are_named() {
    let members = read(&mut &archive(&initrd())[..]).unwrap();
    let with = |path: &[u8], mode: u32| {
        let member = Member { path: path.to_vec(), mode, archive: 9, ..members[1].clone() };
        tree(&[&members[..], &[member]].concat()).unwrap_err().to_string()
    };
    assert_eq!(with(b"no/where", 0o100_644), "`no/where` has no directory");
    assert_eq!(with(b"init", 0o100_644), "`init` has no place");
    assert_eq!(with(b"..", 0o100_644), "`..` has no place");
    assert_eq!(with(b"odd", 0o644), "`odd` has mode 644, which is nothing");
}

fn any_tree() -> impl Strategy<Value = Tree> {
    let path = proptest::collection::vec("[a-z]{1,5}", 1..4);
    let content = proptest::collection::vec(any::<u8>(), 0..40);
    proptest::collection::vec((path, content, 0_u16..0o10000, any::<u32>()), 0..30).prop_map(|nodes| {
        let mut tree = Tree::new(Metadata::root(0o755));
        for (path, content, permissions, uid) in nodes {
            let metadata = Metadata { uid, ..Metadata::root(permissions) };
            let kind = match uid % 3 {
                0 => Kind::Symlink(content),
                _ => Kind::File(Content::from(content)),
            };
            // A name that is taken is left out.
            let _ = tree.insert(&path.join("/"), Node { metadata, kind }, &Metadata::root(0o700));
        }
        tree
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn any_tree_survives_the_archive(tree in any_tree()) {
        let bytes = archive(&tree);
        let again = super::tree(&read(&mut &bytes[..]).unwrap()).unwrap();
        prop_assert_eq!(archive(&again), bytes);
    }

    #[test]
    fn the_reader_survives_anything(pokes in proptest::collection::vec((0_usize..1500, any::<u8>()), 1..9)) {
        let mut bytes = archive(&initrd());
        for (at, value) in pokes {
            bytes[at] = value;
        }
        if let Ok(members) = read(&mut &bytes[..]) {
            let _ = tree(&members);
        }
    }
}
