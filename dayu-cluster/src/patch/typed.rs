//! Which fields a value has, and whether the schema knows them.

use serde_json::Value;

use super::fields::{self, FieldSet, shown};
use crate::schema::{Array, Kind, List, Node, Object};

/// The fields that somebody who applies `value` owns; what the schema forbids is an error.
pub(super) fn fields(node: &Node, value: &Value) -> Result<FieldSet, String> {
    let mut walk = Walk { problems: Vec::new(), path: Vec::new() };
    let (_, set) = walk.node(node, value);
    match walk.problems.as_slice() {
        [] => Ok(set),
        [one] => Err(one.clone()),
        many => Err(format!("errors:\n{}", many.iter().map(|one| format!("  {one}\n")).collect::<String>())),
    }
}

/// The identity of an item among the others of its list; `None` where it has none.
pub(super) fn identity(list: &List, item: &Value) -> Option<String> {
    match list {
        List::Atomic => None,
        List::Set => Some(fields::value(item)),
        List::Map(keys) => fields::key(keys, item),
    }
}

/// Whether two items say that they are the same; without making their identities.
pub(super) fn is_same(list: &List, left: &Value, right: &Value) -> bool {
    match list {
        List::Atomic => false,
        List::Set => left == right,
        List::Map(_) => list.keys_agree(left, right),
    }
}

struct Walk<'v> {
    problems: Vec<String>,
    path: Vec<Step<'v>>,
}

/// One step on the way; written out only where something is wrong.
enum Step<'v> {
    Field(&'v str),
    Item(&'v List, &'v Value),
}

impl<'v> Walk<'v> {
    /// Where the walk is, as messages name it.
    fn path(&self) -> String {
        let written = |step: &Step<'_>| match step {
            Step::Field(name) => format!(".{name}"),
            Step::Item(list, item) => identity(list, item).map(|step| shown(&step)).unwrap_or_default(),
        };
        self.path.iter().map(written).collect()
    }

    /// What is owned at a value: it itself, and what is below it.
    fn node(&mut self, node: &'v Node, value: &'v Value) -> (bool, FieldSet) {
        match (&node.kind, value) {
            (Kind::Object(object), Value::Object(_)) if !object.atomic => (false, self.object(node, object, value)),
            (Kind::Array(array), Value::Array(items)) if array.list != List::Atomic => (false, self.list(array, items)),
            (Kind::Any, Value::Object(_)) if node.preserve_unknown => (false, self.unknown(value)),
            (Kind::Object(_) | Kind::Array(_), Value::Null) => (false, FieldSet::default()),
            _ => {
                self.check(&node.kind, value);
                (true, FieldSet::default())
            }
        }
    }

    fn object(&mut self, node: &'v Node, object: &'v Object, value: &'v Value) -> FieldSet {
        let mut set = FieldSet::default();
        for (name, value) in value.as_object().into_iter().flatten() {
            self.path.push(Step::Field(name));
            match node.field(name) {
                Some((field, known)) => {
                    let (leaf, below) = self.node(field, value);
                    let empty = value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
                    set.attach(fields::field(name), leaf || empty || !known, below);
                }
                None if node.preserve_unknown => {
                    let below = self.unknown(value);
                    set.attach(fields::field(name), true, below);
                }
                None if node.embedded && object.fields.is_empty() => set.insert(fields::field(name)),
                None => self.problems.push(format!("{}: field not declared in schema", self.path())),
            }
            self.path.pop();
        }
        set
    }

    /// Where unknown fields are kept each is owned alone.
    fn unknown(&mut self, value: &Value) -> FieldSet {
        let mut set = FieldSet::default();
        for (name, value) in value.as_object().into_iter().flatten() {
            let below = self.unknown(value);
            set.attach(fields::field(name), true, below);
        }
        set
    }

    fn list(&mut self, array: &'v Array, items: &'v [Value]) -> FieldSet {
        let mut set = FieldSet::default();
        for (index, item) in items.iter().enumerate() {
            let Some(step) = identity(&array.list, item) else {
                self.problems.push(self.lacks_key(array, index));
                continue;
            };
            if set.contains(&step) {
                self.problems.push(format!("{}: duplicate entries for key {}", self.path(), shown(&step)));
            }
            self.path.push(Step::Item(&array.list, item));
            let (_, below) = self.node(&array.items, item);
            self.path.pop();
            set.attach(step, true, below);
        }
        set
    }

    fn lacks_key(&self, array: &Array, index: usize) -> String {
        let keys = match &array.list {
            List::Map(keys) => keys.iter().map(|key| format!("{:?}", key.name)).collect::<Vec<_>>().join(" "),
            List::Set | List::Atomic => String::new(),
        };
        let path = self.path();
        format!(
            "{path}: element {index}: associative list with keys has an element that omits all key fields [{keys}] (and doesn't have default values for any key fields)"
        )
    }

    fn check(&mut self, kind: &Kind, value: &Value) {
        let expected = match (kind, value) {
            (Kind::Any, _) | (_, Value::Null) => return,
            (Kind::Boolean, Value::Bool(_)) | (Kind::String, Value::String(_)) => return,
            (Kind::Integer | Kind::Number | Kind::IntOrString, Value::Number(_)) => return,
            (Kind::IntOrString, Value::String(_)) | (Kind::Object(_), Value::Object(_)) => return,
            (Kind::Array(_), Value::Array(_)) => return,
            (Kind::Boolean, _) => "boolean",
            (Kind::Integer | Kind::Number, _) => "numeric (int or float)",
            (Kind::String, _) => "string",
            (Kind::IntOrString, _) => "scalar",
            (Kind::Object(_), _) => "map",
            (Kind::Array(_), _) => "list",
        };
        self.problems.push(format!("{}: expected {expected}, got {}", self.path(), got(value)));
    }
}

fn got(value: &Value) -> String {
    let name = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "map",
    };
    name.to_owned()
}
