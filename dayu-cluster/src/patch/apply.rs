//! Server-side apply.
//!
//! Whoever applies says all that it wants and owns exactly that: what it applied before and no longer does goes, unless
//! somebody else owns it too; what others own it can only change by force.

use serde_json::{Map, Value, json};

use super::combine::combine;
use super::compare::compare;
use super::fields::{FieldSet, Places};
use super::managed::{self, Manager, Managers, Part, Writer, strip, visible};
use super::{prune, typed};
use crate::schema::Node;

/// The annotation in which `kubectl apply` remembers what it applied.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The patch does not fit the schema.
    #[error("failed to create typed patch object ({namespace}/{name}; {group_version}, Kind={kind}): {problem}")]
    Untyped { namespace: String, name: String, group_version: String, kind: String, problem: String },
    #[error("metadata.managedFields must be nil")]
    ManagedFields,
    /// Others own what would change.
    #[error("{}", conflict_message(.0))]
    Conflicts(Vec<Conflict>),
}

/// A field that another manager owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// As messages name it: `"kubectl" using apps/v1`.
    pub manager: String,
    /// `.spec.replicas`
    pub field: String,
}

/// Applies `applied` for a manager and returns the object with its `managedFields`. Where that equals `live`, nothing
/// changed and there is nothing to store. `live` is `None` where there is no such object yet; defaulting and validation
/// are the caller's, on the result.
///
/// # Errors
/// The patch does not fit the schema; without `force` also conflicts with other managers.
pub fn apply(
    live: Option<&Value>,
    applied: &Value,
    writer: Writer<'_>,
    force: bool,
    node: &Node,
) -> Result<Value, ApplyError> {
    let Some(live) = live else { return create(applied.clone(), writer, node) };
    let mut set = said(node, applied)?;
    let me = writer.manager(true);
    let (mine, others): (Vec<&Value>, Vec<&Value>) = managed::entries(live).iter().partition(|entry| me.has(entry));
    let last = mine.first().map(|entry| &entry["fieldsV1"]);
    let mut managers = Managers::parse(others.iter().copied().cloned());
    if others.is_empty() && mine.is_empty() {
        managers.begin(live, writer, node);
    }

    let mut object = without_owners(live);
    put(node, &mut object, applied, writer.part);
    if let Some(last) = last.map(Places::of)
        && !last.is_within(set.places())
    {
        let others = others.iter().map(|entry| Places::of(&entry["fieldsV1"]));
        let owned: Vec<Places<'_>> = std::iter::once(set.places()).chain(others).collect();
        prune::prune(node, &mut object, last, &owned);
    }
    strip(&mut set, writer.part);
    let changes = visible(compare(node, live, &object), writer.part);
    if changes.is_none() && last.is_some_and(|last| set.is(last)) {
        // Everything stays as it is, the order of owners included.
        managed::keep_entries(live, &mut object);
        return Ok(object);
    }
    let conflicts = managers.take_over(&changes);
    if !force && !conflicts.is_empty() {
        let excused = last_applied(&me, live, node);
        let conflicts = named(&conflicts, excused.as_ref());
        if !conflicts.is_empty() {
            return Err(ApplyError::Conflicts(conflicts));
        }
    }
    if !set.is_empty() {
        let mut owned = writer.owned(set);
        if changes.is_none() {
            // The time is of the last write that changed something, if any did.
            owned.time = mine.first().and_then(|last| last["time"].as_str()).map(Into::into);
        }
        managers.owned.insert(me.clone(), owned);
    }
    if keeps_last_applied(&me, &object) {
        set_last_applied(applied.clone(), &mut object);
    }
    managers.write(&mut object);
    Ok(object)
}

/// Applies where there is no such object yet: what is applied becomes the object.
///
/// # Errors
/// The patch does not fit the schema.
pub fn create(mut object: Value, writer: Writer<'_>, node: &Node) -> Result<Value, ApplyError> {
    let (mut set, me) = (said(node, &object)?, writer.manager(true));
    let applied = keeps_last_applied(&me, &object).then(|| object.clone());
    if let Some(fields) = object.as_object_mut() {
        fields.retain(|name, _| counts(name, writer.part));
        let metadata = fields.entry("metadata").or_insert_with(|| json!({}));
        match metadata.as_object_mut() {
            Some(metadata) => metadata.retain(|name, _| !is_system(name)),
            None => *metadata = json!({}),
        }
    }
    strip(&mut set, writer.part);
    let mut managers = Managers::default();
    if !set.is_empty() {
        managers.owned.insert(me, writer.owned(set));
    }
    if let Some(applied) = applied {
        set_last_applied(applied, &mut object);
    }
    managers.write(&mut object);
    Ok(object)
}

/// The fields that are applied, which whoever applies owns from now on.
fn said(node: &Node, applied: &Value) -> Result<FieldSet, ApplyError> {
    if applied["metadata"]["managedFields"].as_array().is_some_and(|entries| !entries.is_empty()) {
        return Err(ApplyError::ManagedFields);
    }
    typed::fields(node, applied).map_err(|problem| untyped(applied, problem))
}

