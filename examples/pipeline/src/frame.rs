//! Frames as they travel: greyscale pictures of 60 KB to 2 MB with a bright spot that moves.
use std::num::NonZeroU32;

use crate::{Identity, form::Task};

/// Sizes in bytes that a source cycles through, from a 540p clip to a full-HD one.
pub const SIZES: [usize; 6] = [60_000, 108_000, 250_000, 433_000, 937_000, 2_000_000];

/// Pixels per row.
const WIDTH: NonZeroU32 = NonZeroU32::new(1_000).unwrap();

/// The frame number `index` of a camera, of some `size` bytes: a dark picture with one bright square whose place depends on
/// `index`.
#[must_use]
pub fn render(by: &Identity, index: u64, size: usize) -> (Task, Vec<u8>) {
    let width = WIDTH.get() as usize;
    let rows = (size / width).max(1);
    let mut pixels = vec![16u8; rows * width];
    let (top, left) = ((index as usize * 7) % rows, (index as usize * 31) % width);
    for row in pixels.chunks_exact_mut(width).skip(top).take(8) {
        row[left..(left + 8).min(width)].fill(240);
    }
    let (source, device) = (by.replica.clone(), by.device.clone());
    (Task { source, device, index, width: WIDTH, height: rows as u32 }, pixels)
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

/// Looks at every pixel, of which so many lie in a row.
#[must_use]
pub fn detect(pixels: &[u8], width: NonZeroU32) -> Finding {
    let bright = pixels.iter().filter(|&&pixel| pixel > 128).count() as u64;
    let row = pixels.iter().position(|&pixel| pixel > 128).map(|at| at as u64 / u64::from(width.get()));
    Finding { bright, row, bytes: pixels.len() as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spot_is_found_where_it_was_drawn() {
        let by = Identity { device: "edge1".into(), replica: "camera".into(), pid: 1 };
        for index in 0..50 {
            let (task, pixels) = render(&by, index, 108_000);
            assert_eq!((task.source.as_str(), task.device.as_str(), task.height), ("camera", "edge1", 108));
            let found = detect(&pixels, task.width);
            assert_eq!(found.row, Some((index * 7) % 108));
            assert!(found.bright > 0 && found.bright <= 64);
        }
    }

    #[test]
    fn an_empty_frame_has_nothing() {
        assert_eq!(detect(&[], WIDTH), Finding { bright: 0, row: None, bytes: 0 });
    }
}
