//! Texts at rest, each as how it differs from one that it resembles: resources of a kind, and their statuses, are alike.
use std::{collections::VecDeque, sync::Arc};

use lz4_flex::block::{DecompressError, compress_prepend_size_with_dict, decompress_size_prepended_with_dict};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;

/// Texts that others are compared with; a kind has a few shapes, not many.
const MODELS: usize = 4;

/// Packs texts that resemble each other. Every text can be one that the next is compared with.
#[derive(Debug, Default)]
pub(super) struct Packer {
    /// The one that fitted last comes first.
    models: Mutex<VecDeque<Model>>,
}

/// Thin, since every packed text holds one.
type Model = Arc<Box<[u8]>>;

/// A text at rest.
#[derive(Clone, Debug)]
pub(super) struct Packed {
    model: Model,
    text: Box<[u8]>,
}

impl Packer {
    /// `text` in little room: a third or less of its own, once another like it has been packed.
    pub(super) fn pack(&self, text: &[u8]) -> Packed {
        let mut models = self.models.lock();
        let fits = |model: &Model| {
            let packed = compress_prepend_size_with_dict(text, model);
            (packed.len() <= text.len() / 3).then(|| packed.into_boxed_slice())
        };
        let found = models.iter().enumerate().find_map(|(at, model)| Some((at, fits(model)?)));
        let (model, packed) = match found {
            Some((at, packed)) => (models.remove(at), packed),
            None => {
                models.truncate(MODELS - 1);
                (None, compress_prepend_size_with_dict(text, text).into())
            }
        };
        let model = model.unwrap_or_else(|| Arc::new(text.into()));
        models.push_front(model.clone());
        Packed { model, text: packed }
    }
}

/// A text that is not what is read from it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("kept badly: {0}")]
    Kept(#[from] DecompressError),
    #[error(transparent)]
    Form(#[from] serde_json::Error),
}

impl Packed {
    /// What the text, as it was, says.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Unreadable> {
        Ok(serde_json::from_slice(&self.text()?)?)
    }

    fn text(&self) -> Result<Vec<u8>, DecompressError> {
        decompress_size_prepended_with_dict(&self.text, &self.model)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn resource(number: u32, shape: &str) -> String {
        let spec =
            "\"containers\":[{\"name\":\"worker\",\"image\":\"dayu/detector:1\",\"ports\":[{\"containerPort\":9000}]}]";
        format!(
            "{{\"metadata\":{{\"name\":\"detector-{number}\",\"uid\":\"{number:036}\"}},\"{shape}\":{{{}}}}}",
            spec.repeat(4)
        )
    }

    #[test]
    fn texts_that_are_alike_take_little_room() {
        let packer = Packer::default();
        for number in 0..100 {
            for shape in ["spec", "template"] {
                let text = resource(number, shape);
                let packed = packer.pack(text.as_bytes());
                assert!(packed.text.len() < 120, "{} of {}", packed.text.len(), text.len());
            }
        }
        assert!(packer.models.lock().len() <= 2);
    }

    #[test]
    fn texts_larger_than_the_window_of_comparison_come_out_as_they_were() {
        let packer = Packer::default();
        for seed in [1, 1, 2] {
            let text: Vec<u8> = (0..200_000_u64).map(|at| ((at * at + seed) % 251) as u8).collect();
            assert_eq!(packer.pack(&text).text().unwrap(), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_out_as_it_was(
            texts in prop::collection::vec(prop_oneof![
                ".{0,80}", (0..50u32).prop_map(|number| resource(number, "spec")),
            ], 0..12)
        ) {
            let packer = Packer::default();
            let packed: Vec<Packed> = texts.iter().map(|text| packer.pack(text.as_bytes())).collect();
            for (text, packed) in texts.iter().zip(&packed) {
                prop_assert_eq!(packed.text().unwrap(), text.as_bytes());
            }
            prop_assert!(packer.models.lock().len() <= MODELS);
        }
    }
}
