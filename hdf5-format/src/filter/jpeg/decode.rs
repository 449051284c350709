//! The segments of an image and the blocks of its scans.

use super::Damage;
use super::huffman::{Bits, Huffman};
use super::pixels::{Plane, Rows, Size};
use super::transform;
use alloc::format;
use alloc::vec::Vec;

/// Coefficients and samples of a block.
const BLOCK: usize = 64;
/// Side of a block.
const SIDE: usize = 8;
/// Place in a block's rows of each coefficient in the order of the stream.
#[rustfmt::skip]
const ZIGZAG: [u8; BLOCK] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// What the headers say of a component.
#[derive(Clone, Copy, Debug)]
struct Component {
    id: u8,
    /// Blocks of a unit, across and down.
    blocks: (usize, usize),
    quantization: usize,
    /// A scan held it.
    read: bool,
}

/// Colours of three components.
#[derive(Clone, Copy, Debug, Default)]
struct Hints {
    jfif: bool,
    /// The transform of an Adobe segment.
    adobe: Option<u8>,
}

/// One image at a time; tables and planes are reused.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    quantization: [Option<[u16; BLOCK]>; 4],
    /// For first coefficients and for the others.
    codes: [[Option<Huffman>; 4]; 2],
    /// Units between restart markers; 0: none.
    restart: usize,
    hints: Hints,
    width: usize,
    height: usize,
    components: Vec<Component>,
    planes: [(Plane, Size); 3],
    rows: Rows,
}

impl Decoder {
    /// Decodes all samples of the image; the number of bytes that [`write`](Self::write) fills, at most `limit`.
    pub(super) fn read(&mut self, input: &[u8], limit: usize) -> Result<usize, Damage> {
        self.forget();
        let [0xff, 0xd8, rest @ ..] = input else {
            return Err(Damage::Corrupt("no JPEG image: it does not begin with ff d8".into()));
        };
        let mut rest = rest;
        loop {
            let (marker, after) = marker(rest)?;
            if marker == 0xd9 {
                break;
            }
            let (body, after) = segment(after)?;
            rest = after;
            match marker {
                0xc0 | 0xc1 => self.frame(body, limit, input.len())?,
                0xc4 => self.huffman(body)?,
                0xda => rest = self.scan(body, after)?,
                0xdb => self.quantization(body)?,
                0xdd => self.restart = u16::from_be_bytes(*body.first_chunk().ok_or(Damage::Truncated)?).into(),
                0xe0 => self.hints.jfif |= body.starts_with(b"JFIF\0"),
                0xee if body.starts_with(b"Adobe") => self.hints.adobe = body.get(11).copied(),
                0xe1..=0xef | 0xfe => {}
                0xc2 | 0xc3 | 0xc5..=0xcf => {
                    return Err(Damage::Unsupported(format!("an image of kind {marker:02x}, expected c0 or c1")));
                }
                _ => return Err(Damage::Corrupt(format!("a segment of kind {marker:02x} before the end"))),
            }
        }
        if self.components.is_empty() || self.components.iter().any(|component| !component.read) {
            return Err(Damage::Corrupt("the image ends before all its components are there".into()));
        }
        Ok(self.width.saturating_mul(self.height).saturating_mul(self.components.len()))
    }

    fn forget(&mut self) {
        self.quantization = [None; 4];
        self.codes = Default::default();
        self.restart = 0;
        self.hints = Hints::default();
        self.components.clear();
    }

    /// Tables of what a step of each coefficient stands for.
    fn quantization(&mut self, mut body: &[u8]) -> Result<(), Damage> {
        while let Some((&head, after)) = body.split_first() {
            let wide = head >> 4 != 0;
            let length = if wide { 2 * BLOCK } else { BLOCK };
            let (bytes, after) = after.split_at_checked(length).ok_or(Damage::Truncated)?;
            let mut table = [0; BLOCK];
            for (to, bytes) in table.iter_mut().zip(bytes.chunks(if wide { 2 } else { 1 })) {
                *to = bytes.iter().fold(0, |number, &byte| number << 8 | u16::from(byte));
            }
            let slot = self.quantization.get_mut(usize::from(head & 15));
            let slot =
                slot.ok_or_else(|| Damage::Corrupt(format!("quantization table {}, expected 0 to 3", head & 15)))?;
            *slot = Some(table);
            body = after;
        }
        Ok(())
    }

