//! What a caller decides about a volume.

use crate::error::PlanError;

/// The name of a volume: 1 to 32 printable characters of ASCII.
///
/// ECMA-119 wants capitals, digits and `_`; every system shows other characters as they are, and media of
/// NixOS are named `nixos-minimal-26.05-x86_64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeId(String);

impl VolumeId {
    /// Bytes of the longest.
    pub const MAX: usize = 32;

    /// `name` as a volume's name.
    ///
    /// # Errors
    ///
    /// When it is empty, too long, has a character that is not printable ASCII, or blanks at an end, which
    /// cannot be told from filling.
    pub fn new(name: &str) -> Result<Self, PlanError> {
        let wrong = |why| Err(PlanError::VolumeId { name: name.to_owned(), why });
        match name {
            "" => wrong("it is empty"),
            _ if name.len() > Self::MAX => wrong("it has more than 32 characters"),
            _ if !name.bytes().all(|byte| (b' '..0x7f).contains(&byte)) => {
                wrong("it has a character that is not printable ASCII")
            }
            _ if name.trim() != name => wrong("it begins or ends with a blank"),
            _ => Ok(Self(name.to_owned())),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How a volume is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Its name.
    pub volume_id: VolumeId,
    /// Who published it: up to 128 characters, shown in capitals by custom.
    pub publisher: String,
    /// What it is for: up to 128 characters.
    pub application: String,
    /// All dates of the volume, in seconds since 1970.
    pub time: i64,
    /// Bytes of the image that UEFI boots, an EFI system partition; `None`: the medium does not boot.
    pub boot_image: Option<u64>,
}

impl Options {
    /// A volume `volume_id`, made `time` seconds after 1970, that does not boot.
    pub fn new(volume_id: &str, time: i64) -> Result<Self, PlanError> {
        Ok(Self {
            volume_id: VolumeId::new(volume_id)?,
            publisher: String::new(),
            application: String::new(),
            time,
            boot_image: None,
        })
    }
}
