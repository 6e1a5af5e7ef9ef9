//! A kind that scenarios bring along, each in a group of its own.

use serde_json::{Value, json};

pub(crate) const GADGETS: &str = "/apis/{ns}.example.com/v1/namespaces/{ns}/gadgets";
pub(crate) const GADGET: &str = "/apis/{ns}.example.com/v1/namespaces/{ns}/gadgets/one";

/// Defaults, pruning, validation, rules, columns and subresources in one definition.
pub(crate) fn definition() -> Value {
    let spec = json!({
        "type": "object",
        "required": ["size"],
        "properties": {
            "size": {"type": "integer", "minimum": 1, "maximum": 9, "description": "In metres."},
            "mode": {"type": "string", "enum": ["fast", "slow"], "maxLength": 9, "default": "fast"},
            "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5},
            "fixed": {"type": "string", "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "fixed is fixed"}], "maxLength": 9},
            "replicas": {"type": "integer", "default": 1},
            "nested": {"type": "object", "default": {}, "properties": {"deep": {"type": "string", "default": "d"}}},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "either": {"x-kubernetes-int-or-string": true},
            "maybe": {"type": "string", "nullable": true},
            "ports": {
                "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port"],
                "items": {"type": "object", "required": ["port"], "properties": {
                    "port": {"type": "integer"}, "name": {"type": "string"}, "protocol": {"type": "string", "default": "TCP"}}},
            },
            "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
            "plain": {"type": "array", "maxItems": 3, "items": {"type": "string"}},
            "map": {"type": "object", "maxProperties": 9, "additionalProperties": {"type": "string", "maxLength": 9}},
        },
        "x-kubernetes-validations": [
            {"rule": "!has(self.map) || size(self.map) <= self.size", "message": "a map no larger than size"},
            {"rule": "self.mode != 'slow' || self.size < 5", "messageExpression": "'too large to be ' + self.mode", "reason": "FieldValueForbidden", "fieldPath": ".size"},
        ],
    });
    let status = json!({"type": "object", "properties": {
        "phase": {"type": "string"}, "replicas": {"type": "integer"}, "selector": {"type": "string"},
        "conditions": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"],
            "items": {"type": "object", "required": ["type"], "properties": {"type": {"type": "string"}, "status": {"type": "string"}}}},
    }});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "gadgets.{ns}.example.com"},
        "spec": {
            "group": "{ns}.example.com", "scope": "Namespaced",
            "names": {"kind": "Gadget", "plural": "gadgets", "singular": "gadget", "shortNames": ["gd"], "categories": ["all"]},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas", "labelSelectorPath": ".status.selector"}},
                "additionalPrinterColumns": [
                    {"name": "Size", "type": "integer", "jsonPath": ".spec.size", "description": "How large."},
                    {"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
                    {"name": "Mode", "type": "string", "jsonPath": ".spec.mode", "priority": 1},
                    {"name": "Ports", "type": "string", "jsonPath": ".spec.ports[*].port"},
                    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                ],
                "selectableFields": [{"jsonPath": ".spec.mode"}],
                "schema": {"openAPIV3Schema": {"type": "object", "description": "A gadget.", "required": ["spec"], "properties": {"spec": spec, "status": status}}},
            }],
        },
    })
}

pub(crate) fn gadget(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "{ns}.example.com/v1", "kind": "Gadget", "metadata": {"name": name}, "spec": spec})
}

pub(crate) fn map(name: &str, labels: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}, "data": {"k": "v"}})
}

pub(crate) const MAPS: &str = "/api/v1/namespaces/{ns}/configmaps";
pub(crate) const MAP: &str = "/api/v1/namespaces/{ns}/configmaps/one";
