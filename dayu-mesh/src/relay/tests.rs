use std::sync::Arc;

use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

/// Two connected ends.
async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    (near.unwrap(), far.unwrap().0)
}

/// A client and a server with a relay between them.
async fn relayed() -> (TcpStream, TcpStream, tokio::task::JoinHandle<Moved>) {
    relayed_until(Duration::MAX).await
}

async fn relayed_until(idle: Duration) -> (TcpStream, TcpStream, tokio::task::JoinHandle<Moved>) {
    let ((client, front), (back, server)) = tokio::join!(pair(), pair());
    let relay = tokio::spawn(async move {
        let notes = Notes::default();
        relay_witnessed(&front, &back, idle, &notes).await;
        notes.moved.into_inner()
    });
    (client, server, relay)
}

/// All that a relay tells.
#[derive(Default)]
struct Notes {
    moved: Mutex<Moved>,
    latencies: Mutex<Vec<Duration>>,
}

impl Witness for Notes {
    fn answered(&self, latency: Duration, _: Opening) {
        self.latencies.lock().push(latency);
    }

    fn moved(&self, moved: Moved) {
        *self.moved.lock() += moved;
    }
}

#[tokio::test]
async fn a_client_that_ends_first_gets_the_whole_answer() {
    let (mut client, mut server, relay) = relayed().await;
    let body = vec![7; 1024 * 1024];
    client.write_all(b"question").await.unwrap();
    client.shutdown().await.unwrap();
    let answering = tokio::spawn(async move {
        let mut question = Vec::new();
        server.read_to_end(&mut question).await.unwrap();
        server.write_all(&body).await.unwrap();
        question
    });
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answering.await.unwrap(), b"question");
    assert_eq!(answer.len(), 1024 * 1024);
    assert_eq!(relay.await.unwrap(), Moved { up: 8, down: 1024 * 1024 });
}

#[tokio::test]
async fn a_reset_is_handed_on_as_a_reset() {
    let (client, mut server, relay) = relayed().await;
    reset_on_close(&client);
    drop(client);
    let error = server.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    relay.await.unwrap();
}

#[tokio::test]
async fn an_early_answer_of_a_server_that_reads_no_further_arrives() {
    let (mut client, mut server, relay) = relayed().await;
    client.write_all(&[1; 1000]).await.unwrap();
    server.read_exact(&mut [0; 1000]).await.unwrap();
    server.write_all(b"too much").await.unwrap();
    drop(server);
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"too much");
    drop(client);
    relay.await.unwrap();
}

#[tokio::test]
async fn bytes_stay_in_order_past_a_slow_reader() {
    let (mut client, mut server, relay) = relayed().await;
    let sent: Vec<u8> = (0..8 * 1024 * 1024u32).map(|at| (at % 251) as u8).collect();
    let expected = sent.clone();
    tokio::spawn(async move {
        client.write_all(&sent).await.unwrap();
        client.shutdown().await.unwrap();
    });
    let mut received = Vec::new();
    // Small reads with a turn for the others in between keep the relay blocked on this side most of the time.
    while server.read_buf(&mut received).await.unwrap() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(received == expected, "bytes were lost or reordered");
    drop(server);
    assert_eq!(relay.await.unwrap().up, expected.len() as u64);
}

#[tokio::test]
async fn an_idle_connection_owns_little() {
    let (near, far) = pair().await;
    assert!(size_of_val(&relay(&near, &far)) <= 1024, "{} bytes", size_of_val(&relay(&near, &far)));
}

#[tokio::test]
async fn what_a_client_takes_to_ask_is_not_laid_on_the_server() {
    let ((mut client, front), (back, mut server)) = tokio::join!(pair(), pair());
    let told = Arc::new(Notes::default());
    let heard = told.clone();
    tokio::spawn(async move { relay_witnessed(&front, &back, Duration::MAX, &*heard).await });
    let began = tokio::time::Instant::now();
    for part in 0..5 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        client.write_all(&[part]).await.unwrap();
        server.read_exact(&mut [0]).await.unwrap();
    }
    let last = tokio::time::Instant::now();
    for _ in 0..2 {
        server.write_all(b"answer").await.unwrap();
        client.read_exact(&mut [0; 6]).await.unwrap();
    }
    let (all, its) = (began.elapsed(), last.elapsed());
    let told = told.latencies.lock().clone();
    assert!(
        told.len() == 1 && told[0] < all - Duration::from_millis(80),
        "{told:?} of {all:?}, {its:?} of them the server's"
    );
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_says_nothing_for_long_is_cut_and_one_that_speaks_is_not() {
    let idle = Duration::from_secs(3600);
    let (mut client, mut server, relay) = relayed_until(idle).await;
    for _ in 0..8 {
        tokio::time::sleep(idle / 4).await;
        server.write_all(b".").await.unwrap();
        client.read_u8().await.unwrap();
    }
    let quiet = tokio::time::Instant::now();
    assert_eq!(client.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    assert!(quiet.elapsed() >= idle * 3 / 4, "{:?}", quiet.elapsed());
    assert_eq!(server.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(relay.await.unwrap(), Moved { up: 0, down: 8 });
}
