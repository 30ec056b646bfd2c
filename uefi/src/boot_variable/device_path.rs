//! Device paths: how firmware says which file on which partition.
//!
//! UEFI Specification 2.10, section 10.3: a row of nodes, each with type, subtype and its own length
//! in bytes (little endian, header included), ended by a node of type 0x7f, subtype 0xff. The short
//! form that boot entries use begins with the hard drive node; firmware finds the disk by itself
//! (section 3.1.2).

use std::fmt;

use uuid::Uuid;

use super::utf16;

/// Bytes in front of every node's data.
const HEADER_LEN: usize = 4;
/// Media device path, section 10.3.5.
const MEDIA: u8 = 4;
/// Hard drive, section 10.3.5.1.
const HARD_DRIVE: u8 = 1;
/// File path, section 10.3.5.4.
const FILE_PATH: u8 = 4;
/// End of hardware device path, section 10.3.1.
const END: u8 = 0x7f;
/// End of the entire device path.
const END_ENTIRE: u8 = 0xff;
/// Data of the hard drive node: number, start, size, signature, table format, signature type.
const HARD_DRIVE_LEN: usize = 4 + 8 + 8 + 16 + 1 + 1;
/// Table format: GUID partition table.
const FORMAT_GPT: u8 = 2;
/// Signature type: GUID.
const SIGNATURE_GUID: u8 = 2;

/// A partition of a disk with a GUID partition table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HardDrive {
    /// Number of the partition's entry, from 1.
    pub partition_number: u32,
    /// First logical block of the partition.
    pub first_lba: u64,
    /// Number of logical blocks.
    pub block_count: u64,
    /// Unique GUID of the partition; this is what firmware looks for.
    pub partition_guid: Uuid,
}

/// One step of a device path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A partition.
    HardDrive(HardDrive),
    /// A file, parts separated by backslashes, from the root of its file system.
    File(String),
    /// Any other node: type, subtype and data behind the header.
    Other(u8, u8, Vec<u8>),
}

/// Why bytes are no device path, or a path cannot be bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The bytes end within a node or before the end node.
    #[error("the device path is cut off at byte {0}")]
    Truncated(usize),
    /// A node says that it is shorter than its own header.
    #[error("the device path node at byte {at} claims {length} bytes")]
    NodeLength {
        /// Where the node begins.
        at: usize,
        /// What its length field says.
        length: u16,
    },
    /// A node holds more than its 16-bit length can say.
    #[error("a device path node of {0} bytes is too long")]
    TooLong(usize),
    /// The file's name ends early: it holds a NUL.
    #[error("the file name {0:?} holds a NUL")]
    Nul(String),
}

/// A device path: its nodes without the end node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevicePath {
    /// The nodes in order.
    pub nodes: Vec<Node>,
}

impl DevicePath {
    /// The short form for a file on a partition. `file` may have slashes; firmware wants backslashes.
    pub fn file_on(partition: HardDrive, file: &str) -> Self {
        Self { nodes: vec![Node::HardDrive(partition), Node::File(file.replace('/', "\\"))] }
    }

    /// The bytes, end node included.
    pub fn encode(&self) -> Result<Vec<u8>, PathError> {
        let mut bytes = Vec::new();
        for node in &self.nodes {
            let (kind, subtype, data) = node.parts()?;
            let length = data.len() + HEADER_LEN;
            let length = u16::try_from(length).map_err(|_| PathError::TooLong(length))?;
            bytes.extend([kind, subtype]);
            bytes.extend(length.to_le_bytes());
            bytes.extend(data);
        }
        bytes.extend([END, END_ENTIRE, 4, 0]);
        Ok(bytes)
    }

    /// Reads nodes up to the end node, which must be there; what follows it is ignored.
    pub fn decode(bytes: &[u8]) -> Result<Self, PathError> {
        let mut nodes = Vec::new();
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let Some((&[kind, subtype, low, high], _)) = rest.split_first_chunk::<HEADER_LEN>() else {
                return Err(PathError::Truncated(at));
            };
            if (kind, subtype) == (END, END_ENTIRE) {
                return Ok(Self { nodes });
            }
            let length = u16::from_le_bytes([low, high]);
            if usize::from(length) < HEADER_LEN {
                return Err(PathError::NodeLength { at, length });
            }
            let data = rest.get(HEADER_LEN..usize::from(length)).ok_or(PathError::Truncated(at))?;
            nodes.push(Node::from_parts(kind, subtype, data));
            at += usize::from(length);
        }
    }

    /// The partition, when the path names one.
    pub fn partition(&self) -> Option<&HardDrive> {
        self.nodes.iter().find_map(|node| match node {
            Node::HardDrive(partition) => Some(partition),
            Node::File(_) | Node::Other(..) => None,
        })
    }

    /// The file, when the path names one.
    pub fn file(&self) -> Option<&str> {
        self.nodes.iter().find_map(|node| match node {
            Node::File(file) => Some(file.as_str()),
            Node::HardDrive(_) | Node::Other(..) => None,
        })
    }
}

impl Node {
    /// Type, subtype and data behind the header.
    fn parts(&self) -> Result<(u8, u8, Vec<u8>), PathError> {
        match self {
            Self::HardDrive(partition) => Ok((MEDIA, HARD_DRIVE, partition.encode())),
            Self::File(file) if file.contains('\0') => Err(PathError::Nul(file.clone())),
            Self::File(file) => Ok((MEDIA, FILE_PATH, utf16::encode(file))),
            Self::Other(kind, subtype, data) => Ok((*kind, *subtype, data.clone())),
        }
    }

