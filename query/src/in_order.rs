//! Work in numbered items, spread over threads, whose results are taken in order of the numbers:
//! whatever is made of them is the same, bit for bit, for any number of threads.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Items that may be computed ahead of the one that is taken next, for each thread.
const AHEAD_PER_WORKER: usize = 4;

/// Runs `lead` on this thread and `help` on so many others, and returns when all have ended.
pub type Spread = fn(helpers: usize, help: &(dyn Fn() + Sync), lead: &mut dyn FnMut());

/// The threads that one computation may take.
#[derive(Clone, Copy, Debug)]
pub struct Workers {
    /// How many, the caller's among them.
    pub count: usize,
    /// Where the others come from. It may give fewer: the work takes longer, no more.
    pub spread: Spread,
}

impl Workers {
    /// The caller's thread only.
    pub fn one() -> Workers {
        Workers { count: 1, spread: |_, _, lead| lead() }
    }
}

/// Computes items `0..count` on some threads, this one among them, and hands each result to
/// `take` on this thread, in order. The first error ends the work.
pub fn in_order<T: Send, E>(
    workers: Workers,
    count: usize,
    compute: &(dyn Fn(usize) -> T + Sync),
    take: &mut dyn FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let threads = workers.count.min(count);
    if threads < 2 {
        return (0..count).try_for_each(|item| take(compute(item)));
    }
    let ahead = AHEAD_PER_WORKER * threads;
    let board = Mutex::new(Board { next: 0, taken: 0, ready: BTreeMap::new(), ended: false });
    let work = Work { count, ahead, compute, board, changed: Condvar::new() };
    let mut outcome = Ok(());
    (workers.spread)(threads - 1, &|| work.help(), &mut || outcome = work.lead(take));
    outcome
}

/// How far the work is.
struct Board<T> {
    /// First item that nobody works on.
    next: usize,
    /// Items that were taken.
    taken: usize,
    ready: BTreeMap<usize, T>,
    /// An error, a panic, or the last item: nobody needs more.
    ended: bool,
}

struct Work<'w, T> {
    count: usize,
    ahead: usize,
    compute: &'w (dyn Fn(usize) -> T + Sync),
    board: Mutex<Board<T>>,
    changed: Condvar,
}

/// Ends the work when it is dropped, by a panic too, so that nobody waits for ever.
struct EndOnDrop<'w, T>(&'w Work<'w, T>);

impl<T> Drop for EndOnDrop<'_, T> {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.changed.notify_all();
    }
}

impl<T> Work<'_, T> {
    fn lock(&self) -> MutexGuard<'_, Board<T>> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'b>(&self, board: MutexGuard<'b, Board<T>>) -> MutexGuard<'b, Board<T>> {
        self.changed.wait(board).unwrap_or_else(PoisonError::into_inner)
    }

    fn claim(&self, board: &mut Board<T>) -> Option<usize> {
        let item = board.next;
        if item >= self.count.min(board.taken + self.ahead) {
            return None;
        }
        board.next += 1;
        Some(item)
    }

    fn compute<'b>(
        &'b self,
        item: usize,
        board: MutexGuard<'b, Board<T>>,
    ) -> MutexGuard<'b, Board<T>> {
        drop(board);
        let result = (self.compute)(item);
        let mut board = self.lock();
        board.ready.insert(item, result);
        self.changed.notify_all();
        board
    }

    /// Computes items as long as there are some.
    fn help(&self) {
        let panicked = EndOnDrop(self);
        let mut board = self.lock();
        while !board.ended && board.next < self.count {
            board = match self.claim(&mut board) {
                Some(item) => self.compute(item, board),
                None => self.wait(board),
            };
        }
        drop(board);
        // What others still compute is awaited.
        std::mem::forget(panicked);
    }

    /// Takes the results in order, and computes items while the next one is not there.
    fn lead<E>(&self, take: &mut dyn FnMut(T) -> Result<(), E>) -> Result<(), E> {
        let _end = EndOnDrop(self);
        let mut board = self.lock();
        while board.taken < self.count {
            let next = board.taken;
            if let Some(result) = board.ready.remove(&next) {
                board.taken += 1;
                drop(board);
                self.changed.notify_all();
                take(result)?;
                board = self.lock();
            } else if board.ended {
                // A helper panicked; whoever waits for its thread passes that on.
                return Ok(());
            } else if let Some(item) = self.claim(&mut board) {
                board = self.compute(item, board);
            } else {
                board = self.wait(board);
            }
        }
        drop(board);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn threads(count: usize) -> Workers {
        let spread: Spread = |helpers, help, lead| {
            std::thread::scope(|scope| {
                (0..helpers).for_each(|_| drop(scope.spawn(help)));
                lead();
            });
        };
        Workers { count, spread }
    }

    #[test]
    fn results_come_in_order_whatever_the_threads() {
        for workers in [0, 1, 2, 3, 9] {
            let mut seen = Vec::new();
            let ended = in_order(threads(workers), 100, &|item| item * item, &mut |square| {
                seen.push(square);
                Ok::<(), ()>(())
            });
            assert_eq!(ended, Ok(()));
            assert_eq!(seen, (0..100).map(|i| i * i).collect::<Vec<_>>(), "{workers} workers");
        }
    }

    #[test]
    fn an_error_ends_the_work() {
        for workers in [1, 4] {
            let mut seen = 0;
            let ended = in_order(threads(workers), 1000, &|item| item, &mut |item| {
                seen += 1;
                if item == 7 { Err(item) } else { Ok(()) }
            });
            assert_eq!((ended, seen), (Err(7), 8));
        }
    }
}
