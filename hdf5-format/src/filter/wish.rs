//! Filters as a user asks for them: by name and level. The values that a file stores with them follow from the
//! datatype and the chunk.

use super::{Registry, known, nbit, scale_offset};
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::datatype::Datatype;
use crate::format::message::filter_pipeline::FilterDescription;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::str::FromStr;

/// Szip's option for differences of neighbours.
const SZIP_NEAREST: u32 = 32;
/// Flag of a filter that a chunk may do without.
const OPTIONAL: u16 = 1;

/// Filters for a new dataset, in order of writing.
///
/// ```
/// use hdf5_format::filter::Filters;
/// let filters = Filters::new().shuffle().gzip(6);
/// assert_eq!("shuffle,gzip=6".parse::<Filters>().unwrap(), filters);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Filters {
    wishes: Vec<Wish>,
}

/// One filter, before the dataset is known.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wish {
    Shuffle,
    Deflate(u32),
    Fletcher32,
    Szip {
        nearest: bool,
        block: u32,
    },
    NBit,
    ScaleOffset(i32),
    Lzf,
    /// Client data that does not depend on the dataset.
    Fixed {
        id: u16,
        client_data: Vec<u32>,
    },
    Bitshuffle {
        block: u32,
        codec: [u32; 2],
    },
    Blosc {
        codec: u32,
        level: u32,
        sort: u32,
    },
    Zfp(Rate),
}

/// How much zfp may lose; numbers by their bits, so that they compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rate {
    Reversible,
    Bits(u64),
    Accuracy(u64),
    Precision(u32),
}

impl Filters {
    /// No filters.
    pub fn new() -> Self {
        Filters::default()
    }

    /// True without filters.
    pub fn is_empty(&self) -> bool {
        self.wishes.is_empty()
    }

    fn with(mut self, wish: Wish) -> Self {
        self.wishes.push(wish);
        self
    }

    /// Bytes sorted by their place in the element: helps what follows.
    pub fn shuffle(self) -> Self {
        self.with(Wish::Shuffle)
    }

    /// Deflate at a level of 0 to 9.
    pub fn gzip(self, level: u32) -> Self {
        self.with(Wish::Deflate(level))
    }

    /// A checksum.
    pub fn fletcher32(self) -> Self {
        self.with(Wish::Fletcher32)
    }

    /// h5py's fast compression.
    pub fn lzf(self) -> Self {
        self.with(Wish::Lzf)
    }

    /// Szip with blocks of `block` samples, an even number up to 32; `nearest` codes differences of neighbours.
    pub fn szip(self, nearest: bool, block: u32) -> Self {
        self.with(Wish::Szip { nearest, block })
    }

    /// The significant bits of integers and floats alone.
    pub fn nbit(self) -> Self {
        self.with(Wish::NBit)
    }

    /// Integers as differences from their minimum, in as many bits as they need (0) or `digits`; floats rounded to
    /// `digits` decimal digits after the point.
    pub fn scale_offset(self, digits: i32) -> Self {
        self.with(Wish::ScaleOffset(digits))
    }

    /// bzip2 with blocks of `level` times 100,000 bytes, 1 to 9.
    pub fn bzip2(self, level: u32) -> Self {
        self.with(Wish::Fixed { id: 307, client_data: alloc::vec![level] })
    }

    /// LZ4 in blocks of at most `block` bytes; 0 for one block.
    pub fn lz4(self, block: u32) -> Self {
        self.with(Wish::Fixed { id: 32004, client_data: alloc::vec![block] })
    }

    /// Zstandard at a level.
    pub fn zstd(self, level: i32) -> Self {
        self.with(Wish::Fixed { id: 32015, client_data: alloc::vec![level.cast_unsigned()] })
    }

    /// Bits sorted by their place in the element, then LZ4.
    pub fn bitshuffle(self) -> Self {
        self.with(Wish::Bitshuffle { block: 0, codec: [2, 0] })
    }

    /// Bits sorted by their place in the element, then Zstandard at a level.
    pub fn bitshuffle_zstd(self, level: i32) -> Self {
        self.with(Wish::Bitshuffle { block: 0, codec: [3, level.cast_unsigned()] })
    }

    /// Blosc: `codec` is `blosclz`, `lz4`, `lz4hc`, `snappy`, `zlib` or `zstd`; `sort` is 0 for none, 1 for bytes, 2
    /// for bits.
    ///
    /// # Errors
    /// There is no such codec, or the level is above 9, or the sort above 2.
    pub fn blosc(self, codec: &str, level: u32, sort: u32) -> Result<Self> {
        let code = ["blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd"].iter().position(|name| *name == codec);
        match code.and_then(|code| u32::try_from(code).ok()) {
            Some(codec) if level <= 9 && sort <= 2 => Ok(self.with(Wish::Blosc { codec, level, sort })),
            _ => Err(wrong(format!("blosc {codec}:{level}:{sort}"), "a codec, a level of 0 to 9, a sort of 0 to 2")),
        }
    }

