//! A workload on the simulated disk, and all its crashes.

use super::content::content;
use super::disk::{Epoch, Ignore, Op, SimDisk, epochs, is_marked};
use super::images::{Effort, Random, each};
use super::workloads::Workload;
use hdf5_format::check::CheckOptions;
use hdf5_format::edit::Recovery;
use hdf5_format::io::MemoryFile;
use hdf5_format::{File, OpenOptions};
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

const FULL: Effort = Effort { all: 10, subsets: 1600, cuts: 64, company: 8 };
const NESTED: Effort = Effort { all: 5, subsets: 30, cuts: 2, company: 1 };
/// Images with a record of which the recovery is crashed too, for each epoch.
const RECOVERIES: usize = 4;
/// Every so many images, another commit is made.
const FURTHER: usize = 151;

/// What came out.
pub(crate) struct Sweep {
    pub(crate) name: &'static str,
    /// Different images looked at.
    pub(crate) images: usize,
    pub(crate) bad: Vec<String>,
}

/// What a file holds; `None` if it is none.
type State = Option<u64>;

struct Check {
    /// After each commit; before the first there is no file, or the one that the workload starts with.
    states: Vec<State>,
    seen: HashSet<(u64, usize)>,
    contents: HashMap<u64, Result<State, String>>,
    /// What is missing in recoveries.
    ignore: Option<Ignore>,
    /// The file keeps lists of free space.
    lists: bool,
    sweep: Sweep,
}

/// Runs a workload and looks at what crashes leave.
pub(crate) fn run(workload: &Workload, ignore: Option<Ignore>) -> Sweep {
    let (recovery, commit): (Option<Ignore>, Option<Ignore>) = match ignore {
        Some(Ignore::InRecovery(n)) => (Some(Ignore::Sync(n)), None),
        other => (None, other),
    };
    let (disk, states) = record(workload, commit);
    let sweep = Sweep { name: workload.name, images: 0, bad: Vec::new() };
    let space = workload.style.as_ref().and_then(|style| style.file_space.as_ref());
    let lists = space.is_some_and(|space| space.persist);
    let mut check = Check { states, seen: HashSet::new(), contents: HashMap::new(), ignore: recovery, lists, sweep };
    let mut random = Random(9);
    for epoch in epochs(&workload.start, &disk.ops(), &disk.acked()) {
        check.epoch(&epoch, &mut random);
        // Barriers are missing in what was recorded: one bad image is enough.
        if ignore.is_some() && !check.sweep.bad.is_empty() {
            break;
        }
    }
    check.sweep
}

/// The log of a workload and what the file holds after each commit.
fn record(workload: &Workload, ignore: Option<Ignore>) -> (SimDisk, Vec<State>) {
    let disk = match ignore {
        Some(what) => SimDisk::ignoring(what),
        None => SimDisk::default(),
    };
    let disk = if workload.start.is_empty() { disk } else { disk.holding(&workload.start) };
    let mut states = vec![read(&workload.start).unwrap()];
    disk.commit_begins();
    let file = workload.open(disk.clone()).unwrap();
    if workload.start.is_empty() {
        disk.commit_returned();
        states.push(Some(content(&file).unwrap()));
    }
    for step in 0..workload.steps {
        workload.change(&file, step).unwrap();
        states.push(Some(content(&file).unwrap()));
        disk.commit_begins();
        file.commit().unwrap();
        disk.commit_returned();
    }
    (disk, states)
}

fn sum(bytes: &[u8]) -> u64 {
    let mut sum = DefaultHasher::new();
    bytes.hash(&mut sum);
    sum.finish()
}

