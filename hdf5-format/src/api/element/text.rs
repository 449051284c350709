//! Strings and opaque bytes.

use super::{Conversion, Load, Sink, Source, Store, mismatch};
use crate::codec::Sizes;
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::datatype::{CharacterSet, Class, Datatype, StringPadding, VlenKind};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::convert::Infallible;
use core::fmt::{self, Debug, Display, Formatter};
use core::ops::Deref;

/// How strings of one datatype are stored.
pub enum TextPlan {
    /// In the element.
    Fixed {
        /// What fills the room after the text.
        padding: StringPadding,
        /// Only ASCII is stored.
        ascii: bool,
    },
    /// In the heap.
    Variable {
        /// Only ASCII is stored.
        ascii: bool,
    },
}

impl TextPlan {
    fn new(datatype: &Datatype, expected: &str) -> Result<Self> {
        match &datatype.class {
            Class::String { padding, charset } => {
                Ok(TextPlan::Fixed { padding: *padding, ascii: *charset == CharacterSet::Ascii })
            }
            Class::Vlen { kind: VlenKind::String, charset, .. } => {
                Ok(TextPlan::Variable { ascii: *charset == CharacterSet::Ascii })
            }
            _ => Err(mismatch(expected, datatype)),
        }
    }

    /// The bytes of a stored string.
    fn text<'a>(&self, element: &'a [u8], source: &'a mut Source<'_>) -> Result<&'a [u8]> {
        match self {
            TextPlan::Fixed { padding, .. } => Ok(padding.trim(element)),
            TextPlan::Variable { .. } => {
                let text = source.vlen(element, 1)?;
                let end = text.iter().position(|&b| b == 0).unwrap_or(text.len());
                Ok(text.get(..end).unwrap_or(text))
            }
        }
    }

    fn utf8<'a>(&self, element: &'a [u8], source: &'a mut Source<'_>) -> Result<&'a str> {
        let text = self.text(element, source)?;
        core::str::from_utf8(text).map_err(|_| {
            Error::new(ErrorKind::TypeMismatch, format!("string \"{}\" is not UTF-8", text.escape_ascii()))
                .with_hint("read it as Vec<u8>")
        })
    }

    /// Stores a string; what could not be read back as it is is refused.
    fn store(&self, text: &[u8], out: &mut [u8], sink: &mut Sink<'_>) -> Result<()> {
        let (TextPlan::Fixed { ascii, .. } | TextPlan::Variable { ascii }) = *self;
        let refuse = |why: String| {
            let shown = text.escape_ascii().to_string();
            let shown: String = shown.chars().take(60).collect();
            Err(Error::new(ErrorKind::Invalid, format!("string \"{shown}\" {why}")))
        };
        if ascii && !text.is_ascii() {
            return refuse("is not ASCII, which the datatype demands".into())
                .map_err(|e| e.with_hint("use a UTF-8 datatype"));
        }
        match self {
            TextPlan::Variable { .. } => {
                if text.contains(&0) {
                    return refuse("holds NUL, which ends strings of variable length".into());
                }
                sink.vlen(text.len(), text, out)
            }
            TextPlan::Fixed { padding, .. } => {
                let room = out.len();
                if text.len() > room {
                    return refuse(format!("has {} bytes, and elements {room}", text.len()));
                }
                let kept = match padding {
                    StringPadding::NullTerminated => !text.contains(&0),
                    StringPadding::NullPadded => !text.ends_with(&[0]),
                    StringPadding::SpacePadded => !text.ends_with(b" "),
                };
                if !kept {
                    return refuse(format!("ends in what pads strings of {padding:?} elements"));
                }
                let (start, rest) = out.split_at_mut_checked(text.len()).unwrap_or_default();
                start.copy_from_slice(text);
                rest.fill(if *padding == StringPadding::SpacePadded { b' ' } else { 0 });
                Ok(())
            }
        }
    }
}

impl Load for String {
    const EXPECTED: &'static str = "UTF-8 or ASCII strings";
    type Plan = TextPlan;
    type Plain = Infallible;

    fn plan(datatype: &Datatype, _: Conversion) -> Result<TextPlan> {
        TextPlan::new(datatype, Self::EXPECTED)
    }

