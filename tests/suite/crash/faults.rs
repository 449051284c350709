//! Disks that fail: at each call, once or until they are repaired. The last commit stays, and the file says how to go
//! on.

use super::content::content;
use super::disk::{Fate, Op, image};
use super::images::Random;
use super::workloads::{self, Workload};
use hdf5_format::edit::Condition;
use hdf5_format::io::{MemoryFile, Storage, StorageMut};
use hdf5_format::{Error, ErrorKind, File, OpenOptions, Result};
use rayon::prelude::*;
use std::sync::{Arc, Mutex};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The call does nothing.
    Fails,
    /// A write stops in the middle, as on a full disk; what makes the file longer fails too.
    Full,
    /// A write is done, and fails all the same.
    Lies,
}

#[derive(Default)]
struct State {
    /// What a crash leaves at the least.
    durable: Vec<u8>,
    pending: Vec<Op>,
    calls: usize,
    /// Calls that write.
    writing: Vec<usize>,
    fault: Option<(usize, Fault, bool)>,
}

#[derive(Clone, Default)]
pub(super) struct FaultDisk {
    now: MemoryFile,
    state: Arc<Mutex<State>>,
}

impl FaultDisk {
    pub(super) fn new(start: &[u8], fault: Option<(usize, Fault, bool)>) -> FaultDisk {
        let state = State { durable: start.to_vec(), fault, ..State::default() };
        FaultDisk { now: MemoryFile::new(start), state: Arc::new(Mutex::new(state)) }
    }

    /// What is there.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.now.to_vec()
    }

    /// What a crash leaves of it at the least.
    pub(super) fn durable(&self) -> Vec<u8> {
        self.state.lock().unwrap().durable.clone()
    }

    /// The numbers of those that write.
    pub(super) fn writing(&self) -> Vec<usize> {
        self.state.lock().unwrap().writing.clone()
    }

    /// Calls so far.
    pub(super) fn calls(&self) -> usize {
        self.state.lock().unwrap().calls
    }

    pub(super) fn repair(&self) {
        self.state.lock().unwrap().fault = None;
    }

    /// Whether this call fails.
    fn call(&self, writes: bool) -> Option<Fault> {
        let mut state = self.state.lock().unwrap();
        let number = state.calls;
        state.calls += 1;
        if writes {
            state.writing.push(number);
        }
        let (at, fault, forever) = state.fault?;
        let hit = number == at || forever && number > at;
        hit.then_some(fault)
    }

    fn done(&self, op: Op) {
        self.state.lock().unwrap().pending.push(op);
    }
}

fn broken(fault: Fault) -> Error {
    Error::new(ErrorKind::Io, if fault == Fault::Full { "no space left on device" } else { "input/output error" })
}

impl Storage for FaultDisk {
    fn len(&self) -> Result<u64> {
        self.now.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        match self.call(false) {
            Some(fault) if fault != Fault::Full => Err(broken(fault)),
            _ => self.now.read_at(offset, buf),
        }
    }
}

impl StorageMut for FaultDisk {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let fault = self.call(true);
        let bytes = match fault {
            Some(Fault::Fails) => &[],
            Some(Fault::Full) => &bytes[..bytes.len() / 2],
            _ => bytes,
        };
        if !bytes.is_empty() {
            self.done(Op::Write { offset: usize::try_from(offset).unwrap(), bytes: bytes.into() });
            self.now.write_at(offset, bytes)?;
        }
        fault.map_or(Ok(()), |fault| Err(broken(fault)))
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let longer = len > self.now.len()?;
        match self.call(true) {
            Some(fault) if fault != Fault::Full || longer => Err(broken(fault)),
            _ => {
                self.done(Op::SetLen(usize::try_from(len).unwrap()));
                self.now.set_len(len)
            }
        }
    }

    fn sync(&self) -> Result<()> {
        let fault = self.call(true).filter(|&fault| fault != Fault::Full);
        let mut state = self.state.lock().unwrap();
        let pending = std::mem::take(&mut state.pending);
        // After a sync that failed the system takes bytes for written that are lost.
        let fate = if fault.is_some() { Fate::Hole(0) } else { Fate::Kept };
        state.durable = image(&state.durable, &pending, &vec![fate; pending.len()]);
        fault.map_or(Ok(()), |fault| Err(broken(fault)))
    }
}

/// What the file holds after each commit, from that which makes or opens it.
fn states(workload: &Workload) -> Vec<Option<u64>> {
    let file = workload.open(MemoryFile::new(workload.start.as_slice())).unwrap();
    let mut states = vec![Some(content(&file).unwrap())];
    for step in 0..workload.steps {
        workload.change(&file, step).unwrap();
        file.commit().unwrap();
        states.push(Some(content(&file).unwrap()));
    }
    states
}

