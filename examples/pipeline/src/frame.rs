//! Frames as they travel: greyscale pictures of 60 KB to 2 MB with a bright spot that moves.
use bytes::Bytes;

/// Sizes in bytes that a source cycles through, from a 540p clip to a full-HD one.
pub const SIZES: [usize; 6] = [60_000, 108_000, 250_000, 433_000, 937_000, 2_000_000];

/// Pixels per row.
const WIDTH: usize = 1_000;

/// The frame number `index` of a camera: a dark picture with one bright square whose place depends on `index`.
#[must_use]
pub fn render(index: u64, size: usize) -> Bytes {
    let mut pixels = vec![16u8; size];
    let rows = (size / WIDTH).max(1);
    let (top, left) = ((index as usize * 7) % rows, (index as usize * 31) % WIDTH);
    for row in top..(top + 8).min(rows) {
        let start = (row * WIDTH + left).min(size);
        let end = (row * WIDTH + (left + 8).min(WIDTH)).min(size);
        pixels[start..end].fill(240);
    }
    pixels.into()
}

/// What a detector found in one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Finding {
    /// Pixels brighter than the threshold.
    pub bright: u64,
    /// Row of the first bright pixel.
    pub row: Option<u64>,
    /// Bytes looked at.
    pub bytes: u64,
}

/// Looks at every pixel.
#[must_use]
pub fn detect(pixels: &[u8]) -> Finding {
    let bright = pixels.iter().filter(|&&pixel| pixel > 128).count() as u64;
    let row = pixels.iter().position(|&pixel| pixel > 128).map(|at| (at / WIDTH) as u64);
    Finding { bright, row, bytes: pixels.len() as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spot_is_found_where_it_was_drawn() {
        for index in 0..50 {
            let found = detect(&render(index, 108_000));
            assert_eq!(found.row, Some((index * 7) % 108));
            assert!(found.bright > 0 && found.bright <= 64);
        }
    }

    #[test]
    fn an_empty_frame_has_nothing() {
        assert_eq!(detect(&[]), Finding { bright: 0, row: None, bytes: 0 });
    }
}