    fn load(plan: &TextPlan, element: &[u8], source: &mut Source<'_>) -> Result<Self> {
        plan.utf8(element, source).map(String::from)
    }
}

macro_rules! stored_as_text {
    ($($type:ty),+) => { $(
        impl Store for $type {
            type Plan = TextPlan;

            fn datatype(sizes: Sizes) -> Datatype {
                Datatype::vlen_string(CharacterSet::Utf8, sizes)
            }

            fn plan(datatype: &Datatype, _: Conversion) -> Result<TextPlan> {
                TextPlan::new(datatype, "elements that hold strings")
            }

            fn store(&self, plan: &TextPlan, out: &mut [u8], sink: &mut Sink<'_>) -> Result<()> {
                plan.store(self.as_bytes(), out, sink)
            }
        }
    )+ };
}

stored_as_text!(String, str, &str, alloc::borrow::Cow<'_, str>, alloc::boxed::Box<str>);

/// A string that is stored with variable length, as ASCII.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VarLenAscii(pub String);

impl Deref for VarLenAscii {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Load for VarLenAscii {
    const EXPECTED: &'static str = "ASCII strings";
    type Plan = TextPlan;
    type Plain = Infallible;

    fn plan(datatype: &Datatype, _: Conversion) -> Result<TextPlan> {
        TextPlan::new(datatype, Self::EXPECTED)
    }

    fn load(plan: &TextPlan, element: &[u8], source: &mut Source<'_>) -> Result<Self> {
        let text = plan.utf8(element, source)?;
        if text.is_ascii() { Ok(VarLenAscii(text.into())) } else { Err(not_ascii(text)) }
    }
}

impl Store for VarLenAscii {
    type Plan = TextPlan;

    fn datatype(sizes: Sizes) -> Datatype {
        Datatype::vlen_string(CharacterSet::Ascii, sizes)
    }

    fn plan(datatype: &Datatype, how: Conversion) -> Result<TextPlan> {
        <str as Store>::plan(datatype, how)
    }

    fn store(&self, plan: &TextPlan, out: &mut [u8], sink: &mut Sink<'_>) -> Result<()> {
        if self.is_ascii() { plan.store(self.as_bytes(), out, sink) } else { Err(not_ascii(self)) }
    }
}

fn not_ascii(text: &str) -> Error {
    Error::new(ErrorKind::TypeMismatch, format!("string {text:?} is not ASCII")).with_hint("use String")
}

macro_rules! fixed_strings {
    ($($(#[$doc:meta])* $name:ident: $charset:ident, $fits:expr;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name<const N: usize>([u8; N]);

        impl<const N: usize> $name<N> {
            /// A string of at most `N` bytes.
            ///
            /// # Errors
            /// It is longer, ends in NUL, or has characters that the type has not.
            pub fn new(text: &str) -> Result<Self> {
                let fits: fn(&str) -> bool = $fits;
                if text.len() > N || text.ends_with('\0') || !fits(text) {
                    let message = format!("{text:?} is no {} of {N} bytes", stringify!($name));
                    return Err(Error::new(ErrorKind::Invalid, message));
                }
                let mut bytes = [0; N];
                bytes.iter_mut().zip(text.as_bytes()).for_each(|(to, from)| *to = *from);
                Ok($name(bytes))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                // Whole characters went in.
                core::str::from_utf8(StringPadding::NullPadded.trim(&self.0)).unwrap_or_default()
            }
        }

        impl<const N: usize> Deref for $name<N> {
            type Target = str;

            fn deref(&self) -> &str {
                self.as_str()
            }
        }

        impl<const N: usize> Default for $name<N> {
            fn default() -> Self {
                $name([0; N])
            }
        }

        impl<const N: usize> Debug for $name<N> {
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                Debug::fmt(self.as_str(), f)
            }
        }

        impl<const N: usize> Display for $name<N> {
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                Display::fmt(self.as_str(), f)
            }
        }

        impl<const N: usize> core::str::FromStr for $name<N> {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                $name::new(text)
            }
        }

        impl<const N: usize> Load for $name<N> {
            const EXPECTED: &'static str = "strings short enough";
            type Plan = TextPlan;
            type Plain = Infallible;

            fn plan(datatype: &Datatype, _: Conversion) -> Result<TextPlan> {
                TextPlan::new(datatype, Self::EXPECTED)
            }

            fn load(plan: &TextPlan, element: &[u8], source: &mut Source<'_>) -> Result<Self> {
                $name::new(plan.utf8(element, source)?).map_err(|e| e.with_hint("read it as String"))
            }
        }

        impl<const N: usize> Store for $name<N> {
            type Plan = TextPlan;

            fn datatype(_: Sizes) -> Datatype {
                Datatype::string(u32::try_from(N).unwrap_or(u32::MAX), CharacterSet::$charset)
            }

            fn plan(datatype: &Datatype, how: Conversion) -> Result<TextPlan> {
                <str as Store>::plan(datatype, how)
            }

            fn store(&self, plan: &TextPlan, out: &mut [u8], sink: &mut Sink<'_>) -> Result<()> {
                plan.store(self.as_str().as_bytes(), out, sink)
            }
        }
    )+ };
}