    fn huffman(&mut self, mut body: &[u8]) -> Result<(), Damage> {
        while let Some((&head, after)) = body.split_first() {
            let (counts, after) = after.split_first_chunk().ok_or(Damage::Truncated)?;
            let total = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, after) = after.split_at_checked(total).ok_or(Damage::Truncated)?;
            let slot =
                self.codes.get_mut(usize::from(head >> 4)).and_then(|codes| codes.get_mut(usize::from(head & 15)));
            let slot = slot.ok_or_else(|| Damage::Corrupt(format!("Huffman table {head:02x}, expected 00 to 13")))?;
            *slot = Some(Huffman::new(counts, symbols)?);
            body = after;
        }
        Ok(())
    }

    /// The image's size and components. `available` bytes hold all of its blocks.
    fn frame(&mut self, body: &[u8], limit: usize, available: usize) -> Result<(), Damage> {
        let &[bits, h1, h0, w1, w0, count, ref list @ ..] = body else { return Err(Damage::Truncated) };
        if !self.components.is_empty() {
            return Err(Damage::Corrupt("a second image".into()));
        }
        if bits != 8 {
            return Err(Damage::Unsupported(format!("samples of {bits} bits, expected 8")));
        }
        if count != 1 && count != 3 {
            return Err(Damage::Unsupported(format!("{count} components, expected 1 or 3")));
        }
        (self.width, self.height) = (u16::from_be_bytes([w1, w0]).into(), u16::from_be_bytes([h1, h0]).into());
        if self.width == 0 || self.height == 0 {
            return Err(Damage::Corrupt(format!("an image of {} x {} pixels", self.width, self.height)));
        }
        let length = self.width.saturating_mul(self.height).saturating_mul(count.into());
        if length > limit {
            return Err(Damage::Corrupt(format!(
                "{} x {} pixels of {count} bytes, expected at most {limit} bytes",
                self.width, self.height
            )));
        }
        for component in list.as_chunks().0.iter().take(count.into()) {
            let &[id, blocks, quantization] = component;
            // A lone component is not in units, whatever its header says.
            let blocks = if count == 1 { (1, 1) } else { (usize::from(blocks >> 4), usize::from(blocks & 15)) };
            if !(1..=4).contains(&blocks.0) || !(1..=4).contains(&blocks.1) {
                return Err(Damage::Corrupt(format!("units of {}x{} blocks, expected 1 to 4", blocks.0, blocks.1)));
            }
            self.components.push(Component { id, blocks, quantization: quantization.into(), read: false });
        }
        if self.components.len() != usize::from(count) {
            return Err(Damage::Truncated);
        }
        self.lay_out(available)
    }

    /// Blocks of the largest component in a unit.
    fn most_blocks(&self) -> (usize, usize) {
        self.components.iter().fold((1, 1), |most, c| (most.0.max(c.blocks.0), most.1.max(c.blocks.1)))
    }

    /// Units across and down.
    fn units(&self) -> (usize, usize) {
        let most = self.most_blocks();
        (self.width.div_ceil(SIDE.saturating_mul(most.0)), self.height.div_ceil(SIDE.saturating_mul(most.1)))
    }

    /// Makes the planes. Their size is checked against what `available` bytes can hold.
    #[allow(
        clippy::arithmetic_side_effects,
        reason = "sides are below 2^16 + 32; at most 4 blocks of 8 samples a unit"
    )]
    fn lay_out(&mut self, available: usize) -> Result<(), Damage> {
        let (most, units) = (self.most_blocks(), self.units());
        let all = self.components.iter().map(|c| c.blocks.0 * c.blocks.1).sum::<usize>();
        // Each block has at least two codes of a bit.
        if (units.0 * units.1).saturating_mul(all) / 4 > available {
            return Err(Damage::Truncated);
        }
        for (component, (plane, size)) in self.components.iter().zip(&mut self.planes) {
            *size = Size::new(component.blocks, most)?;
            plane.stride = units.0 * component.blocks.0 * SIDE;
            plane.width = (self.width * component.blocks.0).div_ceil(most.0);
            plane.height = (self.height * component.blocks.1).div_ceil(most.1);
            plane.samples.clear();
            plane.samples.resize(plane.stride * units.1 * component.blocks.1 * SIDE, 0);
        }
        Ok(())
    }

    /// Decodes the blocks after a scan's header; the input from the next marker on.
    fn scan<'a>(&mut self, body: &[u8], input: &'a [u8]) -> Result<&'a [u8], Damage> {
        let (&count, list) = body.split_first().ok_or(Damage::Truncated)?;
        let (list, range) = list.split_at_checked(usize::from(count).saturating_mul(2)).ok_or(Damage::Truncated)?;
        if range != [0, 63, 0] {
            return Err(Damage::Unsupported(format!("a scan of coefficients {range:?}, expected [0, 63, 0]")));
        }
        let mut parts = Vec::with_capacity(3);
        for &[id, codes] in list.as_chunks().0 {
            parts.push(self.part(id, codes)?);
        }
        let units = match &parts[..] {
            [] => return Err(Damage::Corrupt("a scan of no components".into())),
            // Alone, a component has only the blocks that it needs.
            &[Part { index, .. }] => {
                let plane =
                    self.planes.get(index).map(|(plane, _)| (plane.width.div_ceil(SIDE), plane.height.div_ceil(SIDE)));
                parts.iter_mut().for_each(|part| part.blocks = (1, 1));
                plane.unwrap_or_default()
            }
            _ => self.units(),
        };
        let mut bits = Bits::new(input);
        let mut before_restart = self.restart;
        let mut restarts = 0usize;
        for row in 0..units.1 {
            for column in 0..units.0 {
                if self.restart != 0 && before_restart == 0 {
                    bits.restart(restarts)?;
                    restarts = restarts.wrapping_add(1);
                    before_restart = self.restart;
                    parts.iter_mut().for_each(|part| part.last = 0);
                }
                before_restart = before_restart.saturating_sub(1);
                for part in &mut parts {
                    let Some((plane, _)) = self.planes.get_mut(part.index) else { continue };
                    part.unit(&mut bits, &self.codes, plane, (column, row))?;
                }
            }
        }
        Ok(bits.after())
    }

    /// What a scan needs of the component `id`, with the tables `codes`.
    fn part(&mut self, id: u8, codes: u8) -> Result<Part, Damage> {
        let awaited =
            self.components.iter_mut().enumerate().find(|(_, component)| component.id == id && !component.read);
        let Some((index, component)) = awaited else {
            return Err(Damage::Corrupt(format!("a scan of component {id}, which is not awaited")));
        };
        component.read = true;
        let table = self.quantization.get(component.quantization).copied().flatten();
        let table = table.ok_or_else(|| {
            Damage::Corrupt(format!("no quantization table {} before its scan", component.quantization))
        })?;
        let steps = core::array::from_fn(|at| {
            (ZIGZAG.get(at).copied().unwrap_or(0), table.get(at).copied().unwrap_or(0).into())
        });
        Ok(Part {
            index,
            blocks: component.blocks,
            codes: (usize::from(codes >> 4), usize::from(codes & 15)),
            steps,
            last: 0,
        })
    }

    /// Writes the image that [`read`](Self::read) decoded.
    pub(super) fn write(&mut self, out: &mut [u8]) {
        if self.components.len() == 3 {
            let chroma = match (self.hints, &self.components[..]) {
                (Hints { jfif: true, .. }, _) => true,
                (Hints { adobe: Some(transform), .. }, _) => transform != 0,
                (_, [r, g, b]) => [r.id, g.id, b.id] != *b"RGB",
                _ => true,
            };
            return self.rows.write(&self.planes, self.width, chroma, out);
        }
        let [(plane, _), ..] = &self.planes;
        let rows = plane.samples.chunks(plane.stride.max(1));
        for (to, from) in out.chunks_mut(self.width.max(1)).zip(rows) {
            if let Some(from) = from.get(..to.len()) {
                to.copy_from_slice(from);
            }
        }
    }
}

