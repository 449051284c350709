//! How much one listing may hand out.

use super::context::FileContext;
use crate::error::{Error, Result};

/// Bytes that every listing may hand out beyond the file's size.
const EXTRA: u64 = 1 << 24;

/// Bytes that one listing may still copy out of the file.
///
/// Links and attributes of one object do not overlap in a sound file, so that a listing copies less than the file's
/// size. In a damaged one thousands of entries may name the same large object.
#[derive(Debug)]
pub(super) struct Allowance {
    all: u64,
    left: u64,
    used_up: bool,
}

impl Allowance {
    /// The allowance of one listing.
    pub(super) fn new(ctx: &FileContext) -> Self {
        let all = ctx.end().saturating_add(EXTRA);
        Allowance { all, left: all, used_up: false }
    }

    /// The allowance for decoding the blocks of one heap: names compress well, but not without bound.
    pub(super) fn for_decoding(ctx: &FileContext) -> Self {
        let all = ctx.end().saturating_mul(16).saturating_add(EXTRA).saturating_add(EXTRA);
        Allowance { all, left: all, used_up: false }
    }

    /// Takes bytes of the allowance before they are copied.
    ///
    /// # Errors
    /// They are more than what is left.
    pub(super) fn take(&mut self, bytes: u64) -> Result<()> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.used_up = true;
                let asked = self.all.saturating_sub(self.left).saturating_add(bytes);
                Err(Error::limit("bytes of one listing", self.all, asked).with_hint("the file is damaged"))
            }
        }
    }

    /// True once something did not fit: nothing more should be listed.
    pub(super) fn is_used_up(&self) -> bool {
        self.used_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Sizes;
    use crate::graph::testing::Image;

    #[test]
    fn is_used_up() {
        let mut allowance = Allowance::new(&Image::new(Sizes::EIGHT).context());
        allowance.take(1 << 24).unwrap();
        allowance.take(64).unwrap();
        assert!(!allowance.is_used_up());
        assert!(allowance.take(1).is_err() && allowance.is_used_up());
        allowance.take(0).unwrap();
    }
}
