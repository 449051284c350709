//! How readers of a file that is being changed see no change half done.
//!
//! Changes come one at a time, and close the gate while they last. A read looks whether a change came between its begin
//! and its end; if one did, it is done again. So nothing that is read keeps a change waiting, however long it takes.
//! Only a read that was disturbed again and again goes through the gate, and the next change waits for it.

use super::{Condition, Mutex, MutexGuard};
use core::sync::atomic::{AtomicUsize, Ordering};

/// Times that a read is tried before it keeps changes waiting.
const TRIES: usize = 3;

/// Between the threads that read a file and the one that changes it.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// Counts the times that it was closed or opened: odd while it is closed.
    version: AtomicUsize,
    state: Mutex<State>,
    moved: Condition,
}

#[derive(Debug, Default)]
struct State {
    /// Changes that hold it closed: one, and those within it.
    closed: usize,
    /// The thread that they are of.
    #[cfg(feature = "std")]
    by: Option<std::thread::ThreadId>,
    /// Reads that went through.
    inside: usize,
    /// Reads that wait to go through as soon as it opens.
    before: usize,
    /// Times that it was opened.
    opened: usize,
    /// Threads that wait for something to move.
    waiting: usize,
}

/// Opens the gate when it is dropped.
pub(crate) struct Closed<'a>(&'a Gate);

/// Lets changes go on when it is dropped.
struct Inside<'a>(&'a Gate);

impl State {
    /// Closed by another thread. What the thread that changes the file reads is its own affair.
    fn keeps_out(&self) -> bool {
        #[cfg(feature = "std")]
        if self.by == Some(std::thread::current().id()) {
            return false;
        }
        self.closed > 0
    }
}

impl Gate {
    /// Closes the gate for a change, when all who went through it are done.
    pub(crate) fn close(&self) -> Closed<'_> {
        let mut state = self.state.lock();
        if state.closed == 0 {
            while state.inside > 0 {
                state = self.wait(state);
            }
            #[cfg(feature = "std")]
            {
                state.by = Some(std::thread::current().id());
            }
            self.version.fetch_add(1, Ordering::SeqCst);
        }
        state.closed = state.closed.saturating_add(1);
        Closed(self)
    }

    /// Reads something as it is between two changes. `read` may be called more than once.
    pub(crate) fn read<T>(&self, mut read: impl FnMut() -> T) -> T {
        for _ in 0..TRIES {
            let before = self.version.load(Ordering::SeqCst);
            if before & 1 == 1 && self.wait_for_opening() {
                continue;
            }
            let found = read();
            if before & 1 == 1 || self.version.load(Ordering::SeqCst) == before {
                return found;
            }
        }
        let _inside = self.enter();
        read()
    }

    /// False if nobody need wait.
    fn wait_for_opening(&self) -> bool {
        let mut state = self.state.lock();
        if state.closed > 0 && !state.keeps_out() {
            return false;
        }
        let opened = state.opened;
        while state.keeps_out() && state.opened == opened {
            state = self.wait(state);
        }
        true
    }

    /// Goes through, for a thread that does not hold the gate closed itself.
    fn enter(&self) -> Inside<'_> {
        let mut state = self.state.lock();
        if state.closed == 0 {
            state.inside = state.inside.saturating_add(1);
            return Inside(self);
        }
        // Whoever opens it lets those in who wait, before the next change.
        state.before = state.before.saturating_add(1);
        let opened = state.opened;
        while state.opened == opened {
            state = self.wait(state);
        }
        Inside(self)
    }

    fn wait<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.waiting = state.waiting.saturating_add(1);
        let mut state = self.moved.wait(&self.state, state);
        state.waiting = state.waiting.saturating_sub(1);
        state
    }
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.closed = state.closed.saturating_sub(1);
        if state.closed > 0 {
            return;
        }
        #[cfg(feature = "std")]
        {
            state.by = None;
        }
        state.inside = state.inside.saturating_add(core::mem::take(&mut state.before));
        state.opened = state.opened.wrapping_add(1);
        self.0.version.fetch_add(1, Ordering::SeqCst);
        if state.waiting > 0 {
            self.0.moved.notify();
        }
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.inside = state.inside.saturating_sub(1);
        if state.inside == 0 && state.waiting > 0 {
            self.0.moved.notify();
        }
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;

    #[test]
    fn no_change_is_seen_half_done() {
        let (gate, left, right) = (Gate::default(), AtomicUsize::new(0), AtomicUsize::new(0));
        let add = |to: &AtomicUsize| to.fetch_add(1, Ordering::SeqCst);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                let (gate, left, right) = (&gate, &left, &right);
                scope.spawn(move || {
                    let mut last = 0;
                    while last < 5000 {
                        let found = gate.read(|| {
                            let one = left.load(Ordering::SeqCst);
                            // A read within a read.
                            let other = gate.read(|| right.load(Ordering::SeqCst));
                            (one, other)
                        });
                        assert_eq!(found.0, found.1);
                        last = found.0;
                    }
                });
            }
            for _ in 0..5000 {
                let _closed = gate.close();
                add(&left);
                let _within = gate.close();
                assert_eq!(gate.read(|| left.load(Ordering::SeqCst)), right.load(Ordering::SeqCst) + 1);
                add(&right);
            }
        });
    }

    #[test]
    fn a_read_that_is_always_disturbed_ends() {
        let gate = Gate::default();
        let mut times = 0;
        // Each time a change comes between, but for the last, which keeps them waiting.
        gate.read(|| {
            times += 1;
            if times <= TRIES {
                drop(gate.close());
            }
        });
        assert_eq!(times, TRIES + 1);
    }
}
