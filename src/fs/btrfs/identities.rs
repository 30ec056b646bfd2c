//! The identities of a file system and its parts.

use super::options::Options;

/// All that come from the seed, and the file system's own.
#[derive(Clone, Debug)]
pub struct Identities {
    /// The file system.
    pub fsid: [u8; 16],
    /// What all nodes share beside that.
    pub chunk_tree: [u8; 16],
    /// The devices, in order.
    pub devices: Vec<[u8; 16]>,
    /// The top and the subvolumes, in the order of their numbers.
    pub subvolumes: Vec<[u8; 16]>,
}

impl Identities {
    /// Those of a file system with so many devices and volumes (the top counted).
    pub fn new(options: &Options, devices: usize, volumes: usize) -> Self {
        let of = |label: String| *options.seed.uuid(&label).as_bytes();
        Self {
            fsid: *options.uuid.as_bytes(),
            chunk_tree: of("chunk tree".to_owned()),
            devices: (0..devices).map(|number| of(format!("device/{number}"))).collect(),
            subvolumes: (0..volumes).map(|number| of(format!("subvolume/{number}"))).collect(),
        }
    }

    /// Number and identity of device `index`.
    pub fn device(&self, index: usize) -> (u64, [u8; 16]) {
        (crate::units::u64_of(index) + 1, self.devices[index])
    }
}
