//! Sizes as widths: to scale, except that nothing becomes too narrow to be seen.

/// Widths for `sizes` that together are `total` pixels: in proportion, but at least `least` pixels where the size is not zero
/// (less, where even that does not fit). What the narrow ones gain, the wide ones lose in proportion.
pub(super) fn widths(sizes: &[u64], total: u64, least: u64) -> Vec<u64> {
    let shown = sizes.iter().filter(|&&size| size > 0).count();
    if shown == 0 {
        return vec![0; sizes.len()];
    }
    let least = least.min(total / u64::try_from(shown).unwrap_or(u64::MAX));
    let mut raised = vec![false; sizes.len()];
    // Each round raises those that came out too narrow and shares the rest among the others, until none is.
    let mut widths = loop {
        let free_size: u128 = sum(sizes, &raised, false);
        let taken =
            least * u64::try_from(raised.iter().filter(|&&raised| raised).count()).unwrap_or(u64::MAX);
        let free = u128::from(total - taken);
        let share = |size: u64| {
            let share = (u128::from(size) * free).checked_div(free_size).unwrap_or(0);
            u64::try_from(share).unwrap_or(0)
        };
        let widths: Vec<u64> = sizes
            .iter()
            .zip(&raised)
            .map(|(&size, &raised)| if raised { least } else { share(size) })
            .collect();
        let narrow: Vec<usize> = (0..sizes.len())
            .filter(|&index| sizes[index] > 0 && !raised[index] && widths[index] < least)
            .collect();
        if narrow.is_empty() {
            break widths;
        }
        for index in narrow {
            raised[index] = true;
        }
    };
    // What rounding lost goes to the widest.
    let lost = total - widths.iter().sum::<u64>();
    if let Some(widest) = widths.iter_mut().max_by_key(|width| **width) {
        *widest += lost;
    }
    widths
}

fn sum(sizes: &[u64], raised: &[bool], which: bool) -> u128 {
    sizes.iter().zip(raised).filter(|(_, raised)| **raised == which).map(|(size, _)| u128::from(*size)).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn small_sizes_get_the_least_width_and_the_others_stay_in_proportion() {
        assert_eq!(widths(&[1, 1000, 1000], 900, 30), [30, 435, 435]);
        assert_eq!(widths(&[0, 10], 100, 30), [0, 100]);
        assert!(widths(&[], 100, 30).is_empty());
    }

    proptest! {
        #[test]
        fn widths_fill_the_total_and_none_is_too_narrow(
            sizes in prop::collection::vec(prop_oneof![Just(0), 1..10_u64, 1..u64::MAX], 0..40),
            total in 1..2000_u64,
        ) {
            let widths = widths(&sizes, total, 20);
            let shown = sizes.iter().filter(|&&size| size > 0).count();
            prop_assert_eq!(widths.iter().sum::<u64>(), if shown == 0 { 0 } else { total });
            let least = 20.min(total / u64::try_from(shown.max(1)).unwrap());
            for (size, width) in sizes.iter().zip(&widths) {
                prop_assert!(*size == 0 && *width == 0 || *width >= least);
            }
        }
    }
}
