//! Frames: one JSON text each, `{"header": {…}, "content": "<base64>"}`.
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Frames above this many bytes are refused in both directions.
pub const LARGEST_FRAME: usize = 4 * 1024 * 1024;

/// What a message asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// Downwards: the object is to exist as given.
    Insert,
    /// Downwards: the object is to be gone.
    Delete,
    /// Upwards: what the device says about the object.
    Status,
    /// Anything else, as a bare header of a Sedna peer has it: carried, never delivered.
    #[serde(other)]
    Unknown,
}

/// One message about one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Namespace of the object.
    pub namespace: String,
    /// Its kind in lower case, such as `runtimeservice`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// What is asked for or told.
    pub operation: Operation,
    /// The inner JSON.
    pub content: Bytes,
}

impl Message {
    /// A message about `namespace/name` of `kind`.
    pub fn new(
        namespace: impl Into<String>,
        kind: impl Into<String>,
        name: impl Into<String>,
        operation: Operation,
        content: impl Into<Bytes>,
    ) -> Self {
        let (namespace, kind, name) = (namespace.into(), kind.into(), name.into());
        Self { namespace, kind, name, operation, content: content.into() }
    }
}

/// What travels: a message, or only an acknowledgement.
///
/// ```
/// use dayu_core::link::{Frame, Message, Operation};
///
/// let message = Message::new("default", "runtimeservice", "det", Operation::Insert, b"{}".as_slice());
/// let frame = Frame { session: 7, seq: 1, message: Some(message), ..Frame::default() };
/// assert_eq!(Frame::decode(&frame.encode()?)?, frame);
/// # Ok::<(), dayu_core::link::CodecError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// The sender's outbox incarnation; 0 from peers that keep none.
    pub session: u64,
    /// Number of the message within that incarnation, from 1; 0 without message or from peers that do not number.
    pub seq: u64,
    /// Incarnation whose messages are acknowledged; 0 for none.
    pub ack_session: u64,
    /// All messages up to this one have been taken.
    pub ack: u64,
    /// The message, if any.
    pub message: Option<Message>,
}

/// A frame that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// Longer than allowed.
    #[error("a frame of {0} bytes is above the limit of {LARGEST_FRAME}; split what it carries")]
    TooLarge(usize),
    /// Not JSON of the expected shape.
    #[error("not a link frame: {0}; the peer speaks another protocol or version")]
    Shape(#[from] serde_json::Error),
    /// The content is not base64.
    #[error("the content of {kind} {namespace}/{name} is not base64: {source}")]
    Content {
        /// Kind of the object.
        kind: String,
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// What the decoder said.
        source: base64::DecodeError,
    },
}

/// The header as it stands on the wire. The last four fields are ours; Sedna's peers ignore and omit them.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Header {
    namespace: String,
    resource_kind: String,
    resource_name: String,
    operation: Option<Operation>,
    #[serde(skip_serializing_if = "is_zero")]
    session: u64,
    #[serde(skip_serializing_if = "is_zero")]
    seq: u64,
    #[serde(skip_serializing_if = "is_zero")]
    ack_session: u64,
    #[serde(skip_serializing_if = "is_zero")]
    ack: u64,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    #[serde(default)]
    header: Header,
    #[serde(default)]
    content: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Frame {
    /// The frame as JSON text.
    ///
    /// # Errors
    /// [`CodecError::TooLarge`] when the peer would refuse it.
    pub fn encode(&self) -> Result<String, CodecError> {
        let mut header = Header {
            session: self.session,
            seq: self.seq,
            ack_session: self.ack_session,
            ack: self.ack,
            ..Header::default()
        };
        let mut content = None;
        if let Some(message) = &self.message {
            header.namespace.clone_from(&message.namespace);
            header.resource_kind.clone_from(&message.kind);
            header.resource_name.clone_from(&message.name);
            header.operation = Some(message.operation);
            content = Some(BASE64_STANDARD.encode(&message.content));
        }
        let text = serde_json::to_string(&Wire { header, content })?;
        if text.len() > LARGEST_FRAME { Err(CodecError::TooLarge(text.len())) } else { Ok(text) }
    }

    /// Reads a frame. The bare header that a Sedna peer sends first becomes an empty frame.
    ///
    /// # Errors
    /// See [`CodecError`].
    pub fn decode(text: &str) -> Result<Self, CodecError> {
        if text.len() > LARGEST_FRAME {
            return Err(CodecError::TooLarge(text.len()));
        }
        let Wire { header, content } = serde_json::from_str(text)?;
        let message = match header.operation {
            None | Some(Operation::Unknown) => None,
            Some(operation) => {
                let decoded =
                    BASE64_STANDARD.decode(content.unwrap_or_default()).map_err(|source| CodecError::Content {
                        kind: header.resource_kind.clone(),
                        namespace: header.namespace.clone(),
                        name: header.resource_name.clone(),
                        source,
                    })?;
                let kind = header.resource_kind.to_lowercase();
                Some(Message::new(header.namespace, kind, header.resource_name, operation, decoded))
            }
        };
        let (session, seq, ack_session, ack) = (header.session, header.seq, header.ack_session, header.ack);
        Ok(Self { session, seq, ack_session, ack, message })
    }
}
