//! What `docs/extending.md` tells a third party to depend on is what this workspace depends on.

/// Name and version in a line of a manifest, where it has both.
fn dependency(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.split_once(" = ")?;
    let version = rest.strip_prefix("{ version = ").unwrap_or(rest).strip_prefix('"')?;
    Some((name, version.split_once('"')?.0))
}

#[test]
fn the_versions_are_those_of_the_workspace() {
    let told =
        include_str!("../../../docs/extending.md").split_once("```toml\n").unwrap().1.split_once("```").unwrap().0;
    let told: Vec<_> = told.lines().filter_map(dependency).collect();
    assert!(told.len() > 5 && told.iter().any(|(name, _)| *name == "kube"), "{told:?}");
    let own: Vec<_> = include_str!("../../../Cargo.toml").lines().filter_map(dependency).collect();
    for (name, version) in told {
        let own = own.iter().find(|(own, _)| *own == name).unwrap_or_else(|| panic!("{name} is not depended on"));
        assert!(
            format!("{}.", own.1).starts_with(&format!("{version}.")),
            "{name}: {version} is told, {} is used",
            own.1
        );
    }
}
