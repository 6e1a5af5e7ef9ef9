//! What makes pods.

use serde_json::Value;

use super::pod::{self, not_negative};
use super::{labels, metadata, text};
use crate::schema::Cause;

pub(super) fn workload(value: &Value, causes: &mut Vec<Cause>) {
    let spec = &value["spec"];
    if spec["replicas"].as_i64().is_some_and(|replicas| replicas < 0) {
        causes.push(not_negative("spec.replicas".into(), &spec["replicas"]));
    }
    selector(spec, causes);
    template(spec, causes);
    let policy = &spec["template"]["spec"]["restartPolicy"];
    if policy.is_string() && policy != "Always" {
        causes.push(Cause::unsupported("spec.template.spec.restartPolicy", policy, ["Always"]));
    }
    strategy(&spec["strategy"], causes);
}

pub(super) fn job(value: &Value, causes: &mut Vec<Cause>) {
    let spec = &value["spec"];
    template(spec, causes);
    let policy = &spec["template"]["spec"]["restartPolicy"];
    if policy == "Always" {
        let supported = ["OnFailure", "Never"];
        let path = "spec.template.spec.restartPolicy";
        let mut cause = Cause::required(path, "valid values: \"OnFailure\", \"Never\"");
        if policy.is_string() {
            cause = Cause::unsupported(path, policy, supported);
        }
        causes.push(cause);
    }
}

fn template(spec: &Value, causes: &mut Vec<Cause>) {
    metadata(&spec["template"]["metadata"], "spec.template.metadata", causes);
    pod::spec(&spec["template"]["spec"], "spec.template.spec", causes);
}

/// The selector must choose, and choose what the template makes.
fn selector(spec: &Value, causes: &mut Vec<Cause>) {
    let selector = &spec["selector"];
    if !selector.is_object() {
        causes.push(Cause::required("spec.selector", ""));
        unselected(spec, causes);
        return;
    }
    labels(&selector["matchLabels"], "spec.selector.matchLabels", causes);
    let empty = |field: &str| match &selector[field] {
        Value::Object(labels) => labels.is_empty(),
        Value::Array(expressions) => expressions.is_empty(),
        _ => true,
    };
    if empty("matchLabels") && empty("matchExpressions") {
        causes.push(Cause::invalid("spec.selector", selector, "empty selector is invalid for deployment"));
        return;
    }
    if !selects(selector, &spec["template"]["metadata"]["labels"]) {
        unselected(spec, causes);
    }
}

fn unselected(spec: &Value, causes: &mut Vec<Cause>) {
    let made = &spec["template"]["metadata"]["labels"];
    let shown = if made.is_null() { &Value::Object(serde_json::Map::new()) } else { made };
    let detail = "`selector` does not match template `labels`";
    causes.push(Cause::invalid("spec.template.metadata.labels", shown, detail));
}

fn selects(selector: &Value, labels: &Value) -> bool {
    let equal =
        selector["matchLabels"].as_object().into_iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    equal
        && selector["matchExpressions"].as_array().into_iter().flatten().all(|expression| {
            let label = labels.get(text(expression, "key"));
            let listed =
                expression["values"].as_array().is_some_and(|values| label.is_some_and(|label| values.contains(label)));
            match text(expression, "operator") {
                "In" => listed,
                "NotIn" => !listed,
                "Exists" => label.is_some(),
                "DoesNotExist" => label.is_none(),
                _ => false,
            }
        })
}

fn strategy(strategy: &Value, causes: &mut Vec<Cause>) {
    if !strategy.is_object() {
        return;
    }
    super::one_of(strategy, "type", "spec.strategy", &["Recreate", "RollingUpdate"], causes);
    if strategy["type"] == "Recreate" && strategy["rollingUpdate"].is_object() {
        let detail = "may not be specified when strategy `type` is 'Recreate'";
        causes.push(Cause::forbidden("spec.strategy.rollingUpdate", detail));
    }
    let zero = |field: &str| matches!(&strategy["rollingUpdate"][field], value if *value == 0 || *value == "0%");
    if zero("maxSurge") && zero("maxUnavailable") {
        let path = "spec.strategy.rollingUpdate.maxUnavailable";
        let value = &strategy["rollingUpdate"]["maxUnavailable"];
        causes.push(Cause::invalid(path, value, "may not be 0 when `maxSurge` is 0"));
    }
}
