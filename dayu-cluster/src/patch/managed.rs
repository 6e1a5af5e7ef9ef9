//! `metadata.managedFields`: who owns which field.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::compare::{Changes, compare};
use super::fields::{self, FieldSet};
use crate::schema::Node;

/// So many managers that update are told apart; the oldest beyond that become one.
const MAX_UPDATERS: usize = 10;
/// Who owns what nobody is noted for.
const BEFORE: &str = "before-first-apply";
const ANCIENT: &str = "ancient-changes";

/// Which part of an object a write changes, and so can own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// All but the status, which is a part of its own.
    WithoutStatus,
    /// The status only.
    Status,
    /// As all but the status, by way of the `scale` subresource, which is an owner of its own.
    Scale,
}

impl Part {
    fn subresource(self) -> &'static str {
        match self {
            Self::Whole | Self::WithoutStatus => "",
            Self::Status => "status",
            Self::Scale => "scale",
        }
    }
}

/// Who writes, and when.
#[derive(Debug, Clone, Copy)]
pub struct Writer<'a> {
    /// The field manager.
    pub manager: &'a str,
    pub api_version: &'a str,
    pub part: Part,
    /// RFC 3339, in whole seconds.
    pub now: &'a str,
}

/// What tells managers apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Manager {
    pub(super) applies: bool,
    pub(super) name: String,
    /// Empty for those that apply: they stay the same manager through versions.
    pub(super) api_version: String,
    pub(super) subresource: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Owned {
    pub(super) set: FieldSet,
    pub(super) api_version: String,
    pub(super) time: Option<String>,
}

/// The managers of an object.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Managers {
    pub(super) owned: BTreeMap<Manager, Owned>,
}

impl Manager {
    fn of(entry: &Value) -> Self {
        let applies = entry["operation"] == "Apply";
        Self {
            applies,
            name: text(entry, "manager").into(),
            api_version: if applies { String::new() } else { text(entry, "apiVersion").into() },
            subresource: text(entry, "subresource").into(),
        }
    }

    /// Whether an entry of `managedFields` is of this manager.
    pub(super) fn has(&self, entry: &Value) -> bool {
        (entry["operation"] == "Apply") == self.applies
            && text(entry, "manager") == self.name
            && text(entry, "subresource") == self.subresource
            && (self.applies || text(entry, "apiVersion") == self.api_version)
    }
}

fn text<'a>(entry: &'a Value, field: &str) -> &'a str {
    entry[field].as_str().unwrap_or_default()
}

impl Writer<'_> {
    pub(super) fn manager(&self, applies: bool) -> Manager {
        Manager {
            applies,
            name: self.manager.into(),
            api_version: if applies { String::new() } else { self.api_version.into() },
            subresource: self.part.subresource().into(),
        }
    }

    pub(super) fn owned(&self, set: FieldSet) -> Owned {
        // When something was scaled is told by nobody.
        let time = (self.part != Part::Scale).then(|| self.now.into());
        Owned { set, api_version: self.api_version.into(), time }
    }
}

impl Managers {
    /// An object that nobody is noted for was there before the first apply: all of it is owned as of then.
    pub(super) fn begin(&mut self, live: &Value, writer: Writer<'_>, node: &Node) {
        let nothing = Value::Object(Map::new());
        let set = visible(compare(node, &nothing, live), writer.part).set;
        if set.is_empty() {
            return;
        }
        let manager = Manager { name: BEFORE.into(), ..writer.manager(false) };
        self.owned.insert(manager, writer.owned(set));
    }
}

/// Notes what a create, an update or a patch other than apply changed; writes `managedFields` of `new`.
///
/// `live` is `None` for a create. A client may write `managedFields` itself; what it leaves out is kept from `live`.
pub fn update(live: Option<&Value>, new: &mut Value, writer: Writer<'_>, node: &Node) {
    let sent = take(new);
    let kept = live.map(entries).unwrap_or_default();
    let mut managers = match sent {
        // An empty entry asks to forget all owners.
        Some(Value::Array(entries)) if entries.len() == 1 && is_reset(&entries[0]) => Managers::default(),
        // As they are nearly always, they need no copy.
        Some(Value::Array(entries)) if entries == kept => Managers::parse(entries),
        Some(Value::Array(entries)) if !entries.is_empty() && writer.part != Part::Status => Managers::parse(entries),
        _ => Managers::parse(kept.iter().cloned()),
    };
    let nothing = Value::Object(Map::new());
    let changes = visible(compare(node, live.unwrap_or(&nothing), new), writer.part);
    if !changes.is_none() {
        let _ = managers.take_over(&changes);
        let manager = writer.manager(false);
        if !changes.set.is_empty() {
            let mut set = changes.set;
            if let Some(previous) = managers.owned.get(&manager) {
                set.union(&previous.set);
            }
            managers.owned.insert(manager, writer.owned(set));
        }
        managers.cap(writer.api_version);
    }
    managers.write(new);
}

fn is_reset(entry: &Value) -> bool {
    entry.as_object().is_some_and(|entry| entry.values().all(|value| value.is_null() || *value == ""))
}

/// Changes without what nobody owns and what this write cannot change.
pub(super) fn visible(mut changes: Changes, part: Part) -> Changes {
    for set in [&mut changes.set, &mut changes.removed] {
        strip(set, part);
    }
    changes
}

