//! Terminal escape sequences, taken out of a byte stream.
//!
//! The grammar is ECMA-48: `ESC [` parameters (0x30–0x3f) intermediates (0x20–0x2f) final (0x40–0x7e);
//! `ESC ]` text up to BEL or `ESC \`; `ESC` intermediates final. Control characters except newline and tab
//! go too: firmware draws with them, and a line's end is `\r\n`.

/// Where in a sequence the stream is; sequences cross the borders of what one read returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// After ESC.
    Escape,
    /// Inside `ESC [ …`.
    Control,
    /// Inside `ESC ] …`, `ESC P …` and the like, which end with a terminator.
    String,
    /// After ESC inside a string: a `\` ends both.
    StringEscape,
}

/// A filter with memory.
#[derive(Debug, Default)]
pub(super) struct Stripper {
    state: State,
}

const ESCAPE: u8 = 0x1b;
const BELL: u8 = 0x07;

impl Stripper {
    /// Appends what is text in `bytes` to `text`.
    pub(super) fn feed(&mut self, bytes: &[u8], text: &mut Vec<u8>) {
        for &byte in bytes {
            self.state = match (self.state, byte) {
                (State::String, ESCAPE) => State::StringEscape,
                (State::String, BELL) | (State::StringEscape, _) => State::Text,
                (State::String, _) => State::String,
                // An escape starts anew wherever it stands.
                (_, ESCAPE) => State::Escape,
                (State::Escape, b'[') => State::Control,
                (State::Escape, b']' | b'P' | b'X' | b'^' | b'_') => State::String,
                (State::Escape, 0x20..=0x2f) => State::Escape,
                (State::Escape, _) => State::Text,
                (State::Control, 0x40..=0x7e) => State::Text,
                (State::Control, _) => State::Control,
                (State::Text, byte) => {
                    if byte == b'\n' || byte == b'\t' || (byte >= 0x20 && byte != 0x7f) {
                        text.push(byte);
                    }
                    State::Text
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(bytes: &[u8]) -> String {
        let (mut stripper, mut text) = (Stripper::default(), Vec::new());
        stripper.feed(bytes, &mut text);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn sequences_vanish_and_text_stays() {
        let cases: [(&[u8], &str); 7] = [
            (b"plain\r\n", "plain\n"),
            (b"\x1b[2J\x1b[01;01H\x1b[=3hUEFI", "UEFI"),
            (b"[\x1b[0;32m  OK  \x1b[0m] Reached", "[  OK  ] Reached"),
            (b"\x1b]0;title\x07shell", "shell"),
            (b"\x1b]8;;x\x1b\\link", "link"),
            (b"\x1b(Bbox\x1b7\x1b8", "box"),
            (b"a\tb\x08\x7f\x00c \xc3\xa9", "a\tbc \u{e9}"),
        ];
        for (bytes, text) in cases {
            assert_eq!(stripped(bytes), text, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn any_split_gives_the_same_text() {
        let bytes = b"x\x1b[1;31mred\x1b]0;t\x1b\\ and\x1b(B on";
        for at in 0..bytes.len() {
            let (mut stripper, mut text) = (Stripper::default(), Vec::new());
            stripper.feed(&bytes[..at], &mut text);
            stripper.feed(&bytes[at..], &mut text);
            assert_eq!(text, b"xred and on", "split at {at}");
        }
    }
}
