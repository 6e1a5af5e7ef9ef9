//! The same object in another version.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::Kind;
use crate::store::{EVENTS, Object};

/// core/v1 name, events.k8s.io/v1 name
const EVENT_FIELDS: [(&str, &str); 7] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

impl Kind {
    /// Objects are stored as this kind serves them.
    fn is_stored_form(&self) -> bool {
        self.group == self.resource.group() && self.custom().is_none_or(|custom| custom.storage_version == self.version)
    }

    /// A stored object as this kind serves it; without a copy where that is the same.
    pub(crate) fn bytes(&self, object: &Object) -> Bytes {
        if self.is_stored_form() {
            return object.json.clone();
        }
        self.value(object).map_or_else(|_| object.json.clone(), |value| Bytes::from(value.to_string()))
    }

    /// A stored object as this kind serves it, parsed.
    pub(crate) fn value(&self, object: &Object) -> Result<Value, serde_json::Error> {
        let mut value = object.value()?;
        if !self.is_stored_form() {
            self.convert(&mut value, &self.api_version(), |(core, new)| (core, new));
        }
        Ok(value)
    }

    /// What a client sent, as it is stored.
    pub(crate) fn to_stored(&self, value: &mut Value) {
        if !self.is_stored_form() {
            self.convert(value, &self.stored_api_version(), |(core, new)| (new, core));
        }
    }

    fn convert(
        &self,
        value: &mut Value,
        api_version: &str,
        direction: fn((&'static str, &'static str)) -> (&'static str, &'static str),
    ) {
        value["apiVersion"] = api_version.into();
        if self.resource == EVENTS
            && let Some(fields) = value.as_object_mut()
        {
            rename(fields, direction);
            if api_version != "v1" {
                // Left out where empty in this group, and only in this one.
                for field in ["reportingController", "reportingInstance"] {
                    if fields.get(field).is_some_and(|value| *value == "") {
                        fields.remove(field);
                    }
                }
            }
        }
    }
}

fn rename(
    fields: &mut Map<String, Value>,
    direction: fn((&'static str, &'static str)) -> (&'static str, &'static str),
) {
    for (from, to) in EVENT_FIELDS.into_iter().map(direction) {
        if let Some(value) = fields.remove(from) {
            fields.insert(to.into(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::registry::built_in;
    use crate::store::Object;

    #[test]
    fn events_are_one_object_in_two_groups() {
        let kind = built_in().find("events.k8s.io", "v1", "events").unwrap();
        let sent = json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e"},
            "regarding": {"name": "p"}, "note": "hello", "reason": "Why"});
        let mut stored = sent.clone();
        kind.to_stored(&mut stored);
        assert_eq!(stored["involvedObject"]["name"], "p");
        assert_eq!(stored["message"], "hello");
        assert_eq!(stored["apiVersion"], "v1");
        let object = Object::from_json(stored.to_string().into()).unwrap();
        assert_eq!(kind.value(&object).unwrap(), sent);
    }
}
