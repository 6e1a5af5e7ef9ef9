//! Thousands of RuntimeServices on one manager, and whose time it is that they take.
use tokio::time::Instant;
use xtask::kube::{Assets, Settings};

use super::{
    Figures, rest,
    sightings::Sightings,
    site::{Observer, Site},
    small,
};
use crate::{failure::Failure, usage::Usage};

/// RuntimeServices of a device.
const OF_A_DEVICE: usize = 50;

/// Seconds that the manager is behind, however many there were: what could be finished was.
const OWN: f64 = 1.0;

/// Kubernetes' own controllers are held to twenty writes a second each, which would be all that is seen.
const UNHELD: Settings = Settings {
    api_server: &[("max-requests-inflight", "2000"), ("max-mutating-requests-inflight", "1000")],
    controller_manager: &[
        ("kube-api-qps", "2000"),
        ("kube-api-burst", "4000"),
        ("concurrent-deployment-syncs", "20"),
        ("concurrent-replicaset-syncs", "20"),
        ("concurrent-service-endpoint-syncs", "20"),
        ("concurrent-endpoint-syncs", "20"),
    ],
    scheduler: &[("kube-api-qps", "2000"), ("kube-api-burst", "4000")],
};

pub(super) async fn measure(assets: &Assets, count: usize, seconds: u64, figures: &mut Figures) -> Result<(), Failure> {
    let site = Site::open(assets, UNHELD, count.div_ceil(OF_A_DEVICE).max(2)).await?;
    let of = format!("{count} RuntimeServices");
    let names: Vec<String> = (0..count).map(|number| format!("detector-{number}")).collect();
    let (asked, usage, spent) = (site.settle().await?, site.manager.usage()?, site.spent()?);
    let written = site.written().await?;
    let began = Instant::now();
    small::create_all(&site, &names).await?;
    figures.told(format!("{of}: all created, s"), began.elapsed().as_secs_f64());
    site.seen.ready.reaches(count).await?;
    stages(&site.seen, &of, began, figures)?;
    for ((who, before), (_, after)) in spent.iter().zip(site.spent()?) {
        figures.told(format!("{of}: processor time of {who}, s"), after - before);
    }
    let asked = site.settle().await?.since(asked);
    let written = (site.written().await? - written) as f64 / count as f64;
    figures.told(format!("{of}: everybody's writes for each"), written);
    small::requests(figures, &of, asked, count);
    costs(figures, &of, &usage, &site.manager.usage()?, count);
    rest::measure(&site, &of, seconds, figures).await?;
    site.close().await
}

/// One follows from the other; each as soon as it can.
fn stages(seen: &Observer, of: &str, began: Instant, figures: &mut Figures) -> Result<(), Failure> {
    let Observer { placed_pods, ready_pods, ready_slices, ready, deployments, .. } = seen;
    let mut told = |what: &str, seen: &Sightings| {
        let last = seen.last().ok_or_else(|| format!("{what}: none"))?;
        figures.told(format!("{of}: {what}, s"), (last - began).as_secs_f64());
        Ok::<_, Failure>(last)
    };
    told("all Deployments made", deployments)?;
    told("all pods on their devices", placed_pods)?;
    let pods = told("all pods ready", ready_pods)?;
    let endpoints = told("all endpoints told", ready_slices)?;
    let last = told("all Ready", ready)?;
    let times = ready.times();
    for (what, at) in [("the first Ready", times.first()), ("half of them Ready", times.get(times.len() / 2))] {
        let at = at.map_or(f64::INFINITY, |at| (*at - began).as_secs_f64());
        figures.told(format!("{of}: {what}, s"), at);
    }
    let own = last.saturating_duration_since(pods.max(endpoints));
    figures.limited(format!("{of}: the manager's own, behind the last pod and endpoint, s"), own.as_secs_f64(), OWN);
    Ok(())
}

fn costs(figures: &mut Figures, of: &str, before: &Usage, after: &Usage, count: usize) {
    let each = |all: f64| all / count as f64;
    let spent = each(after.since(before).seconds * 1000.0);
    figures.limited(format!("{of}: the manager's processor time for each, ms"), spent, 8.0);
    let grown = each(after.resident.saturating_sub(before.resident) as f64);
    figures.limited(format!("{of}: the manager's memory for each, KiB"), grown, 16.0);
}
