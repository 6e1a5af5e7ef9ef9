use proptest::prelude::*;
use serde_json::{Value, json};

use super::{canonical, of, quantity};
use crate::api::RuntimeServiceSpec;

/// Specs with every kind of field, and the hash that `encoding/json` over `k8s.io/api` v0.21.4 gives them.
const VECTORS: &str = include_str!("vectors.jsonl");

fn spec(value: Value) -> RuntimeServiceSpec {
    serde_json::from_value(value).unwrap()
}

#[test]
fn hashes_are_those_of_go() {
    for (number, line) in VECTORS.lines().enumerate() {
        let vector: Value = serde_json::from_str(line).unwrap();
        assert_eq!(of(&spec(vector["spec"].clone())), vector["hash"], "vector {number}");
    }
}

#[test]
fn zero_values_vanish_only_where_go_lets_them() {
    let spec =
        spec(json!({"endpoint": {}, "podTemplate": {"spec": {"enableServiceLinks": false, "hostNetwork": false}}}));
    assert_eq!(
        canonical(&serde_json::to_value(spec).unwrap()),
        r#"{"installID":"","deploymentRevision":0,"component":"","targetNode":"","podTemplate":{"metadata":{},"spec":"#
            .to_owned()
            + r#"{"containers":[],"enableServiceLinks":false}},"endpoint":{"port":0}}"#,
    );
}

#[test]
fn a_field_that_go_did_not_know_changes_the_hash() {
    let with = |policy: &str| {
        of(&spec(json!({"podTemplate": {"spec": {"containers": [
            {"name": "a", "resizePolicy": [{"resourceName": "cpu", "restartPolicy": policy}]},
        ]}}})))
    };
    assert_ne!(with("NotRequired"), with("RestartContainer"));
}

#[test]
fn quantities_are_written_as_go_writes_them() {
    let written = [
        ("0", "0"),
        ("-0", "0"),
        ("0Gi", "0"),
        ("1000m", "1"),
        ("1024Mi", "1Gi"),
        ("0.5", "500m"),
        ("1e3", "1e3"),
        ("1000e0", "1e3"),
        ("1.5Gi", "1536Mi"),
        ("1000", "1k"),
        ("1.500", "1.500"),
        ("0005Gi", "0005Gi"),
        ("+5Gi", "+5Gi"),
        ("8Ki", "8Ki"),
        ("2048Mi", "2Gi"),
        ("100000000000000000000", "100E"),
        ("0.1Gi", "107374182400m"),
        ("0.25Ki", "256"),
        ("0.0000000001", "1n"),
        ("1000E", "1"),
        ("8Ei", "9223372036854775807"),
        ("407360709009002739.192Ei", "9223372036854775807"),
        (" 2048Ki ", "2Mi"),
    ];
    for (given, expected) in written {
        assert_eq!(quantity::canonical(given), expected, "{given}");
    }
}

proptest! {
    #[test]
    fn writing_a_quantity_again_changes_nothing(text in "[+-]?[0-9]{1,12}(\\.[0-9]{0,6})?(m|k|M|G|Ki|Mi|Gi|e3|E2)?") {
        let once = quantity::canonical(&text);
        prop_assert_eq!(quantity::canonical(&once), once);
    }

    #[test]
    fn any_text_is_survived(text in "\\PC{0,40}") {
        quantity::canonical(&text);
    }
}
