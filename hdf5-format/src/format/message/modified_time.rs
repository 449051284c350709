//! Object Modification Time messages, 0x12 and 0x0E (File Format Spec v3/4, IV.A.2.s and o)
//!
//! ```text
//! 0x12: | version 1 | 0 3 | seconds since 1970 4 |
//! 0x0E: | year 4 | month 2 | day 2 | hour 2 | minute 2 | second 2 | 0 2 |       decimal digits, UTC
//! ```
//! In the header of a dataset; version 2 headers have times in their prefix instead.

use super::MessageKind;
use crate::codec::{Cursor, Writer};
use crate::error::{Error, ErrorKind, Result};

/// When an object was last changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModifiedTime {
    /// Seconds since 1970.
    pub seconds: u32,
}

impl ModifiedTime {
    /// Bytes of message 0x12.
    pub const LEN: usize = 8;
    /// Bytes of message 0x0E.
    pub const OLD_LEN: usize = 16;

    /// Parses message 0x12.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        cursor.version(&[1])?;
        cursor.skip(3)?;
        Ok(ModifiedTime { seconds: cursor.u32()? })
    }

    /// Parses message 0x0E.
    pub fn parse_old(cursor: &mut Cursor<'_>) -> Result<Self> {
        let here = cursor.clone();
        let text: [u8; 14] = cursor.array()?;
        cursor.skip(2)?;
        match from_digits(&text) {
            Some(seconds) => Ok(ModifiedTime { seconds }),
            None => Err(here.unexpected("time", "YYYYMMDDhhmmss, 1970 to 2106", text.escape_ascii())),
        }
    }

    /// Encodes message 0x12.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        writer.bytes(&[1, 0, 0, 0]);
        writer.u32(self.seconds);
        Ok(())
    }

    /// Encodes message 0x0E.
    pub fn encode_old(&self, writer: &mut Writer) -> Result<()> {
        let digits = to_digits(self.seconds).ok_or_else(|| Error::new(ErrorKind::Invalid, "time out of range"))?;
        writer.bytes(digits.as_bytes());
        writer.zeros(2);
        Ok(())
    }
}

/// Seconds since 1970 of a modification time message of either kind; `None` for other kinds and damaged messages.
pub fn seconds(kind: MessageKind, cursor: &mut Cursor<'_>) -> Option<u32> {
    let time = match kind {
        MessageKind::ModifiedTime => ModifiedTime::parse(cursor),
        MessageKind::OldModifiedTime => ModifiedTime::parse_old(cursor),
        _ => return None,
    };
    time.ok().map(|time| time.seconds)
}

/// Days from 0000-03-01 to 1970-01-01: years begin in March here, so that the leap day comes last.
const DAYS_TO_1970: i64 = 719_468;
const SECONDS_OF_DAY: i64 = 86_400;

/// Seconds since 1970 of `YYYYMMDDhhmmss` in UTC.
fn from_digits(text: &[u8]) -> Option<u32> {
    let number = |from: usize, len: usize| -> Option<i64> {
        text.get(from..)?.get(..len)?.iter().try_fold(0i64, |n, b| {
            let digit = b.checked_sub(b'0').filter(|d| *d < 10)?;
            n.checked_mul(10)?.checked_add(i64::from(digit))
        })
    };
    let (year, month, day) = (number(0, 4)?, number(4, 2)?, number(6, 2)?);
    let (hour, minute, second) = (number(8, 2)?, number(10, 2)?, number(12, 2)?);
    let sound = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 62;
    if !sound {
        return None;
    }
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let month = month.checked_add(9)?.checked_rem(12)?;
    let in_year = month.checked_mul(153)?.checked_add(2)?.checked_div(5)?.checked_add(day)?.checked_sub(1)?;
    let leaps = year.checked_div(4)?.checked_sub(year.checked_div(100)?)?.checked_add(year.checked_div(400)?)?;
    let days = year.checked_mul(365)?.checked_add(leaps)?.checked_add(in_year)?.checked_sub(DAYS_TO_1970)?;
    let minutes = days.checked_mul(24)?.checked_add(hour)?.checked_mul(60)?.checked_add(minute)?;
    u32::try_from(minutes.checked_mul(60)?.checked_add(second)?).ok()
}

/// `YYYYMMDDhhmmss` in UTC: the inverse of [`from_digits`].
fn to_digits(seconds: u32) -> Option<alloc::string::String> {
    let (days, rest) = (i64::from(seconds) / SECONDS_OF_DAY, i64::from(seconds) % SECONDS_OF_DAY);
    let days = days.checked_add(DAYS_TO_1970)?;
    // The year is the last one that does not start after the day; the quotient is at most one too high.
    let start = |year: i64| -> Option<i64> {
        let leaps = (year / 4).checked_sub(year / 100)?.checked_add(year / 400)?;
        year.checked_mul(365)?.checked_add(leaps)
    };
    let mut year = days / 365;
    while start(year)? > days {
        year = year.checked_sub(1)?;
    }
    let in_year = days.checked_sub(start(year)?)?;
    let month = in_year.checked_mul(5)?.checked_add(2)? / 153;
    let day = in_year.checked_sub(month.checked_mul(153)?.checked_add(2)? / 5)?.checked_add(1)?;
    let (year, month) = match month {
        10 | 11 => (year.checked_add(1)?, month.checked_sub(9)?),
        _ => (year, month.checked_add(3)?),
    };
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    Some(alloc::format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Sizes, testing};

    fn old(text: &[u8]) -> Option<u32> {
        seconds(MessageKind::OldModifiedTime, &mut Cursor::new(text, 0, "time", Sizes::EIGHT))
    }

    #[test]
    fn golden_bytes_both_ways() {
        let time = ModifiedTime { seconds: 951_827_696 };
        let bytes = testing::round_trip(&time, Sizes::EIGHT, ModifiedTime::parse, ModifiedTime::encode);
        assert_eq!(bytes, [1, 0, 0, 0, 0xf0, 0xbc, 0xbb, 0x38]);
        let bytes = testing::round_trip(&time, Sizes::EIGHT, ModifiedTime::parse_old, ModifiedTime::encode_old);
        assert_eq!(bytes, b"20000229123456\0\0");
        testing::refused(&[2, 0, 0, 0, 0, 0, 0, 0], Sizes::EIGHT, ModifiedTime::parse);
    }

    #[test]
    fn digits_and_seconds_agree() {
        assert_eq!(old(b"19700102000001\0\0"), Some(86_401));
        assert_eq!(old(b"21060207062815\0\0"), Some(u32::MAX));
        let step = 86_400 * 13 + 4801;
        for seconds in (0..=u32::MAX).step_by(step) {
            assert_eq!(from_digits(to_digits(seconds).unwrap().as_bytes()), Some(seconds));
        }
        for bad in [
            b"2000x229123456\0\0",
            b"20001329123456\0\0",
            b"20000029123456\0\0",
            b"20000200123456\0\0",
            b"20000229243456\0\0",
            b"20000229126056\0\0",
            b"20000229123462\0\0",
            b"19691231235959\0\0",
        ] {
            assert_eq!(old(bad), None);
        }
        assert_eq!(seconds(MessageKind::Comment, &mut Cursor::new(&[1; 16], 0, "x", Sizes::EIGHT)), None);
    }
}
