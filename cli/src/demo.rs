//! `h5 demo`: makes a small file out of the format's structures, then shows it.

use crate::args::{AttrsArgs, CatArgs, Cli, DemoArgs, Format, ObjectArgs, TreeArgs};
use crate::{Outcome, attrs, cat, tree};
use hdf5_format::codec::{Address, Sizes, Writer};
use hdf5_format::filter::{Pipeline, Registry, Scratch};
use hdf5_format::format::message::MessageKind;
use hdf5_format::format::message::attribute::{AttributeMessage, Part};
use hdf5_format::format::message::dataspace::{Dataspace, SpaceClass};
use hdf5_format::format::message::datatype::{
    BitPadding, ByteOrder, CharacterSet, Class, Datatype, FloatFormat, Normalization, StringPadding,
};
use hdf5_format::format::message::fill_value::FillValue;
use hdf5_format::format::message::filter_pipeline::{FilterDescription, FilterPipeline};
use hdf5_format::format::message::group_info::GroupInfo;
use hdf5_format::format::message::layout::{ChunkIndexKind, ChunkedLayout, DataLayout, Storage};
use hdf5_format::format::message::link::{LinkMessage, LinkValue};
use hdf5_format::format::message::link_info::LinkInfo;
use hdf5_format::format::object_header::PrefixV2;
use hdf5_format::format::superblock::{Root, Superblock};
use hdf5_format::{Error, Result};
use std::path::PathBuf;

/// `h5 demo`.
pub(crate) fn run(cli: &Cli, args: &DemoArgs) -> Outcome {
    let bytes = file()?;
    let mut target = std::fs::File::create_new(&args.file).map_err(|e| Error::from(e).on(args.file.display()))?;
    std::io::Write::write_all(&mut target, &bytes)?;
    drop(target);
    let name = args.file.display();
    let object = |path: &str| ObjectArgs { file: PathBuf::from(&args.file), path: Some(path.into()) };
    anstream::println!("$ h5 tree {name}");
    tree::tree(cli, &TreeArgs { object: object("/"), depth: None, attrs: false })?;
    anstream::println!("\n$ h5 cat '{name}::/run1/temperature[0:3]'");
    let cat = |path: &str, slice: Option<&str>| CatArgs {
        object: object(path),
        slice: slice.map(Into::into),
        format: Format::Text,
        all: false,
        output: None,
    };
    cat::run(cli, &cat("/run1/temperature", Some("0:3")))?;
    anstream::println!("\n$ h5 cat {name} /run1/station");
    cat::run(cli, &cat("/run1/station", None))?;
    anstream::println!("\n$ h5 attrs {name} /run1/temperature");
    attrs::run(cli, &AttrsArgs { object: object("/run1/temperature"), name: None })
}

/// Structures placed one after the other.
struct Builder {
    out: Writer,
}

/// A message of a header being built.
struct Message {
    kind: MessageKind,
    body: Vec<u8>,
}

fn message(kind: MessageKind, encode: impl FnOnce(&mut Writer) -> Result<()>) -> Result<Message> {
    let mut writer = Writer::new(Sizes::EIGHT);
    encode(&mut writer)?;
    Ok(Message { kind, body: writer.into_bytes() })
}

impl Builder {
    /// Places raw bytes, 8-aligned.
    fn place(&mut self, bytes: &[u8]) -> Address {
        self.out.align_from(0, 8);
        let address = Address(self.out.position() as u64);
        self.out.bytes(bytes);
        address
    }

    /// Places an object header of version 2.
    fn header(&mut self, messages: &[Message]) -> Result<Address> {
        let mut body = Writer::new(Sizes::EIGHT);
        for message in messages {
            body.uint(message.kind.id().into(), 1)?;
            body.uint(message.body.len() as u64, 2)?;
            body.u8(0);
            body.bytes(&message.body);
        }
        let mut header = Writer::new(Sizes::EIGHT);
        let chunk_len = body.position() as u64;
        PrefixV2 { flags: 2, times: None, phase_change: None, chunk_len }.encode(&mut header)?;
        header.bytes(body.as_slice());
        header.checksum_from(0);
        Ok(self.place(header.as_slice()))
    }

    fn group(&mut self, members: &[(&str, LinkValue)]) -> Result<Address> {
        let info = LinkInfo { next_order: None, heap: None, name_index: None, order_indexed: false, order_index: None };
        let mut messages = vec![
            message(MessageKind::LinkInfo, |w| info.encode(w))?,
            message(MessageKind::GroupInfo, |w| GroupInfo::default().encode(w))?,
        ];
        for (name, value) in members {
            let name = name.as_bytes().to_vec();
            let link = LinkMessage { creation_order: None, utf8: true, name, value: value.clone() };
            messages.push(message(MessageKind::Link, |w| link.encode(w))?);
        }
        self.header(&messages)
    }

