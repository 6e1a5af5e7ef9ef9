//! The accept loop: takes connections and hands them on, nothing else.
//!
//! It never picks, dials or reads, so no peer can hold up the next one. Where connections or file descriptors run out, a
//! client is refused at once and counted; the loop goes on.
use std::{fs::File, io, time::Duration};

use rustix::io::Errno;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::door::{Door, Full, Permit};
use crate::relay::reset_on_close;

/// Between two attempts when the system is out of something that no reserve gives back.
const BREATH: Duration = Duration::from_millis(5);

/// Accepts for ever. Every connection comes with its permit of `door`, which bounds how many there are.
pub(crate) async fn accept(listener: TcpListener, door: Door, serve: impl Fn(TcpStream, Permit)) {
    let mut reserve = Reserve::default();
    loop {
        match listener.accept().await {
            // Somebody else was faster than the reserve: the file of this client is the next one.
            Ok((stream, _)) if !reserve.restore() => {
                reset_on_close(&stream);
                drop(stream);
                reserve.restore();
                door.refused(Full::Files);
            }
            Ok((stream, _)) => match door.enter() {
                Ok(permit) => {
                    let _ = stream.set_nodelay(true);
                    serve(stream, permit);
                }
                Err(why) => {
                    reset_on_close(&stream);
                    door.refused(why);
                }
            },
            // The client gave up before it was accepted.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) if is_out_of_files(&error) && reserve.shed(&listener) => door.refused(Full::Files),
            // Nobody waits, or nothing helps: the system looks for a file before it looks for a client.
            Err(_) => tokio::time::sleep(BREATH).await,
        }
    }
}

/// The same of a Unix socket, whose clients are this device's own: where files run out they wait.
pub(crate) async fn accept_local(listener: UnixListener, door: Door, serve: impl Fn(UnixStream, Permit)) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => match door.enter() {
                Ok(permit) => serve(stream, permit),
                Err(why) => door.refused(why),
            },
            Err(_) => tokio::time::sleep(BREATH).await,
        }
    }
}

fn is_out_of_files(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

/// One file kept open, to be given up when there are no more: so a waiting client can be refused, not left hanging.
struct Reserve(Option<File>);

impl Default for Reserve {
    fn default() -> Self {
        Self(File::open("/dev/null").ok())
    }
}

impl Reserve {
    /// Whether there is one, again.
    fn restore(&mut self) -> bool {
        self.0 = self.0.take().or_else(|| Self::default().0);
        self.0.is_some()
    }

    /// Refuses the client at the head of the queue, if there is one. Nothing is waited for meanwhile: whatever else of this
    /// program needs a file would take the one that is given up here.
    fn shed(&mut self, listener: &TcpListener) -> bool {
        self.0 = None;
        let waited = rustix::net::accept(listener).map(|client| reset_on_close(&client)).is_ok();
        self.restore();
        waited
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::{io::AsyncReadExt, sync::mpsc};

    use super::*;
    use crate::{listen::Gate, stats::Stats};

    #[tokio::test]
    async fn one_too_many_is_refused_at_once_and_the_loop_goes_on() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (accepted, mut served) = mpsc::unbounded_channel();
        let serve = move |stream, permit| accepted.send((stream, permit)).unwrap();
        let stats = Arc::new(Stats::default());
        let door = Gate::new(2, stats.clone()).door("here".to_owned());
        let _loop = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(accept(listener, door, serve)));
        let _first = TcpStream::connect(address).await.unwrap();
        let held = served.recv().await.unwrap();
        let refused = TcpStream::connect(address).await.unwrap().read_u8().await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(stats.refusals().get("ListenerFull"), Some(&1));
        drop(held);
        let _third = TcpStream::connect(address).await.unwrap();
        assert!(served.recv().await.is_some());
    }
}
