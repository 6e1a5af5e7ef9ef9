//! How a server began to speak.
use http::StatusCode;

/// Of its first bytes, the status that they tell if they are the start of an answer in HTTP.
#[derive(Clone, Copy, Debug)]
pub struct Opening(Option<StatusCode>);

impl Opening {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let status = bytes.strip_prefix(b"HTTP/1.").and_then(|line| line.get(2..5));
        Self(status.and_then(|status| StatusCode::from_bytes(status).ok()))
    }

    pub(crate) fn status(self) -> Option<StatusCode> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_in_http_has_a_status() {
        for (said, status) in [
            (&b"HTTP/1.1 503 Service Unavailable\r\n"[..], Some(503)),
            (b"HTTP/1.0 200", Some(200)),
            (b"HTTP/1.1 20", None),
            (b"HTTP/1.1 abc", None),
            (b"SSH-2.0-OpenSSH_9", None),
            (b"", None),
        ] {
            assert_eq!(Opening::of(said).status().map(|status| status.as_u16()), status, "{said:?}");
        }
    }
}
