//! Checksums of the format: Jenkins lookup3 over metadata and names.

use byteorder::{ByteOrder, LittleEndian};

/// Jenkins' lookup3 "hashlittle" of `data` from `seed`: metadata checksums and name hashes (seed 0), hashes of
/// shared messages (seed: the message's type number).
pub fn lookup3(data: &[u8], seed: u32) -> u32 {
    // The length is taken modulo 2^32, as the 32-bit algorithm defines it.
    let len = u32::try_from(data.len() & 0xffff_ffff).unwrap_or(0);
    let start = 0xdead_beef_u32.wrapping_add(len).wrapping_add(seed);
    let (mut a, mut b, mut c) = (start, start, start);
    let mut rest = data;
    while rest.len() > 12 {
        let (block, tail) = rest.split_at(12);
        let (x, y, z) = words(block);
        (a, b, c) = (a.wrapping_add(x), b.wrapping_add(y), c.wrapping_add(z));
        (a, b, c) = mix(a, b, c);
        rest = tail;
    }
    if rest.is_empty() {
        return c;
    }
    let mut last = [0u8; 12];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let (x, y, z) = words(&last);
    finish(a.wrapping_add(x), b.wrapping_add(y), c.wrapping_add(z))
}

fn words(block: &[u8]) -> (u32, u32, u32) {
    let mut out = [0u32; 3];
    LittleEndian::read_u32_into(block, &mut out);
    let [x, y, z] = out;
    (x, y, z)
}

fn mix(mut a: u32, mut b: u32, mut c: u32) -> (u32, u32, u32) {
    a = a.wrapping_sub(c) ^ c.rotate_left(4);
    c = c.wrapping_add(b);
    b = b.wrapping_sub(a) ^ a.rotate_left(6);
    a = a.wrapping_add(c);
    c = c.wrapping_sub(b) ^ b.rotate_left(8);
    b = b.wrapping_add(a);
    a = a.wrapping_sub(c) ^ c.rotate_left(16);
    c = c.wrapping_add(b);
    b = b.wrapping_sub(a) ^ a.rotate_left(19);
    a = a.wrapping_add(c);
    c = c.wrapping_sub(b) ^ b.rotate_left(4);
    b = b.wrapping_add(a);
    (a, b, c)
}

fn finish(mut a: u32, mut b: u32, mut c: u32) -> u32 {
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    (c ^ b).wrapping_sub(b.rotate_left(24))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Vectors printed by the self-test of the published algorithm.
    #[test]
    fn agrees_with_the_published_vectors() {
        assert_eq!(lookup3(b"", 0), 0xdead_beef);
        assert_eq!(lookup3(b"", 0xdead_beef), 0xbd5b_7dde);
        assert_eq!(lookup3(b"Four score and seven years ago", 0), 0x1777_0551);
        assert_eq!(lookup3(b"Four score and seven years ago", 1), 0xcd62_8161);
    }
}
