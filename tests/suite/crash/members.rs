//! Crashes of families: whatever a crash leaves in which member, the file holds a whole commit.

use super::content::content;
use super::disk::{Fate, Ignore, Op, SimDisk, epochs, image, is_record};
use super::images::{Effort, Random, fates};
use super::workloads::{self, Workload};
use hdf5_format::check::CheckOptions;
use hdf5_format::edit::{Condition, Driver, FileStyle, Recovery};
use hdf5_format::io::{ExternalKind, ExternalPolicy, Family, Members, MemoryFile, Resolver, Storage, StorageMut};
use hdf5_format::{CreateOptions, Error, ErrorKind, File, OpenOptions, Result};
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};

const EFFORT: Effort = Effort { all: 8, subsets: 150, cuts: 4, company: 2 };
const NESTED: Effort = Effort { all: 4, subsets: 20, cuts: 2, company: 1 };
/// Images with a record whose recovery is crashed too, for each epoch.
const RECOVERIES: usize = 2;

/// What is done to members, in order; syncs too.
type Log = Vec<(usize, Op)>;

/// The bytes of each member.
type Disks = Vec<Vec<u8>>;

/// Members in memory that remember what was done to them.
#[derive(Clone, Default)]
struct Shelf {
    files: Arc<Mutex<Vec<MemoryFile>>>,
    log: Arc<Mutex<Log>>,
    acked: Arc<Mutex<Vec<usize>>>,
    /// The syncs of each commit, and what they are not to do.
    syncs: Arc<Mutex<usize>>,
    ignore: Option<Lost>,
    /// Calls that write, and which of them fails.
    calls: Arc<Mutex<usize>>,
    fault: Arc<Mutex<Option<usize>>>,
}

/// Syncs that do not happen.
#[derive(Clone, Copy, Debug)]
enum Lost {
    /// The n-th of each commit, of all members.
    Barrier(Ignore),
    /// All of every member but the first.
    Others,
}

/// A member of a shelf.
struct OnShelf(Shelf, usize, MemoryFile);

impl Shelf {
    fn holding(disks: &[Vec<u8>]) -> Shelf {
        let files = disks.iter().map(|bytes| MemoryFile::new(bytes.as_slice())).collect();
        Shelf { files: Arc::new(Mutex::new(files)), ..Shelf::default() }
    }

    fn disks(&self) -> Disks {
        self.files.lock().unwrap().iter().map(MemoryFile::to_vec).collect()
    }

    fn get(&self, number: usize, make: bool) -> Option<OnShelf> {
        let mut files = self.files.lock().unwrap();
        while make && files.len() <= number {
            files.push(MemoryFile::default());
        }
        files.get(number).map(|file| OnShelf(self.clone(), number, file.clone()))
    }

    fn options(&self) -> OpenOptions {
        File::options().name("x0.h5").external(ExternalPolicy::Resolver(Arc::new(self.clone())))
    }

    fn open_rw(&self) -> Result<File> {
        self.options().open_rw_in(self.get(0, true).unwrap())
    }

    /// Counts a call that writes.
    fn call(&self) -> Result<()> {
        let mut calls = self.calls.lock().unwrap();
        *calls += 1;
        match *self.fault.lock().unwrap() {
            Some(at) if at == *calls - 1 => Err(Error::new(ErrorKind::Io, "input/output error")),
            _ => Ok(()),
        }
    }

    fn commit_begins(&self) {
        *self.syncs.lock().unwrap() = 0;
    }

    fn commit_returned(&self) {
        let done = self.log.lock().unwrap().len();
        self.acked.lock().unwrap().push(done);
    }
}

impl Members for Shelf {
    fn member(&self, number: u64, make: bool) -> Result<Option<Arc<dyn StorageMut>>> {
        if make && number > 0 {
            self.call()?;
        }
        Ok(self.get(number as usize, make).map(|member| Arc::new(member) as Arc<dyn StorageMut>))
    }
}

impl Resolver for Shelf {
    fn resolve(&self, kind: ExternalKind, name: &str) -> Result<Arc<dyn Storage>> {
        Ok(Arc::new(self.named(kind, name, false)?))
    }

    fn resolve_mut(&self, kind: ExternalKind, name: &str) -> Result<Arc<dyn StorageMut>> {
        Ok(Arc::new(self.named(kind, name, true)?))
    }
}

impl Shelf {
    fn named(&self, kind: ExternalKind, name: &str, make: bool) -> Result<OnShelf> {
        assert_eq!(kind, ExternalKind::Member);
        let number = name.strip_prefix('x').and_then(|n| n.strip_suffix(".h5")).unwrap().parse().unwrap();
        self.get(number, make).ok_or_else(|| Error::new(ErrorKind::NotFound, "no such member"))
    }
}

