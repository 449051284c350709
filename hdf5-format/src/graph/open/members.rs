//! Files made of several: family, and multi or split.
//!
//! ```text
//! family   name-00000.h5 | name-00001.h5 | ...           windows of one size, in order
//! multi    name-s.h5: superblock, name-r.h5: raw data    a window a kind of data, its start in the driver information
//! ```
//!
//! The first member, or the one with the superblock, is the file that was opened; the others are asked for by name.

use super::OpenOptions;
use crate::codec::{Address, Cursor, Sizes};
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::driver_info::{self, DriverInfo, MultiInfo, MultiMember};
use crate::format::superblock;
use crate::io::{FamilyName, MOST_MEMBERS, Piece, Pieces, Storage};
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Structure name in errors.
const NAME: &str = "driver info";

/// Storage of the whole, made of its members.
pub(super) struct Joined {
    /// The members as one.
    pub(super) storage: Arc<dyn Storage>,
    /// Absolute end, where the driver knows better than the superblock.
    pub(super) end: Option<u64>,
}

/// Joins the members that the driver information tells of; `None` if the file is on its own. `end` is the stored
/// absolute end of the file.
pub(super) fn join(
    first: &Arc<dyn Storage>,
    driver: &DriverInfo,
    end: u64,
    options: &OpenOptions<'_>,
    warnings: &mut Vec<Error>,
) -> Result<Option<Joined>> {
    match &driver.id {
        b"NCSAfami" if options.joined => Ok(None),
        b"NCSAfami" => family(first, &driver.information, end, options),
        b"NCSAmult" if options.joined => Err(Error::unsupported("split and multi files are read, and not changed")
            .within(NAME)
            .with_hint("h5 repack FILE OUTPUT makes one file of the members")),
        b"NCSAmult" => multi(first, &driver.information, options).map(Some),
        b"Subfilin" if first.len()? < end => {
            Err(Error::unsupported("the bytes are in subfiles of the subfiling driver, which are not joined")
                .within(NAME)
                .with_hint("join them with HDF5's h5fuse tool first"))
        }
        b"Subfilin" => Ok(None),
        other => {
            let text = alloc::format!("written by an unknown file driver, \"{}\"", other.escape_ascii());
            warnings.push(Error::unsupported(text).within(NAME));
            Ok(None)
        }
    }
}

/// Members of one size, numbered from 0.
fn family(first: &Arc<dyn Storage>, information: &[u8], end: u64, options: &OpenOptions<'_>) -> Result<Option<Joined>> {
    let size = driver_info::family_member_size(information)
        .ok_or_else(|| Error::new(ErrorKind::Corrupt, "family file without a member size").within(NAME))?;
    let count = end.div_ceil(size);
    if count <= 1 {
        return Ok(None);
    }
    if count > MOST_MEMBERS {
        return Err(Error::limit("members of a family", MOST_MEMBERS, count).within(NAME));
    }
    let pattern = options.name.and_then(FamilyName::of);
    let name = |i: u64| pattern.as_ref().map_or_else(|| alloc::format!("member {i}"), |p| p.member(i));
    let wanted = || alloc::format!("{} to {}", name(1), name(count.saturating_sub(1)));
    if pattern.is_none() {
        return Err(nameless(options, &alloc::format!("one of {count} members of a family file")));
    }
    let mut pieces = alloc::vec![Piece { start: 0, len: size, storage: Arc::clone(first) }];
    for i in 1..count {
        let storage = member(options, &name(i), wanted)?;
        let start = i.saturating_mul(size);
        let last = i.saturating_add(1) == count;
        let len = if last { storage.len()?.min(size) } else { size };
        pieces.push(Piece { start, len, storage });
    }
    Ok(Some(Joined { storage: Arc::new(Pieces::new(pieces)), end: None }))
}

/// Joins a family that has no driver information, or whose first member is too short to show it. The name must end in
/// zeros, and the members must look like one: all as long as the first but the last, and none a file of its own.
pub(super) fn family_by_name(first: &Arc<dyn Storage>, options: &OpenOptions<'_>) -> Result<Option<Arc<dyn Storage>>> {
    let Some((pattern, open)) = options.name.and_then(FamilyName::of).zip(options.members) else { return Ok(None) };
    let size = first.len()?;
    if size == 0 {
        return Ok(None);
    }
    let mut pieces = alloc::vec![Piece { start: 0, len: size, storage: Arc::clone(first) }];
    for i in 1..MOST_MEMBERS {
        let Ok(storage) = open(&pattern.member(i)) else { break };
        let len = storage.len()?;
        let mut start = superblock::SIGNATURE.map(|_| 0);
        let whole = len >= start.len() as u64;
        if whole {
            storage.read_at(0, &mut start)?;
        }
        if len > size || whole && start == superblock::SIGNATURE {
            return Ok(None);
        }
        pieces.push(Piece { start: i.saturating_mul(size), len, storage });
        if len < size {
            break;
        }
    }
    Ok((pieces.len() > 1).then(|| Arc::new(Pieces::new(pieces)) as Arc<dyn Storage>))
}

