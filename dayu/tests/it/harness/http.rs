//! One plain GET over one connection, as any program in any language would send it.
use std::{fmt::Write as _, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    /// A field of the JSON body, as text.
    pub(crate) fn field(&self, name: &str) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        body[name].as_str().map_or_else(|| body[name].to_string(), str::to_owned)
    }
}

/// So long an answer may take: then it may be asked for again within the limit of what is waited for.
const ANSWER: Duration = Duration::from_secs(20);

/// Gets `target` (a path, or a whole URL where `to` is a proxy), with `headers`.
pub(crate) async fn ask(to: SocketAddr, target: &str, headers: &[(&str, &str)]) -> Result<Reply, String> {
    let answer = timeout(ANSWER, exchange(to, target, headers)).await;
    let text =
        answer.map_err(|_| format!("{target}: no answer within {ANSWER:?}"))?.map_err(|error| error.to_string())?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| format!("{target}: no whole answer: {text:?}"))?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or("no status line")?;
    Ok(Reply { status, head: head.to_owned(), body: body.to_owned() })
}

async fn exchange(to: SocketAddr, target: &str, headers: &[(&str, &str)]) -> std::io::Result<String> {
    let host = target.strip_prefix("http://").and_then(|url| url.split('/').next());
    let host = host.map_or_else(|| to.to_string(), str::to_owned);
    let mut request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in headers {
        let _ = write!(request, "{name}: {value}\r\n");
    }
    let mut stream = TcpStream::connect(to).await?;
    stream.write_all(format!("{request}\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
