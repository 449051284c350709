//! Locks between programs, as libhdf5 takes them: one for the whole file, exclusive for writers, shared for readers.

use crate::error::{Error, ErrorKind, Result};
use std::fs::{File, TryLockError};

/// Whether files on disk are locked while they are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Locking {
    /// As the environment variable `HDF5_USE_FILE_LOCKING` says: `TRUE`, `FALSE` or `BEST_EFFORT`, which is also
    /// what holds where it is not set.
    #[default]
    FromEnvironment,
    /// A file that can not be locked is not opened.
    On,
    /// A file is opened without a lock where its file system has none.
    BestEffort,
    /// No locks are taken, and those of others do not count.
    Off,
}

/// What a lock lets others do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Others may read.
    Shared,
    /// Nobody else may have the file open.
    Exclusive,
}

impl Locking {
    /// What the value of the environment variable means; what it is not known to mean counts as not set.
    fn from_value(value: Option<&str>) -> Locking {
        match value {
            Some("FALSE" | "0") => Locking::Off,
            Some("TRUE" | "1") => Locking::On,
            _ => Locking::BestEffort,
        }
    }

    fn resolve(self) -> Locking {
        match self {
            Locking::FromEnvironment => Locking::from_value(std::env::var("HDF5_USE_FILE_LOCKING").ok().as_deref()),
            other => other,
        }
    }

    /// Locks a file until it is closed.
    ///
    /// # Errors
    /// Another handle, of this program or of another, holds a lock that does not go with this one.
    pub(crate) fn lock(self, file: &File, hold: Hold) -> Result<()> {
        let locking = self.resolve();
        if locking == Locking::Off {
            return Ok(());
        }
        let tried = match hold {
            Hold::Shared => file.try_lock_shared(),
            Hold::Exclusive => file.try_lock(),
        };
        match tried {
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => Err(held(hold)),
            Err(TryLockError::Error(_)) if locking == Locking::BestEffort => Ok(()),
            Err(TryLockError::Error(error)) => {
                let text = alloc::format!("the file can not be locked: {error}");
                Err(Error::new(ErrorKind::Io, text)
                    .with_hint("HDF5_USE_FILE_LOCKING=BEST_EFFORT goes on without a lock"))
            }
        }
    }
}

fn held(hold: Hold) -> Error {
    let text = match hold {
        Hold::Shared => "the file is open for writing elsewhere",
        Hold::Exclusive => "the file is open elsewhere",
    };
    Error::new(ErrorKind::Locked, text)
        .with_hint("close it there, in this program or another; HDF5_USE_FILE_LOCKING=FALSE opens it nevertheless")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_variable() {
        for (value, expected) in [
            (Some("TRUE"), Locking::On),
            (Some("1"), Locking::On),
            (Some("FALSE"), Locking::Off),
            (Some("0"), Locking::Off),
            (Some("BEST_EFFORT"), Locking::BestEffort),
            (Some("false"), Locking::BestEffort),
            (None, Locking::BestEffort),
        ] {
            assert_eq!(Locking::from_value(value), expected, "{value:?}");
        }
    }
}
