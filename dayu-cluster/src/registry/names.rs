//! Which of the names that a definition asks for it gets: none that another one of its group has. One that does not get its
//! names is not served until it does.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::environment::rfc3339;
use crate::store::{CUSTOMRESOURCEDEFINITIONS, Store};

/// Gives a definition the names that are free, and says in its conditions whether those are all.
pub(crate) fn settle(store: &Store, definition: &mut Value) {
    let before = definition["status"]["acceptedNames"].take();
    let taken = Taken::by_others(store, &definition["spec"]["group"], &definition["metadata"]["name"]);
    let (accepted, conflict) = taken.leave_of(&definition["spec"]["names"], &before);
    definition["status"]["acceptedNames"] = accepted;
    let now = rfc3339(store.environment().now());
    // Whoever was served once stays so.
    let established = conflict.is_none() || says(definition, "Established", "True");
    let (reason, message) = conflict.clone().unwrap_or(("NoConflicts", "no conflicts found".into()));
    tell(definition, ("NamesAccepted", conflict.is_none()), reason, &message, &now);
    let (reason, message) = match established {
        true => ("InitialNamesAccepted", "the initial names have been accepted"),
        false => ("NotAccepted", "not all names are accepted"),
    };
    tell(definition, ("Established", established), reason, message, &now);
}

/// A definition of the group is gone: another may have waited for its names.
pub(super) fn reconsider(store: &Store, group: &str) {
    for object in store.list(&CUSTOMRESOURCEDEFINITIONS, None).objects {
        let waits = |value: &Value| value["spec"]["group"] == *group && says(value, "NamesAccepted", "False");
        if !object.meta.is_terminating() && object.value().is_ok_and(|value| waits(&value)) {
            let settled = store.modify(&CUSTOMRESOURCEDEFINITIONS, "", &object.meta.name, |value| settle(store, value));
            if let Err(error) = settled {
                tracing::debug!(definition = %object.meta.name, %error, "its names are not accepted yet");
            }
        }
    }
}

/// Names that other definitions of a group have.
#[derive(Default)]
struct Taken {
    /// In paths and for people.
    resources: HashSet<Value>,
    kinds: HashSet<Value>,
}

/// Which names a stored definition has. The rest of it, its schemas, is passed over.
#[derive(Deserialize)]
struct Accepted {
    spec: Group,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize)]
struct Group {
    group: Value,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    accepted_names: Value,
}

impl Taken {
    fn by_others(store: &Store, group: &Value, name: &Value) -> Self {
        let mut taken = Self::default();
        for object in store.list(&CUSTOMRESOURCEDEFINITIONS, None).objects {
            let Ok(Accepted { spec, status }) = object.parse() else { continue };
            if *name == *object.meta.name || spec.group != *group {
                continue;
            }
            let names = &status.accepted_names;
            let shorts = names["shortNames"].as_array().into_iter().flatten();
            taken.resources.extend([&names["plural"], &names["singular"]].into_iter().chain(shorts).cloned());
            taken.kinds.extend([&names["kind"], &names["listKind"]].into_iter().cloned());
        }
        // A name that is not asked for is nobody's.
        taken.resources.remove(&Value::Null);
        taken.kinds.remove(&Value::Null);
        taken
    }

    /// What of the names that are asked for is free, or was this definition's `before`; and of the last that is not, why.
    fn leave_of(&self, asked: &Value, before: &Value) -> (Value, Option<(&'static str, String)>) {
        let (mut accepted, mut conflict) = (asked.clone(), None);
        for (field, taken, reason) in [
            ("plural", &self.resources, "PluralConflict"),
            ("singular", &self.resources, "SingularConflict"),
            ("shortNames", &self.resources, "ShortNamesConflict"),
            ("kind", &self.kinds, "KindConflict"),
            ("listKind", &self.kinds, "ListKindConflict"),
        ] {
            let names = match &asked[field] {
                Value::Array(names) => names.as_slice(),
                name => std::slice::from_ref(name),
            };
            let clashes =
                names.iter().filter(|name| taken.contains(name)).map(|name| format!("{name} is already in use"));
            let clashes: Vec<String> = clashes.collect();
            if let Some(first) = clashes.first() {
                let all = if clashes.len() == 1 { first.clone() } else { format!("[{}]", clashes.join(", ")) };
                conflict = Some((reason, all));
                if before[field].is_null() {
                    accepted.as_object_mut().map(|accepted| accepted.remove(field));
                } else {
                    accepted[field] = before[field].clone();
                }
            }
        }
        (accepted, conflict)
    }
}

fn says(definition: &Value, kind: &str, status: &str) -> bool {
    let conditions = definition["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|one| one["type"] == kind && one["status"] == status)
}

/// Puts a condition in the place of the one of its kind; when it began stays where it does.
fn tell(definition: &mut Value, (kind, holds): (&str, bool), reason: &str, message: &str, now: &str) {
    let status = if holds { "True" } else { "False" };
    let mut condition =
        json!({ "type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": now });
    let conditions = &mut definition["status"]["conditions"];
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    let Some(conditions) = conditions.as_array_mut() else { return };
    match conditions.iter_mut().find(|old| old["type"] == kind) {
        Some(old) => {
            if old["status"] == status {
                condition["lastTransitionTime"] = old["lastTransitionTime"].take();
            }
            *old = condition;
        }
        None => conditions.push(condition),
    }
}
