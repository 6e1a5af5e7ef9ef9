//! Changing a part of an object without reading the rest.

use std::cell::OnceCell;
use std::fmt;
use std::ops::{Index, IndexMut};
use std::sync::Arc;

use serde::Deserialize as _;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::deletion::is_complete;
use super::draft::{Draft, Pen};
use super::{Change, Meta, Object, ResourceRef, Store, StoreError};

const METADATA: &str = "metadata";
/// What a field is that is not there.
static NOTHING: Value = Value::Null;

/// A stored object whose fields are read when they are asked for, and written only when they changed.
#[derive(Debug)]
pub struct Edit<'a> {
    object: &'a Object,
    fields: Vec<Field<'a>>,
    /// The change is nobody's wish.
    uncounted: bool,
}

#[derive(Debug)]
struct Field<'a> {
    name: String,
    /// Nothing: the field is new.
    raw: Option<&'a RawValue>,
    value: OnceCell<Value>,
    /// What it is now, where that differs.
    text: Option<String>,
}

impl Store {
    /// As [`Store::modify`], for changes of a few fields: what `change` does not touch is neither parsed nor serialised.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or that the change could not be made durable.
    pub fn edit(
        &self,
        resource: &ResourceRef,
        namespace: &str,
        name: &str,
        mut change: impl FnMut(&mut Edit<'_>),
    ) -> Result<Arc<Object>, StoreError> {
        let malformed =
            |error: serde_json::Error| StoreError::Malformed { resource: resource.clone(), reason: error.to_string() };
        loop {
            let Some(stored) = self.get(resource, namespace, name) else {
                return Err(StoreError::NotFound { resource: resource.clone(), name: name.into() });
            };
            let mut edit = Edit::of(&stored).map_err(malformed)?;
            change(&mut edit);
            let Some(draft) = edit.finish(self.version() + 1).map_err(malformed)? else { return Ok(stored) };
            let ends = draft.meta().is_terminating() && is_complete(&draft.value().map_err(malformed)?);
            let written = match ends {
                true => self.let_go(resource, &stored, draft),
                false => self.exchange(resource, &stored, draft, Change::Modified),
            };
            match written {
                Err(StoreError::Conflict { .. }) => {}
                done => return done,
            }
        }
    }
}

impl<'a> Edit<'a> {
    fn of(object: &'a Object) -> Result<Self, serde_json::Error> {
        let mut json = serde_json::Deserializer::from_slice(&object.json);
        Ok(Self { object, fields: json.deserialize_map(Fields)?, uncounted: false })
    }

    /// What is known of the object without reading it.
    pub fn meta(&self) -> &Meta {
        &self.object.meta
    }

    /// What is changed is not what a user asked for, and `generation` stays: a pod that is bound, say.
    pub fn leave_generation(&mut self) {
        self.uncounted = true;
    }

    /// Sets one field of a field that is an object, and reads nothing of the others.
    pub fn set(&mut self, name: &str, below: &str, value: Value) {
        let at = self.at(name);
        let field = &mut self.fields[at];
        let unread = field.written().filter(|_| field.value.get().is_none());
        match unread.map(|text| with(text, below, &value)) {
            Some(Ok(text)) => field.text = Some(text),
            _ => self[name][below] = value,
        }
    }

    /// The object with its changes; nothing if there are none.
    fn finish(mut self, expected: u64) -> Result<Option<Draft>, serde_json::Error> {
        let (mut changed, mut wished) = (false, false);
        for field in &mut self.fields {
            if field.write()? {
                changed = true;
                wished |= is_wish(&field.name);
            }
        }
        if !changed {
            return Ok(None);
        }
        if wished && !self.uncounted && self.object.meta.generation > 0 {
            self["metadata"]["generation"] = (self.object.meta.generation + 1).into();
        }
        let mut pen = Pen::default();
        let mut meta = None;
        for field in &self.fields {
            if field.name == METADATA
                && let Some(value) = field.value.get()
            {
                meta = Some(Meta::deserialize(value)?);
                pen.field(&field.name, value, expected)?;
            } else if let Some(text) = field.written()
                && !pen.copy(&field.name, text)?
            {
                pen.field(&field.name, &serde_json::from_str(text)?, expected)?;
            }
        }
        Ok(Some(pen.finish(meta.unwrap_or_else(|| self.object.meta.clone()))))
    }

    /// Where the field is; a new one is made.
    fn at(&mut self, name: &str) -> usize {
        self.fields.iter().position(|field| field.name == name).unwrap_or_else(|| {
            self.fields.push(Field { name: name.to_owned(), raw: None, value: OnceCell::new(), text: None });
            self.fields.len() - 1
        })
    }
}

/// The text of an object with one field set.
fn with(text: &str, name: &str, value: &Value) -> Result<String, serde_json::Error> {
    let mut fields = serde_json::Deserializer::from_str(text).deserialize_map(Fields)?;
    let value = serde_json::value::to_raw_value(value)?;
    match fields.iter_mut().find(|field| field.name == name) {
        Some(field) => field.raw = Some(&value),
        None => fields.push(Field { name: name.to_owned(), raw: Some(&value), value: OnceCell::new(), text: None }),
    }
    let mut changed = String::with_capacity(text.len() + value.get().len() + name.len() + 8);
    for (at, field) in fields.iter().enumerate() {
        changed.push(if at == 0 { '{' } else { ',' });
        changed.push_str(&serde_json::to_string(&field.name)?);
        changed.push(':');
        changed.push_str(field.raw.map_or("null", RawValue::get));
    }
    changed.push('}');
    Ok(changed)
}

/// What a user asks for, of which `generation` counts the changes.
fn is_wish(field: &str) -> bool {
    !matches!(field, "metadata" | "status")
}

impl Field<'_> {
    fn value(&self) -> &Value {
        let read = || self.written().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        self.value.get_or_init(read)
    }

