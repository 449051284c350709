//! Modification time messages (File Format Spec, IV.A.2.o and s): 14 digits in old files, `version 1 | 0 3 | seconds 4`
//! since.

use super::MessageKind;
use crate::codec::Writer;

/// Version of the message in use.
const VERSION: u8 = 1;

/// Seconds since 1970 of a modification time message of either kind; `None` for other kinds and damaged text.
pub fn seconds(kind: MessageKind, body: &[u8]) -> Option<u32> {
    match kind {
        MessageKind::ModifiedTime => match body.first_chunk::<8>()? {
            [VERSION, _, _, _, a, b, c, d] => Some(u32::from_le_bytes([*a, *b, *c, *d])),
            _ => None,
        },
        MessageKind::OldModifiedTime => from_digits(body.get(..14)?),
        _ => None,
    }
}

/// Encodes the message in use.
pub fn encode(seconds: u32, writer: &mut Writer) {
    writer.bytes(&[VERSION, 0, 0, 0]);
    writer.u32(seconds);
}

/// `YYYYMMDDhhmmss` in UTC.
fn from_digits(text: &[u8]) -> Option<u32> {
    let number = |from: usize, len: usize| -> Option<i64> {
        text.get(from..)?.get(..len)?.iter().try_fold(0i64, |n, b| {
            let digit = b.checked_sub(b'0').filter(|d| *d < 10)?;
            n.checked_mul(10)?.checked_add(i64::from(digit))
        })
    };
    let (year, month, day) = (number(0, 4)?, number(4, 2)?, number(6, 2)?);
    if !(1..=12).contains(&month) {
        return None;
    }
    // Days from a March-based year, so that the leap day comes last.
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let shifted = month.checked_add(9)?.checked_rem(12)?;
    let in_year = shifted.checked_mul(153)?.checked_add(2)?.checked_div(5)?.checked_add(day)?.checked_sub(1)?;
    let leaps = year.checked_div(4)?.checked_sub(year.checked_div(100)?)?.checked_add(year.checked_div(400)?)?;
    let days = year.checked_mul(365)?.checked_add(leaps)?.checked_add(in_year)?.checked_sub(719_468)?;
    let (hour, minute, second) = (number(8, 2)?, number(10, 2)?, number(12, 2)?);
    let minutes = days.checked_mul(24)?.checked_add(hour)?.checked_mul(60)?.checked_add(minute)?;
    u32::try_from(minutes.checked_mul(60)?.checked_add(second)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Sizes;

    #[test]
    fn reads_both_kinds() {
        assert_eq!(seconds(MessageKind::OldModifiedTime, b"19700102000001\0\0"), Some(86_401));
        assert_eq!(seconds(MessageKind::OldModifiedTime, b"20000229123456\0\0"), Some(951_827_696));
        assert_eq!(seconds(MessageKind::OldModifiedTime, b"2000x229123456\0\0"), None);
        assert_eq!(seconds(MessageKind::OldModifiedTime, b"2000"), None);
        let mut writer = Writer::new(Sizes::EIGHT);
        encode(77, &mut writer);
        assert_eq!(seconds(MessageKind::ModifiedTime, writer.as_slice()), Some(77));
        assert_eq!(seconds(MessageKind::ModifiedTime, &[1, 0, 0]), None);
    }
}
