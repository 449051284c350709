//! Locks: those of `std`, or spinning ones without it.
//!
//! A lock that a panicking thread held is taken over: what it guards is changed in steps that leave it whole.

mod gate;

pub(crate) use gate::Gate;

#[cfg(feature = "std")]
use std::sync as locks;

#[cfg(feature = "std")]
pub(crate) use locks::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};
#[cfg(not(feature = "std"))]
pub(crate) use spin::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};

/// One at a time.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T> {
    #[cfg(feature = "std")]
    inner: locks::Mutex<T>,
    #[cfg(not(feature = "std"))]
    inner: spin::Mutex<T>,
}

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        #[cfg(feature = "std")]
        return Mutex { inner: locks::Mutex::new(value) };
        #[cfg(not(feature = "std"))]
        return Mutex { inner: spin::Mutex::new(value) };
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        #[cfg(feature = "std")]
        return self.inner.lock().unwrap_or_else(locks::PoisonError::into_inner);
        #[cfg(not(feature = "std"))]
        return self.inner.lock();
    }

    /// The lock, if nobody holds it.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        #[cfg(feature = "std")]
        return match self.inner.try_lock() {
            Ok(guard) => Some(guard),
            Err(locks::TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(locks::TryLockError::WouldBlock) => None,
        };
        #[cfg(not(feature = "std"))]
        return self.inner.try_lock();
    }
}

/// What threads wait at until another says that something moved.
#[derive(Debug, Default)]
pub(crate) struct Condition {
    #[cfg(feature = "std")]
    inner: locks::Condvar,
}

impl Condition {
    /// Lets the lock go, and takes it again when something may have moved.
    pub(crate) fn wait<'a, T>(&self, lock: &'a Mutex<T>, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        #[cfg(feature = "std")]
        {
            let _ = lock;
            self.inner.wait(guard).unwrap_or_else(locks::PoisonError::into_inner)
        }
        #[cfg(not(feature = "std"))]
        {
            drop(guard);
            core::hint::spin_loop();
            lock.lock()
        }
    }

    /// Wakes all who wait.
    pub(crate) fn notify(&self) {
        #[cfg(feature = "std")]
        self.inner.notify_all();
    }
}

/// One writer, or many readers.
#[derive(Debug, Default)]
pub(crate) struct RwLock<T> {
    #[cfg(feature = "std")]
    inner: locks::RwLock<T>,
    #[cfg(not(feature = "std"))]
    inner: spin::RwLock<T>,
}

impl<T> RwLock<T> {
    pub(crate) fn new(value: T) -> Self {
        #[cfg(feature = "std")]
        return RwLock { inner: locks::RwLock::new(value) };
        #[cfg(not(feature = "std"))]
        return RwLock { inner: spin::RwLock::new(value) };
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
        #[cfg(feature = "std")]
        return self.inner.read().unwrap_or_else(locks::PoisonError::into_inner);
        #[cfg(not(feature = "std"))]
        return self.inner.read();
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, T> {
        #[cfg(feature = "std")]
        return self.inner.write().unwrap_or_else(locks::PoisonError::into_inner);
        #[cfg(not(feature = "std"))]
        return self.inner.write();
    }
}

/// A value that is made when it is first asked for.
#[derive(Debug)]
pub(crate) struct Once<T> {
    #[cfg(feature = "std")]
    inner: locks::OnceLock<T>,
    #[cfg(not(feature = "std"))]
    inner: spin::Once<T>,
}

impl<T> Once<T> {
    pub(crate) const fn new() -> Self {
        #[cfg(feature = "std")]
        return Once { inner: locks::OnceLock::new() };
        #[cfg(not(feature = "std"))]
        return Once { inner: spin::Once::new() };
    }

    pub(crate) fn get_or_make(&self, make: impl FnOnce() -> T) -> &T {
        #[cfg(feature = "std")]
        return self.inner.get_or_init(make);
        #[cfg(not(feature = "std"))]
        return self.inner.call_once(make);
    }
}

/// What was made is shared with the clone.
impl<T: Clone> Clone for Once<T> {
    fn clone(&self) -> Self {
        let clone = Once::new();
        if let Some(value) = self.inner.get() {
            clone.get_or_make(|| value.clone());
        }
        clone
    }
}
