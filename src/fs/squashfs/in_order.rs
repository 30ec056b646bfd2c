//! Work by several threads whose results are taken in the order of the work, so that timing reaches nothing.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Results that wait to be taken, for each thread: what bounds the memory when one piece of work takes long.
const AHEAD: usize = 5;

/// What the threads share.
struct Board<R> {
    /// The next piece of work that nobody has begun.
    next: usize,
    /// How many results were taken.
    taken: usize,
    results: BTreeMap<usize, R>,
    /// Nobody needs to begin anything more.
    stopped: bool,
    /// A thread has ended without its result.
    panicked: bool,
}

/// Stops everybody when a thread ends by a panic, so that nobody waits for its results.
struct Alarm<'a, R> {
    board: &'a Mutex<Board<R>>,
    changed: &'a Condvar,
}

impl<R> Drop for Alarm<'_, R> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut board = locked(self.board);
            (board.stopped, board.panicked) = (true, true);
            self.changed.notify_all();
        }
    }
}

fn locked<R>(board: &Mutex<Board<R>>) -> MutexGuard<'_, Board<R>> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does `work` on each of `jobs` by `threads` threads, each of which begins with `start`, and hands the results
/// to `take` in the order of the jobs. Of several errors the one of the earliest job is given.
pub(super) fn in_order<J, S, R, E>(
    threads: NonZeroUsize,
    jobs: &[J],
    start: impl Fn() -> Result<S, E> + Sync,
    work: impl Fn(&mut S, &J) -> Result<R, E> + Sync,
    mut take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E>
where
    J: Sync,
    R: Send,
    E: Send,
{
    let ahead = AHEAD * threads.get();
    let board =
        Mutex::new(Board { next: 0, taken: 0, results: BTreeMap::new(), stopped: false, panicked: false });
    let changed = Condvar::new();
    let worker = || {
        let _alarm = Alarm { board: &board, changed: &changed };
        let mut state = None;
        loop {
            let index = {
                let mut shared = locked(&board);
                while !shared.stopped && shared.next < jobs.len() && shared.next >= shared.taken + ahead {
                    shared = changed.wait(shared).unwrap_or_else(PoisonError::into_inner);
                }
                if shared.stopped || shared.next >= jobs.len() {
                    return;
                }
                shared.next += 1;
                shared.next - 1
            };
            let result = match &mut state {
                Some(state) => work(state, &jobs[index]),
                None => start().and_then(|begun| work(state.insert(begun), &jobs[index])),
            };
            let mut shared = locked(&board);
            shared.stopped |= result.is_err();
            shared.results.insert(index, result);
            changed.notify_all();
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.get().min(jobs.len()) {
            scope.spawn(worker);
        }
        for index in 0..jobs.len() {
            let result = {
                let mut shared = locked(&board);
                loop {
                    if let Some(result) = shared.results.remove(&index) {
                        shared.taken = index + 1;
                        changed.notify_all();
                        break result;
                    }
                    // Whoever has begun this job ends it, unless by a panic, which goes on when the scope ends.
                    if shared.panicked {
                        return Ok(());
                    }
                    shared = changed.wait(shared).unwrap_or_else(PoisonError::into_inner);
                }
            };
            if let Err(error) = result.and_then(&mut take) {
                locked(&board).stopped = true;
                changed.notify_all();
                return Err(error);
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn threads(count: usize) -> NonZeroUsize {
        NonZeroUsize::new(count).unwrap()
    }

    #[test]
    fn results_come_in_the_order_of_the_jobs() {
        let jobs: Vec<u64> = (0..500).collect();
        for count in [1, 2, 7] {
            let mut taken = Vec::new();
            let work = |started: &mut u64, job: &u64| {
                // Later jobs of a group are done sooner.
                std::thread::sleep(std::time::Duration::from_micros(50 * (7 - job % 7)));
                *started += 1;
                Ok::<_, ()>(job * 2)
            };
            let take = |result| {
                taken.push(result);
                Ok(())
            };
            in_order(threads(count), &jobs, || Ok(0), work, take).unwrap();
            assert_eq!(taken, jobs.iter().map(|job| job * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_error_of_the_earliest_job_is_told() {
        let jobs: Vec<u32> = (0..100).collect();
        let work = |_: &mut (), job: &u32| if *job >= 30 { Err(*job) } else { Ok(()) };
        assert_eq!(in_order(threads(3), &jobs, || Ok(()), work, |()| Ok(())), Err(30));
        assert_eq!(in_order(threads(2), &jobs, || Err::<(), _>(7), |_, _| Ok(()), |()| Ok(())), Err(7));
        assert_eq!(in_order(threads(2), &jobs, || Ok(()), |_, job| Ok(*job), |job| Err(job + 1)), Err(1));
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_ends_everything() {
        let jobs = [1, 2, 3];
        let _ = in_order(threads(2), &jobs, || Ok::<_, ()>(()), |_, _| panic!("on purpose"), |()| Ok(()));
    }
}
