//! Changes of any bytes as a file.

use hdf5_format::format::message::datatype::{BitPadding, ByteOrder, Class, Datatype};
use hdf5_format::io::MemoryFile;
use hdf5_format::{Dataset, Group, Object, Result, Select};

/// What to do, from the last bytes of the input.
struct Choices(u64);

impl Choices {
    fn below(&mut self, end: u64) -> u64 {
        let choice = self.0 % end;
        self.0 = (self.0 / end) ^ self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17);
        choice
    }
}

/// Opens the input for changing, makes some changes, commits them, and reads what is there then. The last 8 bytes tell
/// what is changed.
pub fn edit(data: &[u8]) {
    let Some((bytes, choices)) = data.split_last_chunk::<8>() else { return };
    let storage = MemoryFile::new(bytes.to_vec());
    let Ok(file) = crate::options().open_rw_in(storage.clone()) else { return };
    let mut choices = Choices(u64::from_le_bytes(*choices));
    for round in 0..1 + choices.below(3) {
        // Refused changes are no matter: the others must still be possible.
        let _ = file.root().and_then(|root| changes(&root, round, &mut choices));
        let ended = if choices.below(8) == 0 { file.rollback() } else { file.commit() };
        if ended.is_err() {
            return;
        }
    }
    drop(h5_cli::digest::document(&file));
    drop(file);
    if let Ok(file) = crate::options().from_storage(storage) {
        drop(h5_cli::digest::document(&file));
    }
}

fn changes(root: &Group, round: u64, choices: &mut Choices) -> Result<()> {
    let links: Vec<_> = root.links().into_iter().take(40).collect();
    for link in links {
        let Ok(link) = link else { continue };
        let name = &link.name;
        let _ = match choices.below(6) {
            0 => root.delete(name),
            1 => root.rename(name, format!("renamed {round}")),
            2 => root.link_path(format!("soft {round}"), name),
            3 => root.open(&link).and_then(|object| attributes(&object)),
            _ => root.open(&link).and_then(|object| inside(object, choices)),
        };
    }
    let group = root.create_group(format!("new {round}"))?;
    let bytes = root.new_dataset(integers()).shape([40]).chunks([16]).create(format!("chunked {round}"));
    bytes?.write_raw(Select::all(), &[3; 160])?;
    group.create_group("inner")?;
    root.delete(format!("new {round}"))
}

fn integers() -> Datatype {
    let (order, precision) = (ByteOrder::LittleEndian, 32);
    let (low_pad, high_pad) = (BitPadding::Zero, BitPadding::Zero);
    let class = Class::FixedPoint { order, low_pad, high_pad, signed: true, bit_offset: 0, precision };
    Datatype { version: 1, size: 4, class }
}

fn attributes(object: &Object) -> Result<()> {
    let info = object.info();
    for attribute in info.attributes()?.into_iter().flatten().take(20) {
        info.set_attr_raw(attribute.name(), attribute.dtype(), Some(attribute.shape()), attribute.raw())?;
        info.set_attr_raw([attribute.name(), b"2"].concat(), attribute.dtype(), Some(&[]), &[0; 8])?;
        info.delete_attr(attribute.name())?;
    }
    Ok(())
}

fn inside(object: Object, choices: &mut Choices) -> Result<()> {
    match object {
        Object::Dataset(dataset) => elements(dataset, choices),
        Object::Group(group) => {
            group.create_group("inside")?;
            group.links().into_iter().flatten().take(8).try_for_each(|link| group.delete(&link.name))
        }
        _ => Ok(()),
    }
}

fn elements(mut dataset: Dataset, choices: &mut Choices) -> Result<()> {
    let len = dataset.size()?.saturating_mul(dataset.dtype().size() as u64);
    if len <= 1 << 20 {
        dataset.write_raw(Select::all(), &vec![7; len as usize])?;
    }
    let step = 1 + choices.below(5);
    let shape: Vec<u64> = dataset.shape().iter().map(|n| n.saturating_add(step) / 2).collect();
    dataset.resize(&shape)
}
