//! Work that several threads share.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Threads at the most: more wait for each other at the disk.
const MOST: usize = 8;

/// As many threads as there are processors for them, 8 at the most.
pub fn threads() -> NonZeroUsize {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    NonZeroUsize::new(processors.min(MOST)).unwrap_or(NonZeroUsize::MIN)
}

/// What `work` makes of each of `items`, in their order; [`threads`] take one after the other.
pub fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let on_one = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return done };
            done.push((index, work(item)));
        }
    };
    let mut results: Vec<_> = on_threads(threads(), items.len(), on_one).into_iter().flatten().collect();
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// What two pieces of work return that need nothing of each other; the caller's thread does the second.
pub fn both<A: Send, B>(first: impl FnOnce() -> A + Send, second: impl FnOnce() -> B) -> (A, B) {
    thread::scope(|scope| {
        let first = scope.spawn(first);
        let second = second();
        (joined(first), second)
    })
}

/// Calls `work` on each of so many `threads`, but no more than there are `tasks`, the caller's own among them; what
/// each of them returned, in no order that means anything. What they do has to come from something they share, such
/// as a counter. A panic of one goes on in the caller.
pub fn on_threads<T: Send>(threads: NonZeroUsize, tasks: usize, work: impl Fn() -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads.get().min(tasks)).map(|_| scope.spawn(&work)).collect();
        let own = work();
        others.into_iter().map(joined).chain([own]).collect()
    })
}

/// What a thread returned; its panic goes on in the caller.
fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thread_works_once_and_a_panic_is_passed_on() {
        let (three, next) = (NonZeroUsize::new(3).unwrap(), AtomicUsize::new(0));
        let mut numbers = on_threads(three, 9, || next.fetch_add(1, Ordering::Relaxed));
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 1, 2]);
        assert_eq!(on_threads(three, 2, || ()).len(), 2);
        assert_eq!(on_threads(three, 0, || ()).len(), 1);
        let outcome = std::panic::catch_unwind(|| {
            let next = AtomicUsize::new(0);
            on_threads(three, 9, || assert_ne!(next.fetch_add(1, Ordering::Relaxed), 1))
        });
        assert!(outcome.is_err());
    }

    #[test]
    fn both_are_done_and_a_panic_of_either_is_passed_on() {
        assert_eq!(both(|| 1, || "two"), (1, "two"));
        assert!(std::panic::catch_unwind(|| both(|| panic!("first"), || ())).is_err());
        assert!(std::panic::catch_unwind(|| both(|| (), || panic!("second"))).is_err());
    }

    #[test]
    fn results_are_in_the_order_of_the_items() {
        let items: Vec<u64> = (0..1000).collect();
        assert_eq!(map(&items, |item| item * 2), (0..1000).map(|item| item * 2).collect::<Vec<_>>());
        assert!(map(&[], |item: &u64| *item).is_empty());
    }
}
