//! What service accounts ask of the API server, as it records that itself.

use std::collections::HashSet;
use std::path::Path;

use serde_json::{Value, json};

use super::Error;

/// One request of a service account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Whose: `system:serviceaccount:<namespace>:<name>`.
    pub user: String,
    /// As rights name it: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`.
    pub verb: String,
    /// Empty for the core group.
    pub group: String,
    /// As rights name it: `pods`, or `pods/status`. Empty for a request that is about no resource.
    pub resource: String,
    /// Empty where it is about all.
    pub namespace: String,
    /// Empty where it is about several, or about one that has none yet.
    pub name: String,
    /// The path alone.
    pub path: String,
    /// The answer's; zero as long as there is none.
    pub code: u64,
}

/// Records service accounts, but for those that Kubernetes' own controllers use.
pub(super) fn write_policy(path: &Path) -> Result<(), Error> {
    let policy = json!({
        "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
        "rules": [
            {"level": "None", "userGroups": ["system:serviceaccounts:kube-system"]},
            {"level": "Metadata", "userGroups": ["system:serviceaccounts"]},
            {"level": "None"},
        ],
    });
    std::fs::write(path, policy.to_string()).map_err(Error::file(path))
}

/// Each request once, in the order of the answers: a watch is told at its beginning.
pub(super) fn read(log: &Path) -> Result<Vec<Request>, Error> {
    let text = std::fs::read_to_string(log).map_err(Error::file(log))?;
    // The last line may be half written.
    let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut seen = HashSet::new();
    Ok(events.filter(|event| seen.insert(event["auditID"].as_str().map(str::to_owned))).map(request).collect())
}

fn request(event: Value) -> Request {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let subresource = text("/objectRef/subresource");
    let slash = if subresource.is_empty() { "" } else { "/" };
    Request {
        user: text("/user/username"),
        verb: text("/verb"),
        group: text("/objectRef/apiGroup"),
        resource: text("/objectRef/resource") + slash + &subresource,
        namespace: text("/objectRef/namespace"),
        name: text("/objectRef/name"),
        path: text("/requestURI").split('?').next().unwrap_or_default().to_owned(),
        code: event["responseStatus"]["code"].as_u64().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_told_once_and_as_rights_name_it() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("audit.log");
        let event = json!({
            "auditID": "1", "verb": "patch", "requestURI": "/api/v1/namespaces/a/pods/b/status?force=true",
            "user": {"username": "system:serviceaccount:a:gm"},
            "responseStatus": {"code": 200},
            "objectRef": {"resource": "pods", "subresource": "status", "namespace": "a", "name": "b", "apiVersion": "v1"},
        });
        std::fs::write(&log, format!("{event}\n{event}\n{{\"auditID\": \"2\", \"ve")).unwrap();
        let read = read(&log).unwrap();
        assert_eq!(read.len(), 1);
        assert_eq!((&*read[0].resource, &*read[0].group, read[0].code), ("pods/status", "", 200));
        assert_eq!(read[0].user, "system:serviceaccount:a:gm");
        assert_eq!(read[0].path, "/api/v1/namespaces/a/pods/b/status");
    }
}
