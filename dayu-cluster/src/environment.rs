//! Time and randomness, as arguments: a test fixes both.

use jiff::Timestamp;

/// What the outside world decides for the cluster.
pub trait Environment: Send + Sync + 'static {
    /// The wall clock: creation and deletion timestamps.
    fn now(&self) -> Timestamp;
    /// Uniform random bits: uids and the suffix of `generateName`.
    fn random(&self) -> u64;
}

/// The machine's own clock and random numbers.
#[derive(Debug, Default, Clone, Copy)]
pub struct System;

impl Environment for System {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn random(&self) -> u64 {
        rand::random()
    }
}

/// A random (version 4) UUID.
pub(crate) fn uid(environment: &dyn Environment) -> String {
    let (high, low) = (environment.random(), environment.random());
    let high = (high & !0xf000) | 0x4000;
    let low = (low & !(0b11 << 62)) | (0b10 << 62);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

/// The five characters that complete a `generateName`; no vowels, so no words.
pub(crate) fn suffix(environment: &dyn Environment) -> String {
    const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut bits = environment.random();
    (0..5)
        .map(|_| {
            let letter = ALPHABET[(bits % 27) as usize];
            bits /= 27;
            char::from(letter)
        })
        .collect()
}

/// Seconds precision, as Kubernetes writes `metadata` times.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
