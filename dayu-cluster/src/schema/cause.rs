//! Why an object is invalid, in Kubernetes' words.

use std::fmt;

use serde_json::Value;

/// One reason why an object is invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Kubernetes' word: `FieldValueRequired`, `FieldValueInvalid`, ….
    pub reason: String,
    pub message: String,
    /// The path of the field: `spec.containers[0].name`.
    pub field: String,
}

impl Cause {
    pub fn new(reason: &str, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { reason: reason.into(), message: message.into(), field: field.into() }
    }

    pub fn required(field: impl Into<String>, detail: &str) -> Self {
        Self::new("FieldValueRequired", field, with("Required value", detail))
    }

    pub fn invalid(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        Self::new("FieldValueInvalid", field, with(&format!("Invalid value: {}", shown(value)), detail))
    }

    pub fn duplicate(field: impl Into<String>, value: &Value) -> Self {
        Self::new("FieldValueDuplicate", field, format!("Duplicate value: {}", shown(value)))
    }

    pub fn forbidden(field: impl Into<String>, detail: &str) -> Self {
        Self::new("FieldValueForbidden", field, with("Forbidden", detail))
    }

    pub fn not_found(field: impl Into<String>, value: &Value) -> Self {
        Self::new("FieldValueNotFound", field, format!("Not found: {}", shown(value)))
    }

    pub fn unsupported<'a>(
        field: impl Into<String>,
        value: &Value,
        supported: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let supported: Vec<String> = supported.into_iter().map(|value| format!("{value:?}")).collect();
        let message = format!("Unsupported value: {}: supported values: {}", shown(value), supported.join(", "));
        Self::new("FieldValueNotSupported", field, message)
    }

    pub fn too_long(field: impl Into<String>, max: u64) -> Self {
        Self::new("FieldValueTooLong", field, format!("Too long: may not be more than {max} bytes"))
    }

    pub fn too_many(field: impl Into<String>, actual: usize, max: u64) -> Self {
        Self::new("FieldValueTooMany", field, format!("Too many: {actual}: must have at most {max} items"))
    }

    /// Of the wrong type altogether.
    pub fn wrong_type(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        let message = with(&format!("Invalid value: \"{}\"", type_name(value)), detail);
        Self::new("FieldValueTypeInvalid", field, message)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => f.write_str(&self.message),
            field => write!(f, "{field}: {}", self.message),
        }
    }
}

fn with(what: &str, detail: &str) -> String {
    if detail.is_empty() { what.into() } else { format!("{what}: {detail}") }
}

/// A value as messages show it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        other => other.to_string(),
    }
}

/// What JSON calls the type of a value.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
