use serde_json::{Value, json};

use super::super::*;

const PATH: &str = "spec.validation.openAPIV3Schema";

fn spec(spec: &Value) -> Structural {
    Structural::compile(&json!({ "type": "object", "properties": { "spec": spec } }), PATH).unwrap()
}

/// What is wrong with `spec`, as messages name it.
fn problems(schema: &Value, value: &Value) -> Vec<String> {
    spec(schema).validate(&json!({ "spec": value }), None).iter().map(ToString::to_string).collect()
}

fn refusals(schema: &Value) -> Vec<String> {
    Structural::compile(schema, PATH).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_not_structural_is_refused_with_its_place() {
    let cases = [
        (json!({}), "spec.validation.openAPIV3Schema.type: Required value: must not be empty at the root"),
        (
            json!({ "type": "object", "properties": { "a": {} } }),
            "spec.validation.openAPIV3Schema.properties[a].type: Required value: must not be empty for specified object fields",
        ),
        (
            json!({ "type": "object", "properties": { "a": { "type": "array" } } }),
            "spec.validation.openAPIV3Schema.properties[a].items: Required value: must be specified",
        ),
        (
            json!({ "type": "object", "properties": {}, "additionalProperties": { "type": "string" } }),
            "spec.validation.openAPIV3Schema.additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive",
        ),
        (
            json!({ "type": "object", "properties": { "a": { "type": "string", "$ref": "#/x" } } }),
            "spec.validation.openAPIV3Schema.properties[a].$ref: Forbidden: $ref is not supported",
        ),
        (
            json!({ "type": "object", "properties": { "a": {
                "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
                "items": { "type": "object", "properties": { "k": { "type": "string" } } },
            } } }),
            "spec.validation.openAPIV3Schema.properties[a].items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property",
        ),
        (
            json!({ "type": "object", "properties": { "a": { "type": "integer", "default": "x" } } }),
            "spec.validation.openAPIV3Schema.properties[a].default: Invalid value: \"string\": spec.validation.openAPIV3Schema.properties[a].default in body must be of type integer: \"string\"",
        ),
    ];
    for (schema, expected) in cases {
        assert_eq!(refusals(&schema), [expected], "{schema}");
    }
    assert!(
        refusals(&json!({ "type": "object", "properties": { "a": { "type": "string", "pattern": "(" } } }))[0]
            .contains(".pattern: ")
    );
    let rule = json!({ "type": "object", "x-kubernetes-validations": [{ "rule": "self. ==" }] });
    assert!(
        refusals(&rule)[0]
            .starts_with("spec.validation.openAPIV3Schema.x-kubernetes-validations[0].rule: Invalid value")
    );
}

#[test]
fn pruning_names_what_it_removes_and_keeps_what_it_is_told_to() {
    let schema = spec(&json!({
        "type": "object",
        "properties": {
            "a": { "type": "string" },
            "free": { "type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {
                "strict": { "type": "object", "properties": { "x": { "type": "string" } } } } },
            "list": { "type": "array", "items": { "type": "object", "properties": { "n": { "type": "string" } } } },
            "map": { "type": "object", "additionalProperties": { "type": "object", "properties": { "n": { "type": "string" } } } },
            "pod": { "type": "object", "x-kubernetes-embedded-resource": true, "properties": { "spec": { "type": "object" } } },
        },
    }));
    let mut object = json!({
        "apiVersion": "g/v1", "kind": "K", "metadata": { "name": "x", "nme": "y" }, "other": 1,
        "spec": {
            "a": "1", "b": 2,
            "free": { "any": { "thing": 1 }, "strict": { "x": "1", "y": 2 } },
            "list": [{ "n": "1" }, { "m": 1 }],
            "map": { "k": { "n": "1", "m": 2 } },
            "pod": { "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "p" }, "spec": {}, "x": 1 },
        },
    });
    assert_eq!(
        schema.prune(&mut object),
        ["metadata.nme", "other", "spec.b", "spec.free.strict.y", "spec.list[1].m", "spec.map.k.m", "spec.pod.x"]
    );
    assert_eq!(object["spec"]["free"], json!({ "any": { "thing": 1 }, "strict": { "x": "1" } }));
    assert_eq!(object["spec"]["pod"]["metadata"], json!({ "name": "p" }));
    assert_eq!(schema.prune(&mut object), Vec::<String>::new());
}

#[test]
fn defaults_fill_what_is_missing_or_null() {
    let schema = spec(&json!({
        "type": "object",
        "properties": {
            "replicas": { "type": "integer", "default": 1 },
            "maybe": { "type": "string", "nullable": true, "default": "x" },
            "nested": { "type": "object", "default": {}, "properties": { "deep": { "type": "string", "default": "d" } } },
            "list": { "type": "array", "items": { "type": "object", "properties": { "p": { "type": "string", "default": "TCP" } } } },
        },
    }));
    let mut object = json!({ "spec": { "replicas": null, "maybe": null, "list": [{}, { "p": "UDP" }] } });
    schema.default(&mut object);
    let expected = json!({ "spec": {
        "replicas": 1, "maybe": null, "nested": { "deep": "d" }, "list": [{ "p": "TCP" }, { "p": "UDP" }] } });
    assert_eq!(object, expected);
    // Nothing is made up for a part that is not there.
    let mut empty = json!({});
    schema.default(&mut empty);
    assert_eq!(empty, json!({}));
}

#[test]
fn values_are_refused_in_the_words_of_kubernetes() {
    let number = json!({ "type": "integer", "minimum": 1, "maximum": 10, "multipleOf": 2 });
    let text = json!({ "type": "string", "minLength": 2, "maxLength": 3, "pattern": "^a" });
    let cases = [
        (
            json!({ "type": "integer" }),
            json!("x"),
            "spec: Invalid value: \"string\": spec in body must be of type integer: \"string\"",
        ),
        (
            json!({ "type": "string" }),
            Value::Null,
            "spec: Invalid value: \"null\": spec in body must be of type string: \"null\"",
        ),
        (number.clone(), json!(0), "spec: Invalid value: 0: spec in body should be greater than or equal to 1"),
        (number.clone(), json!(12), "spec: Invalid value: 12: spec in body should be less than or equal to 10"),
        (number, json!(3), "spec: Invalid value: 3: spec in body should be a multiple of 2"),
        (text.clone(), json!("a"), "spec: Invalid value: \"a\": spec in body should be at least 2 chars long"),
        (text.clone(), json!("abcd"), "spec: Too long: may not be more than 3 bytes"),
        (text, json!("ba"), "spec: Invalid value: \"ba\": spec in body should match '^a'"),
        (
            json!({ "type": "string", "enum": ["a", "b"] }),
            json!("c"),
            "spec: Unsupported value: \"c\": supported values: \"a\", \"b\"",
        ),
        (
            json!({ "type": "string", "format": "date-time" }),
            json!("now"),
            "spec: Invalid value: \"now\": spec in body must be of type date-time: \"now\"",
        ),
        (
            json!({ "type": "object", "required": ["a"], "properties": { "a": { "type": "string" } } }),
            json!({}),
            "spec.a: Required value",
        ),
        (
            json!({ "type": "array", "maxItems": 1, "items": { "type": "string" } }),
            json!(["a", "b"]),
            "spec: Too many: 2: must have at most 1 items",
        ),
        (
            json!({ "type": "array", "x-kubernetes-list-type": "set", "items": { "type": "string" } }),
            json!(["a", "a"]),
            "spec[1]: Duplicate value: \"a\"",
        ),
        (
            json!({ "type": "object", "oneOf": [{ "required": ["a"] }, { "required": ["b"] }], "properties": { "a": { "type": "string" }, "b": { "type": "string" } } }),
            json!({}),
            "<nil>: Invalid value: \"\": \"spec\" must validate one and only one schema (oneOf). Found none valid",
        ),
    ];
    for (schema, value, expected) in cases {
        assert_eq!(problems(&schema, &value), [expected], "{schema}");
    }
    assert_eq!(problems(&json!({ "x-kubernetes-int-or-string": true }), &json!("25%")), Vec::<String>::new());
    assert_eq!(problems(&json!({ "type": "string", "nullable": true }), &Value::Null), Vec::<String>::new());
}

#[test]
fn what_an_update_leaves_as_it_was_is_not_held_against_it() {
    let part = json!({"type": "object", "required": ["n", "of"], "properties": {
        "n": {"type": "string"}, "of": {"type": "object", "properties": {"size": {"type": "integer", "maximum": 2}}}}});
    let schema = spec(&json!({"type": "object", "properties": {
        "size": {"type": "integer", "maximum": 2},
        "parts": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"], "items": part},
        "plain": {"type": "array", "items": {"type": "integer", "maximum": 2}},
    }}));
    let old = json!({"spec": {"size": 3, "plain": [3], "parts": [{"n": "a", "of": {"size": 3}}, {"n": "b"}]}});
    let refused = |new: Value| -> Vec<_> {
        schema.validate(&json!({ "spec": new }), Some(&old)).into_iter().map(|cause| cause.field).collect()
    };
    assert_eq!(refused(json!({"size": 3, "plain": [3]})), [""; 0]);
    assert_eq!(refused(json!({"size": 4})), ["spec.size"]);
    assert_eq!(refused(json!({"parts": [{"n": "b"}, {"n": "c", "of": {}}, {"n": "a", "of": {"size": 3}}]})), [""; 0]);
    assert_eq!(refused(json!({"parts": [{"n": "a", "of": {"size": 4}}]})), ["spec.parts[0].of.size"]);
    assert_eq!(
        refused(json!({"parts": [{"n": "b", "x": 1}]})),
        ["spec.parts[0].of"],
        "what is missing in a changed part"
    );
    assert_eq!(refused(json!({"plain": [3, 1]})), ["spec.plain[0]"], "items without keys have no past");
}

#[test]
fn rules_about_changes_see_what_stays_the_same() {
    let schema = spec(&json!({
        "type": "object",
        "properties": { "count": { "type": "integer", "x-kubernetes-validations": [{ "rule": "self > oldSelf" }] } },
        "additionalProperties": false,
    }));
    let with = |count: u32| json!({ "spec": { "count": count } });
    let refused = |count, old: Option<u32>| !schema.validate(&with(count), old.map(with).as_ref()).is_empty();
    assert!(!refused(1, None) && !refused(2, Some(1)));
    assert!(refused(1, Some(1)) && refused(1, Some(2)));
}

#[test]
fn a_rule_about_a_field_that_is_not_there_is_refused() {
    let refused = |rule: &str| {
        refusals(
            &json!({"type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-validations": [{"rule": rule}], "properties": {
                "size": {"type": "integer"}, "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                "map": {"type": "object", "additionalProperties": {"type": "string"}},
                "inner": {"type": "object", "properties": {"a.b": {"type": "integer"}, "c": {"type": "integer"}}},
                "list": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}},
            }}}}),
        )
    };
    for bad in [
        "self.nothing > 1",
        "has(self.nothing)",
        "self.inner.d == 1",
        "self.list.all(one, one.n < self.sise)",
        "oldSelf.x == 1",
    ] {
        let refusals = refused(bad);
        assert!(refusals.len() == 1 && refusals[0].contains("undefined field '"), "{bad}: {refusals:?}");
    }
    let good = [
        "self.size > 1",
        "self.free.x == 1",
        "self.map.x == 'a'",
        "self.inner.a__dot__b == self.inner.c",
        "self.list.exists(self_, self_.n == 1)",
        "self.size == oldSelf.size",
        "[self.size].size() == 1",
    ];
    for good in good {
        assert_eq!(refused(good), [""; 0], "{good}");
    }
}

