//! The schema of one version of a CustomResourceDefinition.

use std::sync::Arc;

use serde_json::Value;

use super::cause::Cause;
use super::node::{Kind, Node};
use super::rules::Rules;
use super::{builtin, compile, default, prune, validate};

/// A compiled `openAPIV3Schema`: compile it once, use it for every object.
#[derive(Debug)]
pub struct Structural {
    root: Arc<Node>,
    rules: Option<Rules>,
}

impl Structural {
    /// Compiles a schema. `path` is where it stands in its definition, as refusals name it.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn compile(schema: &Value, path: &str) -> Result<Self, Vec<Cause>> {
        Self::made(schema, path, || schema.to_string().into())
    }

    /// Compiles a schema that is kept as text; `None` where it is not usable.
    pub(crate) fn read(text: &Arc<str>) -> Option<Self> {
        let schema = serde_json::from_str(text).ok()?;
        Self::made(&schema, "", || text.clone()).ok()
    }

    /// All that is wrong with a schema, as [`Structural::compile`] tells it: for one that is not used yet.
    pub(crate) fn refusals(schema: &Value, path: &str) -> Vec<Cause> {
        let rules = |_| Rules::compile(schema, path, || Arc::from("")).map(drop);
        compile::compile(schema, path).and_then(rules).err().unwrap_or_default()
    }

    fn made(schema: &Value, path: &str, text: impl FnOnce() -> Arc<str>) -> Result<Self, Vec<Cause>> {
        let declared = compile::compile(schema, path)?;
        Ok(Self { root: as_object(declared), rules: Rules::compile(schema, path, text)? })
    }

    /// The schema as a tree, `metadata` included.
    pub fn node(&self) -> &Arc<Node> {
        &self.root
    }

    /// Removes fields that the schema does not know, and names them in alphabetical order.
    pub fn prune(&self, value: &mut Value) -> Vec<String> {
        let mut unknown = Vec::new();
        prune::prune(&self.root, value, "", &mut unknown);
        unknown.sort();
        unknown
    }

    /// Sets what is missing and has a default.
    pub fn default(&self, value: &mut Value) {
        default::fill(&self.root, value);
    }

    /// All that is wrong with a defaulted object; `old` is the one that it takes the place of.
    pub fn validate(&self, value: &Value, old: Option<&Value>) -> Vec<Cause> {
        let mut causes = validate::validate(&self.root, value, old, "");
        let Some(rules) = &self.rules else { return causes };
        // Rules rely on types and bounds: where those are broken, rules cannot be asked.
        let blocking = [
            "FieldValueRequired",
            "FieldValueTypeInvalid",
            "FieldValueTooLong",
            "FieldValueTooMany",
            "FieldValueNotSupported",
        ];
        if causes.iter().any(|cause| blocking.contains(&cause.reason.as_str())) {
            let detail = "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";
            causes.push(Cause::invalid("<nil>", &Value::Null, detail));
            return causes;
        }
        causes.extend(rules.check(value, old));
        causes
    }
}

/// Every object has its type and `metadata`, whatever its schema says of them.
fn as_object(declared: Arc<Node>) -> Arc<Node> {
    let mut root = Arc::into_inner(declared).unwrap_or_default();
    if matches!(root.kind, Kind::Any) {
        root.kind = Kind::Object(super::Object::default());
    }
    if let Kind::Object(object) = &mut root.kind {
        for name in ["apiVersion", "kind"] {
            object.fields.insert(name.into(), Arc::new(Node::new(Kind::String)));
        }
        object.fields.insert("metadata".into(), builtin::object_meta());
    }
    Arc::new(root)
}