    /// zfp without loss.
    pub fn zfp_reversible(self) -> Self {
        self.with(Wish::Zfp(Rate::Reversible))
    }

    /// zfp with this many bits for each element.
    pub fn zfp_rate(self, bits: f64) -> Self {
        self.with(Wish::Zfp(Rate::Bits(bits.to_bits())))
    }

    /// zfp with errors of at most this.
    pub fn zfp_accuracy(self, tolerance: f64) -> Self {
        self.with(Wish::Zfp(Rate::Accuracy(tolerance.to_bits())))
    }

    /// zfp with this many bit planes.
    pub fn zfp_precision(self, bits: u32) -> Self {
        self.with(Wish::Zfp(Rate::Precision(bits)))
    }

    /// Any filter, with the values that are stored with it.
    pub fn other(self, id: u16, client_data: impl Into<Vec<u32>>) -> Self {
        self.with(Wish::Fixed { id, client_data: client_data.into() })
    }

    /// The filters that a dataset has, to be described for another one. The values of filters that this does not know
    /// are taken as they are.
    pub fn of(described: &[FilterDescription]) -> Self {
        Filters { wishes: described.iter().map(Wish::of).collect() }
    }

    /// What the file says of the filters of a dataset: its datatype, the lengths of its chunks, and the fill value as a
    /// stored element.
    ///
    /// # Errors
    /// A filter is not in the registry, or does not suit the type or the chunk.
    pub fn describe(
        &self,
        registry: &Registry,
        datatype: &Datatype,
        chunk: &[u64],
        fill: Option<&[u8]>,
    ) -> Result<Vec<FilterDescription>> {
        let dataset = Dataset { datatype, chunk, fill };
        self.wishes.iter().map(|wish| wish.describe(registry, &dataset)).collect()
    }
}

/// What filters may want to know of a dataset.
struct Dataset<'a> {
    datatype: &'a Datatype,
    chunk: &'a [u64],
    fill: Option<&'a [u8]>,
}

impl Dataset<'_> {
    fn elements(&self) -> Result<u32> {
        let count = self.chunk.iter().try_fold(1u64, |n, &c| n.checked_mul(c));
        let count = count.and_then(|n| u32::try_from(n).ok());
        count.ok_or_else(|| Error::new(ErrorKind::Shape, "a chunk of more than 4294967295 elements"))
    }

    fn chunk_bytes(&self) -> Result<u32> {
        let bytes = u64::from(self.elements()?).checked_mul(self.datatype.size.into());
        let bytes = bytes.and_then(|n| u32::try_from(n).ok());
        bytes.ok_or_else(|| Error::new(ErrorKind::Shape, "a chunk of more than 4 GiB"))
    }
}

impl Wish {
    fn of(filter: &FilterDescription) -> Self {
        let word = |index: usize| filter.client_data.get(index).copied().unwrap_or(0);
        match filter.id {
            1 => Wish::Deflate(word(0)),
            2 => Wish::Shuffle,
            3 => Wish::Fletcher32,
            4 => Wish::Szip { nearest: word(0) & SZIP_NEAREST != 0, block: word(1) },
            5 => Wish::NBit,
            6 => Wish::ScaleOffset(word(1).cast_signed()),
            32000 => Wish::Lzf,
            32001 => Wish::Blosc { codec: word(6), level: word(4), sort: word(5) },
            32008 => Wish::Bitshuffle { block: word(3), codec: [word(4), word(5)] },
            id => Wish::Fixed { id, client_data: filter.client_data.clone() },
        }
    }

    fn id(&self) -> u16 {
        match self {
            Wish::Shuffle => 2,
            Wish::Deflate(_) => 1,
            Wish::Fletcher32 => 3,
            Wish::Szip { .. } => 4,
            Wish::NBit => 5,
            Wish::ScaleOffset(_) => 6,
            Wish::Lzf => 32000,
            Wish::Fixed { id, .. } => *id,
            Wish::Bitshuffle { .. } => 32008,
            Wish::Blosc { .. } => 32001,
            Wish::Zfp(_) => 32013,
        }
    }

    fn describe(&self, registry: &Registry, dataset: &Dataset<'_>) -> Result<FilterDescription> {
        let id = self.id();
        let filter = registry.get(id).ok_or_else(|| {
            let name = known::find(id).map_or("unregistered", |known| known.name);
            Error::unsupported(format!("filter {id} ({name}) is not in this build")).with_hint(known::advice(id))
        })?;
        let flags = if id == 3 { 0 } else { OPTIONAL };
        let client_data = self.client_data(dataset)?;
        Ok(FilterDescription { id, flags, name: filter.name().as_bytes().to_vec(), client_data })
    }

