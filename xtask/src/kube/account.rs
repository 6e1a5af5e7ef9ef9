//! Service accounts as manifests make them, with the rights that they are given there and no other.

use std::path::Path;

use serde_json::{Value, json};

use super::{ControlPlane, Error};

const KINDS: [&str; 7] = [
    "ServiceAccount",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
];

impl ControlPlane {
    /// Installs the rights of `component` (the label `app.kubernetes.io/component`) as `manifests` give them, and gives
    /// the kubeconfig of its service account. `node` is the one that its token is issued for.
    ///
    /// # Errors
    /// When kubectl refuses them, or there is not exactly one service account.
    pub async fn account(&self, manifests: &Path, component: &str, node: Option<&str>) -> Result<Value, Error> {
        let (file, selector) = (manifests.display().to_string(), format!("app.kubernetes.io/component={component}"));
        let read = ["apply", "-f", &file, "-l", &selector, "--dry-run=client", "-o", "json"];
        let objects = json_of(&read, &self.run_kubectl(&read, "").await?)?;
        let objects = objects["items"].as_array().cloned().unwrap_or_default();
        let rights: Vec<Value> =
            objects.into_iter().filter(|object| KINDS.iter().any(|kind| object["kind"] == *kind)).collect();
        let accounts: Vec<&Value> = rights.iter().filter(|object| object["kind"] == "ServiceAccount").collect();
        let [account] = accounts.as_slice() else {
            return Err(Error::Accounts {
                component: component.into(),
                manifests: manifests.into(),
                found: accounts.len(),
            });
        };
        let text = |field: &str| account["metadata"][field].as_str().unwrap_or_default().to_owned();
        let (name, namespace) = (text("name"), text("namespace"));
        let mut items = vec![json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})];
        items.extend(rights);
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
        self.run_kubectl(&["apply", "-f", "-"], &list).await?;

        let mut create = vec!["create", "token", &name, "--namespace", &namespace, "--duration", "12h"];
        create.extend(node.iter().flat_map(|node| ["--bound-object-kind", "Node", "--bound-object-name", node]));
        let token = self.run_kubectl(&create, "").await?;
        let path = self.kubeconfig();
        let kubeconfig = std::fs::read_to_string(&path).map_err(Error::file(&path))?;
        let mut kubeconfig = json_of(&[&path.display().to_string()], &kubeconfig)?;
        kubeconfig["users"][0]["user"] = json!({"token": token.trim()});
        Ok(kubeconfig)
    }
}

fn json_of(said_by: &[&str], text: &str) -> Result<Value, Error> {
    serde_json::from_str(text).map_err(|error| Error::Said { command: said_by.join(" "), reason: error.to_string() })
}
