//! One LZ4 block: sequences of a token, literals and a copy from before.
//!
//! A token's upper four bits count literals, its lower four bits the bytes of the copy less 4; 15 continues in bytes
//! that are added, the last one below 255. After the literals stand two bytes, little-endian: how far back the copy
//! begins. The last sequence has only literals.
//!
//! Reference: LZ4 Block Format Description. Written here and not left to a crate, because the crates' copies of short
//! periods, which bitshuffle makes all the time, run at a fifth of the reference decoder's speed.

use core::fmt;

/// Bytes of the shortest copy.
const MIN_COPY: usize = 4;
/// The last bytes of a block that are literals.
const LAST_LITERALS: usize = 5;
/// The last copy begins at least this many bytes before the end.
const COPY_LIMIT: usize = 12;
/// How far back a copy reaches, in bytes.
const MAX_DISTANCE: usize = u16::MAX as usize;
/// Bytes copied at once; up to one step too many, which the next sequence overwrites.
const STEP: usize = 16;
/// Bytes from which a copy is made by ever longer ones.
const REPEATED: usize = 256;
/// Places remembered by the compressor, as a power of two.
const HASH_BITS: u32 = 12;
/// The search's stride grows by one every `1 << SKIP_BITS` places without a match.
const SKIP_BITS: u32 = 6;

/// Why a block cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::filter) enum Damage {
    /// More bytes than the output has room for.
    TooLong,
    /// The block ends within a sequence.
    Truncated,
    /// A copy from before the start, or from 0 bytes back.
    Distance { distance: usize, at: usize },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::TooLong => f.write_str("more bytes than expected"),
            Damage::Truncated => f.write_str("its last sequence is cut short"),
            Damage::Distance { distance, at } => write!(f, "a copy from {distance} bytes back, but {at} are there"),
        }
    }
}

/// Decodes into `out`; the number of bytes.
#[allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "1 <= distance <= at, and at + length <= out.len() before each copy; lengths are below 2^57"
)]
pub(in crate::filter) fn decompress(input: &[u8], out: &mut [u8]) -> Result<usize, Damage> {
    let (mut rest, mut at) = (input, 0);
    loop {
        (rest, at) = short_sequences(rest, out, at);
        let (&token, after) = rest.split_first().ok_or(Damage::Truncated)?;
        let (literals, after) = length(usize::from(token >> 4), after)?;
        let from = after.get(..literals).ok_or(Damage::Truncated)?;
        out.get_mut(at..at + literals).ok_or(Damage::TooLong)?.copy_from_slice(from);
        at += literals;
        let after = &after[literals..];
        let Some((&distance, after)) = after.split_first_chunk() else {
            return if after.is_empty() { Ok(at) } else { Err(Damage::Truncated) };
        };
        let distance = usize::from(u16::from_le_bytes(distance));
        let (copied, after) = length(usize::from(token & 15), after)?;
        let end = at + copied + MIN_COPY;
        if distance == 0 || distance > at {
            return Err(Damage::Distance { distance, at });
        }
        if end > out.len() {
            return Err(Damage::TooLong);
        }
        copy_back(out, at, end, distance);
        (rest, at) = (after, end);
    }
}

/// As many sequences as have no further length bytes and stand clear of both ends; the input after them and the place
/// reached. The others, and damage, are left to the caller.
#[inline(always)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "literals < 15, so that a sequence reads at most 17 of IN bytes and writes, copied too much, 14 + 24 of OUT"
)]
fn short_sequences<'a>(mut rest: &'a [u8], out: &mut [u8], mut at: usize) -> (&'a [u8], usize) {
    /// Bytes that must be left of the input and of the output.
    const IN: usize = 32;
    const OUT: usize = 64;
    /// Bytes of the longest copy.
    const WIDE: usize = 18;
    // The next token is loaded as soon as its place is known: finding it is what the loop waits for.
    let Some(&(mut token)) = rest.first() else { return (rest, at) };
    while let (Some(bytes), Some(room)) =
        (rest.first_chunk::<IN>(), out.get_mut(at..).and_then(|o| o.first_chunk_mut::<OUT>()))
    {
        let (literals, copied) = (usize::from(token >> 4), usize::from(token & 15));
        let distance = usize::from(u16::from_le_bytes([bytes[literals + 1], bytes[literals + 2]]));
        let start = at.wrapping_add(literals);
        let from = start.wrapping_sub(distance);
        if literals == 15 || copied == 15 || from >= start {
            break;
        }
        room[..STEP].copy_from_slice(&bytes[1..1 + STEP]);
        token = bytes[literals + 3];
        let copied = copied + MIN_COPY;
        if copied <= distance {
            // What is copied too much may be anything.
            let Some(source) = out.get(from..).and_then(|o| o.first_chunk::<WIDE>()) else { break };
            let source = *source;
            let Some(room) = out.get_mut(at..).and_then(|o| o.first_chunk_mut::<OUT>()) else { break };
            room[literals..literals + WIDE].copy_from_slice(&source);
        } else {
            overlapping(out, start, start.wrapping_add(copied), distance);
        }
        (rest, at) = (&rest[literals + 3..], start.wrapping_add(copied));
    }
    (rest, at)
}