    fn client_data(&self, dataset: &Dataset<'_>) -> Result<Vec<u32>> {
        let size = dataset.datatype.size;
        Ok(match self {
            Wish::Shuffle => super::shuffle::client_data(size),
            Wish::Deflate(level) if *level <= 9 => alloc::vec![*level],
            Wish::Deflate(level) => return Err(wrong(format!("gzip={level}"), "a level of 0 to 9")),
            Wish::Fletcher32 => Vec::new(),
            Wish::Szip { nearest, block } => szip(dataset, *nearest, *block)?,
            Wish::NBit => nbit::NBitType::of(dataset.datatype)?.client_data(dataset.elements()?),
            Wish::ScaleOffset(digits) => scale_offset_data(dataset, *digits)?,
            Wish::Lzf => super::lzf::client_data(dataset.chunk_bytes()?),
            Wish::Fixed { client_data, .. } => client_data.clone(),
            Wish::Bitshuffle { block, codec: [codec, level] } => match codec {
                3 => alloc::vec![0, 4, size, *block, *codec, *level],
                _ => alloc::vec![0, 4, size, *block, *codec],
            },
            Wish::Blosc { codec, level, sort } => {
                let base = if size > 255 { 1 } else { size };
                alloc::vec![2, 2, base, dataset.chunk_bytes()?, *level, *sort, *codec]
            }
            Wish::Zfp(rate) => zfp(dataset, *rate)?,
        })
    }
}

#[cfg(feature = "szip")]
fn szip(dataset: &Dataset<'_>, nearest: bool, block: u32) -> Result<Vec<u32>> {
    use super::szip::{Coding, client_data};
    let coding = if nearest { Coding::NearestNeighbour } else { Coding::EntropyCoding };
    client_data(coding, block, dataset.datatype, dataset.chunk)
}

#[cfg(not(feature = "szip"))]
fn szip(_: &Dataset<'_>, _: bool, _: u32) -> Result<Vec<u32>> {
    Err(Error::unsupported("szip is not in this build").with_hint(known::advice(4)))
}

#[cfg(feature = "zfp")]
fn zfp(dataset: &Dataset<'_>, rate: Rate) -> Result<Vec<u32>> {
    use super::zfp::{Mode, client_data};
    let mode = match rate {
        Rate::Reversible => Mode::Reversible,
        Rate::Bits(bits) => Mode::Rate(f64::from_bits(bits)),
        Rate::Accuracy(bits) => Mode::Accuracy(f64::from_bits(bits)),
        Rate::Precision(bits) => Mode::Precision(bits),
    };
    client_data(mode, dataset.datatype, dataset.chunk)
}

#[cfg(not(feature = "zfp"))]
fn zfp(_: &Dataset<'_>, _: Rate) -> Result<Vec<u32>> {
    Err(Error::unsupported("zfp is not in this build").with_hint(known::advice(32013)))
}

fn scale_offset_data(dataset: &Dataset<'_>, digits: i32) -> Result<Vec<u32>> {
    use scale_offset::{Scale, Scaling};
    let float = dataset.datatype.ieee_bits().is_some();
    let scale = if float { Scale::Decimal(digits) } else { Scale::Integer(digits.max(0).cast_unsigned()) };
    Ok(Scaling::of(dataset.datatype, scale, dataset.elements()?, dataset.fill)?.client_data())
}

fn wrong(found: String, expected: &str) -> Error {
    Error::new(ErrorKind::Invalid, format!("filter {found}: expected {expected}"))
}

impl FromStr for Filters {
    type Err = Error;

    /// Filters as the command line has them: `shuffle,gzip=6`, `blosc=lz4:5:2`, `szip=nn:16`, `zfp=rate:16`.
    fn from_str(text: &str) -> Result<Self> {
        let names = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        names.filter(|part| *part != "none").try_fold(Filters::new(), Filters::parse_one)
    }
}

