//! What a third party writes is short: the promise of `docs/extending.md`.

#[test]
fn the_examples_are_as_short_as_promised() {
    let examples = [
        ("own_kind", 100, include_str!("../../examples/own_kind.rs")),
        ("own_policy", 30, include_str!("../../examples/own_policy.rs")),
        ("own_runtime", 100, include_str!("../../examples/own_runtime.rs")),
    ];
    for (name, most, text) in examples {
        let lines = text.lines().count();
        assert!(lines <= most, "{name}.rs has {lines} lines, and {most} are promised");
    }
}
