//! Before it solves anything, parted moves an imprecise start or end onto a boundary of what is already there, so that `500M`
//! after a partition that ends near 500 MB leaves no sliver.

use super::unit::Range;

/// Moves `start` and `end` onto nearby boundaries, as far as the ranges allow. `pieces` cover the disk without gaps: partitions,
/// free space and the tables themselves.
pub(super) fn snap(wanted: Range, start_range: Range, end_range: Range, pieces: &[Range]) -> Option<Range> {
    let piece_of = |sector: i64| pieces.iter().copied().find(|piece| piece.contains(sector));
    let (start_piece, end_piece) = (piece_of(wanted.start)?, piece_of(wanted.end)?);
    let adjacent = start_piece.end + 1 == end_piece.start;
    // Within one piece the two must not cross.
    let same = start_piece == end_piece;
    let starts = Moves {
        here: wanted.start,
        down: Some(start_piece.start).filter(|&to| start_range.contains(to)),
        up: Some(start_piece.end + 1).filter(|&to| !same && start_range.contains(to)),
        tie_goes_down: true,
    };
    let ends = Moves {
        here: wanted.end,
        down: Some(end_piece.start - 1).filter(|&to| !same && end_range.contains(to)),
        up: Some(end_piece.end).filter(|&to| end_range.contains(to)),
        tie_goes_down: false,
    };
    let (mut start, mut end) = (starts.best(), ends.best());
    if adjacent && Some(start) == starts.up && Some(end) == ends.down {
        // They would cross: the one that has farther to go stays on its side.
        if wanted.end - end < start - wanted.start {
            start = Moves { up: None, ..starts }.best();
        } else {
            end = Moves { down: None, ..ends }.best();
        }
    }
    Range::new(start, end)
}

/// Where one end of a partition could go.
#[derive(Clone, Copy)]
struct Moves {
    here: i64,
    down: Option<i64>,
    up: Option<i64>,
    tie_goes_down: bool,
}

impl Moves {
    fn best(self) -> i64 {
        match (self.down, self.up) {
            (Some(down), Some(up)) => {
                let (below, above) = (self.here - down, up - self.here);
                if below < above || (below == above && self.tie_goes_down) { down } else { up }
            }
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => self.here,
        }
    }
}
