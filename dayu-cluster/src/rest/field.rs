//! Reads one field out of serialised JSON without parsing the rest into memory.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The text at a dotted path; empty when it is absent or no scalar, as field selectors see it.
pub(crate) fn read<'a>(json: &'a [u8], path: &str) -> Cow<'a, str> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    Field(path).deserialize(&mut deserializer).unwrap_or_default()
}

/// Walks down the path; empty path: this is the value.
#[derive(Clone, Copy)]
struct Field<'p>(&'p str);

impl<'de> DeserializeSeed<'de> for Field<'_> {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Field<'_> {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (head, tail) = self.0.split_once('.').unwrap_or((self.0, ""));
        let mut found = Cow::Borrowed("");
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if !head.is_empty() && key == head {
                found = map.next_value_seed(Field(tail))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Cow::Borrowed(""))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(if self.0.is_empty() { text } else { "" }))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(if self.0.is_empty() { Cow::Owned(text.into()) } else { Cow::Borrowed("") })
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        self.visit_str(if value { "true" } else { "false" })
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_there() {
        let json = br#"{"spec":{"nodeName":"e\"1","list":[{"x":1}],"on":true},"status":null,"n":{"m":7}}"#;
        for (path, expected) in [
            ("spec.nodeName", "e\"1"),
            ("spec.list", ""),
            ("spec.on", "true"),
            ("status.phase", ""),
            ("n.m", "7"),
            ("n", ""),
        ] {
            assert_eq!(read(json, path), expected, "{path}");
        }
        assert_eq!(read(b"not json", "a"), "");
    }
}
