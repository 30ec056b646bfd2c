//! What an ELF file says of itself: the libraries a program needs, a kernel module's description.

use object::read::elf::{Dyn as _, ElfFile64, FileHeader as _};
use object::{Endianness, Object as _, ObjectSection as _, ObjectSymbol as _, elf};

/// The file names of the shared libraries that a program or library is linked with; none for a file that
/// is no ELF file or linked statically.
///
/// # Errors
/// The reader's words, when the file begins as an ELF file but is none.
pub(super) fn needed_libraries(bytes: &[u8]) -> Result<Vec<String>, object::Error> {
    if !bytes.starts_with(&elf::ELFMAG) {
        return Ok(Vec::new());
    }
    let file = ElfFile64::<Endianness>::parse(bytes)?;
    let endian = file.endian();
    let sections = file.elf_header().sections(endian, bytes)?;
    let Some((entries, strings)) = sections.dynamic(endian, bytes)? else { return Ok(Vec::new()) };
    let strings = sections.strings(endian, bytes, strings)?;
    let needed = entries.iter().filter(|entry| entry.tag32(endian) == Some(elf::DT_NEEDED));
    needed.map(|entry| Ok(String::from_utf8_lossy(entry.string(endian, strings)?).into_owned())).collect()
}

/// What a kernel module says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ModuleInfo {
    /// `key=value` pairs of the section `.modinfo`, in its order.
    pub(super) fields: Vec<(String, String)>,
    /// Names of the symbols it exports to other modules, sorted.
    pub(super) exports: Vec<String>,
}

impl ModuleInfo {
    /// Reads a module that is not compressed.
    ///
    /// # Errors
    /// The reader's words, when it is no ELF file.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, object::Error> {
        let file = ElfFile64::<Endianness>::parse(bytes)?;
        let fields = match file.section_by_name(".modinfo") {
            Some(section) => modinfo(section.data()?),
            None => Vec::new(),
        };
        // Each exported symbol has a twin of this name in the kernel's table of exports.
        let export = |name: &str| name.strip_prefix("__ksymtab_").map(str::to_owned);
        let mut exports: Vec<_> = file.symbols().filter_map(|symbol| export(symbol.name().ok()?)).collect();
        exports.sort();
        exports.dedup();
        Ok(Self { fields, exports })
    }

    /// All values of a key.
    pub(super) fn values<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

/// `key=value` strings, each ended by a zero byte.
pub(super) fn modinfo(bytes: &[u8]) -> Vec<(String, String)> {
    let strings = bytes.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    strings.filter_map(|s| s.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shell_is_linked_with_the_c_library_and_a_script_with_nothing() {
        let bytes = std::fs::read("/bin/sh").unwrap();
        assert!(needed_libraries(&bytes).unwrap().iter().any(|library| library.starts_with("libc.so")));
        assert!(needed_libraries(b"#!/bin/sh\n").unwrap().is_empty());
        assert!(needed_libraries(b"\x7fELF then nothing").is_err());
    }

    #[test]
    fn module_descriptions_are_pairs() {
        let pairs = modinfo(b"license=GPL\0\0alias=pci:v*d=1\0");
        assert_eq!(pairs[1], ("alias".to_owned(), "pci:v*d=1".to_owned()));
        assert_eq!(pairs.len(), 2);
    }
}
