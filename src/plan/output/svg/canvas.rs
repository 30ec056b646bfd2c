//! SVG elements, one after the other, in whole pixels.

use std::fmt::Write as _;

/// A drawing that grows downwards.
#[derive(Debug, Default)]
pub(super) struct Canvas {
    body: String,
}

/// A rectangle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rect {
    pub x: u64,
    pub y: u64,
    pub width: u64,
    pub height: u64,
}

/// How a text is set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// Height of the letters, in pixels.
    pub size: u64,
    /// CSS class: weight, colour and font.
    pub class: &'static str,
    /// Which end of the text is at its place.
    pub anchor: Anchor,
}

/// Which end of a text is at its place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Canvas {
    pub(super) fn rect(&mut self, rect: Rect, class: &str, attributes: &str) {
        let Rect { x, y, width, height } = rect;
        let _ = writeln!(
            self.body,
            r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" class="{class}"{attributes}/>"#
        );
    }

    pub(super) fn text(&mut self, (x, y): (u64, u64), style: Style, text: &str) {
        if text.is_empty() {
            return;
        }
        let anchor = match style.anchor {
            Anchor::Start => "",
            Anchor::Middle => r#" text-anchor="middle""#,
            Anchor::End => r#" text-anchor="end""#,
        };
        let Style { size, class, .. } = style;
        let text = escaped(text);
        let _ = writeln!(
            self.body,
            r#"<text x="{x}" y="{y}" font-size="{size}" class="{class}"{anchor}>{text}</text>"#
        );
    }

    pub(super) fn line(&mut self, (x1, y1): (u64, u64), (x2, y2): (u64, u64), class: &str) {
        let _ = writeln!(self.body, r#"<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" class="{class}"/>"#);
    }

    /// A small padlock whose upper left corner is at the place.
    pub(super) fn lock(&mut self, (x, y): (u64, u64)) {
        let _ = writeln!(
            self.body,
            r#"<path transform="translate({x} {y})" class="lock" d="M2 6V4a3 3 0 0 1 6 0v2h1v6H1V6zm1.4 0h3.2V4a1.6 1.6 0 0 0-3.2 0z"/>"#
        );
    }

    /// The drawing, `width` wide and `height` high.
    pub(super) fn finish(self, width: u64, height: u64, style: &str) -> String {
        let body = self.body;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" role=\"img\">\n{style}<rect width=\"{width}\" height=\"{height}\" class=\"paper\"/>\n{body}</svg>\n"
        )
    }
}

/// At most how many pixels wide a text is in letters of this style. The widths are those of DejaVu Sans in hundredths of the
/// letters' height, the widest of the fonts that are asked for; bold letters are up to an eighth wider.
pub(super) fn width_of(text: &str, style: Style) -> u64 {
    let letters: u64 = text
        .chars()
        .map(|letter| match letter {
            'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | '\'' | '|' | ' ' | '·' => 36,
            'M' | 'W' | '@' | '%' | 'm' | '…' => 100,
            '#' | '+' | '<' | '=' | '>' | '^' | '~' | 'w' => 84,
            letter if letter.is_ascii_uppercase() || letter == '&' => 79,
            letter if letter.is_ascii() => 64,
            _ => 100,
        })
        .sum();
    let bold = if matches!(style.class, "strong" | "mark") { 113 } else { 100 };
    (letters * style.size * bold).div_ceil(10_000)
}

/// As much of a text as fits, an ellipsis for the rest; empty where not even three letters would show.
pub(super) fn fitted(text: &str, style: Style, width: u64) -> String {
    if width_of(text, style) <= width {
        return text.to_owned();
    }
    let mut fitted: Vec<char> = text.chars().collect();
    while fitted.len() > 3 {
        fitted.pop();
        let shown: String = fitted.iter().chain(['…'].iter()).collect();
        if width_of(&shown, style) <= width {
            return shown;
        }
    }
    String::new()
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // What XML cannot hold at all.
            letter if letter.is_control() => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_to_the_room_there_is() {
        let plain = Style { size: 12, class: "ink", anchor: Anchor::Start };
        assert_eq!(fitted("root", plain, 100), "root");
        assert!(fitted("a-very-long-partition-name", plain, 80).ends_with('…'));
        assert!(width_of(&fitted("a-very-long-partition-name", plain, 80), plain) <= 80);
        assert_eq!(fitted("root", plain, 10), "");
        assert!(width_of("root", Style { class: "strong", ..plain }) > width_of("root", plain));
    }

    #[test]
    fn markup_and_control_characters_do_not_get_through() {
        assert_eq!(escaped("a<b>&\"c\"\u{1}"), "a&lt;b&gt;&amp;&quot;c&quot;\u{fffd}");
    }
}