/// Adds the member with the object headers, and so the superblock extension, to the one with the superblock, if both
/// have the names and windows that libhdf5 gives them by default.
pub(super) fn multi_by_name(
    first: &Arc<dyn Storage>,
    extension: Address,
    options: &OpenOptions<'_>,
) -> Result<Option<Arc<dyn Storage>>> {
    // Fifths of 63 bits until release 1.6, sixths of 64 bits since.
    const WINDOWS: [u64; 2] = [0xd555_5555_5555_5552, 0x7fff_ffff_ffff_fffd];
    let Some(window) = WINDOWS.into_iter().find(|&start| start <= extension.0) else { return Ok(None) };
    let base = options.name.and_then(|name| name.strip_suffix("-s.h5"));
    let Some((base, open)) = base.zip(options.members) else { return Ok(None) };
    let Ok(storage) = open(&alloc::format!("{base}-o.h5")) else { return Ok(None) };
    let super_block = Piece { start: 0, len: first.len()?, storage: Arc::clone(first) };
    let headers = Piece { start: window, len: storage.len()?, storage };
    Ok(Some(Arc::new(Pieces::new(alloc::vec![super_block, headers]))))
}

/// True if the name is that of a family's first member.
pub(super) fn may_be_family(options: &OpenOptions<'_>) -> bool {
    options.name.and_then(FamilyName::of).is_some()
}

/// A member for each kind of data; several kinds may share one.
fn multi(first: &Arc<dyn Storage>, information: &[u8], options: &OpenOptions<'_>) -> Result<Joined> {
    let mut cursor = Cursor::new(information, 0, NAME, Sizes::EIGHT);
    let mut members = MultiInfo::parse(&mut cursor)?.members;
    members.sort_by_key(|m| m.start);
    let base = options.name.and_then(|name| members.iter().find_map(|m| base_name(name, &m.name)));
    let Some(base) = base else {
        let names: Vec<String> = members.iter().map(|m| m.name.escape_ascii().to_string()).collect();
        return Err(nameless(options, &alloc::format!("a member of a multi file of {}", names.join(", "))));
    };
    let name = |m: &MultiMember| String::from_utf8_lossy(&m.name).replacen("%s", base, 1);
    let wanted = || members.iter().map(name).collect::<Vec<_>>().join(", ");
    let mut pieces = Vec::new();
    let mut whole = 0;
    for (i, this) in members.iter().enumerate() {
        let next = members.get(i.saturating_add(1)).map_or(u64::MAX, |m| m.start);
        let is_opened = options.name == Some(name(this).as_str());
        let storage = if is_opened { Arc::clone(first) } else { member(options, &name(this), wanted)? };
        let present = storage.len()?;
        if present < this.end && !options.salvage {
            return Err(Error::new(
                ErrorKind::Corrupt,
                alloc::format!("member {:?}: expected {} bytes, found {present}", name(this), this.end),
            )
            .with_hint("the member is truncated; open with salvage to read what is left"));
        }
        let len = present.max(this.end).min(next.saturating_sub(this.start));
        whole = whole.max(this.start.saturating_add(len));
        pieces.push(Piece { start: this.start, len, storage });
    }
    Ok(Joined { storage: Arc::new(Pieces::new(pieces)), end: Some(whole) })
}

/// The part of a file name that stands for the `%s` of a template.
fn base_name<'a>(name: &'a str, template: &[u8]) -> Option<&'a str> {
    let (before, after) = core::str::from_utf8(template).ok()?.split_once("%s")?;
    name.strip_prefix(before)?.strip_suffix(after)
}

/// Asks for a member; `wanted` lists all that are needed.
fn member(options: &OpenOptions<'_>, name: &str, wanted: impl Fn() -> String) -> Result<Arc<dyn Storage>> {
    let Some(open) = options.members else {
        return Err(Error::new(ErrorKind::Denied, alloc::format!("the file goes on in others: {}", wanted()))
            .within(NAME)
            .with_hint("allow its folder with ExternalPolicy::Under (h5: --follow DIR)"));
    };
    open(name).map_err(|e| {
        let text = alloc::format!("the file goes on in others ({}), and one could not be opened: {e}", wanted());
        Error::new(e.kind(), text).within(NAME)
    })
}

/// The members can not be named, because the opened file's own name is unknown or does not fit.
pub(super) fn nameless(options: &OpenOptions<'_>, what: &str) -> Error {
    let why = match options.name {
        Some(name) => alloc::format!("{what}, and the name {name:?} does not show what the others are called"),
        None => alloc::format!("{what}, and was opened without a name that shows what the others are called"),
    };
    Error::new(ErrorKind::Denied, why).within(NAME).with_hint("open the first member under its own name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_base_of_a_template() {
        assert_eq!(base_name("run-m.h5", b"%s-m.h5"), Some("run"));
        assert_eq!(base_name("run.meta", b"%s-m.h5"), None);
        assert_eq!(base_name("run", b"no placeholder"), None);
    }
}
