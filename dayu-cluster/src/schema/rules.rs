//! Validation rules in CEL (`x-kubernetes-validations`).

use std::fmt;
use std::sync::{Arc, LazyLock};

use kube_cel::{CompiledSchema, ErrorKind, ValidationError, Validator, compile_schema};
use serde_json::Value;

use super::asked::{Place, is_sameness};
use super::cause::{Cause, type_name};
use super::undefined;

/// The rules of one schema.
pub(super) struct Rules {
    places: Place,
    /// Made when a rule may first say no: until then, rules which only ask that something stays as it is cost nothing.
    compiled: LazyLock<Compiled, Box<dyn FnOnce() -> Compiled + Send>>,
}

struct Compiled {
    schema: CompiledSchema,
    validator: Validator,
}

impl Rules {
    /// `None` where the schema has no rules. `text` is the schema's, for those that are compiled later.
    pub(super) fn compile(
        schema: &Value,
        path: &str,
        text: impl FnOnce() -> Arc<str>,
    ) -> Result<Option<Self>, Vec<Cause>> {
        if !any(schema, &|_| true) {
            return Ok(None);
        }
        if !any(schema, &|rule| !is_right(rule)) {
            let text = text();
            let later = move || Compiled::of(&serde_json::from_str(&text).unwrap_or_default());
            return Ok(Some(Self { places: Place::of_sameness(schema), compiled: LazyLock::new(Box::new(later)) }));
        }
        let compiled = Compiled::of(schema);
        let mut causes = Vec::new();
        refusals(&compiled.schema, path, &mut causes);
        if !causes.is_empty() {
            return Err(causes);
        }
        Ok(Some(Self { places: Place::of(&compiled.schema), compiled: LazyLock::new(Box::new(|| compiled)) }))
    }

    pub(super) fn check(&self, value: &Value, old: Option<&Value>) -> Vec<Cause> {
        if !self.places.may_refuse(value, old) {
            return Vec::new();
        }
        let mut errors = Vec::new();
        self.walk(&self.places, &self.compiled.schema, "", value, old, &mut errors);
        errors.iter().map(|error| cause(error, value)).collect()
    }

    /// Asks the rules of a place and of all below it. To ask copies the value once for each step that it is deep, so it
    /// is done only where a rule may say no.
    fn walk(
        &self,
        place: &Place,
        schema: &CompiledSchema,
        path: &str,
        value: &Value,
        old: Option<&Value>,
        errors: &mut Vec<ValidationError>,
    ) {
        if !place.all.may_refuse(value, old) {
            return;
        }
        if place.here {
            let refused = self.compiled.validator.validate_compiled(schema, value, old).err();
            errors.extend(refused.into_iter().flatten().map(|mut error| {
                error.field_path = join(path, &error.field_path);
                error
            }));
            return;
        }
        for (name, below) in &place.below {
            if let (Some(schema), Some(value)) = (schema.properties.get(name), value.get(name)) {
                self.walk(below, schema, &join(path, name), value, old.and_then(|old| old.get(name)), errors);
            }
        }
    }
}

impl Compiled {
    fn of(schema: &Value) -> Self {
        Self { schema: compile_schema(schema), validator: Validator::new() }
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules").finish_non_exhaustive()
    }
}

/// Whether a rule is one that is right wherever it stands. Most are, and to compile the first of others takes a program as
/// long as a thousand more.
fn is_right(rule: &Value) -> bool {
    rule["rule"].as_str().is_some_and(is_sameness) && rule.get("messageExpression").is_none()
}

/// Whether any rule of the schema is `such`.
fn any(schema: &Value, such: &impl Fn(&Value) -> bool) -> bool {
    match schema {
        Value::Object(fields) => fields.iter().any(|(name, below)| match below {
            Value::Array(rules) if name == "x-kubernetes-validations" => rules.iter().any(such),
            below => any(below, such),
        }),
        Value::Array(items) => items.iter().any(|item| any(item, such)),
        _ => false,
    }
}

/// Rules that do not compile, or speak of what is not there, wherever they are.
fn refusals(schema: &CompiledSchema, path: &str, causes: &mut Vec<Cause>) {
    for (index, rule) in schema.validations.iter().enumerate() {
        let why = match rule {
            Err(error) => Some(error.to_string()),
            Ok(rule) => undefined::field(rule, schema).map(|name| format!("undefined field '{name}'")),
        };
        causes.extend(why.map(|why| {
            let field = format!("{path}.x-kubernetes-validations[{index}].rule");
            Cause::new("FieldValueInvalid", field, format!("Invalid value: compilation failed: {why}"))
        }));
    }
    for (name, property) in &schema.properties {
        refusals(property, &format!("{path}.properties[{name}]"), causes);
    }
    if let Some(items) = &schema.items {
        refusals(items, &format!("{path}.items"), causes);
    }
    if let Some(others) = &schema.additional_properties {
        refusals(others, &format!("{path}.additionalProperties"), causes);
    }
}

fn cause(error: &ValidationError, root: &Value) -> Cause {
    let field = error.field_path.as_str();
    let found = at(root, field).unwrap_or(root);
    let shown = Value::from(type_name(found));
    if error.kind != ErrorKind::ValidationFailure {
        let detail = format!("rule evaluation error: {}", error.message);
        return Cause::invalid(field, &shown, &detail);
    }
    match error.reason.as_deref() {
        Some("FieldValueRequired") => Cause::required(field, &error.message),
        Some("FieldValueForbidden") => Cause::forbidden(field, &error.message),
        Some("FieldValueDuplicate") => Cause::duplicate(field, &shown),
        // What is more than a word is not repeated.
        _ if found.is_object() || found.is_array() => {
            Cause::new("FieldValueInvalid", field, format!("Invalid value: {}", error.message))
        }
        _ => Cause::invalid(field, found, &error.message),
    }
}

/// The value at `spec.parts[0].name`.
fn at<'a>(root: &'a Value, path: &str) -> Option<&'a Value> {
    let steps = path.split(['.', '[']).map(|step| step.trim_end_matches(']')).filter(|step| !step.is_empty());
    steps.into_iter().try_fold(root, |value, step| match value {
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        other => other.get(step),
    })
}

fn join(path: &str, below: &str) -> String {
    match (path, below) {
        ("", only) | (only, "") => only.to_owned(),
        _ if below.starts_with(['[', '.']) => format!("{path}{below}"),
        _ => format!("{path}.{below}"),
    }
}