/// The numbers of the calls that write, after the file is made or opened, and that of the last call.
fn calls(workload: &Workload) -> (Vec<usize>, usize) {
    let disk = FaultDisk::new(&workload.start, None);
    let file = workload.open(disk.clone()).unwrap();
    let first = disk.state.lock().unwrap().calls;
    for step in 0..workload.steps {
        workload.change(&file, step).unwrap();
        file.commit().unwrap();
    }
    let state = disk.state.lock().unwrap();
    (state.writing.iter().copied().filter(|&call| call >= first).collect(), state.calls)
}

struct Run<'a> {
    workload: &'a Workload,
    states: &'a [Option<u64>],
    disk: FaultDisk,
    /// A commit that may be tried again is rolled back instead.
    roll_back: bool,
}

impl Run<'_> {
    fn state_of(&self, bytes: Vec<u8>) -> Option<u64> {
        let file = File::from_bytes(bytes).unwrap_or_else(|e| panic!("{}: {e}", self.workload.name));
        Some(content(&file).unwrap_or_else(|e| panic!("{}: {e}", self.workload.name)))
    }

    /// What the disk and what a crash leave is one of these states.
    fn holds(&self, states: std::ops::RangeInclusive<usize>) {
        let state = self.disk.state.lock().unwrap();
        let durable = state.durable.clone();
        drop(state);
        for bytes in [self.disk.now.to_vec(), durable] {
            let found = self.state_of(bytes);
            assert!(states.clone().any(|i| self.states[i] == found), "{}: {states:?}", self.workload.name);
        }
    }

    /// The steps up to the second one after the fault, each begun again as often as needed: the number of errors seen.
    fn all(&self) -> usize {
        let mut file = self.workload.open(self.disk.clone()).unwrap();
        let mut errors = 0;
        let mut step = 0;
        let mut after = 0;
        while step < self.workload.steps && after < 2 {
            let changed = self.workload.change(&file, step);
            let failed = match changed {
                Err(error) => Some((error, false)),
                Ok(()) => file.commit().err().map(|error| (error, true)),
            };
            let Some((error, committing)) = failed else {
                step += 1;
                if errors > 0 {
                    self.holds(step..=step);
                    after += 1;
                }
                continue;
            };
            errors += 1;
            assert!(errors < 3, "{}: {error}", self.workload.name);
            self.holds(step..=step + usize::from(committing));
            self.disk.repair();
            let text = error.to_string();
            assert!(text.contains("error") || text.contains("no space"), "{text}");
            assert!(!committing || text.contains("the file holds"), "{text}");
            match file.condition().unwrap() {
                Condition::Sound if committing && !self.roll_back => {
                    file.commit().unwrap();
                    step += 1;
                    self.holds(step..=step);
                }
                Condition::Sound | Condition::RollBack => {
                    file.rollback().unwrap();
                    assert_eq!(Some(content(&file).unwrap()), self.states[step], "{}: {text}", self.workload.name);
                }
                _ => {
                    assert!(committing);
                    assert_eq!(file.rollback().unwrap_err().kind(), ErrorKind::Conflict);
                    assert_eq!(file.commit().unwrap_err().kind(), ErrorKind::Conflict);
                    drop(file);
                    file = OpenOptions::new().open_rw_in(self.disk.clone()).unwrap();
                    let found = Some(content(&file).unwrap());
                    let ahead = usize::from(found != self.states[step]);
                    assert_eq!(found, self.states[step + ahead], "{}: {text}", self.workload.name);
                    step += ahead;
                    self.holds(step..=step);
                }
            }
        }
        self.holds(step..=step);
        errors
    }
}

#[test]
fn every_failing_call_leaves_a_whole_commit() {
    let cases: usize = workloads::all().par_iter().filter(|workload| workload.steps > 1).map(workload).sum();
    assert!(cases > 10_000, "{cases} cases");
}

fn workload(workload: &Workload) -> usize {
    let states = states(workload);
    let (writing, calls) = calls(workload);
    let mut random = Random(4);
    let first = *writing.first().unwrap();
    // Every call that writes, and some of those that read.
    let reading: Vec<usize> = (0..80).map(|_| first + random.below(calls - first)).collect();
    let mut cases = 0;
    for (i, &at) in writing.iter().chain(&reading).enumerate() {
        for fault in [Fault::Fails, Fault::Full, Fault::Lies] {
            if fault == Fault::Full && i >= writing.len() {
                continue;
            }
            let forever = random.below(2) == 0;
            let disk = FaultDisk::new(&workload.start, Some((at, fault, forever)));
            let run = Run { workload, states: &states, disk, roll_back: i % 2 == 0 };
            let errors = run.all();
            assert!(
                errors > 0 || fault == Fault::Full || i >= writing.len(),
                "{}: call {at} did not fail",
                workload.name
            );
            cases += 1;
        }
    }
    cases
}
