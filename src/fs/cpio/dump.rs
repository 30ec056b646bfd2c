//! A member as text, for goldens and `inspect`.

use std::fmt;

use sha2::{Digest, Sha256};

use super::format::{S_IFLNK, S_IFMT};
use super::read::Member;

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.escape_ascii();
        write!(f, "{}:{} {:06o} {}:{}", self.archive, self.inode, self.mode, self.uid, self.gid)?;
        write!(f, " links {} @{} \"{path}\"", self.links, self.modified)?;
        if (self.device.major, self.device.minor) != (0, 0) {
            write!(f, " device {}:{}", self.device.major, self.device.minor)?;
        }
        if self.mode & S_IFMT == S_IFLNK {
            return write!(f, " -> \"{}\"", self.body.escape_ascii());
        }
        if self.body.is_empty() {
            return Ok(());
        }
        write!(f, " {} bytes ", self.body.len())?;
        Sha256::digest(&self.body).iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
