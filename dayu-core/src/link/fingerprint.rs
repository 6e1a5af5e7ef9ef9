//! By what the two ends of a link know each other: the hash of the certificate that each shows.
use std::{fmt, str::FromStr};

use sha2::{Digest, Sha256};

/// The SHA-256 of a certificate (DER). Written as 64 lower-case hexadecimal digits.
///
/// Both ends make their key themselves at their start, sign their certificate themselves, and write its fingerprint where
/// only they may write: the global manager into its own Lease, a local manager into the Lease of its device. Whoever connects
/// compares. No authority has to be kept, no secret has to be handed out, and a key lives as long as its process.
///
/// ```
/// use dayu_core::link::Fingerprint;
///
/// let shown = Fingerprint::of(b"a certificate");
/// assert_eq!(shown.to_string().parse(), Ok(shown));
/// assert_ne!(shown, Fingerprint::of(b"another"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

/// What should have been a fingerprint is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no fingerprint of a certificate; expected 64 hexadecimal digits")]
pub struct NoFingerprint(String);

impl Fingerprint {
    /// That of a certificate, given as DER.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl FromStr for Fingerprint {
    type Err = NoFingerprint;

    fn from_str(text: &str) -> Result<Self, NoFingerprint> {
        let refused = || NoFingerprint(text.chars().take(80).collect());
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let mut bytes = [0; 32];
        if text.len() != 2 * bytes.len() {
            return Err(refused());
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let (high, low) = digit(pair[0]).zip(digit(pair[1])).ok_or_else(refused)?;
            *byte = high << 4 | low;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_fingerprint_is_refused_by_name() {
        let good = Fingerprint::of(b"x").to_string();
        for bad in ["", "abc", &good[1..], &format!("{good}0"), &good.replacen(&good[..1], "g", 1), &"é".repeat(32)] {
            assert!(bad.parse::<Fingerprint>().unwrap_err().to_string().contains("64 hexadecimal"), "{bad}");
        }
        assert_eq!(good.to_uppercase().parse(), Ok(Fingerprint::of(b"x")), "case does not matter");
    }
}
