//! Addresses and node ports of Services: given when a Service is written, taken back when it is deleted.
//!
//! The first choice follows from namespace and name, so a Service that is deleted and made again keeps its address and
//! its port as long as nobody else got them meanwhile.
mod network;
mod pool;

use std::{collections::HashMap, net::Ipv4Addr};

use parking_lot::Mutex;
use serde_json::{Value, json};

pub(crate) use network::{Network, NetworkError};
use pool::Pool;

use crate::store::{Object, SERVICES, Store};

/// The ports that a node offers for Services, as in Kubernetes.
const NODE_PORTS: std::ops::RangeInclusive<u32> = 30_000..=32_767;

/// What cannot be given. Says which field, and what is wrong with its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: Invalid value: {value}: {problem}")]
pub(crate) struct Refusal {
    /// JSON path.
    pub field: String,
    /// The value as JSON.
    pub value: Value,
    /// What is wrong with it.
    pub problem: String,
}

/// Who has which address and node port.
#[derive(Debug)]
pub(crate) struct Allocator {
    network: Network,
    pools: Mutex<Pools>,
}

#[derive(Debug)]
struct Pools {
    addresses: Pool,
    ports: Pool,
}

impl Allocator {
    /// An allocator that knows what the Services in `store` have.
    #[must_use]
    pub(crate) fn new(network: Network, store: &Store) -> Self {
        let mut pools = Pools { addresses: Pool::new(network.range()), ports: Pool::new(NODE_PORTS) };
        // The first host is the API's own.
        pools.addresses.reserve(*network.range().start());
        for service in store.list(&SERVICES, None).objects {
            let held = held(&service.value().unwrap_or_default());
            held.address.into_iter().for_each(|address| pools.addresses.reserve(address));
            held.ports.into_iter().for_each(|port| pools.ports.reserve(port));
        }
        Self { network, pools: Mutex::new(pools) }
    }

    /// The address of the Service through which the API itself is reached.
    #[must_use]
    pub(crate) fn api_address(&self) -> Ipv4Addr {
        Ipv4Addr::from(*self.network.range().start())
    }

    /// Completes a Service that is about to be stored, in place of `old` if it exists. What `old` has and `new` does not ask
    /// to change is kept; what `old` had and `new` has not is free again. Nothing changes hands when something is refused.
    ///
    /// # Errors
    /// A [`Refusal`] for a value that is taken, out of range, or for want of any.
    pub(crate) fn on_write(&self, old: Option<&Object>, new: &mut Value) -> Result<(), Refusal> {
        let before = old.and_then(|object| object.value().ok()).unwrap_or_default();
        let had = held(&before);
        keep(&before, new);
        let mut pools = self.pools.lock();
        let mut given = Vec::new();
        let outcome = self.give(&mut pools, &had, new, &mut given);
        if outcome.is_err() {
            given.into_iter().for_each(|gift| pools.release(gift));
            return outcome;
        }
        let has = held(new);
        had.address
            .filter(|_| has.address != had.address)
            .into_iter()
            .for_each(|address| pools.addresses.release(address));
        had.ports.iter().filter(|port| !has.ports.contains(port)).for_each(|port| pools.ports.release(*port));
        Ok(())
    }

    /// Takes back what a deleted Service had.
    pub(crate) fn on_delete(&self, service: &Object) {
        let had = held(&service.value().unwrap_or_default());
        let mut pools = self.pools.lock();
        had.address.into_iter().for_each(|address| pools.addresses.release(address));
        had.ports.into_iter().for_each(|port| pools.ports.release(port));
    }

