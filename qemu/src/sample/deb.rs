//! Debian package archives, read without running anything of theirs.
//!
//! Format: deb(5), an `ar` archive (common variant) of `debian-binary`, `control.tar.*`, `data.tar.*`.
//! Read here: xz, as all packages of the release are compressed, and plain tar. Not read: gzip, zstd,
//! and the `_gpg…` signature members, which the archive's signed index replaces.

use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use liblzma::read::XzDecoder;
use tar::{Archive, EntryType};

use super::control::Control;
use super::{SampleError, files};

/// First bytes of an `ar` archive.
const AR_MAGIC: &[u8] = b"!<arch>\n";

/// Bytes before each member's content: name 16, time 12, owner 6, group 6, mode 8, size 10, end 2.
const AR_HEADER: usize = 60;

/// Where the header has the member's name, padded with spaces.
const AR_NAME: Range<usize> = 0..16;

/// Where the header has the member's size in decimal digits.
const AR_SIZE: Range<usize> = 48..58;

/// A package archive in memory.
#[derive(Debug)]
pub(super) struct Deb {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Deb {
    /// The archive whose content `bytes` were read from `path`.
    pub(super) fn new(path: &Path, bytes: Vec<u8>) -> Self {
        Self { path: path.to_owned(), bytes }
    }

    /// The package's control fields.
    pub(super) fn control(&self) -> Result<Control, SampleError> {
        let mut archive = Archive::new(self.member("control.tar")?);
        for entry in archive.entries().map_err(|e| self.broken(e))? {
            let mut entry = entry.map_err(|e| self.broken(e))?;
            if entry.path().is_ok_and(|path| path == Path::new("./control") || path == Path::new("control")) {
                let mut text = String::new();
                entry.read_to_string(&mut text).map_err(|e| self.broken(e))?;
                return Control::parse(&text).ok_or_else(|| self.broken("no package name or version"));
            }
        }
        Err(self.broken("no control file"))
    }

    /// Unpacks the package's files, each at the place that `place` maps its path to (the path as on an
    /// installed system, without the leading slash); `None` leaves the file out.
    pub(super) fn unpack(&self, place: &dyn Fn(&Path) -> Option<PathBuf>) -> Result<(), SampleError> {
        let mut archive = Archive::new(self.member("data.tar")?);
        for entry in archive.entries().map_err(|e| self.broken(e))? {
            let mut entry = entry.map_err(|e| self.broken(e))?;
            let path = entry.path().map_err(|e| self.broken(e))?.into_owned();
            if let Some(to) = place(path.strip_prefix(".").unwrap_or(&path)) {
                self.unpack_entry(&mut entry, &to, place)?;
            }
        }
        Ok(())
    }

    fn unpack_entry(
        &self,
        entry: &mut tar::Entry<'_, impl Read>,
        to: &Path,
        place: &dyn Fn(&Path) -> Option<PathBuf>,
    ) -> Result<(), SampleError> {
        let executable = entry.header().mode().map_err(|e| self.broken(e))? & 0o100 != 0;
        let target = entry.link_name().map_err(|e| self.broken(e))?.map(|name| name.into_owned());
        match (entry.header().entry_type(), target) {
            (EntryType::Directory, _) => files::make_directory(to),
            (EntryType::Regular, _) => {
                files::make_parent(to)?;
                let mut file = std::fs::File::create(to).map_err(SampleError::io("creating", to))?;
                std::io::copy(entry, &mut file).map_err(SampleError::io("unpacking", to))?;
                files::set_mode(to, if executable { 0o755 } else { 0o644 })
            }
            (EntryType::Symlink, Some(target)) => files::link(target, to),
            // A Nix archive knows no hard links: the second name becomes a file of its own.
            (EntryType::Link, Some(target)) => {
                let first = place(target.strip_prefix(".").unwrap_or(&target))
                    .ok_or_else(|| self.broken("a hard link to a file that is left out"))?;
                std::fs::copy(&first, to).map(drop).map_err(SampleError::io("copying", to))
            }
            (kind, _) => Err(self.broken(format!("`{}` is of kind {kind:?}", to.display()))),
        }
    }

    /// A member named `stem` with or without a compression's ending, decompressed.
    fn member(&self, stem: &str) -> Result<Box<dyn Read + '_>, SampleError> {
        let mut rest = self.bytes.strip_prefix(AR_MAGIC).ok_or_else(|| self.broken("no `ar` archive"))?;
        while let Some((header, content)) = rest.split_at_checked(AR_HEADER) {
            let name = text_of(&header[AR_NAME]);
            let size: usize =
                text_of(&header[AR_SIZE]).parse().map_err(|_| self.broken("a bad `ar` size"))?;
            let body = content.get(..size).ok_or_else(|| self.broken("the archive ends early"))?;
            match name.trim_end_matches('/').strip_prefix(stem) {
                Some("") => return Ok(Box::new(body)),
                Some(".xz") => return Ok(Box::new(XzDecoder::new(body))),
                Some(ending) => return Err(self.broken(format!("compression `{ending}` is not supported"))),
                // Content is padded to an even length.
                None => rest = content.get(size + size % 2..).unwrap_or_default(),
            }
        }
        Err(self.broken(format!("no member `{stem}`")))
    }

