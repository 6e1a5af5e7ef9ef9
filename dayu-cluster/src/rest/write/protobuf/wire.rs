//! The wire format: numbered fields, each a number or bytes.

use super::ProtobufError;

/// Reads the fields of a message.
pub(super) struct Wire<'a>(&'a [u8]);

/// What a field holds; its type says how it is meant.
#[derive(Debug, Clone, Copy)]
pub(super) enum Payload<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Wire<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn field(&mut self) -> Option<(u64, Payload<'a>)> {
        let tag = self.varint()?;
        let payload = match tag & 7 {
            0 => Payload::Number(self.varint()?),
            1 => Payload::Number(u64::from_le_bytes(*self.0.split_off(..8)?.first_chunk()?)),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Payload::Bytes(self.0.split_off(..length)?)
            }
            5 => Payload::Number(u32::from_le_bytes(*self.0.split_off(..4)?.first_chunk()?).into()),
            _ => return None,
        };
        Some((tag >> 3, payload))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.0.split_off_first()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

impl<'a> Iterator for Wire<'a> {
    type Item = Result<(u64, Payload<'a>), ProtobufError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            // Nothing after damage has a meaning.
            self.0 = &[];
        }
        Some(field.ok_or(ProtobufError::Malformed))
    }
}

impl<'a> Payload<'a> {
    pub(super) fn bytes(self) -> Result<&'a [u8], ProtobufError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Number(_) => Err(ProtobufError::Malformed),
        }
    }

    pub(super) fn text(self) -> Result<String, ProtobufError> {
        let text = std::str::from_utf8(self.bytes()?).map_err(|_| ProtobufError::Malformed)?;
        Ok(text.to_owned())
    }

    /// A number with a fraction. No bytes are none, which is zero.
    pub(super) fn float(self) -> Result<f64, ProtobufError> {
        self.integer().map(|bits| f64::from_bits(bits.cast_unsigned()))
    }

    /// Numbers are signed, whatever their width. No bytes are none, which is zero.
    pub(super) fn integer(self) -> Result<i64, ProtobufError> {
        match self {
            Self::Number(number) => Ok(number.cast_signed()),
            Self::Bytes([]) => Ok(0),
            Self::Bytes(_) => Err(ProtobufError::Malformed),
        }
    }
}