impl Filters {
    fn parse_one(self, part: &str) -> Result<Self> {
        let (name, value) = part.split_once('=').map_or((part, None), |(name, value)| (name, Some(value)));
        let unsigned = |default: u32| value.map_or(Ok(default), |v| number(part, v));
        let signed = |default: i32| value.map_or(Ok(default), |v| number(part, v));
        Ok(match name {
            "shuffle" => self.shuffle(),
            "gzip" | "deflate" => self.gzip(unsigned(4)?),
            "fletcher32" => self.fletcher32(),
            "lzf" => self.lzf(),
            "nbit" => self.nbit(),
            "scaleoffset" => self.scale_offset(signed(0)?),
            "bzip2" => self.bzip2(unsigned(9)?),
            "lz4" => self.lz4(unsigned(0)?),
            "zstd" => self.zstd(signed(3)?),
            "bitshuffle" => match value {
                None | Some("lz4") => self.bitshuffle(),
                Some("zstd") => self.bitshuffle_zstd(3),
                Some("none") => self.with(Wish::Bitshuffle { block: 0, codec: [0, 0] }),
                Some(_) => return Err(wrong(part.to_string(), "bitshuffle=lz4, zstd or none")),
            },
            "szip" => {
                let (coding, block) = value.unwrap_or("nn:16").split_once(':').unwrap_or((value.unwrap_or("nn"), "16"));
                match coding {
                    "nn" | "ec" => self.szip(coding == "nn", number(part, block)?),
                    _ => return Err(wrong(part.to_string(), "szip=nn:16 or szip=ec:16")),
                }
            }
            "blosc" => {
                let mut parts = value.unwrap_or("lz4").split(':');
                let codec = parts.next().unwrap_or("lz4");
                let level = parts.next().map_or(Ok(5), |v| number(part, v))?;
                let sort = parts.next().map_or(Ok(1), |v| number(part, v))?;
                self.blosc(codec, level, sort)?
            }
            "zfp" => match value.unwrap_or("reversible").split_once(':') {
                None if matches!(value, None | Some("reversible")) => self.zfp_reversible(),
                Some(("rate", bits)) => self.zfp_rate(number(part, bits)?),
                Some(("accuracy", tolerance)) => self.zfp_accuracy(number(part, tolerance)?),
                Some(("precision", bits)) => self.zfp_precision(number(part, bits)?),
                _ => return Err(wrong(part.to_string(), "zfp=reversible, rate:N, accuracy:X or precision:N")),
            },
            other => match other.parse::<u16>() {
                Ok(id) => {
                    let words = value.unwrap_or("").split(':').filter(|w| !w.is_empty());
                    self.other(id, words.map(|w| number(part, w)).collect::<Result<Vec<u32>>>()?)
                }
                Err(_) => {
                    let names = "shuffle, gzip, fletcher32, lzf, szip, nbit, scaleoffset, bzip2, lz4, zstd, bitshuffle, blosc, zfp or an id";
                    return Err(wrong(part.to_string(), names));
                }
            },
        })
    }
}

fn number<T: FromStr>(part: &str, text: &str) -> Result<T> {
    text.parse().map_err(|_| wrong(part.to_string(), "a number"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datatype::bits::tests::{float, int};

    #[test]
    fn words_and_text_say_the_same() {
        let parse = |text: &str| text.parse::<Filters>().unwrap();
        assert_eq!(parse("shuffle, gzip=6,fletcher32"), Filters::new().shuffle().gzip(6).fletcher32());
        assert_eq!(parse("szip=ec:8,lzf"), Filters::new().szip(false, 8).lzf());
        assert_eq!(parse("szip"), Filters::new().szip(true, 16));
        assert_eq!(parse("blosc=zstd:3:2"), Filters::new().blosc("zstd", 3, 2).unwrap());
        assert_eq!(parse("zfp=accuracy:0.5,zstd=-3"), Filters::new().zfp_accuracy(0.5).zstd(-3));
        assert_eq!(parse("40000=1:2"), Filters::new().other(40000, [1, 2]));
        assert!(parse("none").is_empty() && parse("").is_empty());
        for bad in ["gzip=x", "blosc=nope", "zfp=rate", "szip=xx:4", "unheard", "bitshuffle=gzip"] {
            assert!(bad.parse::<Filters>().is_err(), "{bad}");
        }
    }

    #[test]
    fn values_follow_from_the_dataset() {
        let registry = Registry::default();
        let words = |text: &str, datatype: &Datatype| {
            let found = text.parse::<Filters>().unwrap().describe(&registry, datatype, &[10, 20], None);
            found.map(|filters| filters[0].client_data.clone())
        };
        assert_eq!(words("shuffle", &int(4, true)).unwrap(), [4]);
        assert_eq!(words("lzf", &int(8, true)).unwrap(), [4, 0x0105, 1600]);
        assert_eq!(words("scaleoffset=2", &float(4)).unwrap()[..4], [0, 2, 200, 1]);
        assert_eq!(words("nbit", &int(4, true)).unwrap()[..3], [8, 1, 200]);
        assert!(words("gzip=10", &int(4, true)).is_err());
        let error = words("32017", &int(4, true)).unwrap_err().to_string();
        assert!(error.starts_with("filter 32017 (SZ) is not in this build"), "{error}");
    }
}