    fn broken(&self, reason: impl ToString) -> SampleError {
        SampleError::archive(&self.path, reason)
    }
}

fn text_of(field: &[u8]) -> String {
    String::from_utf8_lossy(field).trim_end().to_owned()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// One tar entry of a made package: path, mode, what it is.
    pub(crate) enum Made<'a> {
        /// A regular file with its mode and content.
        File(u32, &'a str),
        /// A symbolic link to a target.
        Link(&'a str),
        /// A second name of a file.
        Hard(&'a str),
        /// A character device, which no package holds.
        Device,
    }

    fn tar_of(entries: &[(&str, Made<'_>)]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, made) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            header.set_size(0);
            let mut content: &[u8] = b"";
            match made {
                Made::File(mode, text) => {
                    header.set_mode(*mode);
                    header.set_size(text.len().try_into().unwrap());
                    content = text.as_bytes();
                }
                Made::Link(target) => {
                    header.set_entry_type(EntryType::Symlink);
                    header.set_link_name(target).unwrap();
                }
                Made::Hard(target) => {
                    header.set_entry_type(EntryType::Link);
                    header.set_link_name(target).unwrap();
                }
                Made::Device => header.set_entry_type(EntryType::Char),
            }
            tar.append_data(&mut header, path, content).unwrap();
        }
        tar.into_inner().unwrap()
    }

    fn ar_of(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = AR_MAGIC.to_vec();
        for (name, content) in members {
            let header = format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, content.len());
            bytes.extend_from_slice(header.as_bytes());
            bytes.extend_from_slice(content);
            bytes.resize(bytes.len().next_multiple_of(2), b'\n');
        }
        bytes
    }

    /// A package archive with these control fields and files.
    pub(crate) fn package(control: &str, entries: &[(&str, Made<'_>)]) -> Vec<u8> {
        let control = tar_of(&[("./control", Made::File(0o644, control))]);
        let mut packed = Vec::new();
        let data = tar_of(entries);
        liblzma::read::XzEncoder::new(&data[..], 1).read_to_end(&mut packed).unwrap();
        ar_of(&[("debian-binary", b"2.0\n"), ("control.tar", &control), ("data.tar.xz", &packed)])
    }

    #[test]
    fn files_links_and_second_names_arrive_with_their_modes() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = package(
            "Package: a\nVersion: 1\n",
            &[
                ("./usr/bin/a", Made::File(0o4755, "program")),
                ("./usr/bin/b", Made::Hard("./usr/bin/a")),
                ("./usr/share/odd", Made::File(0o644, "odd")),
                ("./usr/share/link", Made::Link("../bin/a")),
            ],
        );
        let deb = Deb::new(Path::new("a.deb"), bytes);
        assert_eq!(deb.control().unwrap().package, "a");
        deb.unpack(&|path| Some(folder.path().join(path.strip_prefix("usr").ok()?))).unwrap();
        use std::os::unix::fs::PermissionsExt as _;
        let mode =
            |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode("bin/a"), mode("bin/b"), mode("share/odd")), (0o755, 0o755, 0o644));
        assert_eq!(std::fs::read_to_string(folder.path().join("share/link")).unwrap(), "program");
    }

    #[test]
    fn what_is_wrong_with_an_archive_is_said() {
        let reason = |bytes: Vec<u8>| {
            let deb = Deb::new(Path::new("a.deb"), bytes);
            let folder = tempfile::tempdir().unwrap();
            let result = deb.control().and_then(|_| deb.unpack(&|path| Some(folder.path().join(path))));
            result.unwrap_err().to_string()
        };
        assert_eq!(reason(b"PK".to_vec()), "package archive `a.deb`: no `ar` archive");
        assert_eq!(reason(ar_of(&[])), "package archive `a.deb`: no member `control.tar`");
        let zstd = ar_of(&[("control.tar.zst", b"")]);
        assert_eq!(reason(zstd), "package archive `a.deb`: compression `.zst` is not supported");
        let mut cut = package("Package: a\nVersion: 1\n", &[]);
        cut.truncate(cut.len() - 20);
        assert_eq!(reason(cut), "package archive `a.deb`: the archive ends early");
        let device = package("Package: a\nVersion: 1\n", &[("./null", Made::Device)]);
        assert!(reason(device).ends_with("is of kind Char"));
    }
}
