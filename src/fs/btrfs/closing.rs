//! The trees that tell of themselves: free space, extents, roots. They are counted until what they say of their own
//! nodes is true, then written.

use std::collections::BTreeMap;
use std::ops::Range;

use super::btree::{Counter, Emitter, Root, Sink};
use super::chunk::Chunk;
use super::error::BtrfsError;
use super::extent_tree::{Group, InUse, extent_tree};
use super::extents::Extents;
use super::format::objectid;
use super::metadata::{NodePlaces, NodeWriter, Written};
use super::options::Options;
use super::overlay::volume_number;
use super::trees::{FreeSpace, RootEntry, free_space_tree, free_stretches, root_tree};
use crate::units::u64_of;

/// The nodes that are written already.
#[derive(Clone, Copy)]
pub struct NodesBefore<'a> {
    /// Those of the tree of chunks, in their chunk.
    pub system: (&'a Chunk, &'a [Written]),
    /// Those of the tree of checksums, at the first places of the chunks for trees.
    pub csums: &'a [Written],
    /// Those of all other trees: the chunks for trees, the first place there, the nodes.
    pub main: (&'a [Chunk], u64, &'a [Written]),
}

/// Everything that the last trees tell.
pub struct Closing<'a> {
    /// All chunks, sorted by address: system, data, metadata.
    pub chunks: &'a [Chunk],
    /// All extents of data.
    pub extents: &'a Extents,
    /// All nodes but those of the last trees.
    pub nodes: NodesBefore<'a>,
    /// What the caller decided.
    pub options: &'a Options,
    /// Number of the default subvolume.
    pub default: u64,
}

/// What is in use of each chunk, and what is free.
struct Groups<'a> {
    groups: Vec<Group<'a>>,
    free: Vec<FreeSpace<'a>>,
}

impl Closing<'_> {
    /// Writes the three trees; `roots` are all others. Gives the roots of the trees of roots and of extents, and the
    /// bytes that are in use.
    pub fn write(
        &self,
        mut roots: BTreeMap<u64, RootEntry>,
        main: &mut NodeWriter<'_>,
    ) -> Result<(Root, Root, u64), BtrfsError> {
        let mut own: Vec<Written> = Vec::new();
        let groups = loop {
            let groups = self.groups(&own);
            let counted = self.count(&own, &groups, &roots)?;
            if counted == own {
                break groups;
            }
            own = counted;
        };
        let free_root = self.free_space(&groups, main)?;
        let extent_root = self.extents(&own, &groups, main)?;
        for (tree, root) in [(objectid::FREE_SPACE_TREE, free_root), (objectid::EXTENT_TREE, extent_root)] {
            roots.insert(tree, RootEntry { root, subvolume: None, has_directory: false });
        }
        let tree_root = self.roots(&roots, main)?;
        main.flush()?;
        Ok((tree_root, extent_root, groups.groups.iter().map(|group| group.used).sum()))
    }

    /// The nodes that the three trees have when `own` are those that they tell of.
    fn count(
        &self,
        own: &[Written],
        groups: &Groups<'_>,
        roots: &BTreeMap<u64, RootEntry>,
    ) -> Result<Vec<Written>, BtrfsError> {
        let (mut free, mut extents, mut tree) = (Counter::default(), Counter::default(), Counter::default());
        self.free_space(groups, &mut free)?;
        self.extents(own, groups, &mut extents)?;
        self.roots(roots, &mut tree)?;
        let trees = [
            (objectid::FREE_SPACE_TREE, free),
            (objectid::EXTENT_TREE, extents),
            (objectid::ROOT_TREE, tree),
        ];
        let nodes = trees.into_iter().flat_map(|(owner, counter)| {
            counter.levels.into_iter().map(move |level| Written { owner, level })
        });
        Ok(nodes.collect())
    }

    fn free_space(&self, groups: &Groups<'_>, sink: &mut dyn Sink) -> Result<Root, BtrfsError> {
        let mut out = Emitter::new(objectid::FREE_SPACE_TREE, self.options.node_size, sink);
        free_space_tree(&groups.free, &mut out)?;
        out.finish()
    }

    fn extents(&self, own: &[Written], groups: &Groups<'_>, sink: &mut dyn Sink) -> Result<Root, BtrfsError> {
        let mut out = Emitter::new(objectid::EXTENT_TREE, self.options.node_size, sink);
        extent_tree(self.in_use(own), &groups.groups, &mut out)?;
        out.finish()
    }

    fn roots(&self, roots: &BTreeMap<u64, RootEntry>, sink: &mut dyn Sink) -> Result<Root, BtrfsError> {
        let mut out = Emitter::new(objectid::ROOT_TREE, self.options.node_size, sink);
        root_tree(roots, self.default, self.options, &mut out)?;
        out.finish()
    }

    /// Everything in use, sorted by address, `own` being the nodes of the last trees.
    fn in_use<'b>(&'b self, own: &'b [Written]) -> impl Iterator<Item = InUse<'b>> {
        let node_bytes = self.options.node_size.bytes();
        let nodes = move |chunks: &'b [Chunk], first: u64, nodes: &'b [Written]| {
            let places = NodePlaces { chunks, node_bytes };
            (first..).zip(nodes).filter_map(move |(index, node)| {
                // Nodes that were written had an address; those still to come are refused when written.
                Some(InUse::Node(*node, places.address(index)?))
            })
        };
        let NodesBefore { system, csums, main } = self.nodes;
        nodes(std::slice::from_ref(system.0), 0, system.1)
            .chain(self.extents.iter().map(|extent| InUse::Data(extent, volume_number(extent.volume))))
            .chain(nodes(main.0, 0, csums))
            .chain(nodes(main.0, main.1, main.2))
            .chain(nodes(main.0, main.1 + u64_of(main.2.len()), own))
    }

    /// Each chunk with the bytes in use of it, and its free stretches.
    fn groups(&self, own: &[Written]) -> Groups<'_> {
        let node_bytes = self.options.node_size.bytes();
        let mut in_use = self.in_use(own).peekable();
        let mut found = Groups { groups: Vec::new(), free: Vec::new() };
        for chunk in self.chunks {
            let mut used: Vec<Range<u64>> = Vec::new();
            let mut bytes = 0;
            while let Some(next) = in_use.next_if(|next| next.start() < chunk.end()) {
                let (start, len) = (next.start().0, next.len(node_bytes));
                bytes += len;
                match used.last_mut() {
                    Some(last) if last.end == start => last.end += len,
                    _ => used.push(start..start + len),
                }
            }
            found.groups.push(Group { chunk, used: bytes });
            found.free.push(FreeSpace { chunk, stretches: free_stretches(chunk, used.into_iter()) });
        }
        found
    }
}
