//! Names that follow from content: letters that spell no words.
use sha2::{Digest, Sha256};

/// The first `N` letters (up to 32) that stand for `content`.
pub(super) fn letters<const N: usize>(content: &[u8]) -> String {
    const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let digest = Sha256::digest(content);
    digest.iter().take(N).map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])).collect()
}