    /// The field as it goes into the object.
    fn written(&self) -> Option<&str> {
        self.text.as_deref().or(self.raw.map(RawValue::get))
    }

    /// Serialises a value that was read. Whether the field differs from what is stored.
    fn write(&mut self) -> Result<bool, serde_json::Error> {
        if let Some(value) = self.value.get().filter(|value| self.raw.is_some() || !value.is_null()) {
            self.text = Some(serde_json::to_string(value)?);
        }
        let differs = self.text.as_deref() != self.raw.map(RawValue::get);
        if self.text.is_some() && !differs {
            *self = Self { name: std::mem::take(&mut self.name), raw: self.raw, value: OnceCell::new(), text: None };
        }
        Ok(differs && self.text.is_some())
    }
}

/// A field of the object; `Null` where there is none.
impl Index<&str> for Edit<'_> {
    type Output = Value;

    fn index(&self, name: &str) -> &Value {
        self.fields.iter().find(|field| field.name == name).map_or(&NOTHING, Field::value)
    }
}

impl IndexMut<&str> for Edit<'_> {
    fn index_mut(&mut self, name: &str) -> &mut Value {
        let at = self.at(name);
        let field = &mut self.fields[at];
        field.value();
        field.value.get_mut().unwrap_or_else(|| unreachable!("set above"))
    }
}

/// Reads the fields of an object, in their order.
struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Vec<Field<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::with_capacity(8);
        while let Some((name, raw)) = map.next_entry::<String, &RawValue>()? {
            fields.push(Field { name, raw: Some(raw), value: OnceCell::new(), text: None });
        }
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::System;
    use crate::store::{CONFIGMAPS, DeleteOptions, Deleted, Window};

    fn store() -> Store {
        let store = Store::in_memory(Arc::new(System), Window::default());
        let object = json!({
            "metadata": {"name": "a", "generation": 1, "finalizers": ["f"]}, "spec": {"x": [1, 2.5]}, "status": {"y": "z"},
        });
        store.create(&CONFIGMAPS, object).unwrap();
        store
    }

    #[test]
    fn only_what_differs_is_a_change_and_only_wishes_count() {
        let store = store();
        let before = store.get(&CONFIGMAPS, "", "a").unwrap();
        let same = store.edit(&CONFIGMAPS, "", "a", |object| {
            assert_eq!(object["spec"]["x"][0], 1);
            object["status"] = json!({"y": "z"});
            object["nothing"] = Value::Null;
        });
        assert!(Arc::ptr_eq(&same.unwrap(), &before));

        let told = store.edit(&CONFIGMAPS, "", "a", |object| object["status"]["y"] = "w".into()).unwrap();
        let mut wanted = before.value().unwrap();
        wanted["status"]["y"] = "w".into();
        wanted["metadata"]["resourceVersion"] = told.meta.resource_version.to_string().into();
        assert_eq!((told.value().unwrap(), told.meta.generation), (wanted, 1));

        let wished = store.edit(&CONFIGMAPS, "", "a", |object| object["spec"]["x"] = 3.into()).unwrap();
        assert_eq!((wished.meta.generation, &wished.value().unwrap()["spec"]), (2, &json!({"x": 3})));
        assert_eq!(Object::from_json(wished.json.clone()).unwrap().meta, wished.meta);
        let new = store.edit(&CONFIGMAPS, "", "a", |object| object["data"]["k"] = "v".into()).unwrap();
        assert_eq!((new.meta.generation, &new.value().unwrap()["data"]), (3, &json!({"k": "v"})));

        let set = store.edit(&CONFIGMAPS, "", "a", |object| {
            object.set("data", "k", "w".into());
            object.set("data", "\"", 1.into());
            object.set("other", "new", true.into());
            assert_eq!(object["data"]["k"], "w");
        });
        let set = set.unwrap().value().unwrap();
        assert_eq!((&set["data"], &set["other"]), (&json!({"k": "w", "\"": 1}), &json!({"new": true})));
        let bound = store.edit(&CONFIGMAPS, "", "a", |object| {
            object.set("data", "bound", true.into());
            object.leave_generation();
        });
        assert_eq!(bound.unwrap().meta.generation, 4, "a change that nobody wished is not counted");
        store.edit(&CONFIGMAPS, "", "a", |object| object["data"] = json!({"k": "w", "\"": 1})).unwrap();
        let set = store.get(&CONFIGMAPS, "", "a").unwrap().value().unwrap();
        let again = store.edit(&CONFIGMAPS, "", "a", |object| object.set("data", "k", "w".into())).unwrap();
        assert_eq!(again.value().unwrap(), set);
    }

    #[test]
    fn the_last_finalizer_lets_go() {
        let store = store();
        let deleted = store.delete(&CONFIGMAPS, "", "a", &DeleteOptions::default()).unwrap();
        assert!(matches!(deleted, Deleted::Terminating(_)));
        store.edit(&CONFIGMAPS, "", "a", |object| object["metadata"]["finalizers"] = json!([])).unwrap();
        assert!(store.get(&CONFIGMAPS, "", "a").is_none());
    }
}