/// A copy without `managedFields`, which are as large as all the rest.
fn without_owners(live: &Value) -> Value {
    let copy = |fields: &Map<String, Value>, skip: &str| -> Map<String, Value> {
        fields.iter().filter(|(name, _)| *name != skip).map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    let Value::Object(fields) = live else { return live.clone() };
    let mut object = copy(fields, "metadata");
    if let Some(Value::Object(metadata)) = fields.get("metadata") {
        object.insert("metadata".into(), Value::Object(copy(metadata, "managedFields")));
    }
    Value::Object(object)
}

/// Puts what is applied over the object. What an apply of one part says of the others does not count.
fn put(node: &Node, object: &mut Value, applied: &Value, part: Part) {
    let Value::Object(fields) = object else { return };
    for (name, applied) in applied.as_object().into_iter().flatten().filter(|(name, _)| counts(name, part)) {
        let Some((field, _)) = node.field(name) else {
            fields.insert(name.clone(), applied.clone());
            continue;
        };
        match (fields.get_mut(name), name.as_str()) {
            (Some(live), "metadata") => combine(field, live, &sent_metadata(applied)),
            (Some(live), _) => combine(field, live, applied),
            (None, _) => {
                fields.insert(name.clone(), applied.clone());
            }
        }
    }
}

fn counts(name: &str, part: Part) -> bool {
    match part {
        Part::Whole => true,
        Part::WithoutStatus | Part::Scale => name != "status",
        Part::Status => name == "status",
    }
}

/// What only the cluster says of an object is not taken from a patch.
fn is_system(name: &str) -> bool {
    matches!(name, "creationTimestamp" | "generation" | "selfLink" | "managedFields")
}

fn sent_metadata(applied: &Value) -> Value {
    let fields = applied.as_object().into_iter().flatten().filter(|(name, _)| !is_system(name));
    Value::Object(fields.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// What `kubectl apply` owns from before it applied on the server is no conflict for `kubectl apply --server-side`.
fn last_applied(me: &Manager, live: &Value, node: &Node) -> Option<FieldSet> {
    if me.name != "kubectl" {
        return None;
    }
    let annotation = live["metadata"]["annotations"][LAST_APPLIED].as_str()?;
    let applied: Value = serde_json::from_str(annotation).ok()?;
    typed::fields(node, &applied).ok()
}

/// Once an object has the annotation, it stays true for those who still read it.
fn keeps_last_applied(me: &Manager, object: &Value) -> bool {
    me.name == "kubectl" && !object["metadata"]["annotations"][LAST_APPLIED].is_null()
}

fn set_last_applied(mut applied: Value, object: &mut Value) {
    if let Some(annotations) = applied["metadata"].get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove(LAST_APPLIED);
    }
    object["metadata"]["annotations"][LAST_APPLIED] = format!("{applied}\n").into();
}

fn named(conflicts: &[(Manager, FieldSet)], excused: Option<&FieldSet>) -> Vec<Conflict> {
    let fields = conflicts.iter().flat_map(|(manager, set)| {
        let mut set = set.clone();
        if let Some(excused) = excused.filter(|_| manager.name == "kubectl-client-side-apply" && !manager.applies) {
            set.subtract(excused);
        }
        let manager = shown(manager);
        set.paths().into_iter().map(move |field| Conflict { manager: manager.clone(), field })
    });
    fields.collect()
}

fn shown(manager: &Manager) -> String {
    let mut shown = format!("{:?}", manager.name);
    if !manager.subresource.is_empty() {
        shown.push_str(&format!(" with subresource {:?}", manager.subresource));
    }
    if !manager.applies {
        shown.push_str(&format!(" using {}", manager.api_version));
    }
    shown
}

fn conflict_message(conflicts: &[Conflict]) -> String {
    if let [Conflict { manager, field }] = conflicts {
        return format!("Apply failed with 1 conflict: conflict with {manager}: {field}");
    }
    let mut message = format!("Apply failed with {} conflicts: ", conflicts.len());
    for (index, Conflict { manager, field }) in conflicts.iter().enumerate() {
        let first = index == 0 || conflicts[index - 1].manager != *manager;
        if index > 0 {
            message.push('\n');
        }
        if first {
            message.push_str(&format!("conflicts with {manager}:\n"));
        }
        message.push_str(&format!("- {field}"));
    }
    message
}

fn untyped(applied: &Value, problem: String) -> ApplyError {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let api_version = text(&applied["apiVersion"]);
    ApplyError::Untyped {
        namespace: text(&applied["metadata"]["namespace"]),
        name: text(&applied["metadata"]["name"]),
        group_version: if api_version.contains('/') { api_version } else { format!("/{api_version}") },
        kind: text(&applied["kind"]),
        problem,
    }
}