impl Storage for OnShelf {
    fn len(&self) -> Result<u64> {
        self.2.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.2.read_at(offset, buf)
    }
}

impl StorageMut for OnShelf {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.0.call()?;
        let op = Op::Write { offset: offset as usize, bytes: bytes.into() };
        self.0.log.lock().unwrap().push((self.1, op));
        self.2.write_at(offset, bytes)
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.0.call()?;
        self.0.log.lock().unwrap().push((self.1, Op::SetLen(len as usize)));
        self.2.set_len(len)
    }

    fn sync(&self) -> Result<()> {
        self.0.call()?;
        match self.0.ignore {
            Some(Lost::Others) if self.1 > 0 => return Ok(()),
            Some(Lost::Barrier(_)) => unreachable!("barriers are lost where they are counted"),
            _ => {}
        }
        self.0.log.lock().unwrap().push((self.1, Op::Sync));
        Ok(())
    }
}

/// All members, with some barriers missing.
struct Barriers(Family, Shelf, Option<Ignore>);

impl Storage for Barriers {
    fn len(&self) -> Result<u64> {
        self.0.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.0.read_at(offset, buf)
    }
}

impl StorageMut for Barriers {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.0.write_at(offset, bytes)
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.0.set_len(len)
    }

    fn sync(&self) -> Result<()> {
        let mut syncs = self.1.syncs.lock().unwrap();
        *syncs += 1;
        if self.2 == Some(Ignore::Sync(*syncs - 1)) { Ok(()) } else { self.0.sync() }
    }
}

