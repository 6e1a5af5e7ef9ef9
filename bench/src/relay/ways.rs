//! The ways from the clients to the servers.
use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream as Plain},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use tokio::net::TcpStream;

use super::load::{Servers, listen};

/// One way, and where its two ends for clients are.
pub(super) struct Way {
    pub(super) name: &'static str,
    pub(super) frames: SocketAddr,
    pub(super) bulk: SocketAddr,
    _process: Option<Haproxy>,
}

/// A running HAProxy and its configuration; both go when it is dropped.
struct Haproxy {
    process: Child,
    config: PathBuf,
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = (self.process.kill(), self.process.wait(), fs::remove_file(&self.config));
    }
}

impl Way {
    pub(super) fn direct(servers: &Servers) -> Self {
        Self { name: "direct", frames: servers.frames, bulk: servers.bulk, _process: None }
    }

    /// The mesh's own copy loop.
    pub(super) fn relay(servers: &Servers) -> io::Result<Self> {
        let through = |server| {
            listen(move |client| async move {
                let server = connect(server).await?;
                dayu_mesh::relay::relay(&client, &server).await;
                Ok(())
            })
        };
        Ok(Self { name: "dayu", frames: through(servers.frames)?, bulk: through(servers.bulk)?, _process: None })
    }

    /// What a proxy gets from its library.
    pub(super) fn tokio_copy(servers: &Servers) -> io::Result<Self> {
        let through = |server| {
            listen(move |mut client| async move {
                let mut server = connect(server).await?;
                tokio::io::copy_bidirectional(&mut client, &mut server).await.map(drop)
            })
        };
        Ok(Self { name: "tokio copy", frames: through(servers.frames)?, bulk: through(servers.bulk)?, _process: None })
    }

    /// HAProxy in TCP mode with one thread.
    pub(super) fn haproxy(servers: &Servers) -> io::Result<Self> {
        let (frames, bulk) = (free()?, free()?);
        let mut text =
            "global\n nbthread 1\ndefaults\n mode tcp\n timeout connect 1s\n timeout client 1m\n timeout server 1m\n"
                .to_owned();
        for (name, from, to) in [("frames", frames, servers.frames), ("bulk", bulk, servers.bulk)] {
            text += &format!("listen {name}\n bind {from}\n server one {to}\n");
        }
        let config = std::env::temp_dir().join(format!("bench-{}.cfg", std::process::id()));
        fs::write(&config, text)?;
        let started =
            Command::new("haproxy").arg("-f").arg(&config).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let process =
            Haproxy { process: started.map_err(|error| io::Error::other(format!("haproxy: {error}")))?, config };
        // It listens some milliseconds later, and nothing tells when.
        while Plain::connect(bulk).is_err() {
            std::thread::yield_now();
        }
        Ok(Self { name: "haproxy", frames, bulk, _process: Some(process) })
    }
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn free() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