    fn give(&self, pools: &mut Pools, had: &Held, new: &mut Value, given: &mut Vec<Gift>) -> Result<(), Refusal> {
        let seed = format!("{}/{}", text(&new["metadata"]["namespace"]), text(&new["metadata"]["name"]));
        let kind = text(&new["spec"]["type"]).to_owned();
        if kind != "ExternalName" {
            self.give_address(pools, had, new, &seed, given)?;
        }
        if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
            give_ports(pools, had, new, &seed, given)?;
        } else {
            let ports = new["spec"].get_mut("ports").and_then(Value::as_array_mut);
            for port in ports.into_iter().flatten().filter_map(Value::as_object_mut) {
                port.remove("nodePort");
            }
        }
        Ok(())
    }

    fn give_address(
        &self,
        pools: &mut Pools,
        had: &Held,
        new: &mut Value,
        seed: &str,
        given: &mut Vec<Gift>,
    ) -> Result<(), Refusal> {
        let asked = text(&new["spec"]["clusterIP"]).to_owned();
        let refuse = |problem: String| Refusal { field: "spec.clusterIPs".into(), value: json!([asked]), problem };
        let address = match asked.as_str() {
            "None" => {
                new["spec"]["clusterIPs"] = json!(["None"]);
                return Ok(());
            }
            "" => {
                pools.addresses.any(seed).ok_or_else(|| refuse("no address is left in the service network".into()))?
            }
            asked => {
                let address =
                    asked.parse::<Ipv4Addr>().map(u32::from).ok().filter(|a| self.network.range().contains(a));
                let range =
                    || format!("failed to allocate IP {asked}: the provided network does not match the current range");
                let address = address.ok_or_else(|| refuse(range()))?;
                if had.address == Some(address) {
                    return Ok(());
                }
                if !pools.addresses.take(address) {
                    return Err(refuse(format!("failed to allocate IP {asked}: provided IP is already allocated")));
                }
                address
            }
        };
        given.push(Gift::Address(address));
        let written = Ipv4Addr::from(address).to_string();
        new["spec"]["clusterIP"] = written.as_str().into();
        new["spec"]["clusterIPs"] = json!([written]);
        Ok(())
    }
}

fn give_ports(
    pools: &mut Pools,
    had: &Held,
    new: &mut Value,
    seed: &str,
    given: &mut Vec<Gift>,
) -> Result<(), Refusal> {
    for (at, port) in ports_of(new).enumerate() {
        let asked = port["nodePort"].as_u64().unwrap_or_default();
        let refuse = |problem: &str| Refusal {
            field: format!("spec.ports[{at}].nodePort"),
            value: json!(asked),
            problem: problem.to_owned(),
        };
        if asked == 0 {
            let number = pools.ports.any(&format!("{seed}/{at}")).ok_or_else(|| refuse("no node port is left"))?;
            given.push(Gift::Port(number));
            port["nodePort"] = number.into();
            continue;
        }
        let number = u32::try_from(asked).ok().filter(|number| NODE_PORTS.contains(number));
        let number = number.ok_or_else(|| {
            refuse("provided port is not in the valid range. The range of valid ports is 30000-32767")
        })?;
        if had.ports.contains(&number) {
            continue;
        }
        if !pools.ports.take(number) {
            return Err(refuse("provided port is already allocated"));
        }
        given.push(Gift::Port(number));
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Gift {
    Address(u32),
    Port(u32),
}

impl Pools {
    fn release(&mut self, gift: Gift) {
        match gift {
            Gift::Address(address) => self.addresses.release(address),
            Gift::Port(port) => self.ports.release(port),
        }
    }
}

#[derive(Default)]
struct Held {
    address: Option<u32>,
    ports: Vec<u32>,
}

fn ports_of(service: &mut Value) -> impl Iterator<Item = &mut Value> {
    service.pointer_mut("/spec/ports").and_then(Value::as_array_mut).into_iter().flatten()
}

fn held(service: &Value) -> Held {
    let ports = service["spec"]["ports"].as_array().into_iter().flatten();
    Held {
        address: text(&service["spec"]["clusterIP"]).parse::<Ipv4Addr>().ok().map(u32::from),
        ports: ports
            .filter_map(|port| u32::try_from(port["nodePort"].as_u64()?).ok())
            .filter(|port| *port > 0)
            .collect(),
    }
}

/// What the writer left out stays as it was: the address, and each port's node port, whatever else of that port changes.
fn keep(before: &Value, new: &mut Value) {
    if text(&new["spec"]["clusterIP"]).is_empty()
        && before["spec"]["clusterIP"].is_string()
        && new["spec"]["type"] != "ExternalName"
    {
        new["spec"]["clusterIP"] = before["spec"]["clusterIP"].clone();
        new["spec"]["clusterIPs"] = before["spec"]["clusterIPs"].clone();
    }
    let (known, taken) = (node_ports(before), held(new).ports);
    for port in ports_of(new).filter(|port| port["nodePort"].as_u64().unwrap_or_default() == 0) {
        let number = known.get(text(&port["name"])).filter(|number| !taken.contains(number));
        if let Some(number) = number {
            port["nodePort"] = (*number).into();
        }
    }
}

/// By the names of their ports, of which a single one has none.
fn node_ports(service: &Value) -> HashMap<&str, u32> {
    let ports = service["spec"]["ports"].as_array().into_iter().flatten();
    ports.filter_map(|port| Some((text(&port["name"]), u32::try_from(port["nodePort"].as_u64()?).ok()?))).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests;
