//! The tree into the empty volume: everything in one piece, directories before what is in them.

use super::entries::{ENTRY, Object, directory_len, entry_set, number};
use super::volume::Volume;
use super::{ExternalError, wrong};
use crate::tree::{Kind, NodeId, Tree};
use crate::units::{ByteSize, u64_of, usize_of};

/// Where the bytes of a file go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The file.
    pub node: NodeId,
    /// Its first byte on the volume.
    pub offset: u64,
}

/// Writes all directories; the files are left to the caller.
pub(super) fn fill(tree: &Tree, volume: &mut Volume<'_>) -> Result<Vec<Place>, ExternalError> {
    let len = u64_of(volume.root_entries().len()) + directory_len(tree, Tree::ROOT);
    let more = len.div_ceil(volume.cluster()).max(1) - 1;
    let mut chain = vec![volume.root()];
    let first = volume.allocate(more)?;
    chain.extend(first..first + more);
    let mut fill = Fill { tree, files: Vec::new(), folders: vec![(Tree::ROOT, chain.clone())] };
    while let Some((id, clusters)) = fill.folders.pop() {
        fill.directory(volume, id, &clusters)?;
    }
    volume.chain(&chain)?;
    Ok(fill.files)
}

struct Fill<'a> {
    tree: &'a Tree,
    files: Vec<Place>,
    /// Directories with their clusters that are still to be written.
    folders: Vec<(NodeId, Vec<u64>)>,
}

impl Fill<'_> {
    /// Writes the entries of a directory, and gives clusters to what is in it.
    fn directory(
        &mut self,
        volume: &mut Volume<'_>,
        id: NodeId,
        clusters: &[u64],
    ) -> Result<(), ExternalError> {
        let mut bytes = if id == Tree::ROOT { volume.root_entries().to_vec() } else { Vec::new() };
        for (name, child) in self.tree.entries(id) {
            let node = self.tree.node(child);
            let len = match &node.kind {
                Kind::File(content) => content.len(),
                _ => {
                    let cluster = volume.cluster();
                    directory_len(self.tree, child).div_ceil(cluster).max(1) * cluster
                }
            };
            let count = len.div_ceil(volume.cluster());
            let first = volume.allocate(count)?;
            let is_directory = matches!(node.kind, Kind::Directory(_));
            if is_directory {
                self.folders.push((child, (first..first + count).collect()));
            } else if count > 0 {
                self.files.push(Place { node: child, offset: volume.offset(first) });
            }
            let object = Object {
                name: &String::from_utf8_lossy(name.as_bytes()),
                is_directory,
                modified: node.metadata.modified,
                first: if count > 0 { number(first) } else { 0 },
                len,
            };
            bytes.extend(entry_set(&object, volume.upcase()));
        }
        debug_assert_eq!(bytes.len() % ENTRY, 0);
        let cluster = usize_of(volume.cluster());
        bytes.resize(clusters.len() * cluster, 0);
        for (part, number) in bytes.chunks(cluster).zip(clusters) {
            volume.write(part, *number)?;
        }
        Ok(())
    }
}

/// The error of a volume that has no more clusters.
pub(super) fn full(count: u64, cluster: u64) -> ExternalError {
    wrong(format!("its {count} clusters of {} are not enough", ByteSize(cluster)))
}
