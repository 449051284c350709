//! One address space made of members of one size, which are made as it grows.
//!
//! ```text
//! name00000.h5 | name00001.h5 | ... | name0000n.h5     all full but the last; those after it are empty or not there
//! ```
//! A sync waits for every member that was touched: whatever was written before it survives, in whichever member it is.

use super::{ExternalKind, ExternalPolicy, Storage, StorageMut, past_end};
use crate::error::{Error, ErrorKind, Result};
use crate::sync::RwLock;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Most files that one file may consist of.
pub(crate) const MOST_MEMBERS: u64 = 1 << 16;

/// Where the members of a family are.
pub trait Members: Send + Sync {
    /// The member of a number. A missing one is made if `make` says so, in a way that survives a crash after it was
    /// synced; else it is `None`.
    ///
    /// # Errors
    /// It may not be opened or made.
    fn member(&self, number: u64, make: bool) -> Result<Option<Arc<dyn StorageMut>>>;
}

/// Members as one storage.
pub struct Family {
    size: u64,
    source: Arc<dyn Members>,
    members: RwLock<Vec<Member>>,
}

struct Member {
    storage: Arc<dyn StorageMut>,
    /// Its length, which nobody else changes.
    len: u64,
    /// It was changed since it was synced.
    unsynced: bool,
}

impl Member {
    fn new(storage: Arc<dyn StorageMut>) -> Result<Self> {
        let len = storage.len()?;
        Ok(Member { storage, len, unsynced: false })
    }

    /// A change, after which the length is known again whatever came of it.
    fn change(&mut self, len: u64, change: impl FnOnce(&dyn StorageMut) -> Result<()>) -> Result<()> {
        self.unsynced = true;
        let done = change(&*self.storage);
        self.len = if done.is_ok() { len } else { self.storage.len()? };
        done
    }

    fn set_len(&mut self, len: u64) -> Result<()> {
        if self.len == len { Ok(()) } else { self.change(len, |storage| storage.set_len(len)) }
    }
}

impl Family {
    /// The members that are there, each `size` bytes but for the last; the first is made if there is none.
    ///
    /// # Errors
    /// A member can not be opened, or there are too many.
    pub fn open(size: u64, source: Arc<dyn Members>) -> Result<Self> {
        if size == 0 {
            return Err(Error::new(ErrorKind::Invalid, "a family with members of 0 bytes"));
        }
        let mut members = Vec::new();
        while let Some(member) = source.member(members.len() as u64, members.is_empty())? {
            members.push(Member::new(member)?);
            check_count(members.len() as u64)?;
        }
        Ok(Family { size, source, members: RwLock::new(members) })
    }

    /// Makes all members up to a number, and fills those before it.
    fn reach(&self, members: &mut Vec<Member>, last: u64) -> Result<()> {
        check_count(last.saturating_add(1))?;
        while members.len() as u64 <= last {
            let number = members.len() as u64;
            let made = self.source.member(number, true)?;
            let made = made.ok_or_else(|| {
                Error::new(ErrorKind::NotFound, alloc::format!("member {number} of the family was not made"))
            })?;
            members.push(Member { unsynced: true, ..Member::new(made)? });
        }
        let full = usize::try_from(last).unwrap_or(usize::MAX);
        members.iter_mut().take(full).filter(|m| m.len < self.size).try_for_each(|m| m.set_len(self.size))
    }

    /// Calls `f` with each part of a range: the member, where in it, and where of the range.
    fn parts(
        &self,
        offset: u64,
        len: usize,
        mut f: impl FnMut(u64, u64, core::ops::Range<usize>) -> Result<()>,
    ) -> Result<()> {
        let mut done = 0usize;
        while done < len {
            let at = offset.saturating_add(done as u64);
            let (number, within) = (at.checked_div(self.size).unwrap_or(0), at.checked_rem(self.size).unwrap_or(0));
            let room = usize::try_from(self.size.saturating_sub(within)).unwrap_or(usize::MAX);
            let end = done.saturating_add(room).min(len);
            f(number, within, done..end)?;
            done = end;
        }
        Ok(())
    }
}

fn check_count(count: u64) -> Result<()> {
    if count <= MOST_MEMBERS {
        return Ok(());
    }
    Err(Error::limit("members of a family", MOST_MEMBERS, count)
        .with_hint("repack the file into one, or larger members"))
}