/// A short copy from itself: [`copy_back`] where a step more has room.
#[inline(never)]
#[allow(clippy::arithmetic_side_effects, reason = "1 <= distance <= at and end + 24 <= out.len()")]
fn overlapping(out: &mut [u8], at: usize, end: usize, distance: usize) {
    if distance >= 8 {
        for place in [at, at + 8, at + 16] {
            out.copy_within(place - distance..place - distance + 8, place);
        }
    } else {
        copy_short_period(out, at, end, distance);
    }
}

/// A length that begins in four bits.
#[inline(always)]
#[allow(clippy::arithmetic_side_effects, reason = "at most 255 for each byte of the input")]
fn length(nibble: usize, mut input: &[u8]) -> Result<(usize, &[u8]), Damage> {
    let mut length = nibble;
    if nibble == 15 {
        loop {
            let (&more, after) = input.split_first().ok_or(Damage::Truncated)?;
            length += usize::from(more);
            input = after;
            if more != 255 {
                break;
            }
        }
    }
    Ok((length, input))
}

/// Fills `out[at..end]` with what stands `distance` bytes before.
#[inline(always)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "1 <= distance <= at <= end <= out.len(); a step past the end only where there is room for it"
)]
pub(in crate::filter) fn copy_back(out: &mut [u8], at: usize, end: usize, distance: usize) {
    if distance == 1 {
        let byte = out[at - 1];
        return out[at..end].fill(byte);
    } else if end - at >= REPEATED {
        return repeat(out, at, end, distance);
    }
    // The last bytes of the output one by one: there is no room for a step.
    let steps_end = end.min(out.len().saturating_sub(STEP)).max(at);
    if distance >= end - at {
        return out.copy_within(at - distance..end - distance, at);
    } else if distance >= STEP {
        for place in (at..steps_end).step_by(STEP) {
            out.copy_within(place - distance..place - distance + STEP, place);
        }
    } else {
        copy_short_period(out, at, steps_end, distance);
    }
    for place in steps_end..end {
        out[place] = out[place - distance];
    }
}

/// [`copy_back`] of many bytes: each copy reaches twice as far back as the one before.
#[inline(never)]
#[allow(clippy::arithmetic_side_effects, reason = "place - back is at - distance at first, then more; place <= end")]
fn repeat(out: &mut [u8], at: usize, end: usize, distance: usize) {
    let (mut place, mut back) = (at, distance);
    while place < end {
        let length = back.min(end - place);
        out.copy_within(place - back..place - back + length, place);
        place += length;
        if back < REPEATED * 8 {
            back *= 2;
        }
    }
}

/// Fills `out[at..end]`, and up to a step more, with a period below [`STEP`].
#[inline(always)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "1 <= distance <= at and end + STEP <= out.len()"
)]
fn copy_short_period(out: &mut [u8], at: usize, end: usize, distance: usize) {
    if distance >= 8 {
        for place in (at..end).step_by(8) {
            out.copy_within(place - distance..place - distance + 8, place);
        }
        return;
    }
    // Eight bytes that begin with as many whole periods as fit: the known part doubles.
    let mut bits = 8 * distance;
    let mut pattern = 0;
    for &byte in out[at - distance..at].iter().rev() {
        pattern = pattern << 8 | u64::from(byte);
    }
    while bits < 64 {
        pattern |= pattern << bits;
        bits *= 2;
    }
    for place in (at..end).step_by(8 / distance * distance) {
        out[place..place + 8].copy_from_slice(&pattern.to_le_bytes());
    }
}

