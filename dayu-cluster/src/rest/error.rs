//! Refusals, as the `Status` bodies of Kubernetes.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::body::{self, ApiBody};
use crate::registry::Kind;
use crate::schema::Cause;
use crate::store::{ResourceRef, StoreError};

/// A refusal: what the client is told.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub(crate) struct ApiError {
    code: StatusCode,
    reason: &'static str,
    message: String,
    details: Option<Value>,
}

impl ApiError {
    fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: None }
    }

    fn about(mut self, resource: &ResourceRef, name: &str) -> Self {
        self.details = Some(details(resource.group(), resource.plural(), name));
        self
    }

    fn caused_by(mut self, causes: &[Cause]) -> Self {
        let causes: Vec<Value> = causes.iter().map(to_json).collect();
        self.details.get_or_insert_with(|| json!({}))["causes"] = causes.into();
        self
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// No such path.
    pub(crate) fn no_resource() -> Self {
        let mut error =
            Self::new(StatusCode::NOT_FOUND, "NotFound", "the server could not find the requested resource");
        error.details = Some(json!({}));
        error
    }

    pub(crate) fn not_found(resource: &ResourceRef, name: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", format!("{resource} \"{name}\" not found")).about(resource, name)
    }

    pub(crate) fn already_exists(resource: &ResourceRef, name: &str) -> Self {
        Self::new(StatusCode::CONFLICT, "AlreadyExists", format!("{resource} \"{name}\" already exists"))
            .about(resource, name)
    }

    /// It is on its way out, and its name not free before that.
    pub(crate) fn still_exists(resource: &ResourceRef, name: &str) -> Self {
        let mut error = Self::already_exists(resource, name);
        error.message = format!("object is being deleted: {}", error.message);
        error
    }

    pub(crate) fn conflict(resource: &ResourceRef, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {resource} \"{name}\": {why}");
        Self::new(StatusCode::CONFLICT, "Conflict", message).about(resource, name)
    }

    /// Fields that other managers own.
    pub(crate) fn apply_conflict(message: String, causes: &[Cause]) -> Self {
        Self::new(StatusCode::CONFLICT, "Conflict", message).caused_by(causes)
    }

    pub(crate) fn invalid(kind: &Kind, name: &str, causes: &[Cause]) -> Self {
        let mut lines: Vec<String> = causes.iter().map(line).collect();
        lines.dedup();
        let list = match lines.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let message = format!("{} \"{name}\" is invalid: {list}", kind.qualified());
        let mut error = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message);
        // Of an event as it is stored, whichever of its groups was asked.
        error.details = Some(details(kind.resource.group(), &kind.kind, name));
        error.caused_by(causes)
    }

    /// A kind that is only ever changed on the ground of what was seen.
    pub(crate) fn unconditional(kind: &Kind, name: &str) -> Self {
        let why = "must be specified for an update";
        let cause = Cause::invalid("metadata.resourceVersion", &0.into(), why);
        let message = format!("{} \"{name}\" is invalid: {}", kind.resource, line(&cause));
        let mut error = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message);
        error.details = Some(details(&kind.group, kind.plural(), name));
        error.caused_by(&[cause])
    }

    /// A patch that leaves something that is no object of the kind.
    pub(crate) fn patched_into(self, result: &Value) -> Self {
        if self.code != StatusCode::BAD_REQUEST {
            return self;
        }
        let cause = Cause::invalid("patch", &result.to_string().into(), &self.message);
        let message = format!(" \"\" is invalid: {}", line(&cause));
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message).caused_by(&[cause])
    }

    /// Fields that the client asked to be strict about.
    pub(crate) fn strict(kind: &Kind, problems: &[String]) -> Self {
        let (name, version) = (&kind.kind, &kind.version);
        let mut problems = problems.to_vec();
        if kind.custom().is_some() {
            problems.sort_unstable();
        }
        let problems = problems.join(", ");
        Self::bad_request(format!(
            "{name} in version \"{version}\" cannot be handled as a {name}: strict decoding error: {problems}"
        ))
    }

    /// Kubernetes answers a patch that does not fit the schema without a reason.
    pub(crate) fn untyped(message: String) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "", message)
    }

    /// Parameters of the request, which Kubernetes calls by this name: `ListOptions`, `PatchOptions`, ….
    pub(crate) fn options(kind: &str, cause: Cause) -> Self {
        let message = format!("{kind}.meta.k8s.io \"\" is invalid: {}", line(&cause));
        let mut error = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message);
        error.details = Some(details("meta.k8s.io", kind, ""));
        error.caused_by(&[cause])
    }

    /// What is to be deleted is not what the client thinks it is.
    pub(crate) fn precondition(kind: &Kind, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", kind.qualified());
        let mut error = Self::new(StatusCode::CONFLICT, "Conflict", message);
        error.details = Some(details(&kind.group, &kind.kind, name));
        error
    }

    /// The verb is none of this resource.
    pub(crate) fn unsupported_verb(resource: &ResourceRef, verb: &str) -> Self {
        let message = format!("{verb} is not supported on resources of kind \"{resource}\"");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message).about(resource, "")
    }

    /// More than a patch may ask for.
    pub(crate) fn too_long(message: String) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", message)
    }

    /// Understood, but it cannot be done to this object. Kubernetes does not say what exactly.
    pub(crate) fn inapplicable() -> Self {
        let message = "the server rejected our request due to an error in our request";
        let mut error = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message);
        error.details = Some(json!({}));
        error
    }

    /// The sent object has an identity that the stored one has not.
    pub(crate) fn another_uid(kind: &Kind, name: &str, uid: &str) -> Self {
        Self::invalid(kind, name, &[Cause::invalid("metadata.uid", &uid.into(), "field is immutable")])
    }

    pub(crate) fn forbidden(resource: &ResourceRef, name: &str, why: &str) -> Self {
        let message = format!("{resource} \"{name}\" is forbidden: {why}");
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message).about(resource, name)
    }

    pub(crate) fn namespace_terminating(resource: &ResourceRef, name: &str, namespace: &str) -> Self {
        let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
        let cause = Cause {
            reason: "NamespaceTerminating".into(),
            message: format!("namespace {namespace} is being terminated"),
            field: "metadata.namespace".into(),
        };
        Self::forbidden(resource, name, &why).caused_by(&[cause])
    }

    /// No client certificate of this cluster.
    pub(crate) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized")
    }

    pub(crate) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        let mut error = Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message);
        error.details = Some(json!({}));
        error
    }

    pub(crate) fn terminating_definition() -> Self {
        let message = "create not allowed while custom resource definition is terminating";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message)
    }

    pub(crate) fn not_acceptable() -> Self {
        let message = "only the following media types are accepted: application/json";
        Self::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", message)
    }

    pub(crate) fn unsupported_media_type(accepted: &[&str]) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {}",
            accepted.join(", ")
        );
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)
    }

    /// The format is known, but not for this kind.
    pub(crate) fn unreadable(message: String) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        let message = format!("Request entity too large: limit is {limit}");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", message)
    }

    pub(crate) fn expired(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "Expired", message)
    }

    /// The client has seen a version that does not exist yet: another cluster's, or one before a loss.
    pub(crate) fn version_too_large(asked: u64, current: u64) -> Self {
        let message = format!("Timeout: Too large resource version: {asked}, current: {current}");
        let mut error = Self::new(StatusCode::GATEWAY_TIMEOUT, "Timeout", message);
        error.details = Some(json!({
            "causes": [{ "reason": "ResourceVersionTooLarge", "message": "Too large resource version" }],
            "retryAfterSeconds": 1,
        }));
        error
    }

    pub(crate) fn internal(message: impl std::fmt::Display) -> Self {
        let message = message.to_string();
        let mut error = Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalError",
            format!("Internal error occurred: {message}"),
        );
        error.details = Some(json!({ "causes": [{ "message": message }] }));
        error
    }

    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message)
    }

    fn insufficient_storage(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INSUFFICIENT_STORAGE, "InsufficientStorage", message)
    }

    pub(crate) fn is_not_found(&self) -> bool {
        self.code == StatusCode::NOT_FOUND
    }

    pub(crate) fn is_already_exists(&self) -> bool {
        self.reason == "AlreadyExists"
    }

    /// The `Status` object.
    pub(crate) fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code.as_u16(),
        });
        if self.reason.is_empty()
            && let Some(fields) = status.as_object_mut()
        {
            fields.remove("reason");
        }
        if let Some(details) = &self.details {
            status["details"] = details.clone();
        }
        status
    }

    pub(crate) fn response(&self) -> Response<ApiBody> {
        body::json(self.code, Bytes::from(self.status().to_string()))
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        match error {
            StoreError::NotFound { resource, name } => Self::not_found(&resource, &name),
            StoreError::AlreadyExists { resource, name } => Self::already_exists(&resource, &name),
            StoreError::Conflict { resource, name } | StoreError::Precondition { resource, name, .. } => {
                Self::new(StatusCode::CONFLICT, "Conflict", message).about(&resource, &name)
            }
            StoreError::Gone { .. } => Self::expired(message),
            StoreError::Malformed { .. } => Self::bad_request(message),
            StoreError::Journal(error) => Self::insufficient_storage(error.to_string()),
        }
    }
}

/// As it stands in the message.
fn line(cause: &Cause) -> String {
    if cause.field.is_empty() { cause.message.clone() } else { format!("{}: {}", cause.field, cause.message) }
}

fn to_json(cause: &Cause) -> Value {
    json!({ "reason": cause.reason, "message": cause.message, "field": cause.field })
}

fn details(group: &str, kind: &str, name: &str) -> Value {
    let mut details = json!({ "kind": kind });
    for (key, text) in [("group", group), ("name", name)] {
        if !text.is_empty() {
            details[key] = text.into();
        }
    }
    details
}
