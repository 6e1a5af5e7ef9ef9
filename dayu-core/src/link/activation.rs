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

/// Why a message is no acknowledgement that counts.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AckError {
    /// It has another shape.
    #[error("not an acknowledgement: {0}; is the local manager of another release?")]
    Shape(#[from] serde_json::Error),
    /// It is not about the object that the message is about.
    #[error("names {runtime_id} but travels as {namespace}/{name}")]
    Misaddressed {
        /// The resource that it names.
        runtime_id: String,
        /// Namespace of the message's object.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// It does not say which incarnation of the resource, of the Service or of the pod.
    #[error("lacks a UID")]
    NoUid,
    /// Its revision or its sequence number is below 1.
    #[error("its revision or sequence is below 1")]
    Unnumbered,
    /// A device speaks for itself only.
    #[error("{device} speaks for {target}")]
    Foreign {
        /// Who says it.
        device: Device,
        /// Whom it is about.
        target: Device,
    },
}

/// Upwards: "my mesh has applied exactly this".
///
/// ```
/// use dayu_core::link::{ActivationAck, AckError};
///
/// let ack: ActivationAck = serde_json::from_value(serde_json::json!({
///     "runtimeServiceUID": "u1", "serviceUID": "u2", "endpointPodUID": "u3", "deploymentRevision": 1,
///     "runtimeID": "det-edge1-r1", "targetNode": "edge1", "localSequence": 7, "observedAt": "2026-01-01T00:00:00Z",
/// }))?;
/// let message = ack.message("default")?;
/// assert_eq!(ActivationAck::read(&message, &"edge1".into()).ok(), Some(ack));
/// assert!(matches!(ActivationAck::read(&message, &"edge2".into()), Err(AckError::Foreign { .. })));
/// # Ok::<(), serde_json::Error>(())
/// ```
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
    pub fn read(message: &Message, device: &Device) -> Result<Self, AckError> {
        let ack: Self = serde_json::from_slice(&message.content)?;
        let uids = [&ack.runtime_service_uid, &ack.service_uid, &ack.endpoint_pod_uid];
        if message.namespace.is_empty() || ack.runtime_id != message.name {
            let (namespace, name) = (message.namespace.clone(), message.name.clone());
            return Err(AckError::Misaddressed { runtime_id: ack.runtime_id, namespace, name });
        }
        if uids.iter().any(|uid| uid.as_str().is_empty()) {
            return Err(AckError::NoUid);
        }
        if ack.deployment_revision.0 < 1 || ack.local_sequence == 0 {
            return Err(AckError::Unnumbered);
        }
        if ack.target_node != *device {
            return Err(AckError::Foreign { device: device.clone(), target: ack.target_node });
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
