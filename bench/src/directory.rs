//! What a program on a device waits for that asks the mesh beside it: what runs where, and word that it has changed.
//!
//! The mesh is told by the benchmark, through no API, so that nothing else is measured.
use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use dayu_core::{
    directory::{Change, DeviceRecord, EndpointRecord, ServiceRecord, SliceRecord, Source},
    name::ServiceKey,
};
use dayu_mesh::{Options, run_from};
use futures::{
    StreamExt,
    channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
    stream::BoxStream,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::figures::{Check, Figures, percentile};

const DEVICES: usize = 10;
/// Endpoints of a Service, each on a device of its own.
const REPLICAS: usize = 3;
const PORT: u16 = 9000;
/// An address of the device, where nothing else listens.
const DEVICE: Ipv4Addr = Ipv4Addr::new(127, 94, 0, 1);
const LOOKUPS: usize = 2_000;
const CHANGES: usize = 500;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Services that the mesh knows, of three endpoints each, on ten devices.
    #[arg(long, default_value_t = 100)]
    services: usize,
    #[command(flatten)]
    check: Check,
}

/// Changes as the benchmark makes them.
struct Told(UnboundedReceiver<Change>);

impl Source for Told {
    fn changes(self: Box<Self>) -> BoxStream<'static, Change> {
        self.0.boxed()
    }
}

/// Measures and prints. The mesh has threads of its own, as another process would; who asks has this one.
pub(crate) fn run(arguments: &Arguments) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (told, changes) = unbounded();
    let stop = CancellationToken::new();
    let _stop = stop.clone().drop_guard();
    (0..arguments.services)
        .flat_map(service)
        .chain(devices())
        .chain([Change::Synced])
        .for_each(|change| tell(&told, change));
    let options = Options { status: Some((Ipv4Addr::LOCALHOST, 0).into()), ..Options::of(device(0)) };
    let mut mesh = runtime.block_on(async { run_from(Box::new(Told(changes)), options, stop) });
    let status = match runtime.block_on(mesh.ready()) {
        Some(addresses) => addresses.status,
        None => return runtime.block_on(mesh.finished()).map_err(io::Error::other),
    };
    let mut figures = Figures::default();
    for path in [format!("/v1/services?device={}", device(3)), "/v1/devices".to_owned()] {
        let (took, bytes) = lookups(status, &path)?;
        report(&mut figures, &format!("GET {path}, {bytes} bytes"), &took, 1.0);
    }
    report(&mut figures, "a change until who watches is told", &changes_seen(status, &told)?, 50.0);
    figures.check(&arguments.check)
}

fn report(figures: &mut Figures, what: &str, took: &[Duration], limit: f64) {
    for percent in [50, 99] {
        let milliseconds = percentile(took.iter().copied(), percent).as_secs_f64() * 1e3;
        figures.limited(format!("{what}, ms, p{percent}"), milliseconds, limit);
    }
}

/// On one connection, as a client that is used more than once holds it. How long each took, and the size of the last answer.
fn lookups(status: SocketAddr, path: &str) -> io::Result<(Vec<Duration>, usize)> {
    let mut connection = BufReader::new(connect(status)?);
    let (mut took, mut answer) = (Vec::new(), Vec::new());
    for _ in 0..LOOKUPS {
        let began = Instant::now();
        ask(connection.get_mut(), path)?;
        answer.resize(length(&mut connection)?, 0);
        connection.read_exact(&mut answer)?;
        took.push(began.elapsed());
    }
    Ok((took, answer.len()))
}

/// From before the mesh is told of a change until a stream of events tells of it.
fn changes_seen(status: SocketAddr, told: &UnboundedSender<Change>) -> io::Result<Vec<Duration>> {
    let mut stream = connect(status)?;
    ask(&mut stream, "/v1/watch")?;
    let mut events = BufReader::new(stream).lines();
    let mut changed = move || {
        let line = events.find(|line| line.as_ref().map_or(true, |line| line == "event: change"));
        line.ok_or_else(|| io::Error::other("the stream of events ended"))?
    };
    // The version that is there comes first, and who is told of it is known.
    changed()?;
    let mut took = Vec::new();
    for number in 0..CHANGES {
        let began = Instant::now();
        tell(told, slice(0, number % 2 == 1));
        changed()?;
        took.push(began.elapsed());
    }
    Ok(took)
}

fn connect(status: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(status)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn ask(stream: &mut TcpStream, path: &str) -> io::Result<()> {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: mesh\r\n\r\n").as_bytes())
}

/// Reads the head of an answer, and tells how long the body is.
fn length(connection: &mut impl BufRead) -> io::Result<usize> {
    let mut length = None;
    for line in connection.lines() {
        let line = line?;
        match line.split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().ok(),
            _ if line.is_empty() => break,
            _ => {}
        }
    }
    length.ok_or_else(|| io::Error::other("the answer does not say how long it is"))
}

fn tell(told: &UnboundedSender<Change>, change: Change) {
    // Nobody hears it if the mesh has ended, and then who asks finds out.
    let _ = told.unbounded_send(change);
}

fn device(number: usize) -> String {
    format!("edge{}", number % DEVICES)
}

fn devices() -> impl Iterator<Item = Change> {
    let record = |number| DeviceRecord { roles: vec!["edge".into()], ..DeviceRecord::new(device(number)) };
    let own = DeviceRecord { addresses: vec![DEVICE.into()], ..record(0) };
    (1..DEVICES).map(record).chain([own]).map(Change::Device)
}

fn key(number: usize) -> ServiceKey {
    ServiceKey::new("default", format!("detector-{number}"))
}

fn service(number: usize) -> [Change; 2] {
    [Change::Service(ServiceRecord::new(key(number)).port(PORT)), slice(number, true)]
}

/// Of a Service, whose first endpoint is ready or not.
fn slice(number: usize, ready: bool) -> Change {
    let endpoint = |replica: usize| {
        let pod = u32::try_from(number * REPLICAS + replica).unwrap_or_default();
        let record = EndpointRecord::new(Ipv4Addr::from(0x0a00_0000 + pod)).on(device(number + replica));
        EndpointRecord { ready: ready || replica > 0, ..record }
    };
    SliceRecord::new(&key(number), format!("detector-{number}"), PORT, (0..REPLICAS).map(endpoint)).into()
}
