//! Other name servers, for names that are not the cluster's.
use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

use super::Way;

const PORT: u16 = 53;
/// For one server; a resolver asks again after 5 s, which is time for three.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// Bytes of an answer over UDP that a resolver may have offered to take.
const LARGEST: usize = 4_096;

/// Servers that are asked in turn, from the one on that answered last.
#[derive(Debug)]
pub(super) struct Upstream {
    servers: Servers,
    first: AtomicUsize,
}

#[derive(Debug)]
enum Servers {
    Told(Arc<[SocketAddr]>),
    Listed(List),
}

/// A file that lists servers, which changes as the machine moves from network to network.
#[derive(Debug)]
struct List {
    file: PathBuf,
    own: IpAddr,
    read: Mutex<(Option<Stamp>, Arc<[SocketAddr]>)>,
}

/// Another one, another file: its inode and when it was written, in seconds and nanoseconds.
type Stamp = (u64, i64, i64);

impl List {
    /// As the file is now, or was when it could be read last.
    fn servers(&self) -> Arc<[SocketAddr]> {
        let mut read = self.read.lock();
        let stamp = fs::metadata(&self.file).ok().map(|file| (file.ino(), file.mtime(), file.mtime_nsec()));
        if stamp != read.0
            && let Ok(text) = fs::read_to_string(&self.file)
        {
            *read = (stamp, listed(&text, self.own).into());
        }
        read.1.clone()
    }
}

impl Upstream {
    pub(super) fn new(servers: Vec<SocketAddr>) -> Self {
        Self { servers: Servers::Told(servers.into()), first: AtomicUsize::new(0) }
    }

    /// Those that `file` lists whenever one is asked, but for `own`.
    pub(super) fn listed_in(file: &Path, own: IpAddr) -> Self {
        let list = List { file: file.to_owned(), own, read: Mutex::default() };
        Self { servers: Servers::Listed(list), first: AtomicUsize::new(0) }
    }

    /// The answer to `query` as it came; none if nobody gives one.
    pub(super) async fn ask(&self, query: &[u8], way: Way) -> Option<Vec<u8>> {
        let servers = match &self.servers {
            Servers::Told(servers) => servers.clone(),
            Servers::Listed(list) => list.servers(),
        };
        let count = servers.len();
        let first = self.first.load(Ordering::Relaxed);
        for index in (0..count).map(|step| (first + step) % count) {
            let server = servers[index];
            let asked = async {
                match way {
                    Way::Datagram => by_datagram(server, query).await,
                    Way::Stream => by_stream(server, query).await,
                }
            };
            if let Ok(Ok(answer)) = timeout(PATIENCE, asked).await {
                self.first.store(index, Ordering::Relaxed);
                return Some(answer);
            }
        }
        None
    }
}

/// The name servers that a file like `/etc/resolv.conf` lists, but for `own`: asking ourselves would have no end.
fn listed(text: &str, own: IpAddr) -> Vec<SocketAddr> {
    let server = |line: &str| line.trim().strip_prefix("nameserver")?.trim().parse::<IpAddr>().ok();
    text.lines().filter_map(server).filter(|server| *server != own).map(|server| (server, PORT).into()).collect()
}

/// From a port of its own, so that nobody else can answer without a guess.
async fn by_datagram(server: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.send(query).await?;
    let mut answer = vec![0; LARGEST];
    loop {
        let length = socket.recv(&mut answer).await?;
        if length >= 2 && answer[..2] == query[..2] {
            answer.truncate(length);
            return Ok(answer);
        }
    }
}

async fn by_stream(server: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(query.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), query].concat()).await?;
    let mut answer = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_servers_are_known_by_its_file() {
        let own = IpAddr::from([169, 254, 96, 16]);
        let text = "search a b\n# nameserver 1.1.1.1\nnameserver 169.254.96.16\n nameserver  10.0.0.53 \nnameserver fd00::1\nnameserver x";
        let expected: Vec<SocketAddr> = vec!["10.0.0.53:53".parse().unwrap(), "[fd00::1]:53".parse().unwrap()];
        assert_eq!(listed(text, own), expected);
    }

    #[test]
    fn what_the_systems_file_says_now_counts_and_what_it_said_while_it_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("resolv.conf");
        let list = List { file: file.clone(), own: IpAddr::from([169, 254, 96, 16]), read: Mutex::default() };
        assert!(list.servers().is_empty(), "it is not there yet");
        let (home, away): (SocketAddr, SocketAddr) = ("10.0.0.53:53".parse().unwrap(), "10.9.0.53:53".parse().unwrap());
        fs::write(&file, "nameserver 10.0.0.53").unwrap();
        assert_eq!(*list.servers(), [home]);
        // As it is replaced by who manages networks.
        let next = folder.path().join("next");
        fs::write(&next, "nameserver 10.9.0.53").unwrap();
        fs::rename(&next, &file).unwrap();
        assert_eq!(*list.servers(), [away]);
        fs::remove_file(&file).unwrap();
        assert_eq!(*list.servers(), [away]);
    }

    #[tokio::test]
    async fn the_next_server_is_asked_where_one_is_not_there() {
        let gone = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let there = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let upstream = Upstream::new(vec![gone, there.local_addr().unwrap()]);
        let answers = async {
            let mut asked = [0; 16];
            for _ in 0..2 {
                let (length, from) = there.recv_from(&mut asked).await.unwrap();
                // To another question, and then to this.
                there.send_to(b"??", from).await.unwrap();
                there.send_to(&asked[..length], from).await.unwrap();
            }
        };
        let asks = async {
            for _ in 0..2 {
                assert_eq!(upstream.ask(b"id and question", Way::Datagram).await.unwrap(), b"id and question");
            }
        };
        tokio::join!(answers, asks);
        assert_eq!(upstream.first.load(Ordering::Relaxed), 1, "and the one that answers is asked first");
        assert_eq!(Upstream::new(vec![gone]).ask(b"id", Way::Stream).await, None);
    }
}
