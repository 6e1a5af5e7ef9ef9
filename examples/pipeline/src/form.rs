//! How a frame is posted: `multipart/form-data` with a `file` (its pixels) and `data` (its task), as Dayu's components post clips.
use std::num::NonZeroU32;

use axum::{
    extract::{
        FromRequest, Multipart, Request,
        multipart::{MultipartError, MultipartRejection},
    },
    http::StatusCode,
    response::{IntoResponse, Response},
};
use bytes::Bytes;

/// What a frame is posted as.
pub const KIND: &str = "multipart/form-data; boundary=dayu-pipeline-5d1c0f6be2a94873";
/// What stands before each part. Pixels of [`render`](crate::frame::render) never spell it.
const DELIMITER: &str = "--dayu-pipeline-5d1c0f6be2a94873";

/// What is said of a frame: who made it, and how its pixels lie.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Task {
    /// The camera.
    pub source: String,
    /// The device that it is on.
    pub device: String,
    /// How many it made before.
    pub index: u64,
    /// Pixels per row.
    pub width: NonZeroU32,
    /// Rows.
    pub height: u32,
}

impl Task {
    fn pixels(&self) -> u64 {
        u64::from(self.width.get()) * u64::from(self.height)
    }
}

/// The body that posts `pixels`.
#[must_use]
pub fn encode(task: &Task, pixels: &[u8]) -> Bytes {
    let data = serde_json::to_string(task).unwrap_or_default();
    let name = "content-disposition: form-data; name";
    let mut body = Vec::with_capacity(pixels.len() + 512);
    body.extend_from_slice(
        format!(
            "{DELIMITER}\r\n{name}=\"data\"\r\ncontent-type: application/json\r\n\r\n{data}\r\n\
             {DELIMITER}\r\n{name}=\"file\"; filename=\"frame\"\r\ncontent-type: application/octet-stream\r\n\r\n"
        )
        .as_bytes(),
    );
    body.extend_from_slice(pixels);
    body.extend_from_slice(format!("\r\n{DELIMITER}--\r\n").as_bytes());
    body.into()
}

