//! The members of a family as one before anything is known of the whole: where the record of an interrupted commit is,
//! and what is written to.

use super::members::nameless;
use super::{OpenOptions, driver, locate, present};
use crate::error::{Error, Result};
use crate::format::message::driver_info::family_member_size;
use crate::graph::context::FileContext;
use crate::graph::object_header::ObjectHeader;
use crate::graph::redo::{self, Redo};
use crate::io::{ExternalPolicy, Family, FamilyName, MOST_MEMBERS, NamedMembers, Piece, Pieces, Storage, StorageMut};
use crate::limits::Limits;
use alloc::sync::Arc;

/// What the first member tells of the others.
enum Told {
    /// There are none.
    Alone,
    /// Bytes of each.
    Family(u64),
    /// Nothing: its superblock or extension can not be read, as where a commit was interrupted.
    Nothing,
}

fn told(first: &Arc<dyn Storage>, limits: &Limits) -> Result<Told> {
    let Ok((superblock, found)) = locate(first) else { return Ok(Told::Nothing) };
    let alone = FileContext::new(Arc::clone(first), found, present(first, found)?, superblock.sizes, limits.clone());
    let extension = superblock.extension.filter(|_| superblock.driver_info.is_none());
    if extension.is_some_and(|address| ObjectHeader::load(&alone, address).is_err()) {
        return Ok(Told::Nothing);
    }
    Ok(match driver(&alone, &superblock) {
        Ok(Some(driver)) if &driver.id == b"NCSAfami" => {
            family_member_size(&driver.information).map_or(Told::Nothing, Told::Family)
        }
        Ok(_) => Told::Alone,
        Err(_) => Told::Nothing,
    })
}

/// A file as its last durable commit left it.
pub(super) struct Committed {
    pub(super) storage: Arc<dyn Storage>,
    /// A record is laid over it.
    pub(super) unfinished: bool,
    /// All members of a family are in it.
    pub(super) joined: bool,
}

/// Finds the record of an interrupted commit, behind the end of the last member that there is.
pub(super) fn committed(first: Arc<dyn Storage>, limits: &Limits, options: &OpenOptions<'_>) -> Result<Committed> {
    if !options.joined
        && let Some(all) = everything(&first, limits, options)?
        && Redo::find(&all)?.is_some()
    {
        let (storage, unfinished) = redo::committed(all)?;
        return Ok(Committed { storage, unfinished, joined: true });
    }
    let (storage, unfinished) = redo::committed(first)?;
    Ok(Committed { storage, unfinished, joined: options.joined })
}

/// The storage at whose end a record is looked for: all members that there are.
///
/// # Errors
/// A member can not be read.
pub(crate) fn with_record(
    first: &Arc<dyn Storage>,
    limits: &Limits,
    options: &OpenOptions<'_>,
) -> Result<Arc<dyn Storage>> {
    Ok(everything(first, limits, options)?.unwrap_or_else(|| Arc::clone(first)))
}

/// All members that there are, if there are some besides the first.
fn everything(
    first: &Arc<dyn Storage>,
    limits: &Limits,
    options: &OpenOptions<'_>,
) -> Result<Option<Arc<dyn Storage>>> {
    let Some((name, open)) = options.name.and_then(FamilyName::of).zip(options.members) else { return Ok(None) };
    let size = match told(first, limits)? {
        Told::Alone => return Ok(None),
        Told::Family(size) => size,
        Told::Nothing => match open(&name.member(1)) {
            Ok(second) if may_go_on(first, &second)? => first.len()?,
            _ => return Ok(None),
        },
    };
    let piece = |number: u64, storage: Arc<dyn Storage>| {
        let len = storage.len()?.min(size);
        Ok::<Piece, Error>(Piece { start: number.saturating_mul(size), len, storage })
    };
    let mut pieces = alloc::vec![piece(0, Arc::clone(first))?];
    for number in 1..MOST_MEMBERS {
        let Ok(storage) = open(&name.member(number)) else { break };
        pieces.push(piece(number, storage)?);
    }
    pieces.retain(|piece| piece.len > 0);
    Ok((pieces.len() > 1).then(|| Arc::new(Pieces::new(pieces)) as Arc<dyn Storage>))
}

/// True where a file that tells nothing may be the first of a family: it has no record of its own, and the second is no
/// file of its own and not longer.
fn may_go_on(first: &Arc<dyn Storage>, second: &Arc<dyn Storage>) -> Result<bool> {
    let lengths = (first.len()?, second.len()?);
    Ok(lengths.0 > 0 && lengths.1 <= lengths.0 && locate(second).is_err() && Redo::find(first)?.is_none())
}

/// A file for writing, with all its members.
pub(crate) struct Writable {
    /// All of it.
    pub(crate) storage: Arc<dyn StorageMut>,
    /// It said itself what it consists of.
    pub(crate) certain: bool,
}

/// The file of which `first` is all or the first member; the others are opened where the policy allows it.
///
/// # Errors
/// It has members that can not be named or may not be opened.
pub(crate) fn writable(
    first: &Arc<dyn StorageMut>,
    name: Option<&str>,
    policy: &ExternalPolicy,
    limits: &Limits,
) -> Result<Writable> {
    let alone = |certain| Ok(Writable { storage: Arc::clone(first), certain });
    let readable: Arc<dyn Storage> = Arc::new(Arc::clone(first));
    let pattern = name.and_then(FamilyName::of);
    let (size, certain) = match (told(&readable, limits)?, &pattern) {
        (Told::Alone, _) => return alone(true),
        (Told::Family(size), _) => (size, true),
        (Told::Nothing, None) => return alone(true),
        (Told::Nothing, Some(_)) => (first.len()?, false),
    };
    let Some(name) = pattern else {
        let options = OpenOptions { name, ..OpenOptions::default() };
        return Err(nameless(&options, "the first member of a family file, which goes on in others"));
    };
    let members = NamedMembers { first: Arc::clone(first), name, policy: policy.clone() };
    if !certain {
        match members.second() {
            Some(second) if may_go_on(&readable, &second)? => {}
            _ => return alone(false),
        }
    }
    Ok(Writable { storage: Arc::new(Family::open(size, Arc::new(members))?), certain })
}

/// A family on members that are made as it grows, the first of which has this name.
///
/// # Errors
/// The name is no first member's, or a member can not be opened.
#[cfg(feature = "std")]
pub(crate) fn new_family(
    first: Arc<dyn StorageMut>,
    name: &str,
    policy: ExternalPolicy,
    size: u64,
) -> Result<Arc<dyn StorageMut>> {
    let pattern = FamilyName::of(name).ok_or_else(|| {
        Error::new(crate::ErrorKind::Invalid, alloc::format!("{name:?} as the name of a family's first member"))
            .with_hint("it must end in zeros, as data00000.h5")
    })?;
    let members = NamedMembers { first, name: pattern, policy };
    if members.second().is_some_and(|second| locate(&second).is_ok()) {
        return Err(Error::new(crate::ErrorKind::Conflict, "the second member would replace a file of its own")
            .on(members.name.member(1))
            .with_hint("give the family another name, or remove that file"));
    }
    Ok(Arc::new(Family::open(size, Arc::new(members))?))
}
