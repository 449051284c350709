//! The bar of what takes long: on a terminal only.

use crate::text;
use hdf5_format::edit::Progress;
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What is done sooner has no bar.
const PATIENCE: Duration = Duration::from_millis(400);
/// Between two bars.
const PAUSE: Duration = Duration::from_millis(100);
const WIDTH: u64 = 30;

/// A line that is written over again and again, and goes at the end.
pub(crate) struct Bar<W: Write>(Mutex<State<W>>);

struct State<W> {
    out: W,
    next: Instant,
    /// Characters of the line that is shown.
    shown: usize,
}

/// A bar on standard error, if that is a terminal.
pub(crate) fn bar() -> Option<Bar<std::io::Stderr>> {
    let out = std::io::stderr();
    out.is_terminal().then(|| Bar::new(out, Instant::now()))
}

impl<W: Write> Bar<W> {
    fn new(out: W, now: Instant) -> Self {
        Bar(Mutex::new(State { out, next: now + PATIENCE, shown: 0 }))
    }

    /// Shows how far it is, unless that was shown just before.
    pub(crate) fn tell(&self, progress: Progress) {
        self.state().tell(progress.done, progress.total, Instant::now());
    }

    /// Takes the line away.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        if state.shown > 0 {
            state.show("");
            state.show("");
        }
    }

    fn state(&self) -> MutexGuard<'_, State<W>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: Write> State<W> {
    fn tell(&mut self, done: u64, total: u64, now: Instant) {
        if now >= self.next {
            self.next = now + PAUSE;
            self.show(&line(done, total));
        }
    }

    /// Writes over what is there. What can not be shown is no reason to end.
    fn show(&mut self, line: &str) {
        let len = line.chars().count();
        let _ = write!(self.out, "\r{line}{:1$}", "", self.shown.saturating_sub(len));
        let _ = self.out.flush();
        self.shown = len;
    }
}

/// `[#########.....................]  30 %  1.2 GiB of 4.0 GiB`.
fn line(done: u64, total: u64) -> String {
    let share = |of: u64| u64::try_from(u128::from(done) * u128::from(of) / u128::from(total.max(1))).unwrap_or(of);
    let (full, empty) = (share(WIDTH) as usize, (WIDTH - share(WIDTH).min(WIDTH)) as usize);
    let bar = format!("{}{}", "#".repeat(full), ".".repeat(empty));
    format!("[{bar}] {:3} %  {} of {}", share(100), text::bytes(done), text::bytes(total))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_long_as_the_work() {
        assert_eq!(line(0, 0), "[..............................]   0 %  0 B of 0 B");
        assert_eq!(line(1 << 30, 4 << 30), "[#######.......................]  25 %  1.0 GiB of 4.0 GiB");
        assert_eq!(line(7, 7), "[##############################] 100 %  7 B of 7 B");
    }

    #[test]
    fn a_bar_waits_pauses_and_goes() {
        let start = Instant::now();
        let bar = Bar::new(Vec::new(), start);
        let written = || String::from_utf8(bar.state().out.clone()).unwrap();
        let tell = |done: u64, ms: u64| bar.state().tell(done, 1 << 20, start + Duration::from_millis(ms));
        tell(1 << 10, 100);
        bar.end();
        assert_eq!(written(), "", "it was too soon, and nothing has to go");
        tell(1 << 19, 500);
        tell(1 << 18, 550);
        tell(1 << 20, 600);
        bar.end();
        let (half, whole) = (line(1 << 19, 1 << 20), line(1 << 20, 1 << 20));
        let blank = " ".repeat(whole.len());
        assert_eq!(written(), format!("\r{half}\r{whole}{}\r{blank}\r", " ".repeat(half.len() - whole.len())));
    }
}
