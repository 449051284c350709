//! Damaged files: no panic, no abort, bounded time, memory and stack.

use crate::allocations::most_bytes;
use crate::files;
use h5_cli::digest;
use hdf5_format::check::CheckOptions;
use hdf5_format::io::Storage;
use hdf5_format::{File, Result};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Parsing must do with this much stack; a debug build's frames are several times those of a release build.
const STACK: usize = if cfg!(debug_assertions) { 512 << 10 } else { 128 << 10 };
const MOST_BYTES: i64 = 64 << 20;
const MOST_TIME: Duration = Duration::from_secs(2);

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// Reads everything of a file, as far as that goes; and checks it, which is as much work again.
fn survives(what: &str, bytes: Vec<u8>, salvage: bool, check: bool) {
    let len = bytes.len() as i64;
    // A second try, for the machine may have stopped during the first.
    let fast = (0..2).any(|_| {
        let (bytes, start) = (bytes.clone(), Instant::now());
        let (_, most) = most_bytes(|| match File::options().salvage(salvage).from_bytes(bytes) {
            Ok(file) => {
                if check {
                    drop(file.check(CheckOptions::new()));
                }
                digest::document(&file)
            }
            Err(error) => digest::refused(&error),
        });
        assert!(most <= MOST_BYTES + len, "{what}: {most} bytes of memory for a file of {len}");
        start.elapsed() <= MOST_TIME
    });
    assert!(fast, "{what}: over {MOST_TIME:?}");
}

/// Runs in a thread with a small stack and one decoding thread, whose panic fails the test.
fn on_a_small_stack(name: &str, run: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, run).unwrap();
        assert!(thread.join().is_ok(), "{name}");
    });
}

fn each_fixture(run: impl Fn(usize, &str, &[u8]) + Sync) {
    let names = files::names();
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((i, name)) =
                    Some(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)).and_then(|i| Some((i, names.get(i)?)))
                {
                    let bytes = std::fs::read(files::folder().join(name)).unwrap();
                    on_a_small_stack(name, || run(i, name, &bytes));
                }
            });
        }
    });
}

/// The beginning of a file.
struct Beginning(Arc<Vec<u8>>, usize);

impl Storage for Beginning {
    fn len(&self) -> Result<u64> {
        Ok(self.1 as u64)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        assert!(offset + buf.len() as u64 <= self.1 as u64, "nothing past the end is asked for");
        Storage::read_at(&*self.0, offset, buf)
    }
}

#[test]
fn every_truncated_file_is_refused() {
    each_fixture(|_, name, bytes| {
        let bytes = Arc::new(bytes.to_vec());
        for len in 0..bytes.as_slice().len() {
            let beginning = Beginning(Arc::clone(&bytes), len);
            assert!(File::from_storage(beginning).is_err(), "{name}: {len} bytes were accepted");
        }
    });
}

#[test]
fn truncated_files_are_salvaged_as_far_as_they_go() {
    each_fixture(|_, name, bytes| {
        // Lengths in the first kilobytes, then about two hundred of the rest.
        let step = (bytes.len() / 200).max(1);
        let lengths = (0..bytes.len().min(4096)).step_by(7).chain((0..bytes.len()).step_by(step));
        for len in lengths {
            survives(&format!("{name}, {len} bytes"), bytes[..len].to_vec(), true, len % 4 == 0);
        }
    });
}

#[test]
fn mutated_files_are_survived() {
    const ROUNDS: usize = 3000;
    each_fixture(|i, name, bytes| {
        let mut random = Random(i as u64);
        // Most of a file is raw data: damage the beginning, and blocks that are not zero, more often.
        let used: Vec<usize> = (0..bytes.len()).filter(|&i| bytes[i] != 0).collect();
        for round in 0..ROUNDS {
            let mut damaged = bytes.to_vec();
            for _ in 0..1 + random.below(3) {
                let at = match random.below(3) {
                    0 => random.below(bytes.len().min(2048)),
                    1 => used[random.below(used.len())],
                    _ => random.below(bytes.len()),
                };
                let value = random.next();
                match random.below(4) {
                    0 => damaged[at] ^= 1 << (value % 8),
                    1 => damaged[at] = value as u8,
                    2 => damaged[at] = 0xff,
                    _ => damaged[at..].iter_mut().take(8).zip(value.to_le_bytes()).for_each(|(d, v)| *d = v),
                }
            }
            survives(&format!("{name}, round {round}"), damaged, true, round % 8 == 0);
        }
    });
}
