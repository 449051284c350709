//! Helpers of the codecs' tests, and tests over all codecs.

use super::*;
use crate::error::ErrorKind;

/// Undoes one filter.
pub(super) fn decode(filter: &dyn Filter, stored: &[u8], client_data: &[u32], limit: usize) -> Result<Vec<u8>> {
    let mut scratch = Scratch::new();
    let mut context = FilterContext::new(filter.id(), filter.name(), client_data, limit, &mut scratch);
    filter.decode(Cow::Borrowed(stored), &mut context).map(Cow::into_owned)
}

/// Applies one filter.
pub(super) fn encode(filter: &dyn Filter, chunk: &[u8], client_data: &[u32]) -> Result<Option<Vec<u8>>> {
    let mut scratch = Scratch::new();
    let limit = filter.encoded_limit(chunk.len(), client_data);
    filter.encode(chunk, &mut FilterContext::new(filter.id(), filter.name(), client_data, limit, &mut scratch))
}

/// Random numbers, the same for the same seed.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// Random bytes, the same for the same seed.
pub(super) fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    (0..len).map(|_| random.next() as u8).collect()
}

fn pipeline(stages: &[(u16, bool, &[u32])]) -> Pipeline {
    let registry = Registry::default();
    let stages: Vec<_> = stages.iter().map(|&(id, optional, data)| Stage::new(id, optional, data, &registry)).collect();
    Pipeline::from_stages(stages).unwrap()
}

#[test]
fn filters_are_undone_in_reverse_order() {
    let pipeline = pipeline(&[(2, true, &[4]), (32000, true, &[]), (3, false, &[])]);
    let chunk: Vec<u8> = (0..4000u32).flat_map(u32::to_le_bytes).collect();
    let Encoded { bytes, mask } = pipeline.encode(&chunk, &mut Scratch::new()).unwrap();
    assert_eq!(mask, 0);
    assert!(bytes.len() < chunk.len() / 2);
    assert_eq!(pipeline.decode(&bytes, 0, chunk.len()).unwrap(), chunk);
    let mut scratch = Scratch::new();
    for _ in 0..3 {
        let decoded = pipeline.decode_with(Cow::Borrowed(&bytes), 0, chunk.len(), &mut scratch).unwrap();
        assert_eq!(decoded, chunk);
        scratch.recycle(decoded);
    }
}

#[test]
fn an_optional_filter_that_declines_is_masked() {
    let chunk = noise(1000, 1);
    let optional = pipeline(&[(2, true, &[2]), (32000, true, &[]), (3, false, &[])]);
    let Encoded { bytes, mask } = optional.encode(&chunk, &mut Scratch::new()).unwrap();
    assert_eq!((mask, bytes.len()), (0b010, 1004));
    assert_eq!(optional.decode(bytes.clone(), mask, 1000).unwrap(), chunk);
    assert!(optional.decode(bytes, 0, 1000).is_err());
    // netCDF-4 leaves shuffle without client data on elements of variable length.
    let without = pipeline(&[(2, true, &[]), (1, true, &[4])]);
    let Encoded { bytes, mask } = without.encode(&[7; 1000], &mut Scratch::new()).unwrap();
    assert_eq!(mask, 0b01);
    assert_eq!(without.decode(bytes, mask, 1000).unwrap(), [7; 1000]);
    assert!(pipeline(&[(2, false, &[])]).encode(&chunk, &mut Scratch::new()).is_err());
    let error = pipeline(&[(32000, false, &[])]).encode(&chunk, &mut Scratch::new()).unwrap_err();
    assert_eq!(error.to_string(), "filter 32000 (lzf): it declines this chunk, but is not optional in the pipeline");
}

#[test]
fn a_missing_filter_counts_only_where_it_is_needed() {
    let missing = pipeline(&[(32017, false, &[3]), (3, false, &[])]);
    let stored = encode(&fletcher32::Fletcher32, b"abcd", &[]).unwrap().unwrap();
    assert_eq!(missing.decode(&stored, 0b01, 4).unwrap(), b"abcd");
    let error = missing.decode(&stored, 0b00, 4).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let text = error.to_string();
    assert!(text.starts_with("filter 32017 (SZ) is needed, but not in this build"), "{text}");
    assert!(text.contains("register an implementation of Filter with id 32017"), "{text}");
    let private = pipeline(&[(40_000, true, &[])]);
    assert!(private.decode(&stored, 0, 8).unwrap_err().to_string().contains("filter 40000 (unregistered)"));
    assert_eq!(private.encode(b"abcd", &mut Scratch::new()).unwrap(), Encoded { bytes: b"abcd".to_vec(), mask: 1 });
}