/// A frame as it came.
pub(crate) struct Posted {
    pub(crate) task: Task,
    pub(crate) pixels: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for Posted {
    type Rejection = Unusable;

    async fn from_request(request: Request, state: &S) -> Result<Self, Unusable> {
        let mut form = Multipart::from_request(request, state).await?;
        let (mut file, mut data) = (None, None);
        while let Some(part) = form.next_field().await? {
            match part.name() {
                Some("file") => file = Some(part.bytes().await?),
                Some("data") => data = Some(part.bytes().await?),
                _ => {}
            }
        }
        let pixels = file.ok_or(Unusable::Missing { part: "file", what: "the pixels of the frame" })?;
        let data = data.ok_or(Unusable::Missing { part: "data", what: "the task, as JSON" })?;
        let task: Task = serde_json::from_slice(&data)?;
        if task.pixels() != pixels.len() as u64 {
            return Err(Unusable::Size { task, bytes: pixels.len() });
        }
        Ok(Self { task, pixels })
    }
}

/// A body that is no frame.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("{}; post multipart/form-data with the parts file (pixels) and data (the task, as JSON)", .0.body_text())]
    NoForm(#[from] MultipartRejection),
    #[error("{}", .0.body_text())]
    Broken(#[from] MultipartError),
    #[error("part {part} is missing: {what}")]
    Missing { part: &'static str, what: &'static str },
    #[error("part data is no task: {0}")]
    NoTask(#[from] serde_json::Error),
    #[error("part file has {bytes} bytes, and part data says {} times {} pixels", task.width, task.height)]
    Size { task: Task, bytes: usize },
}

impl IntoResponse for Unusable {
    fn into_response(self) -> Response {
        let status = if let Self::Broken(error) = &self { error.status() } else { StatusCode::BAD_REQUEST };
        (status, format!("{self}\n")).into_response()
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::header};

    use super::*;
    use crate::{Identity, frame};

    const PIXELS: &[u8] = b"\r\n--pixels\r\n\r\n--";

    fn task() -> Task {
        let (mut task, _) =
            frame::render(&Identity { device: "edge1".into(), replica: "camera".into(), pid: 1 }, 7, 60_000);
        (task.width, task.height) = (NonZeroU32::new(2).unwrap(), PIXELS.len() as u32 / 2);
        task
    }

    async fn posted(kind: &str, body: impl Into<Body>) -> Result<Posted, Unusable> {
        let request = Request::post("/frame").header(header::CONTENT_TYPE, kind).body(body.into()).unwrap();
        Posted::from_request(request, &()).await
    }

    async fn refused(kind: &str, body: impl Into<Body>) -> (StatusCode, String) {
        let error = posted(kind, body).await.map(|posted| posted.task).unwrap_err();
        let told = error.to_string();
        (error.into_response().status(), told)
    }

    #[tokio::test]
    async fn what_is_posted_is_what_comes_whatever_its_bytes() {
        let posted = posted(KIND, encode(&task(), PIXELS)).await.unwrap();
        assert_eq!((posted.task, &*posted.pixels), (task(), PIXELS));
    }

    #[tokio::test]
    async fn it_comes_in_any_order_and_with_any_boundary_as_curl_and_requests_send_it() {
        let body = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f.raw\"\r\n\r\n1234\r\n--x\r\n\
                    Content-Disposition: form-data; name=\"more\"\r\n\r\nelse\r\n--x\r\n\
                    Content-Disposition: form-data; name=\"data\"\r\n\r\n\
                    {\"source\":\"me\",\"device\":\"d\",\"index\":1,\"width\":2,\"height\":2}\r\n--x--\r\n";
        let posted = posted("multipart/form-data; boundary=x", body).await.unwrap();
        assert_eq!((posted.task.source.as_str(), &*posted.pixels), ("me", &b"1234"[..]));
    }

    #[tokio::test]
    async fn wherever_it_is_cut_off_it_is_refused() {
        let whole = encode(&task(), PIXELS);
        // What ends it may lack its last line end.
        for length in 0..whole.len() - "--\r\n".len() {
            let (status, told) = refused(KIND, whole.slice(..length)).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "after {length} bytes: {told}");
        }
        let in_the_pixels = whole.slice(..whole.len() - "\r\n--".len() - DELIMITER.len());
        assert!(refused(KIND, in_the_pixels).await.1.contains("\"file\" received with incomplete data"));
    }

    #[tokio::test]
    async fn it_is_told_what_is_missing() {
        let part = |name: &str, content: &str| {
            format!(
                "{DELIMITER}\r\ncontent-disposition: form-data; name={name:?}\r\n\r\n{content}\r\n{DELIMITER}--\r\n"
            )
        };
        let short = encode(&task(), &PIXELS[2..]);
        for (kind, body, word) in [
            ("application/octet-stream", "pixels".into(), "with the parts file (pixels) and data"),
            (KIND, part("data", "{}").into(), "part file is missing"),
            (KIND, part("file", "pixels").into(), "part data is missing"),
            (KIND, part("else", "").into(), "part file is missing"),
            (KIND, short, "part file has 14 bytes, and part data says 2 times 8 pixels"),
            (KIND, replaced(r#""width":2"#, r#""width":0"#), "part data is no task: invalid value"),
            (KIND, replaced(r#""index":7,"#, ""), "missing field `index`"),
        ] {
            let (status, told) = refused(kind, body).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{told}");
            assert!(told.contains(word), "{told}");
        }
    }

    fn replaced(old: &str, new: &str) -> Bytes {
        String::from_utf8(encode(&task(), PIXELS).to_vec()).unwrap().replacen(old, new, 1).into()
    }
}