/// One component in a scan.
#[derive(Debug)]
struct Part {
    /// Of the component.
    index: usize,
    /// Blocks of a unit, across and down.
    blocks: (usize, usize),
    /// Numbers of the tables for first coefficients and for the others.
    codes: (usize, usize),
    /// Place in the block and step of each coefficient, in the order of the stream.
    steps: [(u8, i32); BLOCK],
    /// First coefficient of the block before.
    last: i32,
}

impl Part {
    /// Decodes the blocks of the unit at a place.
    #[inline]
    #[allow(clippy::arithmetic_side_effects, reason = "places are below 2^16 units of at most 4 blocks")]
    fn unit(
        &mut self,
        bits: &mut Bits<'_>,
        codes: &[[Option<Huffman>; 4]; 2],
        plane: &mut Plane,
        (column, row): (usize, usize),
    ) -> Result<(), Damage> {
        let [first, others] = codes;
        let (Some(Some(first)), Some(Some(others))) = (first.get(self.codes.0), others.get(self.codes.1)) else {
            let (a, b) = self.codes;
            return Err(Damage::Corrupt(format!("no Huffman tables {a:02x} and {:02x} before their scan", b | 16)));
        };
        for y in 0..self.blocks.1 {
            for x in 0..self.blocks.0 {
                let (left, top) = ((column * self.blocks.0 + x) * SIDE, (row * self.blocks.1 + y) * SIDE);
                let start = top * plane.stride + left;
                let rows = plane.samples.get_mut(start..).unwrap_or(&mut []).chunks_mut(plane.stride.max(1));
                let rows = rows.filter_map(|row| row.first_chunk_mut::<SIDE>()).take(SIDE);
                let mut coefficients = [0; BLOCK];
                if self.block(bits, first, others, &mut coefficients)? {
                    rows.zip(transform::samples(&coefficients)).for_each(|(to, from)| *to = from);
                } else {
                    let [first, ..] = coefficients;
                    rows.for_each(|to| *to = [transform::flat(first); SIDE]);
                }
            }
        }
        Ok(())
    }

