//! Flags of a message (File Format Spec, IV.A.1).

use crate::codec::Cursor;
use crate::error::Result;
use crate::format::message::MessageKind;

/// Flags of one message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageFlags(pub u8);

impl MessageFlags {
    /// The body never changes.
    pub const CONSTANT: u8 = 0x01;
    /// The body is a pointer to the message.
    pub const SHARED: u8 = 0x02;
    /// The message must not be shared.
    pub const DONT_SHARE: u8 = 0x04;
    /// Who does not know the type must not open the object for writing.
    pub const FAIL_IF_UNKNOWN_AND_WRITING: u8 = 0x08;
    /// Who does not know the type and changes the object sets [`MessageFlags::WAS_UNKNOWN`].
    pub const MARK_IF_UNKNOWN: u8 = 0x10;
    /// A library that did not know the type changed the object.
    pub const WAS_UNKNOWN: u8 = 0x20;
    /// The message may be shared.
    pub const SHAREABLE: u8 = 0x40;
    /// Who does not know the type must not open the object.
    pub const FAIL_IF_UNKNOWN: u8 = 0x80;

    /// True if all bits of `flag` are set.
    pub fn has(self, flag: u8) -> bool {
        self.0 & flag == flag
    }

    /// Checks a flag byte against the combinations that libhdf5 accepts.
    pub(super) fn parse(flags: u8, kind: MessageKind, at: &Cursor<'_>) -> Result<Self> {
        let this = MessageFlags(flags);
        let invalid = this.has(Self::SHARED | Self::DONT_SHARE)
            || this.has(Self::WAS_UNKNOWN | Self::FAIL_IF_UNKNOWN_AND_WRITING)
            || this.has(Self::WAS_UNKNOWN) && !this.has(Self::MARK_IF_UNKNOWN);
        if invalid {
            return Err(at.corrupt(alloc::format!("message flags {flags:#04x} contradict each other")));
        }
        let shares = flags & (Self::SHARED | Self::SHAREABLE) != 0;
        if shares && kind.is_known() && !kind.is_shareable() {
            return Err(at.corrupt(alloc::format!("message type {kind} can not be shared")));
        }
        Ok(this)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Sizes;

    #[test]
    fn refuses_contradictions() {
        let at = Cursor::new(&[], 0, "object header", Sizes::EIGHT);
        for (flags, kind, good) in [
            (0x00, MessageKind::Link, true),
            (0x06, MessageKind::Datatype, false),
            (0x02, MessageKind::Datatype, true),
            (0x02, MessageKind::Link, false),
            (0x40, MessageKind::Link, false),
            (0x41, MessageKind::Attribute, true),
            (0x42, MessageKind::Bogus, true),
            (0x28, MessageKind::Unknown(99), false),
            (0x30, MessageKind::Unknown(99), true),
            (0x20, MessageKind::Unknown(99), false),
        ] {
            assert_eq!(MessageFlags::parse(flags, kind, &at).is_ok(), good, "{flags:#x}");
        }
    }
}
