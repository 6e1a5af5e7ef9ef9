//! What a user of one installation waits for: children, and Ready after a pod is.
use std::time::Duration;

use dayu_core::api::JointMultiEdgeService;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::time::Instant;

use super::{
    Figures, milliseconds, set,
    site::{Asked, Observer, Site},
};
use crate::{failure::Failure, figures::percentile};

/// Of a round; each begins when the one before is Ready.
const ONE_BY_ONE: usize = 100;
const AT_ONCE: usize = 30;
const MANY: usize = 100;
/// Requests of one client on their way.
const CREATED_AT_ONCE: usize = 64;

/// Pod Ready → RuntimeService Ready, as a client's watches tell them.
pub(super) async fn one_by_one(site: &Site, rounds: usize, figures: &mut Figures) -> Result<(), Failure> {
    let (before, count) = (site.settle().await?, rounds * ONE_BY_ONE);
    let mut taken = Vec::new();
    for number in 0..count {
        let name = format!("one-{number}");
        site.create(&name, number).await?;
        taken.push(latency(site, &name).await?);
    }
    let asked = site.settle().await?.since(before);
    report(figures, &format!("{count} one by one"), &taken, &[(50, 30.0), (99, 80.0)]);
    requests(figures, &format!("{count} one by one"), asked, count);
    Ok(())
}

/// The same of many that are created together.
pub(super) async fn at_once(site: &Site, rounds: usize, figures: &mut Figures) -> Result<(), Failure> {
    let mut taken = Vec::new();
    for round in 0..rounds {
        site.settle().await?;
        let names: Vec<String> = (0..AT_ONCE).map(|number| format!("at-once-{round}-{number}")).collect();
        create_all(site, &names).await?;
        for name in &names {
            taken.push(latency(site, name).await?);
        }
    }
    report(figures, &format!("{AT_ONCE} at once, {rounds} times"), &taken, &[(50, 250.0)]);
    Ok(())
}

/// Resources → all their children.
pub(super) async fn children(site: &Site, rounds: usize, figures: &mut Figures) -> Result<(), Failure> {
    let (deployments, services) = (&site.seen.deployments, &site.seen.services);
    let (mut many, mut sets) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        site.settle().await?;
        let names: Vec<String> = (0..MANY).map(|number| format!("many-{round}-{number}")).collect();
        let (began, before) = (Instant::now(), deployments.count());
        tokio::try_join!(create_all(site, &names), deployments.reaches(before + MANY))?;
        many.push(began.elapsed());

        site.settle().await?;
        let prefix = format!("set-{round}-");
        let (began, before) = (Instant::now(), (deployments.count(), services.count()));
        tokio::try_join!(
            create_set(site, &prefix),
            deployments.reaches(before.0 + set::DEPLOYMENTS),
            services.reaches(before.1 + set::SERVICES),
        )?;
        sets.push(began.elapsed());
    }
    let mut limited = |what: String, taken: Vec<Duration>, limit: f64| {
        figures.told(format!("{what}, median, ms"), milliseconds(percentile(taken.iter().copied(), 50)));
        figures.limited(format!("{what}, slowest, ms"), milliseconds(percentile(taken.into_iter(), 100)), limit);
    };
    limited(format!("{MANY} RuntimeServices → {MANY} Deployments"), many, 2000.0);
    limited(format!("18 resources → {} Deployments and {} Services", set::DEPLOYMENTS, set::SERVICES), sets, 1000.0);
    Ok(())
}

pub(super) async fn create_all(site: &Site, names: &[String]) -> Result<(), Failure> {
    let created = names.iter().enumerate().map(|(number, name)| site.create(name, number));
    stream::iter(created).buffer_unordered(CREATED_AT_ONCE).try_collect().await
}

pub(super) async fn create_set(site: &Site, prefix: &str) -> Result<(), Failure> {
    let create = |resource| site.post::<JointMultiEdgeService>(resource);
    let resources = set::resources(prefix, &site.devices);
    stream::iter(resources.into_iter().map(create)).buffer_unordered(CREATED_AT_ONCE).try_collect().await
}

pub(super) fn requests(figures: &mut Figures, of: &str, asked: Asked, count: usize) {
    let each = |requests: usize| requests as f64 / count as f64;
    figures.limited(format!("{of}: the manager's writes for each"), each(asked.writes), 4.0);
    figures.told(format!("{of}: the manager's reads for each"), each(asked.reads));
}

/// How long a resource waited after its pod was ready.
struct Latency {
    all: Duration,
    /// Until Kubernetes told of the endpoint, which is what devices route by.
    endpoint: Duration,
    /// What was left when both had been told.
    own: Duration,
}

async fn latency(site: &Site, name: &str) -> Result<Latency, Failure> {
    let Observer { ready_pods, ready_slices, ready, .. } = &site.seen;
    let (pod, slice, service) =
        tokio::try_join!(ready_pods.time_of(name), ready_slices.time_of(name), ready.time_of(name))?;
    // A client's watches are told in no order.
    let since = |earlier| service.saturating_duration_since(earlier);
    Ok(Latency { all: since(pod), endpoint: slice.saturating_duration_since(pod), own: since(pod.max(slice)) })
}

fn report(figures: &mut Figures, how: &str, taken: &[Latency], limits: &[(usize, f64)]) {
    let what = |percent: usize| format!("pod Ready → RuntimeService Ready, {how}, p{percent}, ms");
    for percent in [50, 99] {
        let of = |part: fn(&Latency) -> Duration| milliseconds(percentile(taken.iter().map(part), percent));
        let seen = of(|latency| latency.all);
        match limits.iter().find(|(of, _)| *of == percent) {
            Some((_, limit)) => figures.limited(what(percent), seen, *limit),
            None => figures.told(what(percent), seen),
        }
        let endpoint = of(|latency| latency.endpoint);
        figures.told(format!("  Kubernetes' own share, until the EndpointSlice, p{percent}, ms"), endpoint);
        figures.told(format!("  the manager's own share, behind both, p{percent}, ms"), of(|latency| latency.own));
    }
}