/// What members hold; `None` if they are no file.
fn read(disks: &[Vec<u8>]) -> std::result::Result<Option<u64>, String> {
    let shelf = Shelf::holding(disks);
    match shelf.options().from_storage(shelf.get(0, true).unwrap()) {
        Ok(file) => content(&file).map(Some).map_err(|e| e.to_string()),
        Err(error) if error.to_string().contains("not an HDF5 file") => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

struct Sweep {
    states: Vec<Option<u64>>,
    seen: HashSet<(u64, usize)>,
    contents: HashMap<u64, std::result::Result<Option<u64>, String>>,
    images: usize,
    bad: Vec<String>,
}

impl Sweep {
    fn known(&mut self, disks: &[Vec<u8>]) -> std::result::Result<Option<u64>, String> {
        self.contents.entry(sum(disks)).or_insert_with(|| read(disks)).clone()
    }

    /// Looks at what a crash leaves; true if it was new.
    fn image(&mut self, disks: &[Vec<u8>], acked: usize, how: &dyn Fn() -> String) -> bool {
        if !self.seen.insert((sum(disks), acked)) {
            return false;
        }
        self.images += 1;
        if let Err(why) = self.look(disks, acked) {
            self.bad.push(format!("after commit {acked}: {why}; {}", how()));
        }
        true
    }

    fn look(&mut self, disks: &[Vec<u8>], acked: usize) -> std::result::Result<(), String> {
        let reading = self.known(disks).map_err(|e| format!("reading: {e}"))?;
        let found: Vec<usize> = (0..self.states.len()).filter(|&i| self.states[i] == reading).collect();
        if !found.iter().any(|&i| i == acked || i == acked + 1) {
            return Err(format!("the state is that of {found:?}"));
        }
        if reading.is_none() {
            return Ok(());
        }
        let shelf = Shelf::holding(disks);
        let file = shelf.open_rw().map_err(|e| format!("opening for writing: {e}"))?;
        if self.known(&shelf.disks()).map_err(|e| format!("after recovery: {e}"))? != reading {
            return Err("reading and recovery differ".into());
        }
        if has_record(&shelf.disks()) {
            return Err("recovery left something".into());
        }
        if self.images.is_multiple_of(61) {
            let further = || {
                file.root()?.set_attr_raw("further", &workloads::int(), Some(&[1]), &[1, 2, 3, 4])?;
                file.commit()?;
                let again = shelf.options().from_storage(shelf.get(0, true).unwrap())?;
                assert_eq!(again.root()?.attribute("further")?.raw(), [1, 2, 3, 4]);
                Ok::<_, Error>(again.check(CheckOptions::new().data(true)).damage().next().cloned())
            };
            match further() {
                Ok(None) => {}
                Ok(Some(damage)) => return Err(format!("after another commit: {damage}")),
                Err(error) => return Err(format!("another commit: {error}")),
            }
        }
        Ok(())
    }

    /// All that crashes leave while a log is done.
    fn log(&mut self, base: &[Vec<u8>], log: &Log, acked: &dyn Fn(usize) -> usize, effort: Effort, deep: bool) {
        let mut random = Random(5);
        let (mut durable, mut pending) = (base.to_vec(), Log::new());
        for (done, (member, op)) in log.iter().enumerate() {
            durable.resize(durable.len().max(member + 1), Vec::new());
            if !matches!(op, Op::Sync) {
                pending.push((*member, op.clone()));
                continue;
            }
            self.epoch(&durable, &pending, acked(done + 1), effort, &mut random, deep);
            let own: Vec<Op> = pending.extract_if(.., |(m, _)| m == member).map(|(_, op)| op).collect();
            durable[*member] = image(&durable[*member], &own, &vec![Fate::Kept; own.len()]);
        }
        self.epoch(&durable, &pending, acked(log.len() + 1), effort, &mut random, deep);
    }

    fn epoch(&mut self, base: &[Vec<u8>], ops: &Log, acked: usize, effort: Effort, random: &mut Random, deep: bool) {
        let plain: Vec<Op> = ops.iter().map(|(_, op)| op.clone()).collect();
        let mut recoveries = Vec::new();
        fates(&plain, &|i| base[ops[i].0].len(), effort, random, &mut |fates| {
            let disks = left(base, ops, fates);
            let new = self.image(&disks, acked, &|| format!("{fates:?}"));
            if deep && new && recoveries.len() < RECOVERIES && has_record(&disks) {
                recoveries.push(disks);
            }
        });
        for disks in recoveries {
            let shelf = Shelf::holding(&disks);
            shelf.open_rw().unwrap();
            let log = shelf.log.lock().unwrap().clone();
            self.log(&disks, &log, &|_| acked, NESTED, false);
        }
    }
}

/// What is in each member if these are the fates of the operations.
fn left(base: &[Vec<u8>], ops: &Log, fates: &[Fate]) -> Disks {
    let of = |member: usize| {
        let own = || ops.iter().zip(fates).filter(move |((m, _), _)| *m == member);
        let (ops, fates): (Vec<Op>, Vec<Fate>) = own().map(|((_, op), fate)| (op.clone(), *fate)).unzip();
        image(&base[member], &ops, &fates)
    };
    (0..base.len()).map(of).collect()
}

fn sum(disks: &[Vec<u8>]) -> u64 {
    let mut sum = DefaultHasher::new();
    disks.hash(&mut sum);
    sum.finish()
}

fn has_record(disks: &[Vec<u8>]) -> bool {
    let shelf = Shelf::holding(disks);
    matches!(shelf.options().recovery_in(shelf.get(0, true).unwrap()), Ok(Recovery::Commit { .. }))
}

/// A workload on members of a size, and its crashes.
fn sweep(workload: &Workload, member_size: u64, lost: Option<Lost>) -> Sweep {
    let (barrier, ignore) = match lost {
        Some(Lost::Barrier(barrier)) => (Some(barrier), None),
        other => (None, other),
    };
    let shelf = Shelf { ignore, ..Shelf::default() };
    let style = FileStyle { driver: Some(Driver::Family { member_size }), ..workload.style.clone().unwrap() };
    shelf.commit_begins();
    let family = Family::open(member_size, Arc::new(shelf.clone())).unwrap();
    let file = CreateOptions::new().style(style).create_in(Barriers(family, shelf.clone(), barrier)).unwrap();
    shelf.commit_returned();
    let mut states = vec![None, Some(content(&file).unwrap())];
    for step in 0..workload.steps {
        workload.change(&file, step).unwrap();
        states.push(Some(content(&file).unwrap()));
        shelf.commit_begins();
        file.commit().unwrap();
        shelf.commit_returned();
    }
    assert!(shelf.disks().len() > 2, "{} members", shelf.disks().len());
    let mut sweep = Sweep { states, seen: HashSet::new(), contents: HashMap::new(), images: 0, bad: Vec::new() };
    let acked = shelf.acked.lock().unwrap().clone();
    let log = shelf.log.lock().unwrap().clone();
    let spread = log.iter().filter(|(_, op)| matches!(op, Op::Write { bytes, .. } if is_record(bytes)));
    assert!(spread.map(|(member, _)| member).collect::<HashSet<_>>().len() > 1, "records in several members");
    sweep.log(&[], &log, &|done| acked.iter().filter(|&&at| at < done).count(), EFFORT, lost.is_none());
    sweep
}

fn workload(name: &str) -> Workload {
    workloads::all().into_iter().find(|workload| workload.name == name).unwrap()
}

#[test]
fn families_hold_whole_commits() {
    let mut images = 0;
    for (name, size) in [("dense links", 1536), ("trees deleted", 1024), ("fixed array", 700)] {
        let sweep = sweep(&workload(name), size, None);
        println!("{name:20} {:7} images, {} bad", sweep.images, sweep.bad.len());
        assert!(sweep.bad.is_empty(), "{name}: {:#?}", &sweep.bad[..sweep.bad.len().min(5)]);
        images += sweep.images;
    }
    assert!(images >= 8_000, "{images} images");
}

#[test]
fn members_are_synced_before_what_leads_to_them() {
    for lost in [0, 1, 2].map(|n| Lost::Barrier(Ignore::Sync(n))).into_iter().chain([Lost::Others]) {
        let sweep = sweep(&workload("trees deleted"), 1024, Some(lost));
        assert!(!sweep.bad.is_empty(), "{lost:?}");
    }
}

/// The first error; the file, and whether a commit failed, unless there is no file.
type Failed = Option<(Error, Option<(File, bool)>)>;

/// Makes a family and runs a workload on it: the states after each commit, and the first error with the file.
fn until_it_fails(workload: &Workload, shelf: &Shelf) -> (Vec<u64>, Failed) {
    let style = FileStyle { driver: Some(Driver::Family { member_size: 700 }), ..workload.style.clone().unwrap() };
    let made = Family::open(700, Arc::new(shelf.clone()));
    let file = match made.and_then(|family| CreateOptions::new().style(style).create_in(family)) {
        Ok(file) => file,
        Err(error) => return (Vec::new(), Some((error, None))),
    };
    let mut states = vec![content(&file).unwrap()];
    for step in 0..workload.steps {
        let changed = workload.change(&file, step);
        let in_commit = changed.is_ok();
        if let Err(error) = changed.and_then(|()| file.commit()) {
            return (states, Some((error, Some((file, in_commit)))));
        }
        states.push(content(&file).unwrap());
    }
    (states, None)
}

#[test]
fn a_member_that_fails_costs_no_commit() {
    let workload = workload("fixed array");
    let shelf = Shelf::default();
    let (states, _) = until_it_fails(&workload, &shelf);
    let calls = *shelf.calls.lock().unwrap();
    let mut conditions = HashSet::new();
    for at in 0..calls {
        let shelf = Shelf::default();
        *shelf.fault.lock().unwrap() = Some(at);
        let (done, failed) = until_it_fails(&workload, &shelf);
        assert_eq!(done, states[..done.len()], "{at}");
        let Some((error, file)) = failed else {
            assert_eq!(done, states, "{at}");
            continue;
        };
        let Some((file, in_commit)) = file else { continue };
        let allowed = |found: u64, what: &str| {
            let there = states.iter().position(|&state| state == found);
            assert!(there.is_some_and(|i| i + 1 == done.len() || i == done.len()), "{at}: {what}, {there:?}: {error}");
        };
        allowed(read(&shelf.disks()).unwrap().unwrap(), "after the error");
        let condition = file.condition().unwrap();
        conditions.insert(format!("{condition:?}"));
        match condition {
            Condition::Sound if in_commit => file.commit().unwrap(),
            Condition::Reopen => {}
            _ => file.rollback().unwrap(),
        }
        if condition != Condition::Reopen {
            allowed(content(&file).unwrap(), "going on");
            file.root().unwrap().set_attr("further", 1).unwrap();
            file.commit().unwrap();
        }
        drop(file);
        let file = shelf.open_rw().unwrap();
        assert!(file.check(CheckOptions::new().data(true)).damage().next().is_none(), "{at}: {error}");
        assert_eq!(file.root().unwrap().attr_or("further", 0).unwrap() == 1, condition != Condition::Reopen, "{at}");
    }
    assert_eq!(conditions.len(), 3, "{conditions:?} of {calls} calls");
}

#[test]
fn a_file_whose_name_ends_in_zero_is_no_family() {
    let workload = workload("a file with a user block");
    let disk = SimDisk::default();
    let file = workload.open(disk.clone()).unwrap();
    for step in 0..3 {
        workload.change(&file, step).unwrap();
        file.commit().unwrap();
    }
    let clean = disk.bytes();
    let mut interrupted = 0;
    for epoch in epochs(&[], &disk.ops(), &[]) {
        let left = image(&epoch.base, &epoch.ops, &vec![Fate::Kept; epoch.ops.len()]);
        if !matches!(File::options().recovery_in(left.clone()), Ok(Recovery::Commit { .. })) {
            continue;
        }
        // Beside it one that could be its second member by its name, and is longer, shorter, or no file at all.
        for other in [clean.clone(), left.clone(), vec![7; 10]] {
            let shelf = Shelf::holding(&[left.clone(), other.clone()]);
            let alone = MemoryFile::new(left.as_slice());
            let found = content(&OpenOptions::new().open_rw_in(alone.clone()).unwrap()).unwrap();
            assert_eq!(read(&[left.clone(), other.clone()]), Ok(Some(found)));
            assert_eq!(content(&shelf.open_rw().unwrap()).unwrap(), found);
            assert_eq!(shelf.disks(), [alone.to_vec(), other]);
        }
        interrupted += 1;
    }
    assert!(interrupted > 2, "{interrupted} commits");
}