#[test]
fn rules_below_items_name_the_item() {
    let item = json!({ "type": "object", "properties": { "n": { "type": "integer", "x-kubernetes-validations": [{ "rule": "self > 0", "message": "too small" }] } } });
    let schema = spec(&json!({ "type": "object", "properties": { "list": { "type": "array", "items": item } } }));
    let causes = schema.validate(&json!({ "spec": { "list": [{ "n": 1 }, { "n": 0 }] } }), None);
    assert_eq!(causes.iter().map(|cause| cause.field.as_str()).collect::<Vec<_>>(), ["spec.list[1].n"]);
}

#[test]
fn rules_that_are_compiled_late_say_what_they_say_at_once() {
    let same = json!([{ "rule": "self == oldSelf", "message": "stays" }]);
    let with = |other: Value| {
        spec(&json!({ "type": "object", "properties": {
            "fixed": { "type": "string", "x-kubernetes-validations": same },
            "first": { "type": "string", "x-kubernetes-validations": [{ "rule": " oldSelf == self", "optionalOldSelf": true }] },
            "inner": { "type": "object", "properties": { "n": { "type": "integer", "x-kubernetes-validations": same }, "free": { "type": "integer" } } },
            "parts": { "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"], "items": {
                "type": "object", "required": ["n"], "properties": { "n": { "type": "string" }, "x": { "type": "integer", "x-kubernetes-validations": same } },
            } },
            "other": other,
        } }))
    };
    // One rule of another kind has all of them compiled at once.
    let late = with(json!({ "type": "integer" }));
    let at_once = with(json!({ "type": "integer", "x-kubernetes-validations": [{ "rule": "self == self" }] }));
    let values = [
        json!({}),
        json!({ "fixed": "a" }),
        json!({ "fixed": "b", "other": 1 }),
        json!({ "first": "a" }),
        json!({ "inner": { "n": 1, "free": 1 } }),
        json!({ "inner": { "n": 1, "free": 2 } }),
        json!({ "inner": { "n": 2 }, "fixed": "a" }),
        json!({ "parts": [{ "n": "a", "x": 1 }, { "n": "b", "x": 2 }] }),
        json!({ "parts": [{ "n": "b", "x": 2 }, { "n": "a", "x": 2 }] }),
    ]
    .map(|spec| json!({ "spec": spec }));
    let mut refused = 0;
    for new in &values {
        for old in std::iter::once(None).chain(values.iter().map(Some)) {
            let causes = late.validate(new, old);
            assert_eq!(causes, at_once.validate(new, old), "{new} in the place of {old:?}");
            refused += usize::from(!causes.is_empty());
        }
    }
    assert!(refused > 8, "{refused}");
}

