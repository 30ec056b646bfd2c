//! NUL-terminated UTF-16, little endian, as UEFI stores text.

/// The bytes of `text` with the NUL behind it.
pub(super) fn encode(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

/// The text at the start of `bytes` and how many bytes it takes, NUL included; `None` when no NUL
/// ends it. Lone surrogates, which firmware may hold, become U+FFFD.
pub(super) fn decode(bytes: &[u8]) -> Option<(String, usize)> {
    let units = || bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let length = units().position(|unit| unit == 0)?;
    let text =
        char::decode_utf16(units().take(length)).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER));
    Some((text.collect(), 2 * (length + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_survives_and_must_end() {
        for text in ["", "Linux", "Größe 🚀"] {
            let bytes = encode(text);
            assert_eq!(decode(&bytes), Some((text.to_owned(), bytes.len())));
            assert_eq!(decode(&bytes[..bytes.len() - 1]), None);
        }
        assert_eq!(decode(&[0x00, 0xd8, 0, 0]), Some(("\u{fffd}".into(), 4)));
    }
}
