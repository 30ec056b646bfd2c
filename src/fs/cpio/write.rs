//! Writing an archive to anything that takes bytes in order.

use std::io::{self, Write};

use super::format::ALIGNMENT;
use super::layout::{Body, CpioError, Member, members};
use crate::error::IoError;
use crate::tree::{Content, ContentError, Tree};
use crate::units::{ByteSize, u64_of, usize_of};

/// How many bytes of a file are in memory at a time.
const CHUNK: u64 = 1 << 20;

/// Writes the archive of `tree` to `sink`; gives its length, which [`measure`](super::measure()) knows before.
///
/// The archive begins with the root as `.`. Nothing is written when something in the tree cannot be in it.
pub fn write(tree: &Tree, sink: &mut dyn Write) -> Result<ByteSize, CpioError> {
    let mut written = 0;
    for member in members(tree)? {
        write_head(&member, sink).map_err(sink_error)?;
        write_body(&member, sink)?;
        written += member.head_len() + member.body_len();
    }
    Ok(ByteSize(written))
}

fn sink_error(source: io::Error) -> CpioError {
    IoError::new("writing", "the cpio archive", source).into()
}

fn write_head(member: &Member<'_>, sink: &mut dyn Write) -> io::Result<()> {
    let mut head = member.header.encode();
    head.extend_from_slice(&member.path);
    // The zero that ends the name, and those up to the alignment.
    head.resize(usize_of(member.head_len()), 0);
    sink.write_all(&head)
}

fn write_body(member: &Member<'_>, sink: &mut dyn Write) -> Result<(), CpioError> {
    match &member.body {
        Body::None => return Ok(()),
        Body::Target(target) => sink.write_all(target).map_err(sink_error)?,
        Body::Content(content) => write_content(content, member, sink)?,
    }
    let padding = member.body_len() - u64::from(member.header.filesize);
    let zeroes = [0; usize_of(ALIGNMENT)];
    sink.write_all(&zeroes[..usize_of(padding)]).map_err(sink_error)
}

fn write_content(content: &Content, member: &Member<'_>, sink: &mut dyn Write) -> Result<(), CpioError> {
    let error = |source: ContentError| CpioError::Content {
        path: String::from_utf8_lossy(&member.path).into_owned(),
        source,
    };
    let open = content.open().map_err(error)?;
    let mut buffer = vec![0; usize_of(content.len().min(CHUNK))];
    let mut done = 0;
    while done < content.len() {
        let chunk = &mut buffer[..usize_of((content.len() - done).min(CHUNK))];
        open.read_at(chunk, done).map_err(error)?;
        sink.write_all(chunk).map_err(sink_error)?;
        done += u64_of(chunk.len());
    }
    Ok(())
}
