//! Looking at ELF files (System V ABI, chapter 4): which machine they are for, whether a program needs
//! libraries.

use std::path::Path;

use object::Endianness;
use object::elf::{EM_AARCH64, EM_X86_64, PT_INTERP};
use object::read::elf::{ElfFile64, FileHeader as _, ProgramHeader as _};
use uefi::Architecture;

use super::error::InitrdError;
use crate::files;

/// Reads the program that becomes `/init`.
pub(super) fn read(path: &Path, expected: Architecture) -> Result<Vec<u8>, InitrdError> {
    let bytes = files::read(path)?;
    let file = parse(&bytes, path)?;
    check_machine(&file, path, expected)?;
    let endian = file.endian();
    let headers =
        file.elf_header().program_headers(endian, &*bytes).map_err(|error| not_elf(path, &error))?;
    // A static program, also one that can be loaded anywhere, names no interpreter.
    if headers.iter().any(|header| header.p_type(endian) == PT_INTERP) {
        return Err(InitrdError::Dynamic { path: path.to_owned() });
    }
    Ok(bytes)
}

/// Fails when the module `bytes` is not for `expected`.
pub(super) fn check_module(bytes: &[u8], path: &Path, expected: Architecture) -> Result<(), InitrdError> {
    check_machine(&parse(bytes, path)?, path, expected)
}

fn parse<'a>(bytes: &'a [u8], path: &Path) -> Result<ElfFile64<'a, Endianness>, InitrdError> {
    ElfFile64::<Endianness>::parse(bytes).map_err(|error| not_elf(path, &error))
}

fn not_elf(path: &Path, error: &object::Error) -> InitrdError {
    InitrdError::NotElf { path: path.to_owned(), reason: error.to_string() }
}

fn check_machine(
    file: &ElfFile64<'_, Endianness>,
    path: &Path,
    expected: Architecture,
) -> Result<(), InitrdError> {
    let found = file.elf_header().e_machine.get(file.endian());
    if found == machine(expected) {
        return Ok(());
    }
    let known = Architecture::ALL.into_iter().find(|architecture| machine(*architecture) == found);
    let found = known.map_or_else(|| format!("machine {found}"), |architecture| architecture.to_string());
    Err(InitrdError::Architecture { path: path.to_owned(), found, expected })
}

/// The number of a machine in ELF's headers.
const fn machine(architecture: Architecture) -> u16 {
    match architecture {
        Architecture::X64 => EM_X86_64,
        Architecture::Aa64 => EM_AARCH64,
    }
}
