//! From bytes to an opened file: superblock, driver, superblock extension.

mod extension;
mod joint;
mod members;

pub(crate) use extension::file_space;
#[cfg(feature = "std")]
pub(crate) use joint::new_family;
pub(crate) use joint::{with_record, writable};

use super::context::FileContext;
use super::object_header::ObjectHeader;
use crate::codec::{Address, Cursor, Sizes, to_usize};
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::MessageKind;
use crate::format::message::cache_image::CacheImageMessage;
use crate::format::message::driver_info::DriverInfo;
use crate::format::message::file_space_info::FileSpaceInfo;
use crate::format::superblock::{self, Superblock};
use crate::io::Storage;
use crate::limits::Limits;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Structure name in errors.
const NAME: &str = "superblock";

/// Opens a member of a family, split or multi file by its name.
pub type OpenMember<'a> = &'a dyn Fn(&str) -> Result<Arc<dyn Storage>>;

/// How a file is opened.
#[derive(Clone, Copy, Default)]
pub struct OpenOptions<'a> {
    /// Accept a file that is shorter than its stored end, and a damaged superblock extension.
    pub salvage: bool,
    /// The file's own name: the other members of a family or multi file are named after it.
    pub name: Option<&'a str>,
    /// Opens the other members.
    pub members: Option<OpenMember<'a>>,
    /// The storage has all members of a family already.
    pub joined: bool,
}

/// An opened file: where its root is, and what holds for all of it.
pub struct OpenedFile {
    /// Where to read, how wide numbers are, which bounds hold.
    pub context: FileContext,
    /// The superblock; its K values are those in force, from the extension where it has them.
    pub superblock: Superblock,
    /// Bytes before the superblock.
    pub user_block: u64,
    /// Header of the superblock extension.
    pub extension: Option<ObjectHeader>,
    /// How free space is handled, where it is not the default.
    pub file_space: Option<FileSpaceInfo>,
    /// What the file driver stored.
    pub driver: Option<DriverInfo>,
    /// The metadata cache image; the context already reads through it.
    pub cache_image: Option<CacheImageMessage>,
    /// What is odd about the file and did not keep it from being opened.
    pub warnings: Vec<Error>,
}

/// Opens a file for reading.
///
/// # Errors
/// There is no superblock or it is damaged, the file is shorter than it says, members are missing, or the superblock
/// extension is damaged.
pub fn open(storage: Arc<dyn Storage>, limits: Limits, options: OpenOptions<'_>) -> Result<OpenedFile> {
    let mut warnings = Vec::new();
    let joint::Committed { storage: first, unfinished, joined } = joint::committed(storage, &limits, &options)?;
    let options = OpenOptions { joined, ..options };
    let storage = if joined { Arc::clone(&first) } else { whole(&first, &options)? };
    let (mut superblock, found) = locate(&storage)?;
    if found != superblock.base {
        let text = alloc::format!("stored base address is {}, but the superblock is at {found}", superblock.base);
        warnings.push(Error::corrupt(NAME, found, text).with_hint("bytes were put before the file or removed"));
    }
    if unfinished || committing(&superblock) {
        let text = "the last commit was interrupted while it was put in place; it is read as if it were there";
        warnings.push(Error::new(ErrorKind::Conflict, text).within(NAME).at(found).with_hint("h5 recover finishes it"));
    }
    let end = relative_end(&superblock, found)?;
    let there = present(&storage, found)?;
    let alone = FileContext::new(Arc::clone(&storage), found, there, superblock.sizes, limits.clone());
    let driver = match driver(&alone, &superblock) {
        Ok(driver) => driver,
        Err(e) if options.salvage => {
            warnings.push(e);
            None
        }
        Err(e) => return Err(e),
    };
    let joined = match &driver {
        Some(driver) => members::join(&first, driver, found.saturating_add(end), &options, &mut warnings)?,
        None => None,
    };
    let (storage, end) = match joined {
        Some(joined) => (joined.storage, joined.end.map_or(end, |whole| whole.saturating_sub(found))),
        None => (storage, end),
    };
    let end = readable_end(&storage, &superblock, found, end, &options, &mut warnings)?;
    let context = FileContext::new(storage, found, end, superblock.sizes, limits);
    let extension = extension::read(context, &mut superblock, options.salvage, &mut warnings)?;
    Ok(OpenedFile {
        context: extension.context,
        superblock,
        user_block: found,
        extension: extension.header,
        file_space: extension.file_space,
        driver,
        cache_image: extension.cache_image,
        warnings,
    })
}

/// The storage to look at first: the file, or the family of which it is the first member and too short alone, or the
/// file with the member of a multi file that has the superblock extension.
fn whole(first: &Arc<dyn Storage>, options: &OpenOptions<'_>) -> Result<Arc<dyn Storage>> {
    let (complete, extension) = match locate(first) {
        Ok((superblock, found)) => {
            let there = present(first, found)?;
            let elsewhere = superblock.extension.filter(|address| address.0 >= there);
            (there >= relative_end(&superblock, found)?, elsewhere)
        }
        Err(_) => (false, None),
    };
    let mut larger = None;
    if !complete {
        larger = members::family_by_name(first, options)?;
    }
    if let (None, Some(extension)) = (&larger, extension) {
        larger = members::multi_by_name(first, extension, options)?;
    }
    Ok(larger.unwrap_or_else(|| Arc::clone(first)))
}

/// Bytes from the superblock to the end of the file. The stored end counts from the start of the file as it was
/// written; addresses count from the superblock.
fn relative_end(superblock: &Superblock, found: u64) -> Result<u64> {
    superblock.end.checked_sub(superblock.base).ok_or_else(|| {
        Error::corrupt(NAME, found, alloc::format!("end {} before base {}", superblock.end, superblock.base))
    })
}

