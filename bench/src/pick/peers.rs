//! What others do for a pick.
use std::{
    collections::HashMap,
    convert::Infallible,
    hint::black_box,
    net::{Ipv4Addr, SocketAddr},
    task::{Context, Waker},
};

use futures::{
    FutureExt,
    future::{Ready, ready},
};
use tower::{
    Service,
    balance::p2c::Balance,
    discover::ServiceList,
    load::{CompleteOnResponse, PendingRequests},
};

use super::measure;

/// As kube-proxy's user-space mode and its descendants: one lock over a map of lists, and round robin in each.
pub(super) fn locked_list(size: usize, count: u32) -> (f64, f64) {
    let key = ("default".to_owned(), "det".to_owned(), 9000u16);
    let lists = parking_lot::Mutex::new(HashMap::from([(key.clone(), (addresses(size), 0usize))]));
    measure(count, || {
        let mut lists = lists.lock();
        if let Some((list, next)) = lists.get_mut(&key) {
            *next = (*next + 1) % list.len();
            black_box(list[*next]);
        }
    })
}

/// tower's power of two choices over pending requests: readies two endpoints, picks, calls.
pub(super) fn tower_p2c(size: usize, count: u32) -> (f64, f64) {
    let services = addresses(size)
        .into_iter()
        .map(|address| PendingRequests::new(Endpoint(address), CompleteOnResponse::default()));
    let mut balance = Balance::new(ServiceList::new::<()>(services.collect::<Vec<_>>()));
    let mut context = Context::from_waker(Waker::noop());
    // The first readiness takes every endpoint in; that is not what a pick costs.
    while balance.poll_ready(&mut context).is_pending() {}
    measure(count, || {
        if balance.poll_ready(&mut context).is_ready() {
            drop(black_box(balance.call(()).now_or_never()));
        }
    })
}

fn addresses(size: usize) -> Vec<SocketAddr> {
    (0..size as u32).map(|index| (Ipv4Addr::from(0x0a00_0000 + index), 9000).into()).collect()
}

#[derive(Clone)]
struct Endpoint(SocketAddr);

impl Service<()> for Endpoint {
    type Response = SocketAddr;
    type Error = Infallible;
    type Future = Ready<Result<SocketAddr, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        ready(Ok(self.0))
    }
}
