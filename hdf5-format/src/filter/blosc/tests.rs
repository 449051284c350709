use super::*;
use crate::filter::tests::{decode, encode, noise};

/// Small steps up and down in 32-bit numbers.
fn walk(len: usize) -> Vec<u8> {
    let mut value = 1000u32;
    let mut values = (0..).map(|i: u32| {
        value = value.wrapping_add(i.wrapping_mul(i) % 7).wrapping_sub(3);
        value.to_le_bytes()
    });
    core::iter::repeat_with(|| values.next().unwrap()).flatten().take(len).collect()
}

fn codecs() -> impl Iterator<Item = Codec> {
    let built = |codec: &Codec| match codec {
        Codec::Zlib => cfg!(any(feature = "deflate", feature = "deflate-alloc")),
        Codec::Zstd => cfg!(feature = "zstd"),
        _ => true,
    };
    Codec::ALL.into_iter().filter(built)
}

#[test]
fn restores_what_it_compresses() {
    for codec in codecs() {
        for sort in [Sort::None, Sort::Bytes, Sort::Bits] {
            for size in [1, 2, 3, 4, 8, 16, 17, 255, 300] {
                for len in [1, 7, 100, 1000, 70_001, 300_000] {
                    let (chunk, data) = (walk(len), client_data(size, 0, 1 + len as u32 % 9, sort, codec));
                    let Some(stored) = encode(&Blosc, &chunk, &data).unwrap() else { continue };
                    assert!(stored.len() < len);
                    let back = decode(&Blosc, &stored, &data, len).unwrap();
                    assert!(back == chunk, "{codec:?} {sort:?} {size} {len}");
                }
            }
        }
    }
}

#[test]
fn declines_what_does_not_shrink() {
    for codec in codecs() {
        let data = client_data(4, 0, 5, Sort::Bytes, codec);
        assert_eq!(encode(&Blosc, &noise(100_000, 1), &data).unwrap(), None);
        assert_eq!(encode(&Blosc, b"", &data).unwrap(), None);
    }
    let stored = [&[2, 1, 2, 4, 3, 0, 0, 0, 3, 0, 0, 0, 19, 0, 0, 0][..], b"abc"].concat();
    assert_eq!(decode(&Blosc, &stored, &[], 3).unwrap(), b"abc");
    assert_eq!(encode(&Blosc, &[0; 5000], &client_data(4, 0, 0, Sort::Bytes, Codec::Lz4)).unwrap(), None);
}

#[test]
fn wrong_client_data() {
    let error = |data: &[u32]| encode(&Blosc, &[0; 5000], data).unwrap_err().to_string();
    assert_eq!(error(&[2, 2]), "filter 32001 (blosc): client data: expected the bytes of an element, found none or 0");
    assert_eq!(error(&[2, 2, 4, 0, 10]), "filter 32001 (blosc): client data: expected a level of 0 to 9, found 10");
    assert_eq!(error(&[2, 2, 4, 0, 5, 3]), "filter 32001 (blosc): client data: blocks sorted by 3, expected 0 to 2");
    assert_eq!(error(&[2, 2, 4, 0, 5, 1, 6]), "filter 32001 (blosc): client data: codec 6, expected 0 to 5");
}

#[test]
fn refuses_what_leads_outside() {
    let good = [2, 1, 0x10, 4, 40, 0, 0, 0, 40, 0, 0, 0, 27, 0, 0, 0, 20, 0, 0, 0, 3, 0, 0, 0, 2, 1, 1];
    let error = |at: usize, byte: u8| {
        let mut stored = good;
        stored[at] = byte;
        let text = decode(&Blosc, &stored, &[], 100).unwrap_err().to_string();
        text.strip_prefix("filter 32001 (blosc): ").unwrap().to_string()
    };
    assert_eq!(error(0, 3), "version 3 of Blosc chunks, expected 2");
    assert_eq!(error(2, 0x08), "flags 0x08, of which 0x08 has no meaning yet");
    assert_eq!(error(2, 0xb0), "codec 5 of blocks, expected 0 to 4");
    assert_eq!(error(2, 2), "expected a chunk of 40 bytes as it is, found 11");
    assert_eq!(error(3, 0), "elements of 0 bytes");
    assert_eq!(error(4, 101), "decodes to 101 bytes, expected at most 100");
    assert_eq!(error(8, 0), "blocks of 0 bytes");
    assert_eq!(error(8, 8), "expected the starts of 5 blocks, found 27 bytes");
    assert_eq!(error(12, 28), "a chunk of 28 bytes, found 27");
    assert_eq!(error(12, 15), "a chunk of 15 bytes, found 27");
    assert_eq!(error(16, 28), "block 0 begins at 28 of 27 bytes");
    assert_eq!(error(16, 24), "expected the length of a stream, found 3 bytes");
    assert_eq!(error(20, 4), "a stream of 4 bytes, but only 3 are left");
    assert_eq!(error(23, 255), "a stream of -16777213 bytes, but only 3 are left");
    assert_eq!(error(24, 2), "a damaged BloscLz stream: its last sequence is cut short");
    assert_eq!(error(24, 1), "a damaged BloscLz stream: 2 bytes, expected 40");
    let short = decode(&Blosc, &good[..9], &[], 100).unwrap_err().to_string();
    assert_eq!(short, "filter 32001 (blosc): expected 16 bytes of header, found 9");
}