/// The absolute end that the superblock states, if there is one that can be read.
pub(super) fn stored_end(storage: &Arc<dyn Storage>) -> Option<u64> {
    let (superblock, found) = locate(storage).ok()?;
    Some(relative_end(&superblock, found).ok()?.saturating_add(found))
}

/// True if a commit of ours left its mark in the superblock.
fn committing(superblock: &Superblock) -> bool {
    superblock.version == 3 && superblock.flags == superblock::COMMITTING
}

/// Bytes of the storage from `found` on.
fn present(storage: &dyn Storage, found: u64) -> Result<u64> {
    Ok(storage.len()?.saturating_sub(found))
}

/// The superblock and the absolute offset at which it was found.
pub(crate) fn locate(storage: &Arc<dyn Storage>) -> Result<(Superblock, u64)> {
    let len = storage.len()?;
    for offset in superblock::candidate_offsets(len) {
        let there = len.saturating_sub(offset).min(superblock::LARGEST as u64);
        let mut buf = [0u8; superblock::LARGEST];
        let Some(bytes) = buf.get_mut(..to_usize(there)?) else { continue };
        if bytes.len() < superblock::SIGNATURE.len() {
            break;
        }
        storage.read_at(offset, bytes)?;
        if bytes.starts_with(&superblock::SIGNATURE) {
            let superblock = Superblock::parse(&mut Cursor::new(bytes, offset, NAME, Sizes::EIGHT))?;
            return Ok((superblock, offset));
        }
    }
    Err(not_hdf5(storage, len))
}

/// The error for a file without a superblock; says what it is instead, where its first bytes tell.
fn not_hdf5(storage: &dyn Storage, len: u64) -> Error {
    let mut start = [0u8; 8];
    let there = start.get_mut(..usize::try_from(len.min(8)).unwrap_or(8)).unwrap_or(&mut []);
    if let Err(error) = storage.read_at(0, there) {
        return error.within(NAME);
    }
    let known = match &start {
        [b'O', b'H', b'D', b'H', ..] => Some("a history file of the onion driver"),
        [b'V', b'H', b'D', b'R', ..] => Some("a metadata file of VFD SWMR"),
        _ => None,
    };
    if let Some(what) = known {
        return Error::unsupported(alloc::format!("this is {what}, not an HDF5 file"))
            .with_hint("open the HDF5 file itself");
    }
    let what = match &start {
        _ if len == 0 => "the file is empty",
        [b'C', b'D', b'F', 1 | 2 | 5, ..] => "this is a netCDF classic file",
        [0x0e, 0x03, 0x13, 0x01, ..] => "this is an HDF4 file",
        [b'P', b'K', 3, 4, ..] => "this is a zip archive",
        [0x1f, 0x8b, ..] => "this is a gzip file",
        _ => "no HDF5 signature at 0, 512, 1024 and so on",
    };
    Error::corrupt(NAME, 0, alloc::format!("not an HDF5 file: {what}"))
        .with_hint("of a family open the member with number 0, of a multi file the one with the superblock")
}

/// Driver information, from the block that superblocks 0 and 1 name or from the extension.
fn driver(context: &FileContext, superblock: &Superblock) -> Result<Option<DriverInfo>> {
    const NAME: &str = "driver info";
    if let Some(address) = superblock.driver_info {
        let prefix = context.block(address, DriverInfo::BLOCK_PREFIX as u64, NAME)?;
        let (id, len) = DriverInfo::parse_block_prefix(&mut context.cursor(&prefix, address, NAME))?;
        let after = Address(address.0.saturating_add(DriverInfo::BLOCK_PREFIX as u64));
        let information = context.block(after, u64::from(len), NAME)?.into_owned();
        return Ok(Some(DriverInfo { id, information }));
    }
    // An extension that can not be loaded is reported later, when the whole file is there.
    let header = superblock.extension.and_then(|address| ObjectHeader::load(context, address).ok());
    let message = header.as_ref().and_then(|h| h.find(MessageKind::DriverInfo));
    message.map(|m| DriverInfo::parse_message(&mut m.cursor(context.sizes(), NAME))).transpose()
}

/// The first address past what may be read: the stored end, or the physical one where the stored is not to be trusted.
fn readable_end(
    storage: &Arc<dyn Storage>,
    superblock: &Superblock,
    found: u64,
    end: u64,
    options: &OpenOptions<'_>,
    warnings: &mut Vec<Error>,
) -> Result<u64> {
    let there = present(storage, found)?;
    let swmr = superblock.version == 3 && superblock.flags & superblock::OPEN_FOR_SWMR != 0;
    let flagged = superblock.version == 3 && superblock.flags & superblock::OPEN_FOR_WRITE != 0;
    let writing = swmr || flagged && !committing(superblock);
    if writing {
        let text = alloc::format!("flags {:#04x}: open for writing, or its writer died", superblock.flags);
        warnings.push(Error::new(ErrorKind::Locked, text).within(NAME).at(found));
    }
    if there < end {
        let text = alloc::format!("expected {end} bytes from here to the end of the file, found {there}");
        let error = Error::corrupt(NAME, found, text);
        if !options.salvage && !swmr {
            return Err(error.with_hint(if members::may_be_family(options) {
                "the file is truncated, or the first of a family whose other members were not found or not allowed"
            } else {
                "the file is truncated; open with salvage to read what is left"
            }));
        }
        warnings.push(error.with_hint("the file is truncated"));
    }
    Ok(if options.salvage || writing { there } else { end })
}

#[cfg(test)]
mod tests;
