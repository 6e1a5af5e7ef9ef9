//! The `scale` subresource: replicas of any kind, in one shape.

use serde_json::{Value, json};

use super::super::error::ApiError;
use super::decode::{Decoded, Format, decode};
use super::patching::PatchType;
use super::{Ownership, Writer, Written};
use crate::registry::{Kind, Scale};
use crate::schema::Cause;
use crate::store::Object;

/// An object as an `autoscaling/v1` Scale.
pub(crate) fn view(kind: &Kind, scale: &Scale, object: &Object) -> Result<Value, ApiError> {
    let value = kind.value(object).map_err(ApiError::internal)?;
    let metadata = &value["metadata"];
    let mut shown = json!({});
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(known) = metadata.get(field) {
            shown[field] = known.clone();
        }
    }
    let number = |path: &str| at(&value, path).and_then(Value::as_i64).unwrap_or_default();
    let mut spec = json!({});
    if number(&scale.spec_replicas) != 0 {
        spec["replicas"] = number(&scale.spec_replicas).into();
    }
    let mut status = json!({ "replicas": number(&scale.status_replicas) });
    if let Some(selector) = scale.selector.as_deref().and_then(|path| at(&value, path)) {
        status["selector"] = selector_text(selector).into();
    }
    Ok(json!({ "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": shown, "spec": spec, "status": status }))
}

impl Writer {
    pub(crate) fn update_scale(&self, scale: &Scale, name: &str, decoded: &Decoded) -> Result<Written, ApiError> {
        self.set_scale(scale, name, |_| Ok(decoded.value.clone()))
    }

    pub(crate) fn patch_scale(
        &self,
        scale: &Scale,
        name: &str,
        language: PatchType,
        body: &[u8],
    ) -> Result<Written, ApiError> {
        let Decoded { value: patch, .. } = decode(Format::Json, body)?;
        self.set_scale(scale, name, |mut current| {
            super::patching::merge(language, "Scale", &mut current, &patch)?;
            Ok(current)
        })
    }

    fn set_scale(
        &self,
        scale: &Scale,
        name: &str,
        change: impl Fn(Value) -> Result<Value, ApiError>,
    ) -> Result<Written, ApiError> {
        self.retrying(|| {
            let stored = self.stored(name)?;
            let wanted = change(view(&self.kind, scale, &stored)?)?;
            let replicas = wanted["spec"]["replicas"].as_i64().unwrap_or_default();
            if replicas < 0 {
                let (field, why) = match self.kind.custom() {
                    Some(_) => (".spec.replicas", "should be a non-negative integer"),
                    None => ("spec.replicas", "must be greater than or equal to 0"),
                };
                let cause = Cause::invalid(field, &replicas.into(), why);
                return Err(ApiError::invalid(&self.kind, name, &[cause]).into());
            }
            let old = self.kind.value(&stored).map_err(ApiError::internal)?;
            let mut value = old.clone();
            if let Some(version) = wanted["metadata"].get("resourceVersion") {
                value["metadata"]["resourceVersion"] = version.clone();
            }
            *at_mut(&mut value, &scale.spec_replicas) = replicas.into();
            self.replace(&stored, &old, value, &[], Ownership::Compared)
        })
    }
}

fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').filter(|part| !part.is_empty()).try_fold(value, |value, part| value.get(part))
}

fn at_mut<'a>(value: &'a mut Value, path: &str) -> &'a mut Value {
    path.split('.').filter(|part| !part.is_empty()).fold(value, |value, part| &mut value[part])
}

/// A selector as text; custom kinds give it as text already.
fn selector_text(selector: &Value) -> String {
    if let Some(text) = selector.as_str() {
        return text.into();
    }
    let labels = selector.get("matchLabels").unwrap_or(selector).as_object().into_iter().flatten();
    let equal = labels.filter_map(|(key, value)| value.as_str().map(|value| format!("{key}={value}")));
    let expressions = selector["matchExpressions"].as_array().into_iter().flatten().map(expression_text);
    equal.chain(expressions).collect::<Vec<_>>().join(",")
}

fn expression_text(expression: &Value) -> String {
    let key = expression["key"].as_str().unwrap_or_default();
    let values: Vec<_> = expression["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    match expression["operator"].as_str() {
        Some("In") => format!("{key} in ({})", values.join(",")),
        Some("NotIn") => format!("{key} notin ({})", values.join(",")),
        Some("DoesNotExist") => format!("!{key}"),
        _ => key.into(),
    }
}