/// What bytes hold for a reader.
fn read(bytes: &[u8]) -> Result<State, String> {
    match File::from_bytes(bytes) {
        Ok(file) => content(&file).map(Some).map_err(|e| e.to_string()),
        // Nothing is said of a file that was never committed but that it is none.
        Err(error) if error.to_string().contains("not an HDF5 file") => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

impl Check {
    fn epoch(&mut self, epoch: &Epoch, random: &mut Random) {
        let mut recoveries: Vec<Vec<u8>> = Vec::new();
        let mut count = 0;
        each(epoch, FULL, random, &mut |image, fates| {
            let new = self.image(&image, epoch.acked, &|| format!("{fates:?}"));
            count += 1;
            if new && recoveries.len() < RECOVERIES && has_record(&image) && count % 3 == 1 {
                recoveries.push(image);
            }
        });
        for image in recoveries {
            self.recovery(&image, &[], epoch.acked, random);
        }
        // The program died, not the machine: all is there and nothing of it durable.
        self.recovery(&epoch.base, &epoch.ops, epoch.acked, random);
    }

    /// Crashes the recovery of what a crash left.
    fn recovery(&mut self, base: &[u8], pending: &[Op], acked: usize, random: &mut Random) {
        let disk = SimDisk::after(base, pending, self.ignore);
        if OpenOptions::new().open_rw_in(disk.clone()).is_err() {
            return;
        }
        let ops = disk.ops();
        if ops.len() == pending.len() {
            return;
        }
        for epoch in epochs(base, &ops, &[]) {
            each(&epoch, NESTED, random, &mut |image, fates| {
                self.image(&image, acked, &|| format!("in recovery: {fates:?}"));
            });
        }
    }

    /// Looks at an image; false if it was looked at before.
    fn image(&mut self, image: &[u8], acked: usize, how: &dyn Fn() -> String) -> bool {
        let key = sum(image);
        if !self.seen.insert((key, acked)) {
            return false;
        }
        self.sweep.images += 1;
        if let Err(why) = self.look(image, acked) {
            let ops = how();
            self.sweep.bad.push(format!("{}: after commit {acked}: {why}; {ops}", self.sweep.name));
        }
        true
    }

    fn look(&mut self, image: &[u8], acked: usize) -> Result<(), String> {
        let reading = self.known(image).map_err(|e| format!("reading: {e}"))?;
        self.allowed(reading, acked).map_err(|e| format!("reading: {e}"))?;
        if reading.is_none() {
            return Ok(());
        }
        let disk = MemoryFile::new(image);
        let file = OpenOptions::new().open_rw_in(disk.clone()).map_err(|e| format!("opening for writing: {e}"))?;
        let recovered = disk.to_vec();
        let through = self.known(&recovered).map_err(|e| format!("after recovery: {e}"))?;
        if through != reading {
            return Err("reading and recovery differ".into());
        }
        if has_record(&recovered) || is_marked(&recovered) {
            return Err("recovery left something".into());
        }
        self.foreign(image, acked)?;
        // Nothing that is listed as free is in use.
        if let Some(damage) =
            self.lists.then(|| file.check(CheckOptions::new())).and_then(|r| r.damage().next().cloned())
        {
            return Err(format!("{damage}"));
        }
        if self.sweep.images.is_multiple_of(FURTHER) {
            further(&file, &disk)?;
        }
        Ok(())
    }

    /// What bytes hold, remembered.
    fn known(&mut self, bytes: &[u8]) -> Result<State, String> {
        self.contents.entry(sum(bytes)).or_insert_with(|| read(bytes)).clone()
    }

    fn allowed(&self, state: State, acked: usize) -> Result<(), String> {
        let found: Vec<usize> = (0..self.states.len()).filter(|&i| self.states[i] == state).collect();
        if found.iter().any(|&i| i == acked || i == acked + 1) {
            return Ok(());
        }
        Err(format!("the state is that of {found:?}"))
    }

    /// What a library sees that knows no records: a whole commit, or the mark in a file that can have one.
    fn foreign(&mut self, image: &[u8], acked: usize) -> Result<(), String> {
        let base = if image.starts_with(b"\x89HDF") { 0 } else { 512 };
        let version = image.get(base + 8).copied();
        if version != Some(3) || is_marked(&image[base..]) || !has_record(image) {
            return Ok(());
        }
        let mut plain = image.to_vec();
        plain.push(0);
        let state = self.known(&plain).map_err(|e| format!("without its record, and not marked: {e}"))?;
        self.allowed(state, acked).map_err(|e| format!("without its record, and not marked: {e}"))
    }
}

fn has_record(image: &[u8]) -> bool {
    matches!(File::options().recovery_in(image.to_vec()), Ok(Recovery::Commit { .. }))
}

/// The recovered file can be changed.
fn further(file: &File, disk: &MemoryFile) -> Result<(), String> {
    let change = || {
        file.root()?.set_attr_raw("further", &super::workloads::int(), Some(&[1]), &[1, 2, 3, 4])?;
        file.commit()
    };
    change().map_err(|e| format!("another commit: {e}"))?;
    let file = File::from_bytes(disk.to_vec()).map_err(|e| e.to_string())?;
    content(&file).map_err(|e| format!("after another commit: {e}"))?;
    if let Some(damage) = file.check(CheckOptions::new().data(true)).damage().next() {
        return Err(format!("after another commit: {damage}"));
    }
    let found = file.root().and_then(|root| root.attribute("further").map(|a| a.raw().to_vec()));
    if found.ok().as_deref() != Some(&[1, 2, 3, 4]) {
        return Err("another commit is not there".into());
    }
    Ok(())
}