#[test]
fn rules_see_the_object_and_the_one_before() {
    let schema = spec(&json!({
        "type": "object",
        "properties": {
            "min": { "type": "integer" }, "max": { "type": "integer" },
            "fixed": { "type": "string", "x-kubernetes-validations": [{ "rule": "self == oldSelf", "message": "fixed is immutable" }] },
        },
        "x-kubernetes-validations": [{
            "rule": "!has(self.min) || self.min <= self.max", "reason": "FieldValueForbidden", "fieldPath": ".min",
            "messageExpression": "'min is above ' + string(self.max)",
        }],
    }));
    let check = |value: Value, old: Option<Value>| -> Vec<String> {
        schema.validate(&value, old.as_ref()).iter().map(ToString::to_string).collect()
    };
    assert_eq!(check(json!({ "spec": { "min": 1, "max": 2 } }), None), Vec::<String>::new());
    assert_eq!(check(json!({ "spec": { "min": 3, "max": 2 } }), None), ["spec.min: Forbidden: min is above 2"]);
    let with = |text: &str| json!({ "spec": { "fixed": text } });
    assert_eq!(check(with("a"), None), Vec::<String>::new());
    assert_eq!(check(with("a"), Some(with("a"))), Vec::<String>::new());
    assert_eq!(check(with("b"), Some(with("a"))), ["spec.fixed: Invalid value: \"b\": fixed is immutable"]);
    // What was there before its rule is left in peace until it is changed, wherever else the object changes.
    let mut older = json!({ "status": 1, "spec": { "min": 3, "max": 2 } });
    let mut newer = older.clone();
    newer["status"] = 2.into();
    assert_eq!(check(newer.clone(), Some(older.clone())), Vec::<String>::new());
    newer["spec"]["max"] = 1.into();
    assert_eq!(check(newer, Some(older.take())), ["spec.min: Forbidden: min is above 1"]);
    // Rules are not asked about values of the wrong type.
    let broken = check(json!({ "spec": { "min": "x", "max": 2 } }), None);
    assert_eq!(broken.len(), 2);
    assert!(broken[1].contains("some validation rules were not checked"));
}
