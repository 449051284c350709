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

const FILTERS: [BlockFilter; 4] = [BlockFilter::None, BlockFilter::Bytes, BlockFilter::Bits, BlockFilter::Differences];

fn codecs() -> impl Iterator<Item = Codec> {
    let zlib = cfg!(any(feature = "deflate", feature = "deflate-alloc")).then_some(Codec::Zlib);
    let zstd = cfg!(feature = "zstd").then_some(Codec::Zstd);
    [Codec::BloscLz, Codec::Lz4, Codec::Lz4Hc].into_iter().chain(zlib).chain(zstd)
}

fn restored(chunk: &[u8], data: &[u32]) -> usize {
    let stored = encode(&Blosc2, chunk, data).unwrap().unwrap();
    assert!(stored.len() <= Blosc2.encoded_limit(chunk.len(), data), "{data:?}");
    let back = decode(&Blosc2, &stored, data, chunk.len()).unwrap();
    assert!(back == chunk, "{data:?}");
    stored.len()
}

#[test]
fn restores_what_it_compresses() {
    for codec in codecs() {
        for filter in FILTERS {
            for size in [1, 2, 3, 4, 8, 16, 17, 255, 300] {
                for len in [1, 7, 100, 1000, 70_001, 300_000] {
                    let chunk = walk(len);
                    let mut data = client_data(size, 0, len as u32 % 10, filter, codec, &[]);
                    restored(&chunk, &data);
                    data[1] = 640;
                    restored(&chunk, &data);
                }
            }
        }
    }
}

#[test]
fn restores_boxes() {
    let chunk = walk(4 * 7 * 11 * 13 * 100);
    for shape in [&[7, 11, 13, 100][..], &[1001, 100], &[7, 14300], &[1, 1001, 1, 100], &[143, 50, 14], &[100_100, 1]] {
        for block in [0, 4, 36, 400, 4000, 5200, 40_000] {
            for filter in FILTERS {
                let mut data = client_data(4, 0, 5, filter, Codec::Lz4, shape);
                data[1] = block;
                restored(&chunk, &data);
            }
        }
    }
    // A shape that is not that of the data.
    restored(&chunk, &client_data(4, 0, 5, BlockFilter::Bytes, Codec::Lz4, &[7, 11, 13]));
    restored(&walk(2 << 16), &client_data(2, 0, 5, BlockFilter::Bytes, Codec::Lz4, &[2; 16]));
    restored(&walk(2 << 16), &client_data(2, 0, 5, BlockFilter::Bytes, Codec::Lz4, &[2; 17]));
}

#[test]
fn what_does_not_shrink() {
    let shape = [100, 250];
    for data in [&[][..], &shape].map(|shape| client_data(4, 0, 5, BlockFilter::Bytes, Codec::Lz4, shape)) {
        let around = restored(&noise(100_000, 1), &data) - 100_000;
        assert!(around < 400, "{around}");
        assert!(restored(&[0; 100_000], &data) < 300);
        assert!(restored(&[7; 100_000], &data) < 700);
    }
    assert!(restored(&walk(1000), &client_data(4, 0, 0, BlockFilter::Bytes, Codec::Lz4, &[])) > 1000);
    assert_eq!(encode(&Blosc2, b"", &client_data(4, 0, 5, BlockFilter::Bytes, Codec::Lz4, &[])).unwrap(), None);
    assert_eq!(encode(&Blosc2, &[1; 800], &[1, 0, 4, 800, 5, 4]).unwrap(), None);
}

#[test]
fn wrong_client_data() {
    let error = |data: &[u32]| {
        let text = encode(&Blosc2, &[0; 5000], data).unwrap_err().to_string();
        text.strip_prefix("filter 32026 (blosc2): client data: ").unwrap().to_string()
    };
    assert_eq!(error(&[1, 0]), "expected the bytes of an element, found none or 0");
    assert_eq!(error(&[1, 0, 4, 0, 10]), "expected a level of 0 to 9, found 10");
    assert_eq!(error(&[1, 0, 4, 0, 5, 5]), "filter 5, expected 0 to 4");
    assert_eq!(error(&[1, 0, 4, 0, 5, 1, 3]), "codec 3, expected 0, 1, 2, 4 or 5");
}

fn message(stored: &[u8], limit: usize) -> String {
    let text = decode(&Blosc2, stored, &[], limit).unwrap_err().to_string();
    text.strip_prefix("filter 32026 (blosc2): ").unwrap().to_string()
}

