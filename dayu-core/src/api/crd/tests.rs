use super::crds;

#[test]
fn a_plain_apply_installs_every_definition() {
    for definition in crds() {
        let size = serde_json::to_vec(&definition).unwrap().len();
        assert!(size < 200_000, "{:?} has {size} bytes", definition.metadata.name);
    }
}
