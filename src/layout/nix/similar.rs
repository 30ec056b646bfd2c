//! "Did you mean": the known name that is nearest to a mistyped one.

/// The candidate that takes the fewest edits, if that is few enough to be a likely slip. Of equals the first in byte order.
pub(super) fn nearest<'a>(wrong: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Longer names are not typed by people, and the distance takes time by their product.
    const LONGEST: usize = 64;
    if wrong.len() > LONGEST {
        return None;
    }
    let most = (wrong.chars().count() / 3).max(1);
    candidates
        .filter(|candidate| candidate.len() <= LONGEST && *candidate != wrong)
        .map(|candidate| (distance(wrong, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= most && *distance < candidate.chars().count())
        .min()
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours between two words.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut best = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        let names = || ["mapAttrs", "map", "filter", "device"].into_iter();
        assert_eq!(nearest("mapAtrs", names()), Some("mapAttrs"));
        assert_eq!(nearest("deivce", names()), Some("device"));
        assert_eq!(nearest("swap", names()), None);
        assert_eq!(nearest("x", names()), None);
    }
}