/// Most bytes into which `length` bytes are compressed.
pub(in crate::filter) fn compressed_limit(length: usize) -> usize {
    length.saturating_add(length / 255).saturating_add(16)
}

/// Compresses into `out`, which has [`compressed_limit`] bytes; the number used. `None` if `out` is too short or `input`
/// exceeds 32 bits. `haste` is the first stride of the search, 1 or more: the higher, the faster and the longer.
pub(in crate::filter) fn compress(input: &[u8], out: &mut [u8], haste: usize) -> Option<usize> {
    let mut sink = Sink { out, at: 0 };
    sequences(input, haste, &mut sink)?;
    Some(sink.at)
}

/// What an input is taken apart into: LZ4's sequences, which other formats write in their own way.
pub(in crate::filter) trait Sequences {
    /// The first `literals` bytes of `input`, then `length` bytes, at least 4, from `distance` bytes before, at most
    /// 65,535. `None` ends the search.
    fn sequence(&mut self, input: &[u8], literals: usize, distance: usize, length: usize) -> Option<()>;

    /// The bytes after all sequences: at least 5 of a longer input.
    fn rest(&mut self, literals: &[u8]) -> Option<()>;

    /// False where the copy takes no less room than its bytes.
    #[inline(always)]
    fn pays(_distance: usize, _length: usize) -> bool {
        true
    }
}

/// Takes `input` apart. `None` if it exceeds 32 bits, or where the sink said so.
#[inline(always)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "places stay below input.len(), which fits the table's entries; hashes have HASH_BITS bits"
)]
pub(in crate::filter) fn sequences<S: Sequences>(input: &[u8], haste: usize, sink: &mut S) -> Option<()> {
    u32::try_from(input.len()).ok()?;
    let mut literals = 0;
    if let Some(last) = input.len().checked_sub(COPY_LIMIT) {
        let mut table = [0u32; 1 << HASH_BITS];
        let mut at = 1;
        let limit = input.len() - LAST_LITERALS;
        while let Some((from, found)) = search(input, &mut table, at, last, haste) {
            let distance = found.wrapping_sub(from);
            at = equal_until(input, from, found, limit);
            let mut start = found;
            while start > literals && start > distance && input[start - 1] == input[start - 1 - distance] {
                start = start.wrapping_sub(1);
            }
            let length = at.wrapping_sub(start);
            if S::pays(distance, length) {
                sink.sequence(&input[literals..], start.wrapping_sub(literals), distance, length)?;
                literals = at;
            }
            if at > last {
                break;
            }
            let inside = at.wrapping_sub(2);
            table[hash(word(input, inside))] = inside as u32;
        }
    }
    sink.rest(&input[literals..])
}

/// The next place up to `last` whose four bytes stand at an earlier place, which comes first.
#[inline(always)]
#[allow(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "at <= last, which is COPY_LIMIT before the end; hashes have HASH_BITS bits"
)]
fn search(
    input: &[u8],
    table: &mut [u32; 1 << HASH_BITS],
    mut at: usize,
    last: usize,
    haste: usize,
) -> Option<(usize, usize)> {
    let mut tried = haste << SKIP_BITS;
    let mut bytes = word(input, at);
    // One place ahead, so that loads and hashes do not wait for each other.
    while at <= last {
        let next = at.wrapping_add(tried >> SKIP_BITS);
        let next_bytes = word(input, next);
        let slot = &mut table[hash(bytes)];
        let from = core::mem::replace(slot, at as u32) as usize;
        let distance = at.wrapping_sub(from);
        if distance.wrapping_sub(1) < MAX_DISTANCE && word(input, from) as u32 == bytes as u32 {
            return Some((from, at));
        }
        tried = tried.wrapping_add(1);
        (at, bytes) = (next, next_bytes);
    }
    None
}

