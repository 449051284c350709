use super::*;
use crate::codec::Sizes;
use crate::error::ErrorKind;
use crate::graph::testing::Image;
use crate::limits::Limits;

/// Records of six bytes: a number, big-endian so that bytes sort as numbers, and a zero.
fn record(n: u32) -> Vec<u8> {
    [&n.to_be_bytes()[..], &[0, 0]].concat()
}

fn number(record: &[u8]) -> u32 {
    u32::from_be_bytes(record[..4].try_into().unwrap())
}

fn tree(records: impl IntoIterator<Item = u32>) -> (Image, Address) {
    let mut image = Image::new(Sizes::EIGHT);
    let records: Vec<_> = records.into_iter().map(record).collect();
    let address = image.btree_v2(RecordType::LinkName, 64, &records);
    (image, address)
}

fn all(ctx: &FileContext, tree: &BTreeV2) -> Result<Vec<u32>> {
    let mut out = Vec::new();
    tree.for_each(ctx, |r| {
        out.push(number(r));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(out)
}

/// Collects numbers and damage.
#[derive(Default)]
struct Lenient {
    met: Vec<u32>,
    damage: usize,
    nodes_refused: usize,
    refuse_from: Option<u32>,
}

impl Visitor for Lenient {
    fn wants(&mut self, after: Option<&[u8]>, before: Option<&[u8]>) -> Result<bool> {
        assert!(after.is_none_or(|a| before.is_none_or(|b| a < b)));
        let wanted = self.refuse_from.is_none_or(|n| after.is_none_or(|a| number(a) < n));
        self.nodes_refused += usize::from(!wanted);
        Ok(wanted)
    }

    fn record(&mut self, record: &[u8]) -> Result<ControlFlow<()>> {
        self.met.push(number(record));
        Ok(ControlFlow::Continue(()))
    }

    fn damaged(&mut self, _: Error) -> Result<ControlFlow<()>> {
        self.damage += 1;
        Ok(ControlFlow::Continue(()))
    }
}

#[test]
fn walks_and_finds_at_every_depth() {
    for (count, depth) in [(0, 0), (1, 0), (9, 0), (10, 1), (35, 1), (100, 2), (500, 4)] {
        let (image, address) = tree((0..count).map(|n| n * 2));
        let ctx = image.context();
        let tree = BTreeV2::open(&ctx, address, RecordType::LinkName).unwrap();
        assert_eq!((tree.len(), tree.header().depth), (u64::from(count), depth), "{count}");
        assert_eq!(all(&ctx, &tree).unwrap(), (0..count).map(|n| n * 2).collect::<Vec<_>>());
        for n in 0..=count * 2 {
            let found = tree.find(&ctx, |r| Ok(number(r).cmp(&n))).unwrap();
            assert_eq!(found, (n % 2 == 0 && n < count * 2).then(|| record(n)), "{n} of {count}");
        }
    }
}

#[test]
fn a_range_is_all_that_compares_equal_and_little_else_is_looked_at() {
    let (image, address) = tree(0..500);
    let ctx = image.context();
    let tree = BTreeV2::open(&ctx, address, RecordType::LinkName).unwrap();
    for (low, high) in [(0, 0), (10, 13), (0, 500), (499, 500), (600, 700), (250, 251)] {
        let (mut met, mut compared) = (Vec::new(), 0);
        let compare = |r: &[u8]| {
            compared += 1;
            let n = number(r);
            Ok(if n < low {
                Ordering::Less
            } else if n < high {
                Ordering::Equal
            } else {
                Ordering::Greater
            })
        };
        tree.for_equal(&ctx, compare, |r| {
            met.push(number(r));
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
        assert_eq!(met, (low..high.min(500)).collect::<Vec<_>>());
        assert!(compared < 100 + 3 * met.len(), "{compared} comparisons for {low}..{high}");
    }
}

#[test]
fn a_walk_ends_when_told() {
    let (image, address) = tree(0..100);
    let ctx = image.context();
    let tree = BTreeV2::open(&ctx, address, RecordType::LinkName).unwrap();
    let mut met = 0;
    tree.for_each(&ctx, |_| {
        met += 1;
        Ok(if met == 7 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })
    .unwrap();
    assert_eq!(met, 7);
    let error = tree.for_each(&ctx, |_| Err(Error::unsupported("enough"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn what_is_not_wanted_is_not_loaded() {
    let (image, address) = tree(0..500);
    let ctx = image.context();
    let tree = BTreeV2::open(&ctx, address, RecordType::LinkName).unwrap();
    let mut visitor = Lenient { refuse_from: Some(100), ..Lenient::default() };
    tree.visit(&ctx, &mut visitor).unwrap();
    assert!(visitor.met.starts_with(&(0..100).collect::<Vec<_>>()));
    assert!(visitor.met.len() < 150 && visitor.nodes_refused > 0);
}

#[test]
fn a_damaged_node_hides_only_what_is_below_it() {
    let (image, address) = tree(0..100);
    let leaves: Vec<usize> = (0..image.bytes.len() - 4).filter(|&i| image.bytes[i..].starts_with(b"BTLF")).collect();
    assert!(leaves.len() > 10);
    for &leaf in &leaves {
        let mut image = Image { bytes: image.bytes.clone(), sizes: image.sizes };
        image.bytes[leaf + 7] ^= 1;
        let ctx = image.context();
        let tree = BTreeV2::open(&ctx, address, RecordType::LinkName).unwrap();
        let mut visitor = Lenient::default();
        tree.visit(&ctx, &mut visitor).unwrap();
        assert_eq!(visitor.damage, 1);
        assert!((91..100).contains(&visitor.met.len()), "{}", visitor.met.len());
        assert!(all(&ctx, &tree).is_err());
    }
}

#[test]
fn nodes_that_are_met_twice_are_damage() {
    let (mut image, address) = tree(0..12);
    // Both child pointers of the root to the same leaf; then to the root itself.
    let root = image.bytes.windows(4).position(|w| w == b"BTIN").unwrap();
    let pointers = root + 6 + 6;
    for target in [image.bytes[pointers..pointers + 8].to_vec(), (root as u64).to_le_bytes().to_vec()] {
        image.bytes[pointers + 9..pointers + 17].copy_from_slice(&target);
        let used = pointers + 18;
        let sum = crate::codec::checksum::lookup3(&image.bytes[root..used], 0);
        image.bytes[used..used + 4].copy_from_slice(&sum.to_le_bytes());
        let ctx = image.context();
        let tree = BTreeV2::open(&ctx, address, RecordType::LinkName).unwrap();
        let mut visitor = Lenient::default();
        tree.visit(&ctx, &mut visitor).unwrap();
        assert_eq!(visitor.damage, 1);
    }
}

#[test]
fn opening_refuses_other_types_depth_and_damage() {
    let (image, address) = tree(0..100);
    let ctx = image.context();
    assert!(BTreeV2::open(&ctx, address, RecordType::LinkOrder).is_err());
    assert!(BTreeV2::open(&ctx, Address(0), RecordType::LinkName).is_err());
    let limits = Limits { btree_depth: 2, ..Limits::default() };
    let error = BTreeV2::open(&image.context_with(limits), address, RecordType::LinkName).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
}

#[test]
fn any_changed_byte_ends_in_an_answer() {
    let (image, address) = tree(0..60);
    for at in 0..image.bytes.len() {
        for value in [0, 0xff, image.bytes[at] ^ 1] {
            let mut bytes = image.bytes.clone();
            bytes[at] = value;
            let ctx = Image { bytes, sizes: image.sizes }.context();
            if let Ok(tree) = BTreeV2::open(&ctx, address, RecordType::LinkName) {
                let _ = tree.visit(&ctx, &mut Lenient::default());
                let _ = tree.find(&ctx, |r| Ok(number(r).cmp(&30)));
            }
        }
    }
}
