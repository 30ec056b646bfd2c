//! Runs a program over a text, all alternatives side by side.

use std::rc::Rc;

use super::parse::{Instruction, Program};

/// What counts as a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Matching {
    /// The whole text.
    Whole,
    /// The leftmost part at or after the start, and of those the longest.
    Leftmost,
}

/// Where a match and its groups lie.
#[derive(Clone, Debug)]
pub(super) struct Captures(Rc<[Option<usize>]>);

impl Captures {
    /// The whole match.
    pub(super) fn whole(&self) -> (usize, usize) {
        self.pair(0).unwrap_or((0, 0))
    }

    /// The groups in order; `None` for one that took no part.
    pub(super) fn groups(&self) -> impl Iterator<Item = Option<(usize, usize)>> {
        (1..self.0.len() / 2).map(|group| self.pair(group))
    }

    fn pair(&self, group: usize) -> Option<(usize, usize)> {
        Some(((*self.0.get(2 * group)?)?, (*self.0.get(2 * group + 1)?)?))
    }

    fn with(&self, slot: usize, at: usize) -> Self {
        let mut slots = self.0.to_vec();
        if let Some(slot) = slots.get_mut(slot) {
            *slot = Some(at);
        }
        Self(slots.into())
    }
}

/// Alternatives at one place of the text, in order of preference.
struct Threads {
    list: Vec<(usize, Captures)>,
    /// The round in which each instruction was last added.
    seen: Vec<usize>,
}

/// Runs `program` over `text` from `start`. `pay` is told the work of each step and may stop the run.
pub(super) fn run<E>(
    program: &Program,
    text: &[u8],
    start: usize,
    matching: Matching,
    pay: &mut dyn FnMut(usize) -> Result<(), E>,
) -> Result<Option<Captures>, E> {
    let fresh = Captures(vec![None; 2 * (program.groups + 1)].into());
    let mut threads = Threads { list: Vec::new(), seen: vec![usize::MAX; program.code.len()] };
    let mut best: Option<Captures> = None;
    for at in start..=text.len() {
        let current = std::mem::take(&mut threads.list);
        let byte = at.checked_sub(1).filter(|_| at > start).and_then(|before| text.get(before));
        for (pc, captures) in current {
            if let (Instruction::Byte(set), Some(byte)) = (&program.code[pc], byte)
                && set.has(*byte)
            {
                threads.add(program, text, at, (pc + 1, captures));
            }
        }
        // A match may begin here only while none was found. It comes last: one that began further left wins.
        let begins = match matching {
            Matching::Whole => at == start,
            Matching::Leftmost => best.is_none(),
        };
        if begins {
            threads.add(program, text, at, (0, fresh.clone()));
        }
        pay(threads.list.len().saturating_mul(program.groups + 1) + 1)?;
        let accepted = threads.list.iter().find(|(pc, _)| program.code[*pc] == Instruction::Accept);
        if let Some((_, captures)) = accepted
            && (matching == Matching::Leftmost || at == text.len())
        {
            let captures = captures.clone();
            let begin = captures.whole().0;
            // Longer is better, further left is better still.
            if best.as_ref().is_none_or(|best| begin <= best.whole().0) {
                best = Some(captures);
            }
        }
        if let Some(best) = &best {
            let begin = best.whole().0;
            threads.list.retain(|(_, captures)| captures.0.first().copied().flatten() <= Some(begin));
        }
        if threads.list.is_empty() && (best.is_some() || matching == Matching::Whole) {
            break;
        }
    }
    Ok(best)
}

impl Threads {
    /// Adds a thread and all that it leads to without taking a byte.
    fn add(&mut self, program: &Program, text: &[u8], at: usize, thread: (usize, Captures)) {
        // An explicit stack: a program may have thousands of alternatives in a row.
        let mut waiting = vec![thread];
        while let Some((pc, captures)) = waiting.pop() {
            if std::mem::replace(&mut self.seen[pc], at) == at {
                continue;
            }
            match &program.code[pc] {
                Instruction::Jump(to) => waiting.push((*to, captures)),
                Instruction::Split(first, second) => {
                    waiting.push((*second, captures.clone()));
                    waiting.push((*first, captures));
                }
                Instruction::Save(slot) => waiting.push((pc + 1, captures.with(*slot, at))),
                Instruction::Start if at == 0 => waiting.push((pc + 1, captures)),
                Instruction::End if at == text.len() => waiting.push((pc + 1, captures)),
                Instruction::Start | Instruction::End => {}
                Instruction::Byte(_) | Instruction::Accept => self.list.push((pc, captures)),
            }
        }
    }
}
