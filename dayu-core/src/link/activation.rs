//! The two messages about the activation of a route, as Sedna's managers write them.
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Message, Operation};
use crate::{
    name::{Device, Revision, Uid},
    template::Acknowledgement,
};

/// The kind that both travel under.
const KIND: &str = "runtimeservice";

/// Downwards: "tell me when your mesh has applied exactly this".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivationRequest {
    /// Always `RuntimeService`.
    pub kind: String,
    /// Always `sedna.io/v1alpha1`.
    pub api_version: String,
    /// Name and namespace of the resource.
    pub metadata: ActivationMetadata,
    /// UID of the resource.
    #[serde(rename = "runtimeServiceUID")]
    pub runtime_service_uid: Uid,
    /// UID of its Service; empty in a cancellation that knows none.
    #[serde(rename = "serviceUID")]
    pub service_uid: Uid,
    /// UID of the pod behind the endpoint; likewise.
    #[serde(rename = "endpointPodUID")]
    pub endpoint_pod_uid: Uid,
    /// The revision that the route must carry.
    pub deployment_revision: Revision,
    /// The resource's name once more.
    #[serde(rename = "runtimeID")]
    pub runtime_id: String,
    /// The device that is asked.
    pub target_node: Device,
}

/// The object metadata of an [`ActivationRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivationMetadata {
    /// The resource's name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Always null; Sedna's peers write it.
    #[serde(default)]
    pub creation_timestamp: Option<String>,
}

/// Upwards: "my mesh has applied exactly this".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivationAck {
    /// UID of the resource.
    #[serde(rename = "runtimeServiceUID")]
    pub runtime_service_uid: Uid,
    /// UID of its Service.
    #[serde(rename = "serviceUID")]
    pub service_uid: Uid,
    /// UID of the pod behind the endpoint.
    #[serde(rename = "endpointPodUID")]
    pub endpoint_pod_uid: Uid,
    /// The revision of the route.
    pub deployment_revision: Revision,
    /// The resource's name.
    #[serde(rename = "runtimeID")]
    pub runtime_id: String,
    /// The device that says so.
    pub target_node: Device,
    /// The mesh's sequence number, 1 or more.
    pub local_sequence: u64,
    /// When the mesh applied the route.
    pub observed_at: Timestamp,
}

impl ActivationRequest {
    /// The request as a message: `insert` asks, `delete` cancels.
    ///
    /// # Errors
    /// Those of the JSON encoder; none for values that came from the API.
    pub fn message(&self, operation: Operation) -> Result<Message, serde_json::Error> {
        let content = serde_json::to_vec(self)?;
        Ok(Message::new(&self.metadata.namespace, KIND, &self.metadata.name, operation, content))
    }

    /// Whether `ack` answers exactly this request.
    #[must_use]
    pub fn is_answered_by(&self, ack: &ActivationAck) -> bool {
        ack.runtime_service_uid == self.runtime_service_uid
            && ack.service_uid == self.service_uid
            && ack.endpoint_pod_uid == self.endpoint_pod_uid
            && ack.deployment_revision == self.deployment_revision
            && ack.runtime_id == self.runtime_id
            && ack.target_node == self.target_node
    }
}

impl ActivationAck {
    /// The acknowledgement as a message about the resource in `namespace`.
    ///
    /// # Errors
    /// Those of the JSON encoder; none for values that came from the mesh.
    pub fn message(&self, namespace: &str) -> Result<Message, serde_json::Error> {
        Ok(Message::new(namespace, KIND, &self.runtime_id, Operation::Status, serde_json::to_vec(self)?))
    }

    /// Reads an acknowledgement that came from `device` in `message`, or says what is wrong with it.
    ///
    /// # Errors
    /// The first rule that it breaks: shape, identity fields, revision, sequence, and that a device speaks for itself only.
    pub fn read(message: &Message, device: &Device) -> Result<Self, String> {
        let ack: Self =
            serde_json::from_slice(&message.content).map_err(|error| format!("not an acknowledgement: {error}"))?;
        let uids = [&ack.runtime_service_uid, &ack.service_uid, &ack.endpoint_pod_uid];
        if message.namespace.is_empty() || ack.runtime_id != message.name {
            return Err(format!("names {} but travels as {}/{}", ack.runtime_id, message.namespace, message.name));
        }
        if uids.iter().any(|uid| uid.as_str().is_empty()) {
            return Err("lacks a UID".to_owned());
        }
        if ack.deployment_revision.0 < 1 || ack.local_sequence == 0 {
            return Err("its revision or sequence is below 1".to_owned());
        }
        if ack.target_node != *device {
            return Err(format!("{device} speaks for {}", ack.target_node));
        }
        Ok(ack)
    }

    /// The acknowledgement in the words of the templates.
    #[must_use]
    pub fn acknowledgement(&self) -> Acknowledgement {
        Acknowledgement {
            resource: self.runtime_service_uid.clone(),
            service: self.service_uid.clone(),
            pod: self.endpoint_pod_uid.clone(),
            revision: self.deployment_revision,
            device: self.target_node.clone(),
            sequence: self.local_sequence,
            observed_at: self.observed_at,
        }
    }
}
