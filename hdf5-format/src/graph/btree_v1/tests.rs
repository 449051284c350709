use super::*;
use crate::codec::Sizes;
use crate::error::ErrorKind;
use crate::format::symbol_table_entry::CacheType;
use crate::graph::testing::Image;
use crate::limits::Limits;

/// A group of entries whose names are their offsets: 8, 16 and so on.
fn group(count: u64, k: u16) -> (Image, GroupTree) {
    let mut image = Image::new(Sizes::EIGHT);
    let entry = |n| SymbolTableEntry { name_offset: n * 8, header: Some(Address(n)), cache: CacheType::None };
    let entries: Vec<_> = (1..=count).map(entry).collect();
    let root = image.group_tree(&entries, k);
    (image, GroupTree::new(root))
}

fn list(image: &Image, tree: GroupTree) -> (Vec<u64>, usize) {
    let (mut met, mut damage) = (Vec::new(), 0);
    tree.for_each(&image.context(), |entry| match entry {
        Ok(entry) => met.push(entry.name_offset / 8),
        Err(_) => damage += 1,
    });
    (met, damage)
}

fn find(image: &Image, tree: GroupTree, name: u64) -> Result<Option<SymbolTableEntry>> {
    tree.find(&image.context(), |offset| Ok(offset.cmp(&name)))
}

#[test]
fn walks_and_finds_at_every_depth() {
    for (count, k) in [(0, 1), (1, 1), (2, 1), (3, 1), (40, 1), (100, 4), (1000, 16)] {
        let (image, tree) = group(count, k);
        assert_eq!(list(&image, tree), ((1..=count).collect(), 0), "{count} entries");
        for name in 0..=count * 8 + 8 {
            let found = find(&image, tree, name).unwrap().map(|e| e.name_offset);
            assert_eq!(found, (name % 8 == 0 && (8..=count * 8).contains(&name)).then_some(name), "{name} of {count}");
        }
    }
}

#[test]
fn lookups_compare_few_names() {
    let (image, tree) = group(1000, 4);
    let mut compared = 0;
    let found = tree.find(&image.context(), |offset| {
        compared += 1;
        Ok(offset.cmp(&4000))
    });
    assert!(found.unwrap().is_some() && compared < 25, "{compared}");
}

#[test]
fn a_damaged_node_hides_only_what_is_below_it() {
    let (image, tree) = group(40, 1);
    let nodes = |signature: &[u8]| -> Vec<usize> {
        (0..image.bytes.len() - 4).filter(|&i| image.bytes[i..].starts_with(signature)).collect()
    };
    for at in nodes(b"SNOD") {
        let mut image = Image { bytes: image.bytes.clone(), sizes: image.sizes };
        image.bytes[at] = b'X';
        assert_eq!(list(&image, tree).1, 1);
        assert_eq!(list(&image, tree).0.len(), 38);
    }
    // The level of a node must be one less than its parent's.
    let inner = nodes(b"TREE");
    for &at in inner.iter().take(inner.len() - 1) {
        let mut image = Image { bytes: image.bytes.clone(), sizes: image.sizes };
        image.bytes[at + 5] += 1;
        assert_eq!(list(&image, tree).1, 1);
    }
}

#[test]
fn damaged_entries_are_errors_in_their_place() {
    let (mut image, tree) = group(4, 2);
    let at = image.bytes.windows(4).position(|w| w == b"SNOD").unwrap();
    image.bytes[at + 8 + 40 + 16] = 9;
    assert_eq!(list(&image, tree), (alloc::vec![1, 3, 4], 1));
    assert!(find(&image, tree, 24).unwrap().is_some());
    assert!(find(&image, tree, 16).is_err());
}

#[test]
fn cycles_end() {
    let (mut image, tree) = group(40, 1);
    let root = tree.root.0;
    let address = root as usize + 24 + 8;
    image.bytes[address..address + 8].copy_from_slice(&root.to_le_bytes());
    let (met, damage) = list(&image, tree);
    assert!(damage == 1 && met.len() < 40);
    let limits = Limits { btree_depth: 2, ..Limits::default() };
    let error = tree.find(&image.context_with(limits), |_| Ok(Ordering::Equal)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
}

#[test]
fn any_changed_byte_ends_in_an_answer() {
    let (image, tree) = group(10, 1);
    for at in 0..image.bytes.len() {
        for value in [0, 0xff, image.bytes[at] ^ 1] {
            let mut image = Image { bytes: image.bytes.clone(), sizes: image.sizes };
            image.bytes[at] = value;
            assert!(list(&image, tree).0.len() <= 20);
            let _ = find(&image, tree, 24);
        }
    }
}
