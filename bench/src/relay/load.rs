//! Servers that take frames and bulk, and clients that send them.
use std::{
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
    task::JoinSet,
    time::Instant,
};

/// The body of a frame.
const FRAME: usize = 100 * 1024;
/// What one bulk transfer moves.
const BULK: usize = 1024 * 1024 * 1024;
const CHUNK: usize = 256 * 1024;
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";

/// Where the servers listen.
pub(super) struct Servers {
    pub(super) frames: SocketAddr,
    pub(super) bulk: SocketAddr,
}

/// What the clients do.
pub(super) struct Load {
    pub(super) time: Duration,
    pub(super) clients: usize,
}

impl Servers {
    /// Starts both on a thread of their own.
    pub(super) fn start() -> io::Result<Self> {
        Ok(Self { frames: listen(take_frame)?, bulk: listen(take_bulk)? })
    }
}

impl Load {
    /// Frames per second, each a POST on a new connection.
    pub(super) fn frames(&self, address: SocketAddr) -> io::Result<f64> {
        runtime()?.block_on(async {
            let (began, mut clients) = (Instant::now(), JoinSet::new());
            for _ in 0..self.clients {
                let until = began + self.time;
                clients.spawn(async move {
                    let mut sent = 0u32;
                    while Instant::now() < until {
                        send_frame(address).await?;
                        sent += 1;
                    }
                    Ok::<_, io::Error>(sent)
                });
            }
            let sent = clients.join_all().await.into_iter().sum::<io::Result<u32>>()?;
            Ok(f64::from(sent) / began.elapsed().as_secs_f64())
        })
    }

    /// Gigabytes per second over one connection, until the server has counted the last byte.
    pub(super) fn bulk(&self, address: SocketAddr) -> io::Result<f64> {
        runtime()?.block_on(async {
            let (began, chunk) = (Instant::now(), vec![7; CHUNK]);
            let mut stream = TcpStream::connect(address).await?;
            for _ in 0..BULK / CHUNK {
                stream.write_all(&chunk).await?;
            }
            stream.shutdown().await?;
            let counted = stream.read_u64().await?;
            if counted != BULK as u64 {
                return Err(io::Error::other(format!("{counted} of {BULK} bytes arrived")));
            }
            Ok(BULK as f64 / 1e9 / began.elapsed().as_secs_f64())
        })
    }
}

async fn send_frame(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut frame = format!("POST /frame HTTP/1.1\r\nhost: bench\r\ncontent-length: {FRAME}\r\n\r\n").into_bytes();
    frame.resize(frame.len() + FRAME, 7);
    stream.write_all(&frame).await?;
    let mut answer = Vec::with_capacity(ANSWER.len());
    stream.read_to_end(&mut answer).await?;
    if answer == ANSWER { Ok(()) } else { Err(io::Error::other("a frame was not answered")) }
}

async fn take_frame(mut stream: TcpStream) -> io::Result<()> {
    let mut received = Vec::with_capacity(FRAME + 1024);
    loop {
        stream.read_buf(&mut received).await?;
        let head = received.windows(4).take(512).position(|end| end == b"\r\n\r\n");
        if head.is_some_and(|head| received.len() >= head + 4 + FRAME) {
            return stream.write_all(ANSWER).await;
        }
    }
}

async fn take_bulk(mut stream: TcpStream) -> io::Result<()> {
    let (mut buffer, mut counted) = (vec![0; CHUNK], 0);
    loop {
        match stream.read(&mut buffer).await? {
            0 => return stream.write_u64(counted).await,
            count => counted += count as u64,
        }
    }
}

/// Serves on a thread of its own, each connection with `serve`.
pub(super) fn listen<F: Future<Output = io::Result<()>> + Send + 'static>(
    serve: impl Fn(TcpStream) -> F + Send + 'static,
) -> io::Result<SocketAddr> {
    let runtime = runtime()?;
    let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                tokio::spawn(serve(stream));
            }
        });
    });
    Ok(address)
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}
