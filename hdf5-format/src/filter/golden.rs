//! Chunks that libhdf5 encoded (`fixtures/generate/filters.py`): decoding them gives its bytes, and what we encode is
//! decoded to them again.

use super::tests::{decode, encode};
use super::*;
use crate::error::ErrorKind;
use alloc::string::String;

struct Vector<'a> {
    name: &'a str,
    filter: u16,
    client_data: Vec<u32>,
    stored: Vec<u8>,
    chunk: Vec<u8>,
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

fn vectors(text: &str) -> impl Iterator<Item = Vector<'_>> {
    text.lines().map(|line| {
        let fields: Vec<&str> = line.split(' ').collect();
        let client_data = fields[2].split(',').filter_map(|word| word.parse().ok()).collect();
        let filter = fields[1].parse().unwrap();
        Vector { name: fields[0], filter, client_data, stored: bytes(fields[3]), chunk: bytes(fields[4]) }
    })
}

/// The vectors kept here; each file names its generator in `fixtures/generate`.
const FILES: &[&str] = &[
    // filters.py
    include_str!("golden/built_in.txt"),
    // codecs.py
    include_str!("golden/general.txt"),
    // codecs_blosc.py
    include_str!("golden/blosc.txt"),
    // codecs_jpeg.py
    include_str!("golden/jpeg.txt"),
    // codecs_blosc2.py
    include_str!("golden/blosc2.txt"),
    // codecs_lzo.py
    include_str!("golden/lzo.txt"),
    // codecs_szip.py
    include_str!("golden/szip.txt"),
    // codecs_vbz.py
    include_str!("golden/vbz.txt"),
    // codecs_zfp.py
    include_str!("golden/zfp.txt"),
];

/// Filter, client data and stored bytes of each vector kept here.
pub(super) fn samples() -> impl Iterator<Item = (u16, Vec<u32>, Vec<u8>)> {
    FILES.iter().flat_map(|file| vectors(file)).map(|v| (v.filter, v.client_data, v.stored))
}

/// Lines of name and "ours,chunk" in hex, for the generator's check.
fn check(text: &str) -> String {
    let registry = Registry::default();
    let mut encoded = String::new();
    for Vector { name, filter, client_data, stored, chunk } in vectors(text) {
        let Some(filter) = registry.get(filter) else { continue };
        let found = decode(&**filter, &stored, &client_data, chunk.len());
        assert_eq!(found.as_deref().ok(), Some(&chunk[..]), "{name}: {:?}", found.as_ref().err());
        for short in (0..chunk.len()).step_by(1 + chunk.len() / 5000) {
            assert!(decode(&**filter, &stored, &client_data, short).map_or(true, |out| out.len() <= chunk.len()));
        }
        let ours = match encode(&**filter, &chunk, &client_data) {
            Ok(Some(ours)) => ours,
            Ok(None) => continue,
            Err(error) if error.kind() == ErrorKind::Unsupported => continue,
            Err(error) => panic!("{name}: {error}"),
        };
        assert!(ours.len() <= filter.encoded_limit(chunk.len(), &client_data), "{name}");
        let again = decode(&**filter, &ours, &client_data, chunk.len()).unwrap();
        let lossless = match filter.id() {
            6 => client_data[0] == 2,
            32013 => name.contains("reversible"),
            _ => true,
        };
        if lossless {
            assert_eq!(again, chunk, "{name}");
        }
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| alloc::format!("{byte:02x}")).collect::<String>();
        encoded += &alloc::format!("{name} {},{}\n", hex(&ours), hex(&again));
    }
    encoded
}

#[test]
fn agrees_with_libhdf5() {
    FILES.iter().for_each(|file| drop(check(file)));
}

/// More vectors than are kept here: see the generator.
#[cfg(feature = "std")]
#[test]
fn agrees_with_libhdf5_on_vectors_from_the_environment() {
    if let Ok(path) = std::env::var("FILTER_VECTORS") {
        let encoded = check(&std::fs::read_to_string(path).unwrap());
        if let Ok(path) = std::env::var("FILTER_ENCODED") {
            std::fs::write(path, encoded).unwrap();
        }
    }
}
