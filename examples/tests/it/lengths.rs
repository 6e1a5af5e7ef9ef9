//! What a third party writes is short: the promise of `docs/extending.md`.

#[test]
fn the_examples_are_as_short_as_promised() {
    let examples = [
        ("own_kind", 100, include_str!("../../examples/own_kind.rs")),
        ("own_policy", 30, include_str!("../../examples/own_policy.rs")),
        ("own_runtime", 100, include_str!("../../examples/own_runtime.rs")),
    ];
    let double = include_str!("../../examples/test_double.rs");
    let test = double.split_once("    #[tokio::test]").and_then(|(_, after)| after.split_once("\n    }\n"));
    let lines = test.map(|(test, _)| test.lines().count() + 1);
    assert!(
        lines.is_some_and(|lines| lines <= 20),
        "the test in test_double.rs has {lines:?} lines, and 20 are promised"
    );
    for (name, most, text) in examples {
        let lines = text.lines().count();
        assert!(lines <= most, "{name}.rs has {lines} lines, and {most} are promised");
    }
}