/// Where the bytes from `at` on, up to `limit`, cease to be those from `from` on. At least four are equal.
#[inline(always)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "from < at, at + 4 <= limit <= input.len(); the lower half; the result is at most limit"
)]
fn equal_until(input: &[u8], from: usize, at: usize, limit: usize) -> usize {
    if let (Some(before), Some(bytes)) = (double_word(input, from), double_word(input, at))
        && at.wrapping_add(16) <= limit
        && before != bytes
    {
        let different = before ^ bytes;
        // Most copies in arrays have eight bytes. A branch lets the processor go on with that guess, where a number that
        // is computed has to wait for both loads; the hint keeps the compiler from computing it.
        if different as u64 == 0 && different >> 64 & 0xff != 0 {
            core::hint::black_box(());
            return at.wrapping_add(8);
        }
        return at.wrapping_add(different.trailing_zeros() as usize / 8);
    }
    let (from, at) = (from + MIN_COPY, at + MIN_COPY);
    at + common(&input[from..], &input[at..limit])
}

/// Sixteen bytes from `at`, if so many are there.
#[inline(always)]
fn double_word(input: &[u8], at: usize) -> Option<u128> {
    input.get(at..).and_then(|rest| rest.first_chunk()).map(|bytes| u128::from_le_bytes(*bytes))
}

/// Eight bytes from `at`, or 0 past the end.
#[inline(always)]
fn word(input: &[u8], at: usize) -> u64 {
    input.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Multiplicative hash of five bytes.
#[inline(always)]
#[allow(clippy::cast_possible_truncation, reason = "HASH_BITS bits")]
fn hash(bytes: u64) -> usize {
    ((bytes << 24).wrapping_mul(0x9e37_79b1_85eb_ca87) >> (64 - HASH_BITS)) as usize & ((1 << HASH_BITS) - 1)
}

/// Equal bytes at the start of both, where `b` ends first.
#[inline(always)]
#[allow(clippy::arithmetic_side_effects, reason = "at most the length of b")]
fn common(a: &[u8], b: &[u8]) -> usize {
    let mut equal = 0;
    for (a, b) in a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0) {
        let different = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        if different != 0 {
            return equal + different.trailing_zeros() as usize / 8;
        }
        equal += 8;
    }
    let tails = a.get(equal..).unwrap_or(&[]).iter().zip(b.get(equal..).unwrap_or(&[]));
    equal + tails.take_while(|(a, b)| a == b).count()
}

struct Sink<'a> {
    out: &'a mut [u8],
    at: usize,
}

#[allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation, reason = "at <= out.len(); masked bytes")]
impl Sink<'_> {
    #[inline(always)]
    fn push(&mut self, byte: u8) -> Option<()> {
        *self.out.get_mut(self.at)? = byte;
        self.at += 1;
        Some(())
    }

    /// The token, with `low` as its lower bits, and the first `count` bytes of `input`.
    #[inline(always)]
    #[allow(clippy::indexing_slicing, reason = "count <= input.len()")]
    fn literals(&mut self, input: &[u8], count: usize, low: u8) -> Option<()> {
        self.push((count.min(15) as u8) << 4 | low)?;
        self.more(count)?;
        let end = self.at + count;
        let to = self.out.get_mut(self.at..)?;
        if count <= STEP
            && let (Some(to), Some(from)) = (to.first_chunk_mut(), input.first_chunk::<STEP>())
        {
            // Bytes past the literals are overwritten by what follows.
            *to = *from;
        } else {
            to.get_mut(..count)?.copy_from_slice(&input[..count]);
        }
        self.at = end;
        Some(())
    }

    /// What of a length exceeds the token's four bits.
    #[inline(always)]
    fn more(&mut self, length: usize) -> Option<()> {
        let Some(mut left) = length.checked_sub(15) else { return Some(()) };
        while left >= 255 {
            self.push(255)?;
            left -= 255;
        }
        self.push(left as u8)
    }
}

