//! Paths as Go's `path/filepath` treats them, without a file system: these are paths of another machine.

/// The shortest equal path; `.` for the empty one.
pub(super) fn clean(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if absolute => {}
            part => parts.push(part),
        }
    }
    match (absolute, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

/// The directory that holds `path`; a trailing slash makes the path itself that directory.
pub(super) fn parent(path: &str) -> String {
    clean(path.rfind('/').map_or("", |slash| &path[..=slash]))
}

/// Whether the relative, clean `path` leaves the directory it is relative to.
pub(super) fn escapes(path: &str) -> bool {
    path == ".." || path.starts_with("../")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_are_cleaned_as_go_does() {
        let cleaned =
            [("", "."), ("a//b/./c/", "a/b/c"), ("/a/../../b", "/b"), ("a/../..", ".."), ("../a", "../a"), ("/", "/")];
        for (path, expected) in cleaned {
            assert_eq!(clean(path), expected, "{path}");
        }
        let parents = [("/srv/a.bin", "/srv"), ("/srv/models/", "/srv/models"), ("a.bin", "."), ("/a", "/")];
        for (path, expected) in parents {
            assert_eq!(parent(path), expected, "{path}");
        }
    }

    proptest! {
        #[test]
        fn cleaning_is_idempotent_and_never_leaves_the_root(path in "[a./]{0,20}") {
            let once = clean(&path);
            prop_assert_eq!(clean(&once), once.clone());
            let absolute = clean(&["/", &path].concat());
            prop_assert!(absolute.starts_with('/') && absolute.split('/').all(|part| part != ".."));
        }
    }
}
