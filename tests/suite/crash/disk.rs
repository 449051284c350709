//! A disk that remembers what was done to it, and images of what a crash can leave there.

use hdf5_format::Result;
use hdf5_format::io::{MemoryFile, Storage, StorageMut};
use std::sync::{Arc, Mutex};

/// Something a program did to the disk.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Write { offset: usize, bytes: Arc<[u8]> },
    SetLen(usize),
    Sync,
}

/// How the part of the log is called that a test wants gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ignore {
    /// The n-th sync of each commit, from 0.
    Sync(usize),
    /// The n-th sync of each recovery, from 0.
    InRecovery(usize),
    /// Writes of a superblock of version 3 with a mark.
    Mark,
}

#[derive(Default)]
struct Log {
    ops: Vec<Op>,
    /// Number of operations when each commit returned.
    acked: Vec<usize>,
    syncs: usize,
    ignore: Option<Ignore>,
}

/// Storage in memory with a log. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct SimDisk {
    now: MemoryFile,
    log: Arc<Mutex<Log>>,
}

impl SimDisk {
    /// A disk after a program died: `pending` was done and is not durable.
    pub(crate) fn after(base: &[u8], pending: &[Op], ignore: Option<Ignore>) -> SimDisk {
        let disk = SimDisk { now: MemoryFile::new(base), ..SimDisk::default() };
        for op in pending {
            match op {
                Op::Write { offset, bytes } => disk.write_at(*offset as u64, bytes).unwrap(),
                Op::SetLen(len) => disk.set_len(*len as u64).unwrap(),
                Op::Sync => disk.sync().unwrap(),
            }
        }
        disk.log.lock().unwrap().ignore = ignore;
        disk
    }

    /// The disk with a file on it.
    pub(crate) fn holding(self, bytes: &[u8]) -> SimDisk {
        SimDisk { now: MemoryFile::new(bytes), ..self }
    }

    pub(crate) fn ignoring(what: Ignore) -> SimDisk {
        let disk = SimDisk::default();
        disk.log.lock().unwrap().ignore = Some(what);
        disk
    }

    pub(crate) fn commit_begins(&self) {
        self.log.lock().unwrap().syncs = 0;
    }

    pub(crate) fn commit_returned(&self) {
        let mut log = self.log.lock().unwrap();
        let ops = log.ops.len();
        log.acked.push(ops);
    }

    /// What is on the disk now.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.now.to_vec()
    }

    pub(crate) fn ops(&self) -> Vec<Op> {
        self.log.lock().unwrap().ops.clone()
    }

    pub(crate) fn acked(&self) -> Vec<usize> {
        self.log.lock().unwrap().acked.clone()
    }
}

impl Storage for SimDisk {
    fn len(&self) -> Result<u64> {
        self.now.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.now.read_at(offset, buf)
    }
}

impl StorageMut for SimDisk {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let mut log = self.log.lock().unwrap();
        if log.ignore == Some(Ignore::Mark) && is_marked(bytes) {
            return Ok(());
        }
        log.ops.push(Op::Write { offset: usize::try_from(offset).unwrap(), bytes: bytes.into() });
        self.now.write_at(offset, bytes)
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.log.lock().unwrap().ops.push(Op::SetLen(usize::try_from(len).unwrap()));
        self.now.set_len(len)
    }

    fn sync(&self) -> Result<()> {
        let mut log = self.log.lock().unwrap();
        let number = log.syncs;
        log.syncs += 1;
        if log.ignore != Some(Ignore::Sync(number)) {
            log.ops.push(Op::Sync);
        }
        Ok(())
    }
}

/// True for a superblock of version 3 that is marked as open for writing.
pub(crate) fn is_marked(superblock: &[u8]) -> bool {
    superblock.starts_with(b"\x89HDF\r\n\x1a\n\x03") && superblock.get(11).is_some_and(|flags| flags & 1 != 0)
}

/// True for the write of a redo record.
pub(crate) fn is_record(bytes: &[u8]) -> bool {
    bytes.starts_with(b"H5REDO")
}

/// What of an operation was on the disk when it crashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Kept,
    Dropped,
    /// Only the new length; new bytes are this.
    Hole(u8),
    /// Bytes before this one.
    Head(usize),
    /// Bytes before this one, and the new length.
    LongHead(usize),
    /// Bytes from this one on.
    Tail(usize),
    /// After everything else.
    Late,
}

/// What is on the disk if these are the fates of the operations.
pub(crate) fn image(base: &[u8], ops: &[Op], fates: &[Fate]) -> Vec<u8> {
    let mut out = base.to_vec();
    let mut late = None;
    for (op, fate) in ops.iter().zip(fates) {
        match (op, fate) {
            (Op::Sync, _) | (_, Fate::Dropped) => {}
            (Op::SetLen(len), Fate::Late) => late = Some(*len),
            (Op::SetLen(len), _) => out.resize(*len, 0),
            (Op::Write { offset, bytes }, fate) => write(&mut out, *offset, bytes, *fate),
        }
    }
    if let Some(len) = late {
        out.resize(len, 0);
    }
    out
}

fn write(out: &mut Vec<u8>, offset: usize, bytes: &[u8], fate: Fate) {
    let (from, to, len, fill) = match fate {
        Fate::Hole(fill) => (0, 0, bytes.len(), fill),
        Fate::Head(cut) => (0, cut, cut, 0),
        Fate::LongHead(cut) => (0, cut, bytes.len(), 0),
        Fate::Tail(cut) => (cut, bytes.len(), bytes.len(), 0),
        Fate::Kept | Fate::Dropped | Fate::Late => (0, bytes.len(), bytes.len(), 0),
    };
    if out.len() < offset {
        out.resize(offset, 0);
    }
    if out.len() < offset + len {
        out.resize(offset + len, fill);
    }
    out[offset + from..offset + to].copy_from_slice(&bytes[from..to]);
}

/// The operations between two syncs, and what was durable before them.
pub(crate) struct Epoch {
    pub(crate) base: Vec<u8>,
    pub(crate) ops: Vec<Op>,
    /// Commits that had returned before its last operation was done.
    pub(crate) acked: usize,
}

/// The epochs of a log.
pub(crate) fn epochs(start: &[u8], ops: &[Op], acked: &[usize]) -> Vec<Epoch> {
    let mut base = start.to_vec();
    let mut found = Vec::new();
    let mut done = 0;
    for part in ops.split_inclusive(|op| matches!(op, Op::Sync)) {
        done += part.len();
        let pending: Vec<Op> = part.iter().filter(|op| !matches!(op, Op::Sync)).cloned().collect();
        // A commit that returned with this sync or later had not returned before it.
        let before = acked.iter().filter(|&&at| at < done).count();
        let next = image(&base, &pending, &vec![Fate::Kept; pending.len()]);
        if !pending.is_empty() {
            found.push(Epoch { base, ops: pending, acked: before });
        }
        base = next;
    }
    found
}