#[test]
fn the_length_must_be_exact() {
    let pipeline = pipeline(&[(3, false, &[])]);
    let stored = encode(&fletcher32::Fletcher32, b"abcd", &[]).unwrap().unwrap();
    assert_eq!(
        pipeline.decode(&stored, 0, 5).unwrap_err().to_string(),
        "decoding (fletcher32) gave 4 bytes, expected 5"
    );
    assert!(pipeline.decode(&stored, 0, 3).is_err());
    assert_eq!(pipeline.decode(&stored, u32::MAX, 8).unwrap(), stored);
    assert_eq!(Pipeline::default().decode(b"ab", 0, 2).unwrap(), b"ab");
}

#[test]
fn thirty_two_filters_at_most() {
    let many = |n| Pipeline::from_stages(alloc::vec![Stage::new(3, false, [], &Registry::default()); n]);
    let chunk = noise(100, 2);
    let most = many(32).unwrap();
    let stored = most.encode(&chunk, &mut Scratch::new()).unwrap();
    assert_eq!(stored.bytes.len(), 100 + 32 * 4);
    assert_eq!(most.decode(stored.bytes, 0, 100).unwrap(), chunk);
    assert!(many(33).is_err());
}

struct Liar;

impl Filter for Liar {
    fn id(&self) -> u16 {
        300
    }
    fn name(&self) -> &str {
        "liar"
    }
    fn decode<'a>(&self, _: Cow<'a, [u8]>, _: &mut FilterContext<'_>) -> Result<Cow<'a, [u8]>> {
        Ok(alloc::vec![0; 1 << 20].into())
    }
}

#[test]
fn added_filters_are_held_to_the_limit() {
    let mut registry = Registry::default();
    registry.register(alloc::sync::Arc::new(Liar));
    let pipeline = Pipeline::from_stages([Stage::new(300, false, [], &registry)]).unwrap();
    let error = pipeline.decode(b"x", 0, 10).unwrap_err();
    assert_eq!(error.to_string(), "filter 300 (liar): decodes to 1048576 bytes, expected at most 10");
    assert_eq!(pipeline.encode(b"x", &mut Scratch::new()).unwrap_err().kind(), ErrorKind::Unsupported);
    assert!(registry.get(2).is_some() && Registry::empty().get(2).is_none());
}

/// Payload and client data of every codec, damaged in every way: an error or an output within the limit.
fn survives(filter: &dyn Filter, samples: &[(Vec<u32>, Vec<u8>)], rounds: usize) {
    let mut random = Random(u64::from(filter.id()));
    let mut scratch = Scratch::new();
    for round in 0..rounds {
        let (client_data, payload) = &samples[random.below(samples.len())];
        let (mut client_data, mut payload) = (client_data.clone(), payload.clone());
        for _ in 0..=random.below(3) {
            damage(&mut payload, &mut random);
        }
        if random.below(2) == 0 && !client_data.is_empty() {
            let index = random.below(client_data.len());
            client_data[index] = [0, 1, 3, 8, 64, 1 << 20, 1 << 31, u32::MAX, random.next() as u32][random.below(9)];
        }
        if random.below(20) == 0 {
            client_data.truncate(random.below(client_data.len() + 1));
        }
        let limit = [0, 1, 7, 100, 1000, 1 << 16][random.below(6)];
        let mut context = FilterContext::new(filter.id(), filter.name(), &client_data, limit, &mut scratch);
        let input = Cow::Owned(payload.clone());
        if let Ok(out) = filter.decode(input, &mut context) {
            let bound = limit.max(payload.len());
            assert!(out.len() <= bound, "{} round {round}", filter.name());
        }
        let _ = filter.encode(&payload, &mut context);
        scratch = Scratch::new();
    }
}

fn damage(payload: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(payload.len());
    match random.below(6) {
        0 => payload.truncate(at),
        1 => payload.extend(noise(random.below(40), random.next())),
        2 => payload.clear(),
        3 => *payload = noise(random.below(300), random.next()),
        _ => {
            if let Some(byte) = payload.get_mut(at) {
                *byte = [0, 1, 0x7f, 0x80, 0xff, *byte ^ 1, random.next() as u8][random.below(7)];
            }
        }
    }
}

#[test]
fn damaged_chunks_end_in_errors() {
    let mut samples: alloc::collections::BTreeMap<u16, Vec<_>> = Default::default();
    for (filter, client_data, stored) in golden::samples() {
        samples.entry(filter).or_default().push((client_data, stored));
    }
    for filter in Registry::default().iter() {
        let samples = samples.entry(filter.id()).or_insert_with(|| alloc::vec![(Vec::new(), noise(50, 1))]);
        survives(&**filter, samples, 10_000);
    }
}
