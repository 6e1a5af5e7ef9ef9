//! The table of facts, for tests of others that stand on the same types.
use super::{Fields, Kind, fields};

/// Calls `see` with the path of every field of a PodSpec, such as `.containers[].name`, and whether it is always written.
pub(crate) fn each_pod_field(see: &mut impl FnMut(&str, bool)) {
    each(fields::PodSpec, "", see);
}

fn each(fields: Fields, path: &str, see: &mut impl FnMut(&str, bool)) {
    for field in fields {
        let path = format!("{path}.{}", field.name);
        see(&path, !field.vanishes);
        within(&field.kind, path, see);
    }
}

fn within(kind: &Kind, path: String, see: &mut impl FnMut(&str, bool)) {
    match kind {
        Kind::Struct(fields) => each(fields, &path, see),
        Kind::Pointer(inner) => within(inner, path, see),
        Kind::List(inner) => within(inner, path + "[]", see),
        Kind::Map(inner) => within(inner, path + "{}", see),
        Kind::Text | Kind::Flag | Kind::Number | Kind::Quantity | Kind::Either | Kind::Time | Kind::Raw => {}
    }
}
