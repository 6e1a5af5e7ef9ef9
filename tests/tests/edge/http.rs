//! One plain request over one connection, as any program in any language would send it.
use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use bytes::Bytes;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(10);

/// What is asked, and of whom.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) to: SocketAddr,
    pub(crate) method: &'static str,
    /// A path, or a whole URL where `to` is a proxy.
    pub(crate) target: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
}

impl Ask {
    pub(crate) fn get(to: SocketAddr, target: impl Into<String>) -> Self {
        Self { to, method: "GET", target: target.into(), headers: Vec::new(), body: Bytes::new() }
    }

    pub(crate) fn post(to: SocketAddr, target: impl Into<String>, body: Bytes) -> Self {
        Self { method: "POST", body, ..Self::get(to, target) }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The JSON that comes back with success; anything else is told.
    pub(crate) fn send(&self) -> Result<Value, String> {
        let text = self.exchange().map_err(|error| format!("{}: {error}", self.to))?;
        let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| format!("{}: no answer: {text:?}", self.to))?;
        if !head.starts_with("HTTP/1.1 200 ") {
            return Err(format!("{}: {head}\n{body}", self.to));
        }
        serde_json::from_str(body).map_err(|error| format!("{}: {error}: {body:?}", self.to))
    }

    fn exchange(&self) -> io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&self.to, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut request = format!("{} {} HTTP/1.1\r\nConnection: close\r\n", self.method, self.target);
        let host = self.target.strip_prefix("http://").and_then(|url| url.split('/').next());
        let named = self.headers.iter().any(|(name, _)| *name == "Host");
        if !named {
            request += &format!("Host: {}\r\n", host.map_or_else(|| self.to.to_string(), str::to_owned));
        }
        for (name, value) in &self.headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += &format!("Content-Length: {}\r\n\r\n", self.body.len());
        stream.write_all(request.as_bytes())?;
        stream.write_all(&self.body)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}
