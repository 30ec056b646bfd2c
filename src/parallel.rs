//! Work that several threads share.

use std::num::NonZeroUsize;
use std::thread;

/// As many threads as there are processors for them, `most` at the most.
pub fn threads(most: NonZeroUsize) -> NonZeroUsize {
    thread::available_parallelism().map_or(NonZeroUsize::MIN, |processors| processors.min(most))
}

/// Calls `work` on each of so many `threads`, the caller's own among them; what each of them returned, in no order
/// that means anything. What they do has to come from something they share, such as a counter. A panic of one goes
/// on in the caller.
pub fn on_threads<T: Send>(threads: NonZeroUsize, work: impl Fn() -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads.get()).map(|_| scope.spawn(&work)).collect();
        let own = work();
        let join = |other: thread::ScopedJoinHandle<'_, T>| {
            other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        others.into_iter().map(join).chain([own]).collect()
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn each_thread_works_once_and_a_panic_is_passed_on() {
        let (three, next) = (NonZeroUsize::new(3).unwrap(), AtomicUsize::new(0));
        let mut numbers = on_threads(three, || next.fetch_add(1, Ordering::Relaxed));
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 1, 2]);
        let outcome = std::panic::catch_unwind(|| {
            let next = AtomicUsize::new(0);
            on_threads(three, || assert_ne!(next.fetch_add(1, Ordering::Relaxed), 1))
        });
        assert!(outcome.is_err());
    }
}