impl Storage for Family {
    fn len(&self) -> Result<u64> {
        let members = self.members.read();
        let last = members.iter().enumerate().rev().find(|(_, member)| member.len > 0);
        Ok(last.map_or(0, |(i, member)| (i as u64).saturating_mul(self.size).saturating_add(member.len.min(self.size))))
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let (end, len) = (offset.checked_add(buf.len() as u64), self.len()?);
        if end.is_none_or(|end| end > len) {
            return Err(past_end(offset, buf.len(), len));
        }
        let members = self.members.read();
        self.parts(offset, buf.len(), |number, within, place| {
            let Some(part) = buf.get_mut(place) else { return Ok(()) };
            let member = usize::try_from(number).ok().and_then(|number| members.get(number));
            let there = member.map_or(0, |member| member.len.saturating_sub(within));
            let there = usize::try_from(there).unwrap_or(usize::MAX).min(part.len());
            let (stored, past) = part.split_at_mut(there);
            past.fill(0);
            match member {
                Some(member) if !stored.is_empty() => member.storage.read_at(within, stored),
                _ => Ok(()),
            }
        })
    }

    fn close(&self) {
        self.members.read().iter().for_each(|member| member.storage.close());
    }
}

impl StorageMut for Family {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let Some(last) = offset.checked_add(bytes.len() as u64).and_then(|end| end.checked_sub(1)) else {
            return Ok(());
        };
        let mut members = self.members.write();
        self.reach(&mut members, last.checked_div(self.size).unwrap_or(0))?;
        self.parts(offset, bytes.len(), |number, within, place| {
            let member = usize::try_from(number).ok().and_then(|number| members.get_mut(number));
            let (Some(member), Some(part)) = (member, bytes.get(place)) else { return Ok(()) };
            let len = member.len.max(within.saturating_add(part.len() as u64));
            member.change(len, |storage| storage.write_at(within, part))
        })
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let mut members = self.members.write();
        if let Some(last) = len.checked_sub(1) {
            self.reach(&mut members, last.checked_div(self.size).unwrap_or(0))?;
        }
        // From the end: whenever this is interrupted, all members are full but the last that has something.
        for (number, member) in members.iter_mut().enumerate().rev() {
            let start = (number as u64).saturating_mul(self.size);
            member.set_len(len.saturating_sub(start).min(self.size))?;
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        for member in self.members.write().iter_mut().filter(|member| member.unsynced) {
            member.storage.sync()?;
            member.unsynced = false;
        }
        Ok(())
    }
}

/// Members by the names that libhdf5 gives them, where a policy allows it.
pub(crate) struct NamedMembers {
    /// Member 0.
    pub(crate) first: Arc<dyn StorageMut>,
    /// What the others are called.
    pub(crate) name: FamilyName,
    /// Opens them.
    pub(crate) policy: ExternalPolicy,
}

impl NamedMembers {
    /// The second member, for a look at it.
    pub(crate) fn second(&self) -> Option<Arc<dyn Storage>> {
        self.policy.open(ExternalKind::Member, self.name.member(1).as_bytes()).ok()
    }
}

impl Members for NamedMembers {
    fn member(&self, number: u64, make: bool) -> Result<Option<Arc<dyn StorageMut>>> {
        if number == 0 {
            return Ok(Some(Arc::clone(&self.first)));
        }
        let name = self.name.member(number);
        match self.policy.open(ExternalKind::Member, name.as_bytes()) {
            Err(error) if error.kind() == ErrorKind::NotFound && !make => return Ok(None),
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.policy.open_mut(ExternalKind::Member, name.as_bytes()).map(Some)
    }
}

/// The name of a family's first member: it ends in zeros, before an extension if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FamilyName {
    stem: String,
    width: usize,
    extension: String,
}

