//! JPEG: images of bytes, with losses.
//!
//! | | |
//! |---|---|
//! | id | 32019 |
//! | name | `jpeg` |
//! | client data | `[0]` quality, `[1]` columns, `[2]` rows, `[3]` 0: grey, 1: red, green, blue; for writers only |
//! | payload | one JPEG file of what the encoder of libjpeg makes by default: sequential, Huffman codes, 8 bits |
//! | reference | ITU-T T.81, T.871; `H5Zjpeg.c` of hdf5_plugins for the order of the bytes |
//! | done by | this file; reads only |
//! | feature | `jpeg` |
//!
//! The chunk is the image's rows from the top, each pixel one grey byte or red, green and blue. Decoders may differ in
//! the last bits: this one gives the bytes that libjpeg-turbo gives, which crates that decode JPEG do not, because their
//! transforms round otherwise. libjpeg 7 and later enlarge chroma in another way.

mod decode;
mod huffman;
mod pixels;
mod transform;

use super::{Filter, FilterContext};
use crate::error::Result;
use alloc::borrow::Cow;
use alloc::string::String;

/// Filter 32019.
#[derive(Clone, Copy, Debug, Default)]
pub struct Jpeg;

impl Filter for Jpeg {
    fn id(&self) -> u16 {
        32019
    }

    fn name(&self) -> &str {
        "jpeg"
    }

    fn decode<'a>(&self, input: Cow<'a, [u8]>, context: &mut FilterContext<'_>) -> Result<Cow<'a, [u8]>> {
        let failed = |damage: Damage, context: &FilterContext<'_>| match damage {
            Damage::Truncated => context.corrupt(format_args!("the image in {} bytes is cut short", input.len())),
            Damage::NoCode => context.corrupt("bits that are no code"),
            Damage::Corrupt(text) => context.corrupt(text),
            Damage::Unsupported(text) => context.unsupported(text),
        };
        let mut decoder = context.state::<decode::Decoder>();
        let length = decoder.read(&input, context.output_limit).map_err(|damage| failed(damage, context))?;
        let mut out = context.buffer(length)?;
        decoder.write(&mut out);
        context.keep(decoder);
        context.recycle(input);
        Ok(Cow::Owned(out))
    }

    fn encoded_limit(&self, plain: usize, _: &[u32]) -> usize {
        plain.saturating_mul(4).saturating_add(1 << 17)
    }
}

/// Why an image cannot be decoded.
#[derive(Debug)]
enum Damage {
    Truncated,
    NoCode,
    Corrupt(String),
    Unsupported(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::golden;
    use crate::filter::tests::decode;
    use alloc::string::ToString;
    use alloc::vec::Vec;

    /// Grey, 19 x 13 pixels.
    fn image() -> Vec<u8> {
        golden::samples().find(|sample| sample.0 == 32019).unwrap().2
    }

    fn error(stored: &[u8], limit: usize) -> String {
        let text = decode(&Jpeg, stored, &[], limit).unwrap_err().to_string();
        text.strip_prefix("filter 32019 (jpeg): ").unwrap().into()
    }

    /// Where a segment of this kind begins.
    fn segment(image: &[u8], marker: u8) -> usize {
        image.windows(2).position(|bytes| bytes == [0xff, marker]).unwrap()
    }

    #[test]
    fn refuses_what_is_cut_short() {
        let image = image();
        for end in 2..image.len() {
            let length = image.len();
            assert_eq!(error(&image[..end], 1000), alloc::format!("the image in {end} bytes is cut short"), "{length}");
        }
        assert_eq!(error(&image[..1], 1000), "no JPEG image: it does not begin with ff d8");
        let longer = [&image, &b"more"[..]].concat();
        assert_eq!(decode(&Jpeg, &longer, &[], 247).unwrap(), decode(&Jpeg, &image, &[], 247).unwrap());
    }

    #[test]
    fn refuses_other_images() {
        let image = image();
        let changed_to = |marker: u8, at: usize, bytes: &[u8]| {
            let mut image = image.clone();
            let start = segment(&image, marker) + at;
            image[start..start + bytes.len()].copy_from_slice(bytes);
            error(&image, 1000)
        };
        let changed = |marker: u8, at: usize, byte: u8| changed_to(marker, at, &[byte]);
        assert_eq!(changed(0xc0, 1, 0xc2), "an image of kind c2, expected c0 or c1");
        assert_eq!(changed(0xc0, 4, 12), "samples of 12 bits, expected 8");
        assert_eq!(changed(0xc0, 6, 0), "an image of 19 x 0 pixels");
        assert_eq!(changed(0xc0, 5, 1), "19 x 269 pixels of 1 bytes, expected at most 1000 bytes");
        assert_eq!(changed(0xc0, 9, 4), "4 components, expected 1 or 3");
        assert_eq!(changed(0xc0, 10, 7), "a scan of component 1, which is not awaited");
        assert_eq!(changed(0xc0, 12, 3), "no quantization table 3 before its scan");
        assert_eq!(changed(0xda, 6, 0x22), "no Huffman tables 02 and 12 before their scan");
        assert_eq!(changed(0xda, 8, 62), "a scan of coefficients [0, 62, 0], expected [0, 63, 0]");
        assert_eq!(changed(0xda, 4, 0), "a scan of coefficients [1, 0, 0, 63, 0], expected [0, 63, 0]");
        assert_eq!(changed(0xdb, 4, 4), "quantization table 4, expected 0 to 3");
        assert_eq!(changed(0xc4, 4, 0x20), "Huffman table 20, expected 00 to 13");
        assert_eq!(changed_to(0xc4, 6, &[5, 1]), "more codes of a length than there can be");
        assert_eq!(changed(0xc0, 1, 0xfe), "a scan of component 1, which is not awaited");
        assert_eq!(changed(0xda, 1, 0xd9), "the image ends before all its components are there");
    }

    #[test]
    fn the_output_is_bounded_before_it_is_made() {
        let mut image = image();
        assert_eq!(error(&image, 246), "19 x 13 pixels of 1 bytes, expected at most 246 bytes");
        let start = segment(&image, 0xc0);
        image[start + 5..start + 9].fill(0xff);
        let length = image.len();
        assert_eq!(error(&image, usize::MAX), alloc::format!("the image in {length} bytes is cut short"));
    }
}