    /// The node of these parts; one that we do not understand in full is kept as it is, so that it can
    /// be written back.
    fn from_parts(kind: u8, subtype: u8, data: &[u8]) -> Self {
        let known = match (kind, subtype) {
            (MEDIA, HARD_DRIVE) => HardDrive::decode(data).map(Self::HardDrive),
            (MEDIA, FILE_PATH) => utf16::decode(data)
                .filter(|(text, used)| *used == data.len() && !text.contains(char::REPLACEMENT_CHARACTER))
                .map(|(text, _)| Self::File(text)),
            _ => None,
        };
        known.unwrap_or_else(|| Self::Other(kind, subtype, data.to_vec()))
    }
}

impl HardDrive {
    /// The node's data, UEFI 2.10, table "Hard Drive Media Device Path".
    fn encode(&self) -> Vec<u8> {
        let mut data = Vec::with_capacity(HARD_DRIVE_LEN);
        data.extend(self.partition_number.to_le_bytes());
        data.extend(self.first_lba.to_le_bytes());
        data.extend(self.block_count.to_le_bytes());
        data.extend(self.partition_guid.to_bytes_le());
        data.extend([FORMAT_GPT, SIGNATURE_GUID]);
        data
    }

    /// The partition of a GPT disk; `None` for MBR partitions and other lengths.
    fn decode(data: &[u8]) -> Option<Self> {
        let data: &[u8; HARD_DRIVE_LEN] = data.try_into().ok()?;
        if data[36..] != [FORMAT_GPT, SIGNATURE_GUID] {
            return None;
        }
        Some(Self {
            partition_number: u32::from_le_bytes(*data.first_chunk()?),
            first_lba: u64::from_le_bytes(*data[4..].first_chunk()?),
            block_count: u64::from_le_bytes(*data[12..].first_chunk()?),
            partition_guid: Uuid::from_bytes_le(*data[20..].first_chunk()?),
        })
    }
}

/// The text form of UEFI 2.10, section 10.6.1.6, as `efibootmgr -v` prints it:
/// `HD(1,GPT,GUID,0x800,0x100000)/\EFI\BOOT\BOOTX64.EFI`.
impl fmt::Display for DevicePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, node) in self.nodes.iter().enumerate() {
            if index > 0 {
                f.write_str("/")?;
            }
            match node {
                Node::HardDrive(HardDrive { partition_number, first_lba, block_count, partition_guid }) => {
                    write!(f, "HD({partition_number},GPT,{partition_guid},{first_lba:#x},{block_count:#x})")?;
                }
                Node::File(file) => f.write_str(file)?,
                Node::Other(kind, subtype, data) => {
                    write!(f, "Path({kind},{subtype},")?;
                    data.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                    f.write_str(")")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `HD(1,GPT,…,0x800,0x100000)/\EFI\A` byte by byte from the tables of section 10.3.5.
    const BYTES: &[u8] = &[
        4, 1, 42, 0, // hard drive node of 42 bytes
        1, 0, 0, 0, // partition number
        0, 8, 0, 0, 0, 0, 0, 0, // start
        0, 0, 16, 0, 0, 0, 0, 0, // size
        0x78, 0x56, 0x34, 0x12, 0xbc, 0x9a, 0xf0, 0xde, 1, 2, 3, 4, 5, 6, 7, 8, // GUID, mixed endian
        2, 2, // GPT, GUID
        4, 4, 18, 0, // file node of 18 bytes
        b'\\', 0, b'E', 0, b'F', 0, b'I', 0, b'\\', 0, b'A', 0, 0, 0, // name
        0x7f, 0xff, 4, 0, // end
    ];

    fn partition() -> HardDrive {
        HardDrive {
            partition_number: 1,
            first_lba: 0x800,
            block_count: 0x10_0000,
            partition_guid: "12345678-9abc-def0-0102-030405060708".parse().unwrap(),
        }
    }

    #[test]
    fn a_file_on_a_partition_has_the_bytes_of_the_specification() {
        let path = DevicePath::file_on(partition(), "/EFI/A");
        assert_eq!(path.encode().unwrap(), BYTES);
        assert_eq!(DevicePath::decode(BYTES).unwrap(), path);
        assert_eq!(
            path.to_string(),
            "HD(1,GPT,12345678-9abc-def0-0102-030405060708,0x800,0x100000)/\\EFI\\A"
        );
        assert_eq!((path.partition(), path.file()), (Some(&partition()), Some("\\EFI\\A")));
    }

    #[test]
    fn cut_off_paths_are_refused() {
        for length in 0..BYTES.len() - 1 {
            assert!(matches!(DevicePath::decode(&BYTES[..length]), Err(PathError::Truncated(_))), "{length}");
        }
        assert_eq!(DevicePath::decode(&[4, 1, 3, 0, 0]), Err(PathError::NodeLength { at: 0, length: 3 }));
    }

    #[test]
    fn what_cannot_be_a_path_is_refused() {
        let nul = DevicePath { nodes: vec![Node::File("a\0b".into())] };
        assert_eq!(nul.encode(), Err(PathError::Nul("a\0b".into())));
        let long = DevicePath { nodes: vec![Node::Other(1, 1, vec![0; 65_532])] };
        assert_eq!(long.encode(), Err(PathError::TooLong(65_536)));
    }

    proptest! {
        #[test]
        fn decoding_never_panics_and_encoding_gives_the_same_nodes(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(path) = DevicePath::decode(&bytes) {
                prop_assert_eq!(DevicePath::decode(&path.encode().unwrap()).unwrap(), path);
            }
        }
    }
}
