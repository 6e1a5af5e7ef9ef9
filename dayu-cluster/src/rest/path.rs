//! What a request path names.

use percent_encoding::percent_decode_str;

/// A resource path, its parts decoded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Target {
    pub(crate) group: String,
    pub(crate) version: String,
    /// `None`: a cluster-scoped object, or all namespaces.
    pub(crate) namespace: Option<String>,
    pub(crate) plural: String,
    pub(crate) name: Option<String>,
    pub(crate) subresource: Option<String>,
}

/// `None` when the path names no resource (discovery, health).
pub(crate) fn parse(path: &str) -> Option<Target> {
    let mut parts = path.split('/').skip(1).filter(|part| !part.is_empty());
    let (group, version) = match parts.next()? {
        "api" => (String::new(), decode(parts.next()?)?),
        "apis" => (decode(parts.next()?)?, decode(parts.next()?)?),
        _ => return None,
    };
    let rest: Vec<String> = parts.map(decode).collect::<Option<_>>()?;
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let (namespace, plural, name, subresource) = match *rest.as_slice() {
        [plural] => (None, plural, None, None),
        [plural, name] => (None, plural, Some(name), None),
        // `namespaces/x/status` is a namespace's own; `namespaces/x/pods` lies in it.
        ["namespaces", name, sub @ ("status" | "finalize")] => (None, "namespaces", Some(name), Some(sub)),
        ["namespaces", namespace, plural] => (Some(namespace), plural, None, None),
        ["namespaces", namespace, plural, name] => (Some(namespace), plural, Some(name), None),
        ["namespaces", namespace, plural, name, sub] => (Some(namespace), plural, Some(name), Some(sub)),
        [plural, name, sub] => (None, plural, Some(name), Some(sub)),
        _ => return None,
    };
    let own = |part: Option<&str>| part.map(str::to_owned);
    let target = Target { group, version, plural: plural.into(), ..Target::default() };
    Some(Target { namespace: own(namespace), name: own(name), subresource: own(subresource), ..target })
}

fn decode(part: &str) -> Option<String> {
    percent_decode_str(part).decode_utf8().ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(path: &str) -> (String, Option<String>, Option<String>, Option<String>) {
        let found = parse(path).unwrap();
        (format!("{}/{}/{}", found.group, found.version, found.plural), found.namespace, found.name, found.subresource)
    }

    #[test]
    fn paths_name_collections_objects_and_subresources() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(target("/api/v1/pods"), ("/v1/pods".into(), None, None, None));
        assert_eq!(target("/api/v1/namespaces/a"), ("/v1/namespaces".into(), None, some("a"), None));
        assert_eq!(target("/api/v1/namespaces/a/status"), ("/v1/namespaces".into(), None, some("a"), some("status")));
        assert_eq!(
            target("/apis/apps/v1/namespaces/a/deployments/b/scale"),
            ("apps/v1/deployments".into(), some("a"), some("b"), some("scale"))
        );
        assert_eq!(target("/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode").2, some("system:node"));
        assert_eq!(parse("/apis/apps/v1"), None);
        assert_eq!(parse("/healthz"), None);
    }
}
