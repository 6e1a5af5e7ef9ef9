//! Who is in charge: a Lease, and in it the address that local managers connect to.
//!
//! A manager that cannot renew in time stops by itself before another may take over: it never writes when it is not sure.
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client, ResourceExt,
    api::{ObjectMeta, PostParams},
    runtime::{WatchStreamExt, watcher},
};
use tokio::time::Instant;

use crate::{Error, crds::NAMESPACE};

const NAME: &str = "dayu-gm";
/// Annotation with the address that local managers connect to.
const ADDRESS: &str = "dayu.io/link-address";
/// A Lease that was not renewed for so long is free.
const DURATION: Duration = Duration::from_secs(15);
/// Between two renewals.
const RENEW: Duration = Duration::from_secs(5);
/// A holder that could not renew for so long stops: sooner than another may begin.
const GIVE_UP: Duration = Duration::from_secs(10);

/// A claim on the Lease.
pub(crate) struct Claim {
    api: Api<Lease>,
    identity: String,
    address: String,
}

impl Claim {
    pub(crate) fn new(client: Client, identity: String, address: String) -> Self {
        Self { api: Api::namespaced(client, NAMESPACE), identity, address }
    }

    /// Waits until the Lease is ours. Gives it as it was written.
    pub(crate) async fn acquire(&self) -> Result<Lease, Error> {
        loop {
            let present = self.api.get_opt(NAME).await.map_err(Error::Lease)?;
            if let Some(wait) = present.as_ref().and_then(|lease| self.remaining(lease)) {
                self.until_changed(wait).await;
                continue;
            }
            match self.write(present).await {
                Ok(lease) => return Ok(lease),
                // Somebody was faster: look again.
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                Err(error) => return Err(Error::Lease(error)),
            }
        }
    }

    /// Renews until it is lost; says to whom.
    pub(crate) async fn keep(&self, mut lease: Lease) -> Error {
        let mut renewed = Instant::now();
        loop {
            tokio::time::sleep(RENEW).await;
            match self.write(Some(lease.clone())).await {
                Ok(written) => (lease, renewed) = (written, Instant::now()),
                Err(kube::Error::Api(status)) if status.code == 409 => match self.api.get_opt(NAME).await {
                    // Only the annotation or another field was touched: ours still.
                    Ok(Some(present)) if holder(&present) == Some(&self.identity) => lease = present,
                    Ok(present) => {
                        let holder = present.as_ref().and_then(holder).unwrap_or("nobody").to_owned();
                        return Error::Deposed { holder };
                    }
                    Err(error) => tracing::warn!(%error, "cannot read the Lease"),
                },
                Err(error) => tracing::warn!(%error, "cannot renew the Lease"),
            }
            if renewed.elapsed() >= GIVE_UP {
                return Error::Deposed { holder: "possibly another".to_owned() };
            }
        }
    }

    /// Frees the Lease, so that the next manager need not wait.
    pub(crate) async fn release(&self) {
        if let Ok(Some(mut lease)) = self.api.get_opt(NAME).await
            && holder(&lease) == Some(&self.identity)
        {
            if let Some(spec) = &mut lease.spec {
                spec.holder_identity = None;
            }
            if let Err(error) = self.api.replace(NAME, &PostParams::default(), &lease).await {
                tracing::debug!(%error, "the Lease was not freed; it frees itself in a while");
            }
        }
    }

    /// How long somebody else may still hold it.
    fn remaining(&self, lease: &Lease) -> Option<Duration> {
        let spec = lease.spec.as_ref()?;
        spec.holder_identity.as_ref().filter(|holder| !holder.is_empty() && **holder != self.identity)?;
        let renewed = spec.renew_time.as_ref()?.0;
        let duration =
            Duration::from_secs(spec.lease_duration_seconds.and_then(|s| u64::try_from(s).ok()).unwrap_or(15));
        let age = Duration::try_from(Timestamp::now().duration_since(renewed)).unwrap_or_default();
        duration.checked_sub(age).filter(|left| !left.is_zero())
    }

    async fn until_changed(&self, wait: Duration) {
        let config = watcher::Config::default().fields(&format!("metadata.name={NAME}"));
        let mut changes = watcher(self.api.clone(), config).default_backoff().touched_objects().boxed();
        let freed = async {
            while let Ok(Some(lease)) = changes.try_next().await {
                if holder(&lease).is_none_or(str::is_empty) {
                    return;
                }
            }
            std::future::pending::<()>().await;
        };
        // The wait ends when the holder lets go, or when it did not renew in time.
        let _ = tokio::time::timeout(wait, freed).await;
    }

    async fn write(&self, present: Option<Lease>) -> Result<Lease, kube::Error> {
        let now = MicroTime(Timestamp::now());
        let exists = present.is_some();
        let mut lease = present.unwrap_or_else(|| Lease {
            metadata: ObjectMeta {
                name: Some(NAME.to_owned()),
                namespace: Some(NAMESPACE.to_owned()),
                ..ObjectMeta::default()
            },
            spec: None,
        });
        lease.annotations_mut().insert(ADDRESS.to_owned(), self.address.clone());
        let spec = lease.spec.get_or_insert_with(LeaseSpec::default);
        if spec.holder_identity.as_deref() != Some(&self.identity) {
            spec.holder_identity = Some(self.identity.clone());
            spec.acquire_time = Some(now.clone());
            spec.lease_transitions = Some(spec.lease_transitions.unwrap_or_default() + i32::from(exists));
        }
        spec.renew_time = Some(now);
        spec.lease_duration_seconds = i32::try_from(DURATION.as_secs()).ok();
        if exists {
            self.api.replace(NAME, &PostParams::default(), &lease).await
        } else {
            self.api.create(&PostParams::default(), &lease).await
        }
    }
}

fn holder(lease: &Lease) -> Option<&str> {
    lease.spec.as_ref()?.holder_identity.as_deref()
}
