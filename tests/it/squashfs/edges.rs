//! Trees that hold everything Squashfs can be asked to hold.

use std::path::Path;

use landfall::tree::{DeviceNumber, Kind, NodeId, Tree};

use crate::ext4::trees;

/// Every kind of node and everything that is hard about one; host files are made in `dir`.
pub fn everything(dir: &Path) -> Tree {
    let mut tree = trees::everything(dir, 4095);
    trees::add_huge_xattr(&mut tree);
    for name in ["twin-a", "twin-b"] {
        // The same long value in two sets: the second one refers to the first.
        let id = trees::put(&mut tree, &format!("xattrs/{name}"), trees::file(name.as_bytes()));
        tree.metadata_mut(id).xattrs =
            vec![trees::xattr("user.huge", &[0xA5; 2000]), trees::xattr("user.name", name.as_bytes())];
    }
    add_blocks(&mut tree);
    without_acls(&mut tree);
    tree
}

/// What other readers than the kernel can hold as well: `backhand` takes no links of more than 256 bytes.
pub fn plain() -> Tree {
    let mut tree = trees::flat(10_100);
    add_blocks(&mut tree);
    let device = DeviceNumber { major: 4095, minor: 1_048_575 };
    for (path, kind) in [
        ("nodes/link", Kind::Symlink(vec![b'l'; 200])),
        ("nodes/char", Kind::CharDevice(device)),
        ("nodes/block", Kind::BlockDevice(device)),
        ("nodes/fifo", Kind::Fifo),
        ("nodes/socket", Kind::Socket),
    ] {
        let id = trees::put(&mut tree, path, trees::node(kind));
        let metadata = tree.metadata_mut(id);
        (metadata.permissions, metadata.uid, metadata.gid) = (0o4751, 1000, 3_000_000_000);
        metadata.modified = landfall::timestamp::Timestamp::seconds(1 << 31);
    }
    let id = trees::put(&mut tree, "nodes/with-attributes", trees::file(b"content"));
    tree.metadata_mut(id).xattrs = vec![trees::xattr("user.huge", &[0xA5; 2000])];
    tree
}

/// Files of whole blocks, with tails, with blocks and tails that are zero or that others have as well.
fn add_blocks(tree: &mut Tree) {
    let block = |seed: u8| -> Vec<u8> {
        (0..1 << 20)
            .map(|at: u32| u8::try_from(at.wrapping_mul(2_654_435_761) >> 24).unwrap() ^ seed)
            .collect()
    };
    let (a, b, zero) = (block(1), block(2), vec![0; 1 << 20]);
    let files: [(&str, Vec<&[u8]>); 9] = [
        ("ab", vec![&a, &b]),
        ("ab-again", vec![&a, &b]),
        ("b", vec![&b]),
        ("a-tail", vec![&a, b"tail"]),
        ("a-zero-b", vec![&a, &zero, &b]),
        ("zero", vec![&zero]),
        ("zero-tail", vec![&zero, b"tail"]),
        ("a-zero-tail", vec![&a, &[0; 1000]]),
        ("short-zero", vec![&[0; 1000]]),
    ];
    for (name, parts) in files {
        trees::put(tree, &format!("blocks/{name}"), trees::file(&parts.concat()));
        trees::put(tree, &format!("blocks-again/{name}"), trees::file(&parts.concat()));
    }
}

/// Squashfs has no place for access control lists.
fn without_acls(tree: &mut Tree) {
    let ids: Vec<NodeId> = tree.nodes().map(|(id, _)| id).collect();
    for id in ids {
        tree.metadata_mut(id).xattrs.retain(|xattr| !xattr.name.starts_with(b"system."));
    }
}