fixed_strings! {
    /// A string of at most `N` bytes of ASCII, stored in `N` bytes and filled up with NUL.
    FixedAscii: Ascii, str::is_ascii;
    /// A string of at most `N` bytes of UTF-8, stored in `N` bytes and filled up with NUL.
    FixedUnicode: Utf8, |_| true;
}

/// Bytes that only programs understand.
///
/// The tag, which says what they are, is the datatype's: see [`Datatype::opaque`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Opaque<const N: usize>(pub [u8; N]);

impl<const N: usize> Load for Opaque<N> {
    const EXPECTED: &'static str = "opaque bytes of this length";
    type Plan = ();
    type Plain = Infallible;

    fn plan(datatype: &Datatype, _: Conversion) -> Result<()> {
        let is = matches!(datatype.class, Class::Opaque { .. }) && datatype.size() == N;
        is.then_some(()).ok_or_else(|| mismatch(&format!("opaque[{N}]"), datatype))
    }

    fn load((): &(), element: &[u8], _: &mut Source<'_>) -> Result<Self> {
        element.first_chunk().map(|bytes| Opaque(*bytes)).ok_or_else(super::short)
    }
}

impl<const N: usize> Store for Opaque<N> {
    type Plan = ();

    fn datatype(_: Sizes) -> Datatype {
        Datatype::opaque(u32::try_from(N).unwrap_or(u32::MAX), "")
    }

    fn plan(datatype: &Datatype, how: Conversion) -> Result<()> {
        <Self as Load>::plan(datatype, how)
    }

    fn store(&self, (): &(), out: &mut [u8], _: &mut Sink<'_>) -> Result<()> {
        super::put(out, 0, &self.0)
    }
}

/// The bytes of strings and opaque elements, for [`Vec<u8>`].
pub(super) enum BytesPlan {
    Text(TextPlan),
    Opaque,
}

impl BytesPlan {
    pub(super) fn new(datatype: &Datatype) -> Option<Self> {
        match &datatype.class {
            Class::Opaque { .. } => Some(BytesPlan::Opaque),
            _ => TextPlan::new(datatype, "").ok().map(BytesPlan::Text),
        }
    }

    pub(super) fn load(&self, element: &[u8], source: &mut Source<'_>) -> Result<Vec<u8>> {
        match self {
            BytesPlan::Text(plan) => plan.text(element, source).map(<[u8]>::to_vec),
            BytesPlan::Opaque => Ok(element.to_vec()),
        }
    }

    pub(super) fn store(&self, bytes: &[u8], out: &mut [u8], sink: &mut Sink<'_>) -> Result<()> {
        match self {
            // Bytes of another character set are the caller's to answer for.
            BytesPlan::Text(TextPlan::Fixed { padding, .. }) => {
                TextPlan::Fixed { padding: *padding, ascii: false }.store(bytes, out, sink)
            }
            BytesPlan::Text(TextPlan::Variable { .. }) => TextPlan::Variable { ascii: false }.store(bytes, out, sink),
            BytesPlan::Opaque if bytes.len() == out.len() => super::put(out, 0, bytes),
            BytesPlan::Opaque => {
                let message = format!("{} bytes for opaque elements of {}", bytes.len(), out.len());
                Err(Error::new(ErrorKind::Invalid, message))
            }
        }
    }
}
