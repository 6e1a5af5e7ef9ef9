//! The accept loop: takes connections and hands them on, nothing else.
//!
//! It never picks, dials or reads, so no peer can hold up the next one. Where connections or file descriptors run out, a
//! client is refused at once and counted; the loop goes on.
use std::{fs::File, io, time::Duration};

use rustix::io::Errno;
use tokio::net::{TcpListener, TcpStream};

use super::door::{Door, Full, Permit};
use crate::relay::reset_on_close;

/// Between two attempts when the system is out of something that no reserve gives back.
const BREATH: Duration = Duration::from_millis(5);

/// Accepts for ever. Every connection comes with its permit of `door`, which bounds how many there are.
pub(crate) async fn accept(listener: TcpListener, door: Door, serve: impl Fn(TcpStream, Permit)) {
    let mut reserve = Reserve::default();
    loop {
        match listener.accept().await {
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
            Err(error) if reserve.helps(&error) => {
                door.refused(Full::Files);
                reserve.shed(&listener).await;
            }
            // The client gave up before it was accepted.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(_) => tokio::time::sleep(BREATH).await,
        }
    }
}

/// One file kept open, to be given up when there are no more: so a waiting client can be refused, not left hanging.
struct Reserve(Option<File>);

impl Default for Reserve {
    fn default() -> Self {
        Self(File::open("/dev/null").ok())
    }
}

impl Reserve {
    fn helps(&self, error: &io::Error) -> bool {
        let errno = Errno::from_io_error(error);
        self.0.is_some() && matches!(errno, Some(Errno::MFILE | Errno::NFILE))
    }

    /// Refuses the client at the head of the queue.
    async fn shed(&mut self, listener: &TcpListener) {
        self.0 = None;
        match tokio::time::timeout(BREATH, listener.accept()).await {
            Ok(Ok((stream, _))) => reset_on_close(&stream),
            _ => tokio::time::sleep(BREATH).await,
        }
        *self = Self::default();
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
