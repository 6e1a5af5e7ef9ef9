//! Service accounts as manifests make them, with the rights that they are given there and no other.

use std::path::Path;

use serde_json::{Value, json};

use super::{ControlPlane, Error};

const KINDS: [&str; 8] = [
    "CustomResourceDefinition",
    "ServiceAccount",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
];

/// The pod that a token is issued for, as it is for each that a kubelet runs.
#[derive(Clone, Copy, Debug)]
pub struct Seat<'a> {
    /// Its name; it is made unless it is there.
    pub pod: &'a str,
    /// Its node, which is there.
    pub node: &'a str,
}

impl ControlPlane {
    /// Installs the rights of `component` (the label `app.kubernetes.io/component`) as `manifests` give them, and gives
    /// the kubeconfig of its service account in that `seat`.
    ///
    /// # Errors
    /// When kubectl refuses them, or there is not exactly one service account.
    pub async fn account(&self, manifests: &Path, component: &str, seat: Seat<'_>) -> Result<Value, Error> {
        let (file, selector) = (manifests.display().to_string(), format!("app.kubernetes.io/component={component}"));
        // What there is already is not looked at.
        let read = ["create", "-f", &file, "-l", &selector, "--dry-run=client", "-o", "json"];
        let objects = all_of(&read, &self.run_kubectl(&read, "").await?)?;
        let is_right = |object: &Value| KINDS.iter().any(|kind| object["kind"] == *kind);
        let rights: Vec<Value> = objects.into_iter().filter(is_right).collect();
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

        let pod = seat.pod(&namespace, &name).to_string();
        self.run_kubectl(&["apply", "-f", "-"], &pod).await?;
        let token = ["create", "token", &name, "--namespace", &namespace, "--duration", "12h"];
        let issued_for = ["--bound-object-kind", "Pod", "--bound-object-name", seat.pod];
        let token = self.run_kubectl(&[&token[..], &issued_for].concat(), "").await?;
        let path = self.kubeconfig();
        let kubeconfig = std::fs::read_to_string(&path).map_err(Error::file(&path))?;
        let mut kubeconfig = json_of(&[&path.display().to_string()], &kubeconfig)?;
        kubeconfig["users"][0]["user"] = json!({"token": token.trim()});
        Ok(kubeconfig)
    }
}

impl Seat<'_> {
    /// Whatever befalls the node, it stays: with it would go its token.
    fn pod(&self, namespace: &str, account: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": self.pod, "namespace": namespace},
            "spec": {
                "serviceAccountName": account, "nodeName": self.node, "tolerations": [{"operator": "Exists"}],
                "containers": [{"name": "daemon", "image": "daemon"}],
            },
        })
    }
}

/// What kubectl prints one after the other.
fn all_of(said_by: &[&str], text: &str) -> Result<Vec<Value>, Error> {
    let objects = serde_json::Deserializer::from_str(text).into_iter().collect::<Result<_, _>>();
    objects.map_err(|error| Error::Said { command: said_by.join(" "), reason: error.to_string() })
}

fn json_of(said_by: &[&str], text: &str) -> Result<Value, Error> {
    serde_json::from_str(text).map_err(|error| Error::Said { command: said_by.join(" "), reason: error.to_string() })
}
