//! "Did you mean": the nearest of the names that would have been right.

/// The candidate nearest to `given` by edits, if any is near enough to be what was meant: a third of the letters may differ,
/// at least one; letters of other case do not count.
pub(crate) fn nearest<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase();
    let limit = (given.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| !candidate.is_empty())
        .map(|candidate| (distance(&given, &candidate.to_lowercase()), candidate))
        .filter(|&(distance, _)| distance <= limit)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours count one each.
/// Words of more than 64 letters count as equally far from everything.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len() > 64 || b.len() > 64 {
        return usize::MAX;
    }
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &to) in b.iter().enumerate() {
            let substituted = last[j] + usize::from(from != to);
            let mut best = substituted.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && from == b[j - 1] && a[i - 1] == to {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_mistake_finds_the_option_and_a_stranger_does_not() {
        let names = ["mountpoint", "mountOptions", "device", "format", "extraArgs"];
        for (given, meant) in [
            ("mountPoint", Some("mountpoint")),
            ("mountpiont", Some("mountpoint")),
            ("mountOption", Some("mountOptions")),
            ("devcie", Some("device")),
            ("fromat", Some("format")),
            ("size", None),
            ("", None),
        ] {
            assert_eq!(nearest(given, names), meant, "{given}");
        }
    }
}
