//! "Did you mean": the known name that is nearest to a mistyped one.

use crate::layout::options::suggest;

/// The nearest candidate, whatever order they come in. Names of one or two letters are near to everything, and so to nothing.
pub(super) fn nearest<'a>(wrong: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if wrong.len() <= 2 {
        return None;
    }
    let mut candidates: Vec<&str> = candidates.filter(|candidate| candidate.len() > 2).collect();
    candidates.sort_unstable();
    suggest::nearest(wrong, candidates)
}
