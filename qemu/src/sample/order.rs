//! The order in which packages become store paths: what a package needs comes first.
//!
//! A store path's name follows from its content, which names what it needs, so there can be no circles.
//! Debian's packages do form some (the C library and the compiler's runtime need each other); a circle is
//! cut where a walk in the order of the names meets it.

/// One package's turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// Which package.
    pub(super) package: usize,
    /// The packages it needs that had their turn before, in ascending order.
    pub(super) needs: Vec<usize>,
}

/// Orders packages, of which `needs[n]` lists those that number `n` needs.
pub(super) fn turns(needs: &[Vec<usize>]) -> Vec<Turn> {
    let mut walk =
        Walk { needs, seen: vec![false; needs.len()], done: vec![false; needs.len()], turns: vec![] };
    for package in 0..needs.len() {
        walk.visit(package);
    }
    walk.turns
}

struct Walk<'a> {
    needs: &'a [Vec<usize>],
    seen: Vec<bool>,
    done: Vec<bool>,
    turns: Vec<Turn>,
}

impl Walk<'_> {
    fn visit(&mut self, package: usize) {
        if std::mem::replace(&mut self.seen[package], true) {
            return;
        }
        let mut needs = self.needs[package].clone();
        needs.sort_unstable();
        needs.dedup();
        for &other in &needs {
            self.visit(other);
        }
        needs.retain(|&other| self.done[other]);
        self.done[package] = true;
        self.turns.push(Turn { package, needs });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_come_first_and_a_circle_is_cut_once() {
        // 0 needs 1 and 2, which need each other; 3 needs itself and 0.
        let turns = turns(&[vec![2, 1], vec![2], vec![1], vec![3, 0]]);
        let turn = |package, needs: &[usize]| Turn { package, needs: needs.to_vec() };
        assert_eq!(turns, [turn(2, &[]), turn(1, &[2]), turn(0, &[1, 2]), turn(3, &[0])]);
    }
}