    /// Decodes a block of coefficients that are 0; false if all but the first stay so.
    #[inline(always)]
    #[allow(clippy::arithmetic_side_effects, reason = "place < 64 before each step, which is at most 16")]
    fn block(
        &mut self,
        bits: &mut Bits<'_>,
        first: &Huffman,
        others: &Huffman,
        coefficients: &mut [i32; BLOCK],
    ) -> Result<bool, Damage> {
        let size = u32::from(bits.symbol(first)?);
        if size > 15 {
            return Err(Damage::Corrupt(format!("a first coefficient of {size} bits, expected at most 15")));
        }
        if size > 0 {
            self.last = self.last.wrapping_add(bits.number(size)?);
        }
        coefficients[0] = self.last.wrapping_mul(self.steps[0].1);
        let mut place = 1;
        let mut others_there = false;
        while place < BLOCK {
            let symbol = bits.symbol(others)?;
            let (zeros, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            if size == 0 {
                if zeros < 15 {
                    break;
                }
                place += 16;
                continue;
            }
            place += zeros;
            let value = bits.number(size)?;
            let Some(&(to, step)) = self.steps.get(place) else {
                return Err(Damage::Corrupt("more coefficients than a block has".into()));
            };
            if let Some(to) = coefficients.get_mut(usize::from(to)) {
                *to = value.wrapping_mul(step);
            }
            others_there = true;
            place += 1;
        }
        Ok(others_there)
    }
}

/// The next marker; bytes ff may stand before it.
fn marker(mut rest: &[u8]) -> Result<(u8, &[u8]), Damage> {
    loop {
        match rest {
            [0xff, after @ ..] if after.first() == Some(&0xff) => rest = after,
            [0xff, marker, after @ ..] => return Ok((*marker, after)),
            [] | [0xff] => return Err(Damage::Truncated),
            [byte, ..] => return Err(Damage::Corrupt(format!("byte {byte:02x}, expected a marker, ff"))),
        }
    }
}

/// The body of a segment and what follows it.
fn segment(rest: &[u8]) -> Result<(&[u8], &[u8]), Damage> {
    let (&length, after) = rest.split_first_chunk().ok_or(Damage::Truncated)?;
    let length = usize::from(u16::from_be_bytes(length));
    let body = length.checked_sub(2).ok_or_else(|| Damage::Corrupt(format!("a segment of {length} bytes")))?;
    after.split_at_checked(body).ok_or(Damage::Truncated)
}
