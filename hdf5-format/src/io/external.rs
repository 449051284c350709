//! Which other files may be opened, and how: the one gate for external links, raw files, virtual sources and
//! members of multi-file storage.

use super::{Storage, StorageMut};
use crate::error::{Error, ErrorKind, Result};
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

/// Why another file is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExternalKind {
    /// Target of an external link.
    Link,
    /// Raw data of a dataset with an external file list.
    RawData,
    /// Source of a virtual dataset.
    VirtualSource,
    /// Member of a family, split or multi file.
    Member,
}

impl ExternalKind {
    /// True for files that are made where they are missed.
    #[cfg(feature = "std")]
    fn is_made(self) -> bool {
        matches!(self, ExternalKind::RawData | ExternalKind::Member)
    }
}

impl fmt::Display for ExternalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ExternalKind::Link => "external link",
            ExternalKind::RawData => "external raw data file",
            ExternalKind::VirtualSource => "virtual dataset source",
            ExternalKind::Member => "member file",
        })
    }
}

/// Opens other files by the names that a file gives.
pub trait Resolver: Send + Sync {
    /// Opens `name`, as it stands in the file; a missing file is [`ErrorKind::NotFound`], a forbidden one
    /// [`ErrorKind::Denied`].
    fn resolve(&self, kind: ExternalKind, name: &str) -> Result<Arc<dyn Storage>>;

    /// Opens `name` for writing, and makes a missing file of raw data or member; nothing unless the resolver says
    /// otherwise.
    fn resolve_mut(&self, kind: ExternalKind, name: &str) -> Result<Arc<dyn StorageMut>> {
        Err(denied(kind, name, "the resolver opens nothing for writing"))
    }
}

/// What a file may make the reader open besides itself.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum ExternalPolicy {
    /// Nothing. The default.
    #[default]
    Deny,
    /// Files in the given folder and below it; relative names count from this folder. Of an absolute name the last
    /// part is looked for in the folder. `..` and symbolic links that lead out of it are refused.
    #[cfg(feature = "std")]
    Under(std::path::PathBuf),
    /// Whatever the resolver opens.
    Resolver(Arc<dyn Resolver>),
}

impl fmt::Debug for ExternalPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExternalPolicy::Deny => f.write_str("Deny"),
            #[cfg(feature = "std")]
            ExternalPolicy::Under(root) => f.debug_tuple("Under").field(root).finish(),
            ExternalPolicy::Resolver(_) => f.write_str("Resolver(..)"),
        }
    }
}

impl ExternalPolicy {
    /// Opens another file, if the policy allows it.
    pub fn open(&self, kind: ExternalKind, name: &[u8]) -> Result<Arc<dyn Storage>> {
        let shown = String::from_utf8_lossy(name);
        match self {
            ExternalPolicy::Deny => Err(denied(kind, &shown, "other files are not opened by default")),
            #[cfg(feature = "std")]
            ExternalPolicy::Under(root) => Ok(Arc::new(super::DiskFile::open(under::find(root, kind, name)?)?)),
            ExternalPolicy::Resolver(resolver) => {
                let name = core::str::from_utf8(name).map_err(|_| denied(kind, &shown, "its name is not UTF-8"))?;
                resolver.resolve(kind, name)
            }
        }
    }
}

impl ExternalPolicy {
    /// Opens another file for writing, if the policy allows to open it. A missing file of raw data, and a missing
    /// member, are made.
    pub fn open_mut(&self, kind: ExternalKind, name: &[u8]) -> Result<Arc<dyn StorageMut>> {
        let shown = String::from_utf8_lossy(name);
        match self {
            ExternalPolicy::Deny => Err(denied(kind, &shown, "other files are not opened by default")),
            #[cfg(feature = "std")]
            ExternalPolicy::Under(root) => {
                let locking = super::Locking::default();
                match under::find(root, kind, name) {
                    Ok(path) => Ok(Arc::new(super::DiskFileMut::open(path, locking)?)),
                    Err(error) if kind.is_made() && error.kind() == ErrorKind::NotFound => {
                        let path = under::vacant(root, kind, name)?;
                        let made = super::DiskFileMut::create_new(&path, locking)?;
                        super::sync_folder_of(&path);
                        Ok(Arc::new(made))
                    }
                    Err(error) => Err(error),
                }
            }
            ExternalPolicy::Resolver(resolver) => {
                let name = core::str::from_utf8(name).map_err(|_| denied(kind, &shown, "its name is not UTF-8"))?;
                resolver.resolve_mut(kind, name)
            }
        }
    }
}

