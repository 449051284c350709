//! A file on disk, read by position.

use super::lock::{Hold, Locking};
use super::{Storage, StorageMut, past_end};
use crate::error::{Error, ErrorKind, Result};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// A file opened for reading. Threads share it without a lock.
#[derive(Debug)]
pub struct DiskFile {
    file: Positional,
    len: u64,
}

impl DiskFile {
    /// Opens a file for reading, without a lock; its length is taken once.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        DiskFile::open_locked(path, Locking::Off)
    }

    /// Opens a file for reading, and keeps writers out while it is open.
    ///
    /// # Errors
    /// It is missing or a directory, may not be read, or is open for writing elsewhere.
    pub fn open_locked(path: impl AsRef<Path>, locking: Locking) -> Result<Self> {
        let path = path.as_ref();
        let name = |e: io::Error| Error::from(e).on(path.display());
        let file = fs::File::open(path).map_err(name)?;
        if file.metadata().map_err(name)?.is_dir() {
            return Err(Error::new(ErrorKind::Io, "is a directory").on(path.display()));
        }
        locking.lock(&file, Hold::Shared).map_err(|e| e.on(path.display()))?;
        // Before the lock a writer could still have changed it.
        let len = file.metadata().map_err(name)?.len();
        Ok(DiskFile { file: Positional::new(file), len })
    }
}

impl Storage for DiskFile {
    fn len(&self) -> Result<u64> {
        Ok(self.len)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let end = offset.checked_add(buf.len() as u64);
        if end.is_none_or(|end| end > self.len) {
            return Err(past_end(offset, buf.len(), self.len));
        }
        self.file.check_open()?;
        self.file.read_exact_at(offset, buf).map_err(|e| Error::from(e).at(offset))
    }

    fn close(&self) {
        self.file.close();
    }
}

/// A file opened for reading and writing.
#[derive(Debug)]
pub struct DiskFileMut {
    file: Positional,
}

impl DiskFileMut {
    /// Opens an existing file, and keeps everybody else out while it is open.
    ///
    /// # Errors
    /// It is missing, a directory, or may not be written; or it is open elsewhere.
    pub fn open(path: impl AsRef<Path>, locking: Locking) -> Result<Self> {
        DiskFileMut::start(fs::OpenOptions::new().read(true).write(true), path.as_ref(), locking)
    }

    /// Creates a file, which must not exist yet.
    ///
    /// # Errors
    /// It exists, or the folder may not be written.
    pub fn create_new(path: impl AsRef<Path>, locking: Locking) -> Result<Self> {
        DiskFileMut::start(fs::OpenOptions::new().read(true).write(true).create_new(true), path.as_ref(), locking)
    }

    /// Creates a file, or opens the one of that name, whose content stays.
    ///
    /// # Errors
    /// The file or its folder may not be written; or it is open elsewhere.
    pub fn create(path: impl AsRef<Path>, locking: Locking) -> Result<Self> {
        let mut how = fs::OpenOptions::new();
        // What another program has open must not go: the lock comes first.
        DiskFileMut::start(how.read(true).write(true).create(true).truncate(false), path.as_ref(), locking)
    }

    fn start(how: &fs::OpenOptions, path: &Path, locking: Locking) -> Result<Self> {
        let name = |e: io::Error| Error::from(e).on(path.display());
        let file = how.open(path).map_err(name)?;
        if file.metadata().map_err(name)?.is_dir() {
            return Err(Error::new(ErrorKind::Io, "is a directory").on(path.display()));
        }
        locking.lock(&file, Hold::Exclusive).map_err(|e| e.on(path.display()))?;
        Ok(DiskFileMut { file: Positional::new(file) })
    }

    /// The file itself.
    pub fn as_file(&self) -> &fs::File {
        &self.file.file
    }
}

impl Storage for DiskFileMut {
    fn len(&self) -> Result<u64> {
        Ok(self.file.file.metadata()?.len())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.file.check_open()?;
        self.file.read_exact_at(offset, buf).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => past_end(offset, buf.len(), self.len().unwrap_or(0)),
            _ => Error::from(e).at(offset),
        })
    }

    fn close(&self) {
        self.file.close();
    }
}

impl StorageMut for DiskFileMut {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.file.check_open()?;
        self.file.write_all_at(offset, bytes).map_err(|e| Error::from(e).at(offset))
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.file.check_open()?;
        self.file.file.set_len(len).map_err(|e| Error::from(e).at(len))
    }

    fn sync(&self) -> Result<()> {
        Ok(self.file.file.sync_data()?)
    }
}

/// Makes the name of a new file survive a crash, where the system can: some have no way, and some need none.
pub(crate) fn sync_folder_of(path: &Path) {
    #[cfg(unix)]
    {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let _ = fs::File::open(folder).and_then(|folder| folder.sync_all());
    }
    #[cfg(not(unix))]
    let _ = path;
}

/// Reads and writes by position.
#[derive(Debug)]
struct Positional {
    file: fs::File,
    /// Others may have the file: nothing of it is to be relied on.
    closed: AtomicBool,
    #[cfg(not(any(unix, windows)))]
    position: std::sync::Mutex<()>,
}

impl Positional {
    fn new(file: fs::File) -> Self {
        Positional {
            file,
            closed: AtomicBool::new(false),
            #[cfg(not(any(unix, windows)))]
            position: std::sync::Mutex::new(()),
        }
    }

    fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) { Err(super::closed()) } else { Ok(()) }
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        // A file system without locks has none to give up.
        let _ = self.file.unlock();
    }

    #[cfg(unix)]
    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, buf, offset)
    }

    #[cfg(unix)]
    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(&self.file, bytes, offset)
    }

    #[cfg(windows)]
    fn read_exact_at(&self, mut offset: u64, mut buf: &mut [u8]) -> io::Result<()> {
        while !buf.is_empty() {
            let n = std::os::windows::fs::FileExt::seek_read(&self.file, buf, offset)?;
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            buf = buf.split_at_mut(n).1;
            offset = offset.saturating_add(n as u64);
        }
        Ok(())
    }

    #[cfg(windows)]
    fn write_all_at(&self, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let n = std::os::windows::fs::FileExt::seek_write(&self.file, bytes, offset)?;
            if n == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            bytes = bytes.split_at(n).1;
            offset = offset.saturating_add(n as u64);
        }
        Ok(())
    }

    #[cfg(not(any(unix, windows)))]
    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        use std::io::{Read, Seek};
        let _held = self.position.lock().unwrap_or_else(|e| e.into_inner());
        let mut file = &self.file;
        file.seek(io::SeekFrom::Start(offset))?;
        file.read_exact(buf)
    }

    #[cfg(not(any(unix, windows)))]
    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        use std::io::{Seek, Write};
        let _held = self.position.lock().unwrap_or_else(|e| e.into_inner());
        let mut file = &self.file;
        file.seek(io::SeekFrom::Start(offset))?;
        file.write_all(bytes)
    }
}