#[allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "literals and length are below 15 where added; distance has 16 bits; at <= out.len()"
)]
impl Sequences for Sink<'_> {
    #[inline(always)]
    fn sequence(&mut self, input: &[u8], literals: usize, distance: usize, length: usize) -> Option<()> {
        let length = length.checked_sub(MIN_COPY)?;
        if literals < 15
            && length < 15
            && let Some(room) = self.out.get_mut(self.at..).and_then(|out| out.first_chunk_mut::<32>())
            && let Some(from) = input.first_chunk::<STEP>()
        {
            // Bytes past the literals are overwritten by what follows.
            room[0] = (literals << 4 | length) as u8;
            room[1..1 + STEP].copy_from_slice(from);
            let [low, high] = (distance as u16).to_le_bytes();
            (room[1 + literals], room[2 + literals]) = (low, high);
            self.at += 3 + literals;
            return Some(());
        }
        self.literals(input, literals, length.min(15) as u8)?;
        let [low, high] = u16::try_from(distance).ok()?.to_le_bytes();
        self.push(low)?;
        self.push(high)?;
        self.more(length)
    }

    fn rest(&mut self, literals: &[u8]) -> Option<()> {
        self.literals(literals, literals.len(), 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::tests::{Random, noise};
    use alloc::vec;
    use alloc::vec::Vec;

    fn packed(input: &[u8]) -> Vec<u8> {
        let mut out = vec![0; compressed_limit(input.len())];
        let length = compress(input, &mut out, 1).unwrap();
        out.truncate(length);
        out
    }

    fn unpacked(block: &[u8], room: usize) -> Result<Vec<u8>, Damage> {
        let mut out = vec![0; room];
        let length = decompress(block, &mut out)?;
        out.truncate(length);
        Ok(out)
    }

    #[test]
    fn decodes_each_kind_of_sequence() {
        assert_eq!(unpacked(&[0x30, b'a', b'b', b'c'], 3).unwrap(), b"abc");
        assert_eq!(unpacked(&[0x31, b'a', b'b', b'c', 3, 0, 0x10, b'z'], 20).unwrap(), b"abcabcabz");
        let mut long = vec![0x1f, b'x', 1, 0, 255, 3, 0];
        assert_eq!(unpacked(&long, 278).unwrap(), [b'x'; 278]);
        assert_eq!(unpacked(&long, 277), Err(Damage::TooLong));
        long.pop();
        assert_eq!(unpacked(&long, 278), Err(Damage::Truncated));
    }

    #[test]
    fn refuses_what_leads_outside() {
        assert_eq!(unpacked(&[], 9), Err(Damage::Truncated));
        assert_eq!(unpacked(&[0xf0], 9), Err(Damage::Truncated));
        assert_eq!(unpacked(&[0x20, 1], 9), Err(Damage::Truncated));
        assert_eq!(unpacked(&[0x10, 1, 2], 9), Err(Damage::Truncated));
        assert_eq!(unpacked(&[0x30, 1, 2, 3], 2), Err(Damage::TooLong));
        assert_eq!(unpacked(&[0x10, 1, 2, 0, 0], 9), Err(Damage::Distance { distance: 2, at: 1 }));
        assert_eq!(unpacked(&[0x10, 1, 0, 0, 0], 9), Err(Damage::Distance { distance: 0, at: 1 }));
    }

    #[test]
    fn every_period_and_length() {
        for period in 1..70 {
            for length in (4..80).chain([300, 1000]) {
                let seed = noise(period, 1);
                let mut block = vec![0xf0 | (length - 4).min(15) as u8];
                block.push(period as u8 + 100);
                block.extend(noise(115, 2));
                block.extend(&seed);
                block.extend((period as u16).to_le_bytes());
                if length >= 19 {
                    block.extend(vec![255; (length - 19) / 255]);
                    block.push(((length - 19) % 255) as u8);
                }
                block.extend([0x20, 7, 8]);
                let out = unpacked(&block, 117 + period + length).unwrap();
                assert!(out[115 + period..115 + period + length].iter().zip(seed.iter().cycle()).all(|(a, b)| a == b));
                assert!(out.ends_with(&[7, 8]));
            }
        }
    }

    #[test]
    fn restores_what_it_compresses() {
        let mut random = Random(1);
        for round in 0..600 {
            let length = random.below(if round % 50 == 0 { 200_000 } else { 700 });
            let (levels, run) = (1 + random.below(9), 1 + random.below(30));
            let mut input = Vec::new();
            while input.len() < length {
                let byte = random.below(levels) as u8;
                input.extend(vec![byte; 1 + random.below(run)]);
            }
            let block = packed(&input);
            assert!(block.len() <= compressed_limit(input.len()));
            assert_eq!(unpacked(&block, input.len()).unwrap(), input);
        }
        let noise = noise(100_000, 3);
        assert_eq!(unpacked(&packed(&noise), noise.len()).unwrap(), noise);
        assert!(packed(&[5; 100_000]).len() < 500);
    }
}
