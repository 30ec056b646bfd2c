//! A plan as a drawing: one bar for each disk, cut to scale into its partitions, and below it what lies in them; then the same
//! for arrays, volume groups and pools.
//!
//! Every text is cut to the room that it has ([`canvas::fitted`]), so that no two of them overlap, whatever their lengths are.

mod bar;
mod canvas;
mod scale;

use super::super::Plan;
use super::tree::{Node, trees};
use bar::{Bar, Paint, Segment, bars};
use canvas::{Anchor, Canvas, Rect, Style, fitted, width_of};
use scale::widths;

/// Width of the drawing in pixels.
const WIDTH: u64 = 960;
/// Around everything.
const MARGIN: u64 = 32;
/// The longest bar.
const LONGEST: u64 = WIDTH - 2 * MARGIN;
/// The shortest bar: disks are drawn to one scale as long as they do not become shorter than this.
const SHORTEST: u64 = LONGEST * 2 / 5;
/// The narrowest segment.
const NARROWEST: u64 = 26;
/// Height of a bar.
const BAR: u64 = 64;
/// Height of a line of the list below a bar.
const LINE: u64 = 21;

/// Where the columns of the list begin (sizes: end) and how much room they have.
const NAME: (u64, u64) = (MARGIN + 22, 250);
const SIZE: u64 = 380;
const WHAT: (u64, u64) = (412, 230);
const PLACE: (u64, u64) = (656, WIDTH - MARGIN - 656);

const HEADING: Style = Style { size: 16, class: "strong", anchor: Anchor::Start };
const DETAIL: Style = Style { size: 12, class: "soft", anchor: Anchor::Start };
const LIST: Style = Style { size: 13, class: "ink", anchor: Anchor::Start };

