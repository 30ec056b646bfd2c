//! Reading a kernel module, whichever way it is compressed. The kernel's own names: `.ko`, `.ko.gz`,
//! `.ko.xz`, `.ko.zst` (kernel configuration `MODULE_COMPRESS_*`).

use std::io::Read;
use std::path::Path;

use crate::error::IoError;
use crate::files;

/// The module's own bytes.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, IoError> {
    let packed = files::read(path)?;
    let mut bytes = Vec::new();
    let unpacked = match path.extension().and_then(|extension| extension.to_str()) {
        Some("xz") => liblzma::read::XzDecoder::new(&packed[..]).read_to_end(&mut bytes),
        Some("gz") => flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut bytes),
        Some("zst") => {
            zstd::Decoder::new(&packed[..]).and_then(|mut decoder| decoder.read_to_end(&mut bytes))
        }
        _ => return Ok(packed),
    };
    unpacked.map(|_| bytes).map_err(|source| IoError::new("decompressing", path, source))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn every_compression_gives_the_same_bytes_and_damage_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let plain = b"\x7fELF and so on".repeat(100);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(&plain).unwrap();
        let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
        xz.write_all(&plain).unwrap();
        let packed = [
            ("a.ko", plain.clone()),
            ("a.ko.gz", gzip.finish().unwrap()),
            ("a.ko.xz", xz.finish().unwrap()),
            ("a.ko.zst", zstd::encode_all(&plain[..], 1).unwrap()),
        ];
        for (name, mut bytes) in packed {
            let path = dir.path().join(name);
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(read(&path).unwrap(), plain, "{name}");
            bytes.truncate(bytes.len() / 2);
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(read(&path).is_ok(), name == "a.ko", "{name}");
        }
    }
}
