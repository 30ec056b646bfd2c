//! The archive the kernel unpacks as its first root: cpio, "newc" format.
//!
//! Format: the kernel's `Documentation/driver-api/early-userspace/buffer-format.rst`. Each member is a
//! header of 110 hexadecimal ASCII digits, the name with a zero byte, the content; name and content are
//! each padded to four bytes. The last member is called `TRAILER!!!`.

use std::collections::BTreeMap;

/// First six bytes of each header: no checksums.
const MAGIC: &str = "070701";

/// Name and content begin at multiples of this.
const ALIGNMENT: usize = 4;

/// The file type bits of a mode.
const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;

/// An archive being collected; its members are written in the order of their names, which puts
/// directories before what is in them.
#[derive(Debug, Default)]
pub(super) struct Cpio {
    members: BTreeMap<String, (u32, Vec<u8>)>,
}

impl Cpio {
    /// Adds a directory, and those it lies in.
    pub(super) fn directory(&mut self, name: &str) {
        if !name.is_empty() && !self.members.contains_key(name) {
            self.parent(name);
            self.members.insert(name.to_owned(), (DIRECTORY | 0o755, Vec::new()));
        }
    }

    /// Adds a file that can be run.
    pub(super) fn program(&mut self, name: &str, content: Vec<u8>) {
        self.parent(name);
        self.members.insert(name.to_owned(), (FILE | 0o755, content));
    }

    /// Adds a plain file.
    pub(super) fn file(&mut self, name: &str, content: Vec<u8>) {
        self.parent(name);
        self.members.insert(name.to_owned(), (FILE | 0o644, content));
    }

    /// Adds a symbolic link.
    pub(super) fn link(&mut self, name: &str, target: &str) {
        self.parent(name);
        self.members.insert(name.to_owned(), (LINK | 0o777, target.as_bytes().to_vec()));
    }

    /// Whether there is a member of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    fn parent(&mut self, name: &str) {
        if let Some((parent, _)) = name.rsplit_once('/') {
            self.directory(parent);
        }
    }

    /// The archive, owned by root, all times zero.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (number, (name, (mode, content))) in (1..).zip(&self.members) {
            member(&mut bytes, number, *mode, (name, content));
        }
        member(&mut bytes, 0, 0, ("TRAILER!!!", &[]));
        bytes
    }
}

fn member(bytes: &mut Vec<u8>, inode: usize, mode: u32, (name, content): (&str, &[u8])) {
    let links = if mode & DIRECTORY == DIRECTORY { 2 } else { 1 };
    let (owner, group, time, device) = (0, 0, 0, "00000000".repeat(4));
    let (size, name_size, check) = (content.len(), name.len() + 1, 0);
    let header = format!(
        "{MAGIC}{inode:08X}{mode:08X}{owner:08X}{group:08X}{links:08X}{time:08X}{size:08X}{device}{name_size:08X}{check:08X}"
    );
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(name.as_bytes());
    bytes.push(0);
    bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_sorted_and_padded() {
        let mut cpio = Cpio::default();
        cpio.program("bin/x", b"12345".to_vec());
        cpio.link("lib", "usr/lib");
        let bytes = cpio.encode();
        assert_eq!(bytes.len() % ALIGNMENT, 0);
        let names: Vec<_> = String::from_utf8_lossy(&bytes)
            .split(MAGIC)
            .skip(1)
            .map(|member| member[104..].split('\0').next().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["bin", "bin/x", "lib", "TRAILER!!!"]);
        assert!(bytes.starts_with(b"07070100000001000041ED"));
    }
}