fn denied(kind: ExternalKind, name: &str, why: &str) -> Error {
    Error::new(ErrorKind::Denied, alloc::format!("{kind} {name:?} was not opened: {why}"))
        .with_hint("allow a folder with ExternalPolicy::Under (h5: --follow DIR) if the file is trusted")
}

#[cfg(feature = "std")]
mod under {
    use super::*;
    use std::path::{Component, Path, PathBuf};

    /// Where `name` is below `root`, after resolving every symbolic link on the way.
    pub(super) fn find(root: &Path, kind: ExternalKind, name: &[u8]) -> Result<PathBuf> {
        let shown = String::from_utf8_lossy(name);
        let out = || denied(kind, &shown, "its name leads out of the allowed folder");
        if let Some(moved) = last_of_absolute(name) {
            // The file and what it names were moved here together.
            return find(root, kind, moved).map_err(|_| out());
        }
        let relative = relative(name).ok_or_else(out)?;
        let missing = |e: std::io::Error| {
            let kind_of = if e.kind() == std::io::ErrorKind::NotFound { ErrorKind::NotFound } else { ErrorKind::Io };
            Error::new(kind_of, alloc::format!("{kind} {shown:?}: {e}"))
        };
        let root = root.canonicalize().map_err(missing)?;
        let path = root.join(relative).canonicalize().map_err(missing)?;
        if !path.starts_with(&root) {
            return Err(denied(kind, &shown, "a symbolic link leads out of the allowed folder"));
        }
        if !path.is_file() {
            return Err(denied(kind, &shown, "it is not a regular file"));
        }
        Ok(path)
    }

    /// Where a file that is missing would be, in a folder that is there; it must be made anew, for a symbolic link of its
    /// name would lead elsewhere.
    pub(super) fn vacant(root: &Path, kind: ExternalKind, name: &[u8]) -> Result<PathBuf> {
        let shown = String::from_utf8_lossy(name);
        let out = || denied(kind, &shown, "its name leads out of the allowed folder");
        let relative = relative(name).ok_or_else(out)?;
        let file = relative.file_name().ok_or_else(out)?;
        let folder = root.join(relative.parent().unwrap_or(Path::new("")));
        let missing = |e: std::io::Error| Error::from(e).on(alloc::format!("{kind} {shown:?}"));
        let (root, folder) = (root.canonicalize().map_err(missing)?, folder.canonicalize().map_err(missing)?);
        if folder.starts_with(&root) { Ok(folder.join(file)) } else { Err(out()) }
    }

    /// The last part of an absolute name.
    fn last_of_absolute(name: &[u8]) -> Option<&[u8]> {
        let rest = name.strip_prefix(b"/")?;
        rest.rsplit(|&b| b == b'/').next()
    }

    /// A name without root, drive, `..` or NUL.
    fn relative(name: &[u8]) -> Option<PathBuf> {
        let name = core::str::from_utf8(name).ok().filter(|n| !n.is_empty() && !n.contains('\0'))?;
        let path = Path::new(name);
        let plain = path.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
        // A drive or URL scheme is a plain component on systems that do not know it.
        (plain && !name.contains(':') && !name.contains('\\')).then(|| path.to_path_buf())
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;

    #[test]
    fn refuses_names_that_lead_elsewhere() {
        let folder = std::env::temp_dir().join(alloc::format!("external-policy-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("sub")).unwrap();
        std::fs::write(folder.join("sub/data.bin"), b"x").unwrap();
        let policy = ExternalPolicy::Under(folder.clone());
        let open = |name: &str| policy.open(ExternalKind::RawData, name.as_bytes()).map(|_| ()).map_err(|e| e.kind());
        assert_eq!(open("sub/data.bin"), Ok(()));
        assert_eq!(open("./sub/data.bin"), Ok(()));
        std::fs::write(folder.join("moved.bin"), b"x").unwrap();
        assert_eq!(open("/elsewhere/moved.bin"), Ok(()));
        assert_eq!(open("nothing"), Err(ErrorKind::NotFound));
        for name in
            ["/etc/passwd", "/", "/..", "../x", "sub/../../x", "", "a\0b", "C:x", "C:\\x", "file:///etc/passwd", "sub"]
        {
            assert_eq!(open(name), Err(ErrorKind::Denied), "{name:?}");
        }
        #[cfg(unix)]
        {
            let link = folder.join("out");
            let _ = std::fs::remove_file(&link);
            std::os::unix::fs::symlink("/etc", &link).unwrap();
            assert_eq!(open("out/passwd"), Err(ErrorKind::Denied));
        }
        std::fs::remove_dir_all(folder).unwrap();
        assert_eq!(ExternalPolicy::Deny.open(ExternalKind::Link, b"x").err().unwrap().kind(), ErrorKind::Denied);
    }
}
