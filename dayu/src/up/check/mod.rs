//! `dayu up --check`: the self-test that anybody can run. Load over every way of asking, faults while it runs, figures.
use std::{
    collections::BTreeSet,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use dayu_core::{api::lean::Lean, connect::told};
use dayu_pipeline::{Identity, detector::Detection, form, frame};
use futures::FutureExt;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::{Api, api::ListParams};
use tokio::time::Instant;

use self::{
    load::Bodies,
    report::Report,
    request::{Call, Outcome},
    tally::Tally,
    targets::Addressed,
};
use super::{site, starting::Starting};
use crate::output;

mod activation;
mod faults;
mod load;
mod replicas;
mod report;
mod request;
mod settled;
mod tally;
pub(crate) mod targets;

/// The namespace of the example pipeline.
const NAMESPACE: &str = "pipeline";
/// Requests while nothing is broken, while faults happen (at most), and after them; each call is made at least once.
const QUIET: usize = 7_000;
const FAULTY: usize = 200_000;
const AFTER: usize = 3_000;
/// While nothing is broken, so many times over at most: where a machine has other work, a replica that had to wait for it rightly got less, once.
const ROUNDS: usize = 3;
/// What is said of every request is said of many, however short the faults are.
const _: () = assert!(QUIET + AFTER >= 10_000, "too few requests");
/// Probes activated one after another, and at once.
const ONE_BY_ONE: usize = 15;
const AT_ONCE: usize = 30;

/// Why the self-test could not be carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot list the pipeline's services: {}", told(.0))]
    Services(kube::Error),
    #[error("cannot list the pipeline's workers: {}", told(.0))]
    Pods(kube::Error),
    #[error("nothing answers at {0} within {patience} s", patience = FIRST.as_secs())]
    NoAnswer(String),
    #[error(transparent)]
    Activation(#[from] activation::Error),
    #[error(transparent)]
    Site(#[from] site::Error),
    #[error(transparent)]
    NotReady(#[from] super::starting::NotReady),
}

/// Longest wait for the first routed request.
const FIRST: Duration = Duration::from_secs(10);

/// Runs the whole test on a site whose pipeline is ready; the exit code tells whether every request landed right.
pub(crate) async fn run(site: &mut site::Site, began: Instant) -> Result<ExitCode, Error> {
    let pods = Api::<Lean<Pod>>::namespaced(site.client(), NAMESPACE);
    let (services, devices) = (services(site).await?, site.devices());
    let replicas = replicas::of(&services, &pods.list(&ListParams::default()).await.map_err(Error::Pods)?.items);
    let calls = Arc::new(targets::calls(&services, &devices, &replicas));
    let bodies = Arc::new(bodies());
    let mut report = Report { asked: targets::forms(&calls), quiet: Tally::of(&replicas), ..Report::default() };
    report.first = first_request(&calls, &bodies, began, &mut report.between).await?;
    let settle = async |dead, tally: &mut Tally| {
        settled::settle(&pods, &calls, &bodies, &dead, tally).await.map_err(Error::Pods)
    };
    settle(BTreeSet::new(), &mut report.between).await?;

    output::progress(&format!("{QUIET} requests over {} ways of asking", calls.len()));
    for _ in 0..ROUNDS {
        report.quiet.add(load::send(&calls, &bodies, QUIET.max(calls.len()), || false).await);
        if report::is_fair(&report.quiet) {
            break;
        }
    }

    output::progress("requests while workers are killed and a device dies");
    let device = devices.last().map(|addressed: &Addressed| addressed.device.clone());
    if let Some(device) = device {
        let done = Arc::new(AtomicBool::new(false));
        let seen = done.clone();
        let under_load = load::send(&calls, &bodies, FAULTY, move || seen.load(Ordering::Relaxed));
        let between = &mut report.between;
        let outlived = async {
            let faults::Inflicted { killed, dead } =
                faults::inflict(site, &pods, &calls, &bodies, &device, between).await?;
            Starting::of(&site.client(), site.named()).complete().await?;
            Ok::<_, Error>((killed, settle(dead, between).await?))
        };
        // To the end of it: what is known of a device is oldest as it comes back.
        let outlived = outlived.inspect(|_| done.store(true, Ordering::Relaxed));
        let (faulty, outlived) = tokio::join!(under_load, outlived);
        report.faulty = faulty;
        (report.killed, report.healed) = outlived?;
    }

    output::progress(&format!("{AFTER} requests after it"));
    report.after = load::send(&calls, &bodies, AFTER.max(calls.len()), || false).await;

    output::progress("activation, one by one and at once");
    measure_activation(site, &devices, &mut report).await?;
    let _ = output::show(&report.to_string());
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Those that are called.
async fn services(site: &site::Site) -> Result<Vec<Service>, Error> {
    let services = Api::<Lean<Service>>::namespaced(site.client(), NAMESPACE);
    let services = services.list(&ListParams::default()).await.map_err(Error::Services)?;
    Ok(services.items.into_iter().map(Lean::into_inner).filter(targets::is_called).collect())
}

async fn measure_activation(site: &site::Site, devices: &[Addressed], report: &mut Report) -> Result<(), Error> {
    let Some(edge) = devices.last() else { return Ok(()) };
    let client = site.client();
    for round in 0..ONE_BY_ONE {
        let round = activation::measure(&client, NAMESPACE, &edge.device, &round.to_string(), 1).await?;
        report.one_by_one.extend(round.delays);
    }
    report.one_by_one.sort();
    report.at_once = activation::measure(&client, NAMESPACE, &edge.device, "all", AT_ONCE).await?;
    Ok(())
}

fn bodies() -> Bodies {
    let by = Identity { device: "self-test".to_owned(), replica: "self-test".to_owned(), pid: std::process::id() };
    let frames: Vec<_> = frame::SIZES.iter().map(|&size| frame::render(&by, 7, size)).collect();
    let finding = frames.first().map(|(task, pixels)| Detection::of(by, task.clone(), pixels));
    Bodies {
        finding: serde_json::to_vec(&finding).unwrap_or_default().into(),
        frames: frames.iter().map(|(task, pixels)| form::encode(task, pixels)).collect(),
    }
}

/// Time from the start of `up` to the first answer of a worker.
async fn first_request(calls: &[Call], bodies: &Bodies, began: Instant, tally: &mut Tally) -> Result<Duration, Error> {
    let deadline = Instant::now() + FIRST;
    while Instant::now() < deadline {
        for call in calls {
            if let Outcome::Landed(_) = load::send_one(call, bodies, tally).await {
                return Ok(began.elapsed());
            }
        }
    }
    Err(Error::NoAnswer(calls.first().map(|call| call.authority.clone()).unwrap_or_default()))
}
