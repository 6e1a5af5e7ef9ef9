//! Request bodies.

use std::fmt;

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, map::Entry};

use super::super::error::ApiError;
use super::number::number;
use super::protobuf::{self, ProtobufError};
use crate::schema::Path;

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Yaml,
    Protobuf,
}

/// In the order in which a refusal names them.
const ACCEPTED: [&str; 3] = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];

impl Format {
    /// By content type; JSON where nothing is said.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        match media_type(headers) {
            "" | "application/json" => Ok(Self::Json),
            "application/yaml" => Ok(Self::Yaml),
            "application/vnd.kubernetes.protobuf" => Ok(Self::Protobuf),
            _ => Err(ApiError::unsupported_media_type(&ACCEPTED)),
        }
    }
}

pub(super) fn media_type(headers: &HeaderMap) -> &str {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

/// A decoded body, and the fields that were written twice.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) value: Value,
    pub(crate) duplicates: Vec<String>,
}

pub(crate) fn decode(format: Format, body: &[u8]) -> Result<Decoded, ApiError> {
    let mut duplicates = Vec::new();
    let strict = Strict { path: Path::Root(""), duplicates: &mut duplicates };
    let value = match format {
        Format::Json => {
            let mut deserializer = serde_json::Deserializer::from_slice(body);
            strict.deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value)).map_err(refuse)
        }
        Format::Yaml => serde_saphyr::from_slice::<Value>(body).map_err(refuse),
        // What is written twice there is a list.
        Format::Protobuf => protobuf::decode(body).map_err(|error| match error {
            ProtobufError::UnknownKind { .. } => ApiError::unreadable(error.to_string()),
            _ => ApiError::bad_request(error.to_string()),
        }),
    }?;
    Ok(Decoded { value, duplicates })
}

fn refuse(error: impl fmt::Display) -> ApiError {
    ApiError::bad_request(format!("couldn't get version/kind; json parse error: {error}"))
}

/// Builds a value as `serde_json` does (the last of equal keys wins), and remembers which keys came twice.
struct Strict<'a> {
    path: Path<'a>,
    duplicates: &'a mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let path = self.path.field(&key);
            let value = map.next_value_seed(Strict { path, duplicates: self.duplicates })?;
            match fields.entry(key) {
                Entry::Vacant(place) => {
                    place.insert(value);
                }
                Entry::Occupied(mut place) => {
                    self.duplicates.push(self.path.field(place.key()).to_string());
                    place.insert(value);
                }
            }
        }
        Ok(Value::Object(fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        loop {
            let path = self.path.item(items.len());
            match seq.next_element_seed(Strict { path, duplicates: self.duplicates })? {
                Some(item) => items.push(item),
                None => return Ok(Value::Array(items)),
            }
        }
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.into()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(number(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn duplicate_keys_are_found_and_the_last_wins() {
        let decoded = decode(Format::Json, br#"{"a":1,"b":[{"c":1,"c":2}],"a":3}"#).unwrap();
        assert_eq!(decoded.value, json!({"a": 3, "b": [{"c": 2}]}));
        assert_eq!(decoded.duplicates, ["b[0].c", "a"]);
    }

    #[test]
    fn trailing_bytes_and_other_formats_are_refused() {
        assert!(decode(Format::Json, b"{} {}").is_err());
        assert!(decode(Format::Json, b"{").is_err());
        assert_eq!(decode(Format::Yaml, b"a: [1, x]").unwrap().value, json!({"a": [1, "x"]}));
    }
}
