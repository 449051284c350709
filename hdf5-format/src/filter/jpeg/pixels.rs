//! From the samples of components to pixels: chroma to full size, then to red, green and blue.
//!
//! Both as libjpeg-turbo does it by default, in every bit. Where a component has half the samples, its neighbours weigh
//! 3 to 1; components of at most two columns are repeated.

use super::Damage;
use alloc::vec::Vec;

/// The samples of one component.
#[derive(Clone, Debug, Default)]
pub(super) struct Plane {
    /// Rows of `stride` samples.
    pub(super) samples: Vec<u8>,
    pub(super) stride: usize,
    /// Samples of a row that belong to the image.
    pub(super) width: usize,
    /// Rows that belong to the image.
    pub(super) height: usize,
}

impl Plane {
    /// A row; past either end, the nearest one.
    fn row(&self, y: usize) -> &[u8] {
        let start = y.min(self.height.saturating_sub(1)).saturating_mul(self.stride);
        self.samples.get(start..).and_then(|rest| rest.get(..self.width)).unwrap_or(&[])
    }
}

/// How a component's samples stand to the image's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Size {
    /// A sample for each pixel.
    #[default]
    Full,
    /// Half the columns.
    HalfWidth,
    /// Half the columns and half the rows.
    Half,
}

impl Size {
    /// Of a component that has `of` where the largest have `most`, across and down.
    pub(super) fn new(of: (usize, usize), most: (usize, usize)) -> Result<Self, Damage> {
        match (most.0.checked_rem(of.0), most.0.checked_div(of.0), most.1.checked_rem(of.1), most.1.checked_div(of.1)) {
            (Some(0), Some(1), Some(0), Some(1)) => Ok(Size::Full),
            (Some(0), Some(2), Some(0), Some(1)) => Ok(Size::HalfWidth),
            (Some(0), Some(2), Some(0), Some(2)) => Ok(Size::Half),
            _ => {
                let ((across, down), (most_across, most_down)) = (of, most);
                Err(Damage::Unsupported(alloc::format!(
                    "sampling {across}x{down} beside {most_across}x{most_down}, expected as many, half across, or half"
                )))
            }
        }
    }
}

/// Rows of the image, one component beside the other.
#[derive(Debug, Default)]
pub(super) struct Rows {
    components: [Vec<u8>; 3],
    /// A row of a component with its ends doubled.
    padded: Vec<u16>,
}

impl Rows {
    /// Writes the image's rows of `width` pixels with three components to `out`; from luminance and chroma if `chroma`.
    pub(super) fn write(&mut self, planes: &[(Plane, Size); 3], width: usize, chroma: bool, out: &mut [u8]) {
        for row in &mut self.components {
            row.clear();
            row.resize(width, 0);
        }
        for (y, pixels) in out.chunks_exact_mut(width.saturating_mul(3).max(1)).enumerate() {
            for (row, (plane, size)) in self.components.iter_mut().zip(planes) {
                full_row(plane, *size, y, &mut self.padded, row);
            }
            let [a, b, c] = &self.components;
            let pixels = pixels.as_chunks_mut().0.iter_mut().zip(a).zip(b).zip(c);
            if chroma {
                pixels.for_each(|(((pixel, &a), &b), &c)| *pixel = rgb(a, b, c));
            } else {
                pixels.for_each(|(((pixel, &a), &b), &c)| *pixel = [a, b, c]);
            }
        }
    }
}

/// Red, green and blue of ITU-T T.871; factors have 16 bits after the point.
#[inline(always)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "products below 2^25; clamped"
)]
fn rgb(luminance: u8, blue: u8, red: u8) -> [u8; 3] {
    let (blue, red) = (i32::from(blue) - 128, i32::from(red) - 128);
    let shift = [91_881 * red, -22_554 * blue - 46_802 * red, 116_130 * blue];
    shift.map(|shift| (i32::from(luminance) + ((shift + (1 << 15)) >> 16)).clamp(0, 255) as u8)
}

/// Writes row `y` of the image's component to `out`, whose length is the image's width.
#[allow(clippy::arithmetic_side_effects, reason = "sums of samples that weigh 16 at most")]
fn full_row(plane: &Plane, size: Size, y: usize, padded: &mut Vec<u16>, out: &mut [u8]) {
    match size {
        Size::Full => out.iter_mut().zip(plane.row(y)).for_each(|(to, &from)| *to = from),
        Size::HalfWidth | Size::Half if plane.width <= 2 => {
            let row = plane.row(if size == Size::Half { y / 2 } else { y });
            out.chunks_mut(2).zip(row).for_each(|(to, &from)| to.fill(from));
        }
        Size::HalfWidth => {
            pad(padded, plane.row(y).iter().map(|&sample| u16::from(sample)));
            widen(padded, [1, 2], 2, out);
        }
        Size::Half => {
            let far = if y.is_multiple_of(2) { (y / 2).saturating_sub(1) } else { y / 2 + 1 };
            let columns = plane.row(y / 2).iter().zip(plane.row(far));
            pad(padded, columns.map(|(&near, &far)| 3 * u16::from(near) + u16::from(far)));
            widen(padded, [8, 7], 4, out);
        }
    }
}

/// Two columns from each number of the row but the doubled ones: it weighs 3, the one on their side 1. The last column
/// of an odd width is alone.
#[inline(always)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "sums of samples that weigh 16 at most"
)]
fn widen(padded: &[u16], round: [u16; 2], shift: u32, out: &mut [u8]) {
    for (to, numbers) in out.chunks_mut(2).zip(padded.windows(3)) {
        let &[left, here, right] = numbers else { continue };
        let columns = [left + round[0], right + round[1]].map(|side| ((3 * here + side) >> shift) as u8);
        match to {
            [a, b] => [*a, *b] = columns,
            [a] => [*a, _] = columns,
            _ => {}
        }
    }
}

/// Puts the row into `padded` with its first and last number doubled.
#[inline(always)]
fn pad(padded: &mut Vec<u16>, row: impl Iterator<Item = u16>) {
    padded.clear();
    padded.push(0);
    padded.extend(row);
    if let &[_, first, ..] = &padded[..]
        && let Some(to) = padded.first_mut()
    {
        *to = first;
    }
    padded.extend_from_within(padded.len().saturating_sub(1)..);
}
