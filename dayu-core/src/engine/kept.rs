//! How an object becomes a record among its resource's children, kind by kind.
use kube::ResourceExt;

use super::{
    children::{Children, Devices, News, PodRecord, Record, SliceRecord, known, put, remove},
    inventory::WORKER,
    view,
};
use crate::{name::Uid, template::EndpointState};

/// The label that ties a slice to its Service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// A kind of child that children keep records of. Both say what the change was worth.
pub(super) trait Kept: kube::Resource<DynamicType = ()> {
    /// Whether the engine writes it, or only reads what others make of what it writes.
    const IS_WRITTEN: bool = false;

    /// Under `uid`, its own, in the copy that is kept already, as `devices` are.
    fn set(&self, uid: Uid, devices: &Devices, children: &mut Children) -> News;
    fn unset(uid: &Uid, children: &mut Children) -> News;

    /// Those of this kind.
    fn uids(children: &Children) -> Vec<Uid>;
}

impl Kept for view::Deployment {
    const IS_WRITTEN: bool = true;

    fn set(&self, uid: Uid, _devices: &Devices, children: &mut Children) -> News {
        let trouble = self.trouble().map(Box::new);
        put(&mut children.deployments, Record { trouble, ..Record::of(self, uid, self.is_rolled_out()) })
    }

    fn unset(uid: &Uid, children: &mut Children) -> News {
        remove(&mut children.deployments, uid)
    }

    fn uids(children: &Children) -> Vec<Uid> {
        children.deployments.iter().map(|record| record.uid.clone()).collect()
    }
}

impl Kept for view::Service {
    const IS_WRITTEN: bool = true;

    fn set(&self, uid: Uid, _devices: &Devices, children: &mut Children) -> News {
        put(&mut children.services, Record::of(self, uid, true))
    }

    fn unset(uid: &Uid, children: &mut Children) -> News {
        remove(&mut children.services, uid)
    }

    fn uids(children: &Children) -> Vec<Uid> {
        children.services.iter().map(|record| record.uid.clone()).collect()
    }
}

impl Kept for view::Pod {
    fn set(&self, uid: Uid, devices: &Devices, children: &mut Children) -> News {
        if self.metadata.deletion_timestamp.is_some() {
            return Self::unset(&uid, children);
        }
        let record = PodRecord {
            name: self.name_any().into(),
            uid,
            worker: self.labels().get(WORKER).map(|worker| worker.as_str().into()).unwrap_or_default(),
            device: self.spec.node_name.as_deref().map(|name| known(devices, name)),
            ready: self.is_ready(),
            phase: self.status.phase.as_str().into(),
            trouble: self.trouble().map(Box::new),
        };
        put(&mut children.pods, record)
    }

    fn unset(uid: &Uid, children: &mut Children) -> News {
        remove(&mut children.pods, uid)
    }

    fn uids(children: &Children) -> Vec<Uid> {
        children.pods.iter().map(|record| record.uid.clone()).collect()
    }
}

impl Kept for view::EndpointSlice {
    fn set(&self, uid: Uid, devices: &Devices, children: &mut Children) -> News {
        let is_ready = |endpoint: &&view::Endpoint| endpoint.conditions.ready.unwrap_or(true);
        let state = |endpoint: &view::Endpoint| EndpointState {
            pod: endpoint.target_ref.as_ref().and_then(|target| Some(children.shared(target.uid.as_deref()?.into()))),
            device: endpoint.node_name.as_deref().map(|name| known(devices, name)),
        };
        let ready: Box<[_]> = self.endpoints.iter().filter(is_ready).map(state).collect();
        let record = SliceRecord {
            name: self.name_any().into(),
            uid,
            service: self.labels().get(SERVICE_NAME).map(|service| service.as_str().into()).unwrap_or_default(),
            not_ready: i32::try_from(self.endpoints.len() - ready.len()).unwrap_or(i32::MAX),
            ready,
        };
        put(&mut children.slices, record)
    }

    fn unset(uid: &Uid, children: &mut Children) -> News {
        remove(&mut children.slices, uid)
    }

    fn uids(children: &Children) -> Vec<Uid> {
        children.slices.iter().map(|record| record.uid.clone()).collect()
    }
}
