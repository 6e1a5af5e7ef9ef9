//! Labels in one piece. Objects are many and have a handful of labels each, of which a map takes four times their text.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};

/// Ends each key and each value: neither can hold it.
const END: char = '\0';

/// Labels, each key once and in order.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Labels(Box<str>);

impl Labels {
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        let mut parts = self.0.split_terminator(END);
        std::iter::from_fn(move || Some((parts.next()?, parts.next()?)))
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Of equal keys the last one counts.
    fn pack(mut labels: Vec<(Cow<'_, str>, Cow<'_, str>)>) -> Self {
        // Stable: of equal keys the last one comes last.
        labels.sort_by(|(left, _), (right, _)| left.cmp(right));
        let mut packed = String::with_capacity(labels.iter().map(|(key, value)| key.len() + value.len() + 2).sum());
        for (at, (key, value)) in labels.iter().enumerate() {
            if labels.get(at + 1).is_some_and(|(next, _)| next == key) {
                continue;
            }
            packed.extend([key.as_ref(), "\0", value.as_ref(), "\0"]);
        }
        Self(packed.into())
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Pairs)
    }
}

struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Labels;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("labels")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
        let mut labels = Vec::with_capacity(map.size_hint().unwrap_or(8));
        while let Some((Text(key), Text(value))) = map.next_entry()? {
            if key.contains(END) || value.contains(END) {
                return Err(A::Error::custom(format!("label {key:?}: a zero byte is no part of a label")));
            }
            labels.push((key, value));
        }
        Ok(Labels::pack(labels))
    }
}

/// A text, borrowed where it stands as it is.
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowing;
        impl<'de> Visitor<'de> for Borrowing {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }

            fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text))
            }
        }
        deserializer.deserialize_str(Borrowing).map(Text)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn labels_are_the_map_that_they_were_read_from(map in proptest::collection::btree_map("[a-c./\"]{0,3}", "[a-z]{0,3}", 0..6)) {
            let text = serde_json::to_string(&map).unwrap();
            let labels: Labels = serde_json::from_str(&text).unwrap();
            let read: BTreeMap<String, String> = labels.iter().map(|(key, value)| (key.into(), value.into())).collect();
            prop_assert_eq!(&read, &map);
            prop_assert!(map.iter().all(|(key, value)| labels.get(key) == Some(value)));
            prop_assert_eq!(labels.get("nobody has this"), None);
            prop_assert_eq!(labels.is_empty(), map.is_empty());
            prop_assert_eq!(serde_json::to_string(&labels).unwrap(), text);
        }
    }

    #[test]
    fn order_does_not_count_and_of_equal_keys_the_last_does() {
        let of = |text: &str| serde_json::from_str::<Labels>(text);
        assert_eq!(of(r#"{"b":"1","a":"0","b":"2"}"#).unwrap(), of(r#"{"a":"0","b":"2"}"#).unwrap());
        assert!(of(r#"{"a":"\u0000"}"#).unwrap_err().to_string().contains("\"a\""));
        assert!(of(r#"{"a":1}"#).is_err());
    }
}
