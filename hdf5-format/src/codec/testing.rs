//! What every structure's tests check.

use super::{Cursor, Sizes, Writer};
use crate::error::Result;
use alloc::vec::Vec;
use core::fmt::Debug;

/// Encodes a structure, parses it back, and refuses every truncation; returns the bytes.
pub(crate) fn round_trip<T: PartialEq + Debug>(
    value: &T,
    sizes: Sizes,
    parse: impl Fn(&mut Cursor<'_>) -> Result<T>,
    encode: impl Fn(&T, &mut Writer) -> Result<()>,
) -> Vec<u8> {
    let mut writer = Writer::new(sizes);
    encode(value, &mut writer).unwrap();
    let bytes = writer.into_bytes();
    let run = |b: &[u8]| parse(&mut Cursor::new(b, 0, "structure under test", sizes));
    assert_eq!(&run(&bytes).unwrap(), value);
    for len in 0..bytes.len() {
        if let Ok(parsed) = run(&bytes[..len]) {
            panic!("{len} of {} bytes were accepted as {parsed:?}", bytes.len());
        }
    }
    bytes
}

/// Parses bytes that must be refused.
pub(crate) fn refused<T: Debug>(bytes: &[u8], sizes: Sizes, parse: impl Fn(&mut Cursor<'_>) -> Result<T>) {
    let parsed = parse(&mut Cursor::new(bytes, 0, "structure under test", sizes));
    assert!(parsed.is_err(), "{bytes:?} was accepted as {parsed:?}");
}
