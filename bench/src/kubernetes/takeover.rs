//! The leader dies as by a power cut, in the middle of its work; another goes on.
use k8s_openapi::api::apps::v1::Deployment;
use kube::{Api, ResourceExt, api::ListParams};
use tokio::time::Instant;

use super::{Figures, set, site::Site, small};
use crate::{engine::NAMESPACE, failure::Failure};

/// So many children of the set exist when the leader dies.
const BEFORE: usize = 5;

pub(super) async fn measure(site: &mut Site, figures: &mut Figures) -> Result<(), Failure> {
    site.dismiss_doubles().await?;
    let second = site.start_manager("second").await?;
    site.settle().await?;
    let before = site.seen.deployments.count();
    let create = small::create_set(site, "later-");
    let ((), ()) = tokio::try_join!(create, site.seen.deployments.reaches(before + BEFORE))?;
    let died = site.manager.kill()?;
    let made = site.seen.deployments.count() - before;
    site.manager = second;
    // Whatever the first one had made, this is made by the second.
    site.create("orphan", 0).await?;
    site.seen.deployments.time_of("orphan").await?;
    figures.told("the leader is killed after so many children of 27", made as f64);
    let what = "the leader killed → its successor's first Deployment, s";
    figures.limited(what, (Instant::now() - died).as_secs_f64(), 15.0);
    site.seen.deployments.reaches(before + set::DEPLOYMENTS + 1).await?;
    site.settle().await?;
    let all = Api::<Deployment>::namespaced(site.client.clone(), NAMESPACE).list(&ListParams::default()).await?;
    let there = all.iter().filter(|deployment| deployment.name_any().starts_with("later-")).count();
    figures.limited("after the takeover: children too many", there as f64 - set::DEPLOYMENTS as f64, 0.0);
    Ok(())
}
