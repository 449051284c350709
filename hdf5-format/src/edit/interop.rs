//! Edits of files that libhdf5 made and goes on with: `fixtures/generate/edits.py` runs this, and checks the files.
//!
//! `EDITS` is a folder of `NAME.h5` with superblock 0 and `NAME.edits`, each line a change of the root group's symbol
//! table or of values in the global heap:
//!
//! ```text
//! link NAME OBJECT      a hard link to the object that OBJECT is linked to
//! soft NAME PATH        a soft link, new or instead of what there was
//! del NAME              no link
//! vlen OFFSET COUNT N   variable-length strings at an address, replaced by "N is the number of string I" I % 7 times
//! commit
//! ```

use super::global_heap::GlobalHeapEditor;
use super::symbol_table::{self, Target};
use super::{Bounds, Durability, Editor};
use crate::codec::{Address, Cursor};
use crate::format::global_heap::encode_id;
use crate::format::message::symbol_table::SymbolTableMessage;
use crate::format::superblock::Superblock;
use crate::format::symbol_table_entry::CacheType;
use crate::graph::global_heap::heap_id;
use crate::io::{DiskFileMut, Storage};
use crate::limits::Limits;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::path::Path;
use std::{env, fs, println};

#[test]
fn edits_files_of_libhdf5() {
    let Ok(folder) = env::var("EDITS") else { return };
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "edits") {
            let edits = fs::read_to_string(&path).unwrap();
            run(&path.with_extension("h5"), &edits);
            println!("{}: {} edits", path.display(), edits.lines().count());
        }
    }
}

fn run(path: &Path, edits: &str) {
    let file = DiskFileMut::open(path).unwrap();
    let mut head = [0; 100];
    file.read_at(0, &mut head).unwrap();
    let superblock = Superblock::parse(&mut Cursor::new(&head, 0, "superblock", crate::codec::Sizes::EIGHT)).unwrap();
    let (btree, heap) = superblock.root.cached.unwrap();
    let root = SymbolTableMessage { btree, heap };
    let (limits, bounds) = (Limits::default(), Bounds::default());
    let mut editor = Editor::new(Arc::new(file), superblock, limits, bounds, Durability::Atomic);
    let mut strings = GlobalHeapEditor::default();
    for line in edits.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["link", name, object] => {
                let old = symbol_table::find(&editor, &root, object.as_bytes()).unwrap().unwrap();
                let header = old.header.unwrap();
                count_links(&mut editor, header, 1);
                let target = Target::Object { header, group: None };
                if old.cache != CacheType::None {
                    symbol_table::replace(&mut editor, &root, object.as_bytes(), target).unwrap();
                }
                symbol_table::insert(&mut editor, &root, name.as_bytes(), target).unwrap();
            }
            ["soft", name, to] => {
                let (name, target) = (name.as_bytes(), Target::Soft(to.as_bytes()));
                match symbol_table::find(&editor, &root, name).unwrap() {
                    None => symbol_table::insert(&mut editor, &root, name, target).unwrap(),
                    Some(_) => {
                        let old = symbol_table::replace(&mut editor, &root, name, target).unwrap();
                        old.header.into_iter().for_each(|header| count_links(&mut editor, header, -1));
                    }
                }
            }
            ["del", name] => {
                let old = symbol_table::remove(&mut editor, &root, name.as_bytes()).unwrap();
                old.header.into_iter().for_each(|header| count_links(&mut editor, header, -1));
            }
            ["vlen", offset, count, n] => {
                let address = Address(offset.parse().unwrap());
                replace_strings(&mut editor, &mut strings, address, count.parse().unwrap(), n);
            }
            ["commit"] => commit(&mut editor, &mut strings),
            _ => panic!("{line}"),
        }
    }
    commit(&mut editor, &mut strings);
}

fn commit(editor: &mut Editor, strings: &mut GlobalHeapEditor) {
    strings.finish(editor).unwrap();
    editor.commit().unwrap();
}

/// Changes the count of hard links in a version 1 header, which does not reach 0 here.
fn count_links(editor: &mut Editor, header: Address, by: i32) {
    let field = Address(header.0 + 4);
    let count: [u8; 4] = editor.read(field, 4, "count").unwrap().try_into().unwrap();
    let count = u32::from_le_bytes(count).checked_add_signed(by).filter(|&count| count > 0).unwrap();
    editor.write(field, &count.to_le_bytes()).unwrap();
}

fn replace_strings(editor: &mut Editor, strings: &mut GlobalHeapEditor, at: Address, count: u64, n: &str) {
    let len = 8 + editor.superblock.sizes.o() as u64;
    let stored = editor.read(at, count * len, "strings").unwrap();
    let mut writer = editor.writer();
    for (i, element) in stored.chunks(len as usize).enumerate() {
        let mut cursor = Cursor::new(element, 0, "string", editor.superblock.sizes);
        cursor.skip(4).unwrap();
        if let Some((address, index)) = heap_id(&mut cursor).unwrap() {
            strings.remove(editor, address, index).unwrap();
        }
        let text = format!("{n} is the number of string {i}").repeat(i % 7);
        writer.u32(text.len() as u32);
        let id = (!text.is_empty()).then(|| strings.insert(editor, text.as_bytes()).unwrap());
        encode_id(id, &mut writer).unwrap();
    }
    editor.write_raw(at, writer.as_slice()).unwrap();
}
