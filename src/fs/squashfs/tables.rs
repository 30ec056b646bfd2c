//! The tables behind the data: inodes, directories, fragments, owners, attributes.

use zerocopy::IntoBytes;

use super::directory::{self, Listed, Listing, entry_type};
use super::error::SquashfsError;
use super::format::MetadataRef;
use super::format::superblock::{self, Superblock};
use super::format::table::Fragment;
use super::inode::{InodeWriter, Stored};
use super::layout::Layout;
use super::metadata::{MetadataPacker, MetadataWriter};
use super::options::{Options, stored_time};
use super::output::Output;
use super::survey::Survey;
use crate::tree::{NodeId, Tree};
use crate::units::{low_u16, low_u32, u64_of, usize_of};

/// Everything behind the data.
pub(super) struct Tables<'w, 't> {
    pub(super) survey: &'w Survey<'t>,
    pub(super) layout: &'w Layout,
    pub(super) stored: &'w Stored,
    pub(super) options: &'w Options,
    pub(super) packer: &'w MetadataPacker,
}

impl Tables<'_, '_> {
    /// Writes the tables; the superblock that says where they are.
    pub(super) fn put(&self, output: &mut Output<'_>) -> Result<Superblock, SquashfsError> {
        let mut inodes = MetadataWriter::new(self.packer);
        let mut listings = MetadataWriter::new(self.packer);
        let places = self.inodes(&mut inodes, &mut listings)?;
        let inode_table_start = inodes.finish(output)?.into();
        let directory_table_start = listings.finish(output)?.into();
        let fragment_table_start = self.fragments(output)?.into();
        let lookup_table_start = self.export(&places, output)?.into();
        let id_table_start = self.ids(output)?.into();
        let xattr_id_table_start = self.survey.xattrs.write(self.packer, output)?.into();
        let mut flags =
            superblock::FLAG_DUPLICATES | superblock::FLAG_EXPORT | superblock::FLAG_COMPRESSOR_OPTIONS;
        if self.survey.xattrs.is_empty() {
            flags |= superblock::FLAG_NO_XATTRS;
        }
        Ok(Superblock {
            s_magic: superblock::MAGIC.into(),
            inodes: self.survey.inodes().into(),
            mkfs_time: stored_time(self.options.timestamp).into(),
            block_size: low_u32(self.options.block_size.bytes()).into(),
            fragments: low_u32(u64_of(self.layout.fragments.len())).into(),
            compression: self.options.compression.algorithm().number().into(),
            block_log: u16::from(self.options.block_size.log()).into(),
            flags: flags.into(),
            no_ids: low_u16(u64_of(self.survey.ids.len())).into(),
            s_major: superblock::MAJOR.into(),
            s_minor: 0.into(),
            root_inode: places[Tree::ROOT.index()].0.into(),
            bytes_used: output.position().into(),
            id_table_start,
            xattr_id_table_start,
            inode_table_start,
            directory_table_start,
            fragment_table_start,
            lookup_table_start,
        })
    }

    /// Writes inodes and listings; where each node's inode is.
    fn inodes(
        &self,
        inodes: &mut MetadataWriter<'_>,
        listings: &mut MetadataWriter<'_>,
    ) -> Result<Vec<MetadataRef>, SquashfsError> {
        let tree = self.survey.tree;
        let writer = InodeWriter {
            survey: self.survey,
            layout: self.layout,
            stored: self.stored,
            block_size: self.options.block_size.bytes(),
        };
        let mut places: Vec<Option<MetadataRef>> = vec![None; tree.len()];
        let mut listed: Vec<Listing> = vec![Listing::default(); tree.len()];
        let mut write = |id: NodeId, listed: &mut [Listing]| {
            let place = inodes.position();
            // It is not needed again: indexes of large directories are long.
            let listing = std::mem::take(&mut listed[id.index()]);
            writer.write(id, &listing, inodes).map(|()| place)
        };
        // A directory comes after all that is below it: the order of `Survey::inode_order`.
        for folder in self.survey.directories.iter().rev() {
            let mut entries = Vec::new();
            for (name, id) in tree.entries(*folder) {
                let inode = match places[id.index()] {
                    Some(place) => place,
                    None => *places[id.index()].insert(write(id, &mut listed)?),
                };
                entries.push(Listed {
                    name: name.as_bytes(),
                    inode,
                    number: self.survey.inode(id),
                    entry_type: entry_type(&tree.node(id).kind),
                });
            }
            listed[folder.index()] = directory::write(&entries, listings)?;
        }
        places[Tree::ROOT.index()] = Some(write(Tree::ROOT, &mut listed)?);
        // Every node has a name, and all names were gone through.
        Ok(places.into_iter().map(|place| place.unwrap_or(MetadataRef(0))).collect())
    }

    fn fragments(&self, output: &mut Output<'_>) -> Result<u64, SquashfsError> {
        let mut table = MetadataWriter::new(self.packer);
        for chunk in &self.layout.fragments {
            let index = usize_of(chunk.0.into());
            let fields = Fragment {
                start_block: self.stored.starts[index].into(),
                size: self.stored.sizes[index].0.into(),
                unused: 0.into(),
            };
            table.put(fields.as_bytes())?;
        }
        table.finish_table(output, &[])
    }

    /// The places of all inodes, by their numbers.
    fn export(&self, places: &[MetadataRef], output: &mut Output<'_>) -> Result<u64, SquashfsError> {
        let mut table = MetadataWriter::new(self.packer);
        for id in self.survey.inode_order() {
            table.put(&places[id.index()].0.to_le_bytes())?;
        }
        table.finish_table(output, &[])
    }

    fn ids(&self, output: &mut Output<'_>) -> Result<u64, SquashfsError> {
        let mut table = MetadataWriter::new(self.packer);
        for id in &self.survey.ids {
            table.put(&id.to_le_bytes())?;
        }
        table.finish_table(output, &[])
    }
}
