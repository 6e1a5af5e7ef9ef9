//! Thousands of RuntimeServices on one manager.
use std::time::Duration;

use tokio::time::Instant;
use xtask::kube::{Assets, Settings};

use super::{Figures, rest, site::Site, small};
use crate::engine::Failure;

/// RuntimeServices of a device.
const OF_A_DEVICE: usize = 50;

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
    let names: Vec<String> = (0..count).map(|number| format!("detector-{number}")).collect();
    let (asked, usage, began) = (site.settle().await?, site.manager.usage()?, Instant::now());
    small::create_all(&site, &names).await?;
    let created = began.elapsed();
    site.seen.ready.reaches(count).await?;
    let ready = began.elapsed();
    let asked = site.settle().await?.since(asked);
    let used = site.manager.usage()?.since(&usage);
    let of = format!("{count} RuntimeServices");
    let mut told = |what: &str, took: Duration| figures.told(format!("{of}: {what}, s"), took.as_secs_f64());
    told("all created", created);
    told("all Ready", ready);
    told("the manager's processor time", Duration::from_secs_f64(used.seconds));
    small::requests(figures, &of, asked, count);
    rest::measure(&site, &of, seconds, figures).await
}
