//! Bounds, lengths, patterns, formats, and the logical junctors over them.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::cause::{Cause, type_name};
use super::format;
use super::limits::{Assertion, Bound, Limits};
use super::path::Path;

pub(super) fn limits(limits: &Limits, value: &Value, path: &Path<'_>, causes: &mut Vec<Cause>) {
    if !limits.one_of_values.is_empty() && !limits.one_of_values.contains(value) {
        causes.push(unsupported(limits, value, path));
    }
    match value {
        Value::Number(number) => self::number(limits, number, value, path, causes),
        Value::String(text) => self::text(limits, text, value, path, causes),
        Value::Array(items) => {
            self::items(limits, items.len(), value, path, causes);
        }
        Value::Object(fields) => properties(limits, fields.len(), value, path, causes),
        Value::Null | Value::Bool(_) => {}
    }
    junctors(limits, value, path, causes);
}

fn unsupported(limits: &Limits, value: &Value, path: &Path<'_>) -> Cause {
    let supported: Vec<String> =
        limits.one_of_values.iter().map(|value| value.as_str().map_or_else(|| value.to_string(), Into::into)).collect();
    Cause::unsupported(path, value, supported.iter().map(String::as_str))
}

fn number(limits: &Limits, number: &Number, value: &Value, path: &Path<'_>, causes: &mut Vec<Cause>) {
    let mut refuse = |detail: String| causes.push(Cause::invalid(path, value, &format!("{path} in body {detail}")));
    if let Some(factor) = &limits.multiple_of
        && let (Some(value), Some(factor_value)) = (number.as_f64(), factor.as_f64())
        && (value / factor_value).fract().abs() > f64::EPSILON
    {
        refuse(format!("should be a multiple of {factor}"));
    }
    if let Some(Bound { at, exclusive }) = &limits.maximum {
        match compare(number, at) {
            Ordering::Greater if !exclusive => refuse(format!("should be less than or equal to {at}")),
            Ordering::Greater | Ordering::Equal if *exclusive => refuse(format!("should be less than {at}")),
            _ => {}
        }
    }
    if let Some(Bound { at, exclusive }) = &limits.minimum {
        match compare(number, at) {
            Ordering::Less if !exclusive => refuse(format!("should be greater than or equal to {at}")),
            Ordering::Less | Ordering::Equal if *exclusive => refuse(format!("should be greater than {at}")),
            _ => {}
        }
    }
    match (limits.format.as_deref(), number.as_i64()) {
        (Some("int32"), Some(integer)) if i32::try_from(integer).is_err() => {
            refuse(format!("must be of type int32: \"{number}\""));
        }
        _ => {}
    }
}

fn compare(left: &Number, right: &Number) -> Ordering {
    match (left.as_i64(), right.as_i64()) {
        (Some(left), Some(right)) => left.cmp(&right),
        _ => left.as_f64().partial_cmp(&right.as_f64()).unwrap_or(Ordering::Equal),
    }
}

fn text(limits: &Limits, text: &str, value: &Value, path: &Path<'_>, causes: &mut Vec<Cause>) {
    let length = text.chars().count() as u64;
    if let Some(max) = limits.max_length.filter(|max| length > *max) {
        causes.push(Cause::too_long(path, max));
    }
    if let Some(min) = limits.min_length.filter(|min| length < *min) {
        causes.push(Cause::invalid(path, value, &format!("{path} in body should be at least {min} chars long")));
    }
    if let Some(pattern) = limits.pattern.as_ref().filter(|pattern| !pattern.is_match(text)) {
        causes.push(Cause::invalid(path, value, &format!("{path} in body should match '{pattern}'")));
    }
    if let Some(format) = limits.format.as_deref().filter(|format| !format::is_of(text, format)) {
        let detail = format!("{path} in body must be of type {format}: {value}");
        causes.push(Cause::new("FieldValueTypeInvalid", path, format!("Invalid value: {value}: {detail}")));
    }
}

fn items(limits: &Limits, count: usize, value: &Value, path: &Path<'_>, causes: &mut Vec<Cause>) {
    if let Some(max) = limits.max_items.filter(|max| count as u64 > *max) {
        causes.push(Cause::too_many(path, count, max));
    }
    if let Some(min) = limits.min_items.filter(|min| (count as u64) < *min) {
        causes.push(Cause::invalid(path, value, &format!("{path} in body should have at least {min} items")));
    }
}

fn properties(limits: &Limits, count: usize, value: &Value, path: &Path<'_>, causes: &mut Vec<Cause>) {
    if let Some(max) = limits.max_properties.filter(|max| count as u64 > *max) {
        causes.push(Cause::too_many(path, count, max));
    }
    if let Some(min) = limits.min_properties.filter(|min| (count as u64) < *min) {
        causes.push(Cause::invalid(path, value, &format!("{path} in body should have at least {min} properties")));
    }
}

fn junctors(limits: &Limits, value: &Value, path: &Path<'_>, causes: &mut Vec<Cause>) {
    // Kubernetes names no field here but in the text.
    let mut refuse = |detail: String| {
        causes.push(Cause::invalid("<nil>", &Value::from(""), &format!("\"{path}\" {detail}")));
    };
    if !limits.all_of.iter().all(|assertion| holds(assertion, value)) {
        refuse("must validate all the schemas (allOf)".into());
    }
    if !limits.any_of.is_empty() && !limits.any_of.iter().any(|assertion| holds(assertion, value)) {
        refuse("must validate at least one schema (anyOf)".into());
    }
    if !limits.one_of.is_empty() {
        match limits.one_of.iter().filter(|assertion| holds(assertion, value)).count() {
            0 => refuse("must validate one and only one schema (oneOf). Found none valid".into()),
            1 => {}
            many => {
                refuse(format!("must validate one and only one schema (oneOf). Found {many} valid alternatives"));
            }
        }
    }
    if limits.not.as_ref().is_some_and(|assertion| holds(assertion, value)) {
        refuse("must not validate the schema (not)".into());
    }
}

fn holds(assertion: &Assertion, value: &Value) -> bool {
    let mut causes = Vec::new();
    check(assertion, value, &Path::Root(""), &mut causes);
    causes.is_empty()
}

fn check(assertion: &Assertion, value: &Value, path: &Path<'_>, causes: &mut Vec<Cause>) {
    if let Some(expected) = assertion.json_type.as_deref()
        && type_name(value) != expected
        && !(expected == "integer" && is_integer(value))
        && !(expected == "number" && value.is_number())
    {
        causes.push(Cause::wrong_type(path, value, ""));
        return;
    }
    limits(&assertion.limits, value, path, causes);
    if value.is_object() {
        for name in assertion.required.iter().filter(|name| value.get(&***name).is_none()) {
            causes.push(Cause::required(&path.field(name), ""));
        }
    }
    for (name, field) in &assertion.fields {
        if let Some(value) = value.get(&**name) {
            check(field, value, &path.field(name), causes);
        }
    }
    if let (Some(item), Value::Array(items)) = (&assertion.items, value) {
        for value in items {
            check(item, value, path, causes);
        }
    }
}

/// Whether it is one, however it is written.
pub(super) fn is_integer(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
}