/// A bare chunk of one block that is one stream, 20 bytes once and again.
fn bare() -> Vec<u8> {
    let mut chunk = [5, 1, 0x15, 4, 40, 0, 0, 0, 40, 0, 0, 0, 64, 0, 0, 0].to_vec();
    chunk.extend([0; 16]);
    chunk.extend([36, 0, 0, 0, 24, 0, 0, 0, 19]);
    chunk.extend(1..=20);
    chunk.extend([0x7 << 5, 11, 19]);
    chunk
}

#[test]
fn refuses_bare_chunks_that_lead_outside() {
    let twice: Vec<u8> = (1..=20).chain(1..=20).collect();
    assert_eq!(decode(&Blosc2, &bare(), &[], 40).unwrap(), twice);
    let error = |at: usize, byte: u8| {
        let mut stored = bare();
        stored[at] = byte;
        message(&stored, 100)
    };
    assert_eq!(message(&bare()[..9], 100), "expected 16 bytes of header, found 9");
    assert_eq!(error(2, 0x55), "codec 2 of blocks, expected 0, 1, 3 or 4");
    assert_eq!(error(2, 0xd5), "codec 0 of Blosc 2 plug-ins");
    assert_eq!(error(2, 0x05), "a damaged BloscLz stream: more bytes than expected");
    assert_eq!(error(2, 0x07), "expected a chunk of 40 bytes as it is, found 32");
    assert_eq!(error(3, 0), "elements of 0 bytes");
    assert_eq!(error(4, 101), "decodes to 101 bytes, expected at most 100");
    assert_eq!(error(8, 0), "blocks of 0 bytes");
    assert_eq!(error(8, 4), "expected the starts of 10 blocks, found 64 bytes");
    assert_eq!(error(12, 65), "a chunk of 65 bytes with 32 of header, found 64");
    assert_eq!(error(12, 31), "a chunk of 31 bytes with 32 of header, found 64");
    assert_eq!(error(16, 9), "filter 9 of Blosc 2 blocks");
    assert_eq!(error(30, 1), "a chunk with flags 0x01 and 0x00: blocks of different lengths or elsewhere");
    assert_eq!(error(31, 1), "a dictionary for BloscLz");
    assert_eq!(error(31, 0x50), "a chunk of fill 5 with elements of 4 bytes");
    assert_eq!(error(32, 65), "block 0 begins at 65 of 64 bytes");
    assert_eq!(error(36, 25), "a stream of 25 bytes, but only 24 are left");
    assert_eq!(error(39, 255), "a stream of -16777192 bytes that is no run of one byte");
}

#[test]
fn refuses_frames_that_lead_outside() {
    let data = client_data(4, 0, 5, BlockFilter::Bytes, Codec::Lz4, &[10, 25]);
    let good = encode(&Blosc2, &walk(1000), &data).unwrap().unwrap();
    let error = |at: usize, bytes: &[u8]| {
        let mut stored = good.clone();
        stored[at..at + bytes.len()].copy_from_slice(bytes);
        message(&stored, 1000)
    };
    let header = "the frame's header is cut short or of another form";
    assert_eq!(message(&good[..100], 1000), header);
    assert_eq!(error(11, &[0xc0]), header);
    assert_eq!(error(0x3a, &[0xff]), header);
    let dimensions = "expected metadata of 1 to 16 dimensions, none of 0";
    assert_eq!(error(0x72, &[0]), dimensions);
    assert_eq!(error(0x72, &[17]), dimensions);
    assert_eq!(error(0x73, &[0x93]), dimensions);
    // The shape of the data, of a chunk, of a block.
    assert_eq!(error(0x7c, &[0]), dimensions);
    assert_eq!(error(0x7c, &[11]), "decodes to 1100 bytes, expected at most 1000");
    assert_eq!(error(0x75, &[0x7f; 8]), "decodes to 18446744073709551615 bytes, expected at most 1000");
    assert_eq!(error(0x8b, &[11]), "chunks of 1000 bytes for 375 elements");
    let index = good.len() - 35 - 8;
    assert_eq!(error(index, &[0xff; 2]), "a chunk at 65535 of 356 bytes");
    assert_eq!(error(index + 7, &[0x83]), "a chunk of fill 3 with elements of 4 bytes");
    assert_eq!(error(index - 32 + 4, &[16]), "expected a chunk of 16 bytes as it is, found 8");
    assert_eq!(error(index - 32 + 4, &[7]), "an index of 7 bytes for 1 chunks");
}
