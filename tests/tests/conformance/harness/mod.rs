//! Runs a scenario against both servers and compares.

mod known;
mod normal;
mod server;
mod session;
mod transcript;
mod watch;

use std::pin::Pin;

pub(crate) use server::WINDOW;
pub(crate) use session::{APPLY, Answer, JSON_PATCH, MERGE, STRATEGIC, Session};
use transcript::Transcript;

/// What a scenario is.
pub(crate) type Scenario = for<'a> fn(&'a mut Session) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Tests of that name, each a scenario that must go alike on both servers.
macro_rules! scenarios {
    ($($(#[$meta:meta])* $name:ident),* $(,)?) => { mod alike { $(
        $(#[$meta])*
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            $crate::harness::compare(stringify!($name), |session| Box::pin(super::$name(session))).await;
        }
    )* } };
}
pub(crate) use scenarios;

/// Runs a scenario on both, and fails where they differ.
pub(crate) async fn compare(name: &str, scenario: Scenario) {
    let Some(real) = server::real().await else { return };
    let version = real.version().await;
    let real = run(name, scenario, real).await;
    let embedded = run(name, scenario, server::embedded().await).await;
    let complaint = known::Table::read(&version).judge(name, &real.differences(&embedded));
    assert!(complaint.is_empty(), "{name}: {}", complaint);
}

async fn run(name: &str, scenario: Scenario, server: server::Server) -> Transcript {
    let mut session = Session::open(name, server).await;
    scenario(&mut session).await;
    session.close().await
}