    fn dataset(
        &mut self,
        datatype: &Datatype,
        dims: &[u64],
        storage: Storage,
        filters: Option<&FilterPipeline>,
        attributes: Vec<Message>,
    ) -> Result<Address> {
        let fill = FillValue { version: 3, ..FillValue::default() };
        let layout = DataLayout { version: 4, storage };
        let mut messages = vec![
            message(MessageKind::Dataspace, |w| space(dims).encode(w))?,
            message(MessageKind::Datatype, |w| datatype.encode(w))?,
            message(MessageKind::FillValue, |w| fill.encode(w))?,
            message(MessageKind::DataLayout, |w| layout.encode(w))?,
        ];
        if let Some(filters) = filters {
            messages.push(message(MessageKind::FilterPipeline, |w| filters.encode(w))?);
        }
        messages.extend(attributes);
        self.header(&messages)
    }
}

fn space(dims: &[u64]) -> Dataspace {
    let class = if dims.is_empty() { SpaceClass::Scalar } else { SpaceClass::Simple };
    Dataspace { version: 2, class, dims: dims.to_vec(), max: None }
}

fn double() -> Datatype {
    let format = FloatFormat {
        order: ByteOrder::LittleEndian,
        low_pad: BitPadding::Zero,
        high_pad: BitPadding::Zero,
        internal_pad: BitPadding::Zero,
        normalization: Normalization::Implied,
        sign_position: 63,
        bit_offset: 0,
        precision: 64,
        exponent_position: 52,
        exponent_size: 11,
        mantissa_position: 0,
        mantissa_size: 52,
        exponent_bias: 1023,
    };
    Datatype { version: 1, size: 8, class: Class::FloatingPoint(format) }
}

fn string(len: usize) -> Datatype {
    let class = Class::String { padding: StringPadding::NullPadded, charset: CharacterSet::Utf8 };
    Datatype { version: 1, size: u32::try_from(len).unwrap_or(u32::MAX), class }
}

fn text_attribute(name: &str, value: &str) -> Result<Message> {
    let (mut datatype, mut dataspace) = (Writer::new(Sizes::EIGHT), Writer::new(Sizes::EIGHT));
    string(value.len()).encode(&mut datatype)?;
    space(&[]).encode(&mut dataspace)?;
    let part = |body| Part { shared: false, offset: 0, body };
    let attribute = AttributeMessage {
        version: 3,
        utf8: false,
        name: name.as_bytes(),
        datatype: part(datatype.as_slice()),
        dataspace: part(dataspace.as_slice()),
        data: value.as_bytes(),
    };
    message(MessageKind::Attribute, |w| attribute.encode(w))
}

/// The bytes of the file: a group with a filtered dataset and a text, and a soft link.
fn file() -> Result<Vec<u8>> {
    let mut builder = Builder { out: Writer::new(Sizes::EIGHT) };
    let mut superblock = Superblock {
        version: 3,
        sizes: Sizes::EIGHT,
        leaf_k: 4,
        internal_k: 16,
        chunk_k: 32,
        flags: 0,
        base: 0,
        free_space: None,
        extension: None,
        end: 0,
        driver_info: None,
        root: Root { header: Address(0), cached: None },
    };
    builder.out.zeros(superblock.encoded_len());
    let temperature = temperature(&mut builder)?;
    let name = "Zürich";
    let data = name.as_bytes().to_vec();
    let station = builder.dataset(&string(name.len()), &[], Storage::Compact { data, offset: 0 }, None, Vec::new())?;
    let members = [("station", LinkValue::Hard(station)), ("temperature", LinkValue::Hard(temperature))];
    let run1 = builder.group(&members)?;
    let latest = LinkValue::Soft(b"/run1".to_vec());
    superblock.root.header = builder.group(&[("latest", latest), ("run1", LinkValue::Hard(run1))])?;
    superblock.end = builder.out.position() as u64;
    let mut first = Writer::new(Sizes::EIGHT);
    superblock.encode(&mut first)?;
    builder.out.patch(0, first.as_slice());
    Ok(builder.out.into_bytes())
}

/// A day of temperatures, one chunk, shuffled and compressed.
fn temperature(builder: &mut Builder) -> Result<Address> {
    let dims = [24u64, 4];
    let values = (0..dims[0] * dims[1]).map(|i| {
        let (hour, sensor) = ((i / dims[1]) as f64, (i % dims[1]) as f64);
        (150.0 - (hour - 14.0).powi(2) * 0.5 + sensor * 2.5).round() / 10.0
    });
    let data: Vec<u8> = values.flat_map(f64::to_le_bytes).collect();
    let filter = |id, client_data| FilterDescription { id, flags: 0, name: Vec::new(), client_data };
    let filters = FilterPipeline { version: 2, filters: vec![filter(2, vec![8]), filter(1, vec![6])] };
    let encoded = Pipeline::new(&filters.filters, &Registry::default())?.encode(&data, &mut Scratch::new())?;
    let address = builder.place(&encoded.bytes);
    let storage = Storage::Chunked(ChunkedLayout {
        version: 4,
        flags: 2,
        chunk: dims.to_vec(),
        element_size: 8,
        index: ChunkIndexKind::Single { filtered: Some((encoded.bytes.len() as u64, encoded.mask)) },
        address: Some(address),
    });
    let attributes = vec![text_attribute("units", "degree Celsius")?];
    builder.dataset(&double(), &dims, storage, Some(&filters), attributes)
}
