//! A member's header: 13 numbers of eight hexadecimal digits behind a magic.

/// Begins every header.
pub(super) const MAGIC: &[u8; 6] = b"070701";
/// Length of a header, in bytes.
pub(super) const HEADER_LEN: u64 = 110;
/// Name of the member that ends an archive.
pub(super) const TRAILER: &[u8] = b"TRAILER!!!";
/// Everything begins at a multiple of this many bytes.
pub(super) const ALIGNMENT: u64 = 4;
/// The longest name that the kernel unpacks, the zero at its end included.
pub(super) const NAME_MAX: u64 = 4096;

/// The bits of a mode that say what a node is.
pub(super) const S_IFMT: u32 = 0o170_000;
pub(super) const S_IFSOCK: u32 = 0o140_000;
pub(super) const S_IFLNK: u32 = 0o120_000;
pub(super) const S_IFREG: u32 = 0o100_000;
pub(super) const S_IFBLK: u32 = 0o060_000;
pub(super) const S_IFDIR: u32 = 0o040_000;
pub(super) const S_IFCHR: u32 = 0o020_000;
pub(super) const S_IFIFO: u32 = 0o010_000;

/// The numbers of a header, in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    /// Inode number.
    pub(super) ino: u32,
    /// Type and permissions.
    pub(super) mode: u32,
    /// Owner.
    pub(super) uid: u32,
    /// Group.
    pub(super) gid: u32,
    /// How many names the inode has.
    pub(super) nlink: u32,
    /// Time of the last change, seconds since 1970.
    pub(super) mtime: u32,
    /// Bytes of content.
    pub(super) filesize: u32,
    /// Device that the file was on: 0.
    pub(super) devmajor: u32,
    /// Device that the file was on: 0.
    pub(super) devminor: u32,
    /// What a device node stands for.
    pub(super) rdevmajor: u32,
    /// What a device node stands for.
    pub(super) rdevminor: u32,
    /// Bytes of the name, the zero at its end included.
    pub(super) namesize: u32,
    /// 0 in this format.
    pub(super) check: u32,
}

impl Header {
    /// As it is stored.
    pub(super) fn encode(&self) -> Vec<u8> {
        let numbers = [
            self.ino,
            self.mode,
            self.uid,
            self.gid,
            self.nlink,
            self.mtime,
            self.filesize,
            self.devmajor,
            self.devminor,
            self.rdevmajor,
            self.rdevminor,
            self.namesize,
            self.check,
        ];
        let digits: String = numbers.iter().map(|number| format!("{number:08X}")).collect();
        [&MAGIC[..], digits.as_bytes()].concat()
    }

    /// The header stored in `bytes`; `None` when there is none.
    pub(super) fn decode(bytes: &[u8; 110]) -> Option<Self> {
        let (magic, digits) = bytes.split_at(MAGIC.len());
        if magic != MAGIC {
            return None;
        }
        let mut numbers = [0; 13];
        for (number, digits) in numbers.iter_mut().zip(digits.chunks_exact(8)) {
            if !digits.iter().all(u8::is_ascii_hexdigit) {
                return None;
            }
            *number = u32::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
        }
        let [ino, mode, uid, gid, nlink, mtime, filesize, rest @ ..] = numbers;
        let [devmajor, devminor, rdevmajor, rdevminor, namesize, check] = rest;
        Some(Self {
            ino,
            mode,
            uid,
            gid,
            nlink,
            mtime,
            filesize,
            devmajor,
            devminor,
            rdevmajor,
            rdevminor,
            namesize,
            check,
        })
    }
}