impl FamilyName {
    /// Takes the name of the first member apart: its number must be 0.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let file = name.rfind(['/', '\\']).map_or(0, |i| i.saturating_add(1));
        let dot = name.rfind('.').filter(|&i| i > file).unwrap_or(name.len());
        let (before, extension) = name.split_at_checked(dot)?;
        let stem = before.trim_end_matches('0');
        let width = before.len().saturating_sub(stem.len());
        (width > 0 && !stem.ends_with(|c: char| c.is_ascii_digit())).then_some(())?;
        Some(FamilyName { stem: stem.to_string(), width, extension: extension.to_string() })
    }

    /// The name of a member.
    pub(crate) fn member(&self, number: u64) -> String {
        alloc::format!("{}{number:0width$}{}", self.stem, self.extension, width = self.width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::MemoryFile;

    /// Members in memory, of which those before a number are there.
    struct Shelf(Vec<MemoryFile>, RwLock<usize>);

    impl Members for Shelf {
        fn member(&self, number: u64, make: bool) -> Result<Option<Arc<dyn StorageMut>>> {
            let number = number as usize;
            if number >= *self.1.read() {
                if !make {
                    return Ok(None);
                }
                *self.1.write() = number + 1;
            }
            Ok(self.0.get(number).map(|file| Arc::new(file.clone()) as Arc<dyn StorageMut>))
        }
    }

    fn family(size: u64) -> (Family, Arc<Shelf>) {
        let shelf = Arc::new(Shelf((0..9).map(|_| MemoryFile::default()).collect(), RwLock::new(0)));
        (Family::open(size, shelf.clone()).unwrap(), shelf)
    }

    #[test]
    fn grows_into_members_that_are_full() {
        let (family, shelf) = family(4);
        let lens = || shelf.0.iter().map(|m| m.len().unwrap()).take(*shelf.1.read()).collect::<Vec<_>>();
        family.write_at(9, &[1, 2, 3, 4]).unwrap();
        assert_eq!((lens(), family.len().unwrap()), (alloc::vec![4, 4, 4, 1], 13));
        let mut buf = [9; 7];
        family.read_at(6, &mut buf).unwrap();
        assert_eq!(buf, [0, 0, 0, 1, 2, 3, 4]);
        assert!(family.read_at(7, &mut buf).is_err());
        family.set_len(8).unwrap();
        assert_eq!((lens(), family.len().unwrap()), (alloc::vec![4, 4, 0, 0], 8));
        family.set_len(17).unwrap();
        assert_eq!(lens(), [4, 4, 4, 4, 1]);
        family.set_len(0).unwrap();
        assert!(lens() == [0; 5] && family.is_empty().unwrap());
        assert!(family.write_at(40, &[1]).is_err());
        assert!(Family::open(0, shelf).is_err());
    }

    /// Members whose lengths can be set so many times.
    struct Worn(Arc<Shelf>, Arc<RwLock<usize>>);

    struct WornFile(Arc<dyn StorageMut>, Arc<RwLock<usize>>);

    impl Members for Worn {
        fn member(&self, number: u64, make: bool) -> Result<Option<Arc<dyn StorageMut>>> {
            let member = self.0.member(number, make)?;
            Ok(member.map(|member| Arc::new(WornFile(member, Arc::clone(&self.1))) as Arc<dyn StorageMut>))
        }
    }

    impl Storage for WornFile {
        fn len(&self) -> Result<u64> {
            self.0.len()
        }

        fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
            self.0.read_at(offset, buf)
        }
    }

    impl StorageMut for WornFile {
        fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
            self.0.write_at(offset, bytes)
        }

        fn set_len(&self, len: u64) -> Result<()> {
            let mut left = self.1.write();
            *left = left.checked_sub(1).ok_or_else(|| Error::new(ErrorKind::Io, "worn out"))?;
            self.0.set_len(len)
        }

        fn sync(&self) -> Result<()> {
            self.0.sync()
        }
    }

    #[test]
    fn whatever_interrupts_it_only_the_last_member_is_not_full() {
        for (before, after) in [(18, 5), (18, 0), (5, 18), (0, 17), (9, 12)] {
            for calls in 0..6 {
                let (old, shelf) = family(4);
                old.set_len(before).unwrap();
                let left = Arc::new(RwLock::new(calls));
                let _ = Family::open(4, Arc::new(Worn(Arc::clone(&shelf), left))).unwrap().set_len(after);
                let mut lens: Vec<u64> = shelf.0.iter().map(|m| m.len().unwrap()).collect();
                while lens.pop_if(|len| *len == 0).is_some() {}
                let full = lens.split_last().is_none_or(|(_, full)| full.iter().all(|len| *len == 4));
                assert!(full, "{before} to {after}, {calls} calls: {lens:?}");
            }
        }
    }

    #[test]
    fn what_is_missing_in_the_middle_reads_as_zeros() {
        let (family, shelf) = family(4);
        family.write_at(0, &[7; 12]).unwrap();
        shelf.0[1].set_len(1).unwrap();
        let family = Family::open(4, shelf).unwrap();
        let mut buf = [9; 12];
        family.read_at(0, &mut buf).unwrap();
        assert_eq!(buf, [7, 7, 7, 7, 7, 0, 0, 0, 7, 7, 7, 7]);
    }

    #[test]
    fn names_the_members() {
        let name = |first: &str| FamilyName::of(first).map(|n| n.member(12));
        assert_eq!(name("a00000.h5").as_deref(), Some("a00012.h5"));
        assert_eq!(name("run-2/family_v16-000000.h5").as_deref(), Some("run-2/family_v16-000012.h5"));
        assert_eq!(name("x0").as_deref(), Some("x12"));
        assert_eq!(name("a.b/x0").as_deref(), Some("a.b/x12"));
        for other in ["a.h5", "a00010.h5", "", ".h5"] {
            assert_eq!(name(other), None, "{other}");
        }
    }
}