const STYLE: &str = r##"<style>
text{font-family:Inter,"Helvetica Neue",Arial,"DejaVu Sans",sans-serif}
.paper{fill:#fff}.ink{fill:#24292f}.strong{fill:#1b1f24;font-weight:600}.soft{fill:#57606a}.mark{fill:#a40e26;font-weight:600}
.path{fill:#0a3069}.rule{stroke:#d8dee4}.twig{stroke:#c4ccd4}.lock{fill:#3d444d}
.frame{fill:none;stroke:#8c959f}
.boot{fill:#ffe2a8;stroke:#c99a2e}.ext{fill:#cfe3ff;stroke:#6a9ee0}.btrfs{fill:#cdeed5;stroke:#5fb377}.xfs{fill:#c9eef0;stroke:#52aeb4}
.zfs{fill:#dcd8fb;stroke:#8b81dd}.bcachefs{fill:#fbd7e6;stroke:#d981a6}.other{fill:#e6e9ed;stroke:#9aa4ae}.swap{fill:#ecdcf7;stroke:#b186d3}
.member{fill:#e9edf2;stroke:#93a0ae;stroke-dasharray:5 2}.blank{fill:#f6f8fa;stroke:#afb8c1}.free{fill:#fff;stroke:#c4ccd4;stroke-dasharray:3 3}
</style>
"##;

impl Plan {
    /// The plan as a drawing in SVG, on a light ground, with nothing outside of the file needed to show it.
    pub fn svg(&self) -> String {
        let mut canvas = Canvas::default();
        let mut y = MARGIN;
        let bars = bars(self);
        let largest = bars.iter().map(|bar| bar.size.bytes()).max().unwrap_or(0);
        let trees = trees(self);
        let (with_bar, without) = trees.split_at(bars.len().min(trees.len()));
        for (index, (tree, bar)) in with_bar.iter().zip(&bars).enumerate() {
            if index > 0 {
                canvas.line((MARGIN, y), (WIDTH - MARGIN, y), "rule");
                y += 30;
            }
            y = device(&mut canvas, tree, bar, largest, y);
        }
        if !without.is_empty() {
            canvas.line((MARGIN, y), (WIDTH - MARGIN, y), "rule");
            y += 30;
            for node in without {
                list_line(&mut canvas, node, 0, None, y);
                y += LINE;
            }
        }
        canvas.finish(WIDTH, y + MARGIN / 2, STYLE)
    }
}

/// Draws a device with its bar and list from `y` on; where the next thing may begin.
fn device(canvas: &mut Canvas, tree: &Node, bar: &Bar, largest: u64, y: u64) -> u64 {
    let size = tree.size.map(|size| size.to_string()).unwrap_or_default();
    let baseline = y + 14;
    let name = fitted(&tree.name, HEADING, LONGEST / 2);
    canvas.text((MARGIN, baseline), HEADING, &name);
    let after = MARGIN + width_of(&name, HEADING) + 16;
    let detail = format!("{size} · {}", tree.what);
    let class = if tree.place == "ERASED" { "mark" } else { "path" };
    let style = Style { class, anchor: Anchor::End, ..DETAIL };
    let (place, room) = placed(&tree.place, style, after);
    canvas.text((after, baseline), DETAIL, &fitted(&detail, DETAIL, room));
    canvas.text((WIDTH - MARGIN, baseline), style, &place);
    let top = y + 30;
    let length = scaled(bar.size.bytes(), largest);
    draw_bar(canvas, bar, top, length);
    let mut y = top + BAR + 26;
    let mut paints = paints_of(tree, bar).into_iter();
    for node in &tree.below {
        y = list(canvas, node, 0, paints.next().flatten(), y);
    }
    y + 12
}

/// The place on the right of a heading, and the room that is left for what stands before it.
fn placed(place: &str, style: Style, after: u64) -> (String, u64) {
    let place = fitted(place, style, 240);
    let room = (WIDTH - MARGIN).saturating_sub(after + width_of(&place, style) + 24);
    (place, room)
}

/// Length of a bar: one scale for all, within limits.
fn scaled(size: u64, largest: u64) -> u64 {
    let length = u128::from(LONGEST) * u128::from(size) / u128::from(largest.max(1));
    u64::try_from(length).unwrap_or(LONGEST).clamp(SHORTEST, LONGEST)
}

fn draw_bar(canvas: &mut Canvas, bar: &Bar, top: u64, length: u64) {
    let sizes: Vec<u64> = bar.segments.iter().map(|segment| segment.size.bytes().max(1)).collect();
    let mut x = MARGIN;
    for (segment, width) in bar.segments.iter().zip(widths(&sizes, length, NARROWEST)) {
        draw_segment(canvas, segment, Rect { x, y: top, width, height: BAR });
        x += width;
    }
    let frame = Rect { x: MARGIN, y: top, width: length, height: BAR };
    canvas.rect(frame, "frame", r#" rx="3""#);
}

fn draw_segment(canvas: &mut Canvas, segment: &Segment, rect: Rect) {
    canvas.rect(rect, segment.paint.class(), "");
    let room = rect.width.saturating_sub(14);
    let middle = rect.x + rect.width / 2;
    let centred = |size, class| Style { size, class, anchor: Anchor::Middle };
    let size = segment.size.to_string();
    let lines = [
        (22, centred(13, "strong"), segment.title.as_str()),
        (38, centred(12, "soft"), size.as_str()),
        (54, centred(12, "ink"), segment.subtitle.as_str()),
    ];
    let shown: Vec<String> = lines.iter().map(|(_, style, text)| fitted(text, *style, room)).collect();
    if shown[0].is_empty() {
        // Too narrow for words: the number by which the list below names it.
        canvas.text(
            (middle, rect.y + 37),
            centred(13, "strong"),
            &fitted(&segment.number, centred(13, "strong"), rect.width),
        );
        if segment.locked {
            canvas.lock((middle.saturating_sub(5), rect.y + 6));
        }
        return;
    }
    canvas.text((middle, rect.y + lines[0].0), lines[0].1, &shown[0]);
    for ((down, style, text), shown) in lines.iter().zip(&shown).skip(1) {
        // A size or a path that is cut says nothing: it is there whole, or as its first word, or not at all.
        let first = text.split(' ').next().unwrap_or_default();
        let is_word = *down == 54 && width_of(first, *style) <= room;
        let text = if shown == text { text } else { Some(first).filter(|_| is_word).unwrap_or_default() };
        canvas.text((middle, rect.y + down), *style, text);
    }
    if segment.locked && rect.width.saturating_sub(width_of(&shown[0], lines[0].1)) / 2 >= 18 {
        canvas.lock((rect.x + 5, rect.y + 6));
    }
}

/// For each line directly below a device, the paint of its segment.
fn paints_of(tree: &Node, bar: &Bar) -> Vec<Option<Paint>> {
    tree.below
        .iter()
        .map(|node| {
            let segment = bar.segments.iter().find(|segment| {
                let named = node.name == segment.title
                    || node.name.split_once(' ').is_some_and(|(_, name)| name == segment.title);
                named && node.size == Some(segment.size)
            });
            segment.map(|segment| segment.paint)
        })
        .collect()
}

/// Draws a node and what lies below it; where the next line may be.
fn list(canvas: &mut Canvas, node: &Node, depth: u64, paint: Option<Paint>, y: u64) -> u64 {
    list_line(canvas, node, depth, paint, y);
    let mut next = y + LINE;
    let x = NAME.0 + depth * 18 + 3;
    for below in &node.below {
        let from = next;
        next = list(canvas, below, depth + 1, None, next);
        // The twig from this line to that one.
        let trunk = y + 5;
        canvas.line((x, trunk), (x, from - 4), "twig");
        canvas.line((x, from - 4), (x + 9, from - 4), "twig");
    }
    next
}

fn list_line(canvas: &mut Canvas, node: &Node, depth: u64, paint: Option<Paint>, y: u64) {
    if let Some(paint) = paint {
        let swatch = Rect { x: MARGIN + 2, y: y - 10, width: 12, height: 12 };
        canvas.rect(swatch, paint.class(), r#" rx="2""#);
    }
    let indent = depth * 18;
    let name = fitted(&node.name, LIST, NAME.1.saturating_sub(indent));
    canvas.text((NAME.0 + indent, y), LIST, &name);
    let size = node.size.map(|size| size.to_string()).unwrap_or_default();
    canvas.text((SIZE, y), Style { class: "soft", anchor: Anchor::End, ..LIST }, &size);
    canvas.text((WHAT.0, y), LIST, &fitted(&node.what, LIST, WHAT.1));
    canvas.text((PLACE.0, y), Style { class: "path", ..LIST }, &fitted(&node.place, LIST, PLACE.1));
}
