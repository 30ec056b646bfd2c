//! Telling UEFI firmware of the installed system: a `Boot####` variable, first in `BootOrder`.
//!
//! Variables are files of Linux' efivarfs: four bytes of attributes, then the data, written in one piece.

use std::fs;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use uefi::boot_variable::{
    DevicePath, GLOBAL_VENDOR, HardDrive, LoadOption, VARIABLE_ATTRIBUTES, decode_boot_order,
    encode_boot_order, free_number, put_first, variable_name, variable_number,
};

use crate::error::IoError;
use crate::plan::Plan;
use crate::plan::disk::{Partition, PartitionKind};

/// Where efivarfs is mounted.
pub const VARIABLES: &str = "/sys/firmware/efi/efivars";

/// Where systemd-boot lies on the ESP, without its architecture.
const LOADER: &str = "/EFI/systemd/systemd-boot";

/// Attribute "immutable", which efivarfs gives variables that it does not know (`linux/fs.h`).
const IMMUTABLE: rustix::fs::IFlags = rustix::fs::IFlags::IMMUTABLE;

/// Why firmware was not told.
#[derive(Debug, thiserror::Error)]
pub enum FirmwareError {
    /// The variables could not be read or written.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The entry cannot be written down.
    #[error(transparent)]
    Option(#[from] uefi::boot_variable::OptionError),
    /// There is nothing to start from.
    #[error("the layout has no EFI system partition")]
    NoEsp,
    /// Firmware has no free number.
    #[error("the firmware has no room for another boot entry")]
    Full,
}

/// Registers the boot loader on the first ESP of `plan` under `title`, in the efivarfs at `variables`, and
/// gives the name of the variable. An entry for the same partition is replaced.
pub fn register(
    variables: &Path,
    plan: &Plan,
    (title, suffix): (&str, &str),
) -> Result<String, FirmwareError> {
    let drive = esp(plan).ok_or(FirmwareError::NoEsp)?;
    let file = format!("{LOADER}{suffix}.efi");
    let option = LoadOption::active(title, DevicePath::file_on(drive, &file));
    let known = entries(variables)?;
    let twin = known.iter().find(|(_, option)| {
        option.as_ref().is_some_and(|option| {
            option.path.partition().is_some_and(|old| old.partition_guid == drive.partition_guid)
        })
    });
    let numbers: Vec<u16> = known.iter().map(|(number, _)| *number).collect();
    let number =
        twin.map(|(number, _)| *number).or_else(|| free_number(&numbers)).ok_or(FirmwareError::Full)?;
    write(variables, &variable_name(number), &option.encode()?)?;
    let order = read(variables, "BootOrder")?.unwrap_or_default();
    write(variables, "BootOrder", &encode_boot_order(&put_first(&decode_boot_order(&order), number)))?;
    Ok(variable_name(number))
}

/// The first ESP of `plan` as firmware finds it.
fn esp(plan: &Plan) -> Option<HardDrive> {
    let place = plan.boot.esp.first()?;
    let disk = plan.disk(&place.disk)?;
    let is_it = |partition: &&Partition| partition.number == place.number;
    let partition = disk.table()?.partitions.iter().find(is_it)?;
    let PartitionKind::Gpt { guid, .. } = partition.kind else { return None };
    Some(HardDrive {
        partition_number: partition.number,
        first_lba: partition.extent.first(),
        block_count: partition.extent.last() - partition.extent.first() + 1,
        partition_guid: guid,
    })
}

/// The boot entries by their numbers; `None` for one that cannot be read.
fn entries(variables: &Path) -> Result<Vec<(u16, Option<LoadOption>)>, FirmwareError> {
    let failed = |source| IoError::new("reading", variables, source);
    let suffix = format!("-{GLOBAL_VENDOR}");
    let mut found = Vec::new();
    for entry in fs::read_dir(variables).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        let Some(name) = name.strip_suffix(&suffix) else { continue };
        if let Some(number) = variable_number(name) {
            let data = read(variables, name)?.unwrap_or_default();
            found.push((number, LoadOption::decode(&data).ok()));
        }
    }
    found.sort_by_key(|(number, _)| *number);
    Ok(found)
}

fn path(variables: &Path, name: &str) -> PathBuf {
    variables.join(format!("{name}-{GLOBAL_VENDOR}"))
}

/// The data of a variable; `None` when there is no such variable.
fn read(variables: &Path, name: &str) -> Result<Option<Vec<u8>>, IoError> {
    let path = path(variables, name);
    match fs::read(&path) {
        Ok(bytes) => Ok(Some(bytes.get(4..).unwrap_or_default().to_vec())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(IoError::new("reading", path, source)),
    }
}

fn write(variables: &Path, name: &str, data: &[u8]) -> Result<(), IoError> {
    let path = path(variables, name);
    if let Ok(file) = fs::File::open(&path) {
        make_mutable(&file);
    }
    let bytes = [&VARIABLE_ATTRIBUTES.to_le_bytes()[..], data].concat();
    fs::write(&path, bytes).map_err(|source| IoError::new("writing", path, source))
}

/// Takes the attribute away that keeps a variable from being replaced; other file systems have none.
fn make_mutable(file: impl AsFd) {
    if let Ok(flags) = rustix::fs::ioctl_getflags(&file)
        && flags.contains(IMMUTABLE)
    {
        let _ = rustix::fs::ioctl_setflags(&file, flags.difference(IMMUTABLE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Seed;
    use crate::layout::{Layout, Source};
    use crate::plan::Request;

    fn plan() -> Plan {
        let text = r#"{ "disk": { "main": { "type": "disk", "device": "/dev/vda", "content": { "type": "gpt",
          "partitions": { "ESP": { "type": "EF00", "size": "256M", "content": {
            "type": "filesystem", "format": "vfat", "mountpoint": "/boot" } } } } } } }"#;
        let source = Source::Json { name: "disk.json".to_owned(), text: text.into() };
        let (layout, _) = Layout::parse(source).unwrap();
        Plan::new(&layout, &Request::new(Seed::from_inputs([&b"x"[..]]))).unwrap()
    }

    #[test]
    fn an_entry_comes_first_and_is_replaced_by_the_next_install() {
        let folder = tempfile::tempdir().unwrap();
        let variables = folder.path();
        fs::write(path(variables, "Boot0000"), b"\x07\0\0\0not an option").unwrap();
        write(variables, "BootOrder", &encode_boot_order(&[0])).unwrap();
        for _ in 0..2 {
            assert_eq!(register(variables, &plan(), ("Sample", "x64")).unwrap(), "Boot0001");
            let order = decode_boot_order(&read(variables, "BootOrder").unwrap().unwrap());
            assert_eq!(order, [1, 0]);
        }
        let option = LoadOption::decode(&read(variables, "Boot0001").unwrap().unwrap()).unwrap();
        assert_eq!(option.path.file(), Some("\\EFI\\systemd\\systemd-bootx64.efi"));
        assert_eq!(option.path.partition().copied(), esp(&plan()));
        assert_eq!(fs::read(path(variables, "Boot0001")).unwrap()[..4], [7, 0, 0, 0]);
    }
}