/// Removes what belongs to the cluster, and what belongs to another part of the object.
pub(super) fn strip(set: &mut FieldSet, part: Part) {
    const SYSTEM: [&str; 8] = [
        "f:name",
        "f:namespace",
        "f:creationTimestamp",
        "f:selfLink",
        "f:uid",
        "f:generation",
        "f:managedFields",
        "f:resourceVersion",
    ];
    set.remove(|step| {
        matches!(step, "f:apiVersion" | "f:kind")
            || match part {
                Part::Whole => false,
                Part::WithoutStatus | Part::Scale => step == "f:status",
                Part::Status => step != "f:status",
            }
    });
    if let Some(mut metadata) = set.detach("f:metadata") {
        metadata.remove(|step| SYSTEM.contains(&step));
        set.attach(fields::field("metadata"), false, metadata);
    }
}

/// The `managedFields` of an object.
pub(super) fn entries(object: &Value) -> &[Value] {
    object["metadata"]["managedFields"].as_array().map_or(&[], Vec::as_slice)
}

/// Gives a copy of an object the `managedFields` of the original.
pub(super) fn keep_entries(live: &Value, object: &mut Value) {
    if let (Some(entries), Some(Value::Object(metadata))) =
        (live["metadata"].get("managedFields"), object.get_mut("metadata"))
    {
        metadata.insert("managedFields".into(), entries.clone());
    }
}

/// Removes `managedFields` from an object.
pub(super) fn take(value: &mut Value) -> Option<Value> {
    value.get_mut("metadata")?.as_object_mut()?.remove("managedFields")
}

impl Managers {
    pub(super) fn parse(entries: impl IntoIterator<Item = Value>) -> Self {
        let entries = entries.into_iter().map(|mut entry| {
            let fields = entry.get_mut("fieldsV1").map(Value::take).unwrap_or_default();
            let owned = Owned {
                set: FieldSet::parse(fields),
                api_version: text(&entry, "apiVersion").into(),
                time: entry["time"].as_str().map(Into::into),
            };
            (Manager::of(&entry), owned)
        });
        Self { owned: entries.collect() }
    }

    /// Takes changed fields from all managers; returns what was taken from whom.
    pub(super) fn take_over(&mut self, changes: &Changes) -> Vec<(Manager, FieldSet)> {
        let mut taken = Vec::new();
        self.owned.retain(|manager, owned| {
            let lost = owned.set.intersection(&changes.set);
            owned.set.subtract(&changes.set);
            owned.set.subtract(&changes.removed);
            if !lost.is_empty() {
                taken.push((manager.clone(), lost));
            }
            !owned.set.is_empty()
        });
        taken
    }

    fn cap(&mut self, api_version: &str) {
        let mut updaters: Vec<_> = self.owned.iter().filter(|(manager, _)| !manager.applies).collect();
        if updaters.len() <= MAX_UPDATERS {
            return;
        }
        updaters.sort_by(|(_, left), (_, right)| left.time.cmp(&right.time));
        let surplus = updaters.len() - MAX_UPDATERS + 1;
        let oldest: Vec<Manager> = updaters.into_iter().take(surplus).map(|(manager, _)| manager.clone()).collect();
        let mut bucket = Owned { set: FieldSet::default(), api_version: api_version.into(), time: None };
        for owned in oldest.iter().filter_map(|manager| self.owned.remove(manager)) {
            bucket.set.union(&owned.set);
            bucket.time = bucket.time.max(owned.time);
            bucket.api_version = owned.api_version;
        }
        let manager = Manager {
            applies: false,
            name: ANCIENT.into(),
            api_version: bucket.api_version.clone(),
            subresource: String::new(),
        };
        self.owned.insert(manager, bucket);
    }

    /// Sets `managedFields` of an object.
    pub(super) fn write(self, object: &mut Value) {
        let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
        if self.owned.is_empty() {
            metadata.remove("managedFields");
            return;
        }
        let mut entries: Vec<_> = self.owned.into_iter().collect();
        entries.sort_by(|(left, l), (right, r)| {
            let rank = |manager: &Manager| !manager.applies;
            (rank(left), &l.time, &left.name, &l.api_version, &left.subresource).cmp(&(
                rank(right),
                &r.time,
                &right.name,
                &r.api_version,
                &right.subresource,
            ))
        });
        let entries = entries.into_iter().map(|(manager, owned)| entry(manager, owned));
        metadata.insert("managedFields".into(), entries.collect());
    }
}

fn entry(manager: Manager, owned: Owned) -> Value {
    let mut entry = Map::new();
    entry.insert("manager".into(), manager.name.into());
    entry.insert("operation".into(), if manager.applies { "Apply" } else { "Update" }.into());
    entry.insert("apiVersion".into(), owned.api_version.into());
    entry.insert("fieldsType".into(), "FieldsV1".into());
    entry.insert("fieldsV1".into(), owned.set.into_value());
    if let Some(time) = owned.time {
        entry.insert("time".into(), time.into());
    }
    if !manager.subresource.is_empty() {
        entry.insert("subresource".into(), manager.subresource.into());
    }
    Value::Object(entry)
}
