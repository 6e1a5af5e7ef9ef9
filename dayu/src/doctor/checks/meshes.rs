//! Each mesh in reach knows all routes, is not hindered, and listens wherever it should.
use std::collections::BTreeMap;

use super::hindered;
use crate::doctor::{facts::Mesh, finding::Finding};

const CHECK: &str = "mesh";
/// What a mesh says that it lacks for a low port. Its Service is reached by name then.
const LOW_PORTS: &str = "CAP_NET_BIND_SERVICE";

pub(super) fn check(meshes: &BTreeMap<String, Result<Mesh, String>>) -> Vec<Finding> {
    meshes.iter().flat_map(|(device, mesh)| one(device, mesh)).collect()
}

fn one(device: &str, mesh: &Result<Mesh, String>) -> Vec<Finding> {
    let mesh = match mesh {
        Ok(mesh) => mesh,
        Err(problem) => {
            let remedy = format!("run `dayu mesh --node {device}` there, and look at what it says");
            return vec![Finding::fault(CHECK, device, format!("does not answer: {problem}"), remedy)];
        }
    };
    if mesh.stale {
        let found = "routes by what it knew before it started, since it has not heard the API";
        let remedy = "does it reach the API, and may it list and watch Services, endpointslices and nodes?";
        return [Finding::warning(CHECK, device, found, remedy)].into_iter().chain(hindering(device, mesh)).collect();
    }
    if !mesh.troubles.is_empty() {
        return hindering(device, mesh).collect();
    }
    if !mesh.ready {
        let found = "does not know all Services and endpoints yet";
        return vec![Finding::fault(CHECK, device, found, "does it reach the API, and may it list and watch them?")];
    }
    let taken = mesh.failed.iter().map(|listener| {
        let found = format!("cannot listen on {} for {}: {}", listener.address, listener.service, listener.reason);
        if listener.reason.contains(LOW_PORTS) {
            let remedy = format!("run the mesh with {LOW_PORTS} if clients do not say the Service's name");
            return Finding::warning(CHECK, device, found, remedy);
        }
        let remedy = format!("free the address: `ss -ltnp 'sport = :{}'` says who holds it", listener.address.port());
        Finding::fault(CHECK, device, found, remedy)
    });
    let taken: Vec<Finding> = taken.collect();
    if taken.is_empty() { vec![Finding::good(CHECK, device, "knows all routes and listens for each")] } else { taken }
}

fn hindering(device: &str, mesh: &Mesh) -> impl Iterator<Item = Finding> {
    mesh.troubles.iter().map(move |trouble| {
        let found = format!("{trouble} (not longer than 120 s ago)");
        Finding::fault(CHECK, device, found, hindered::remedy(&trouble.why))
    })
}

#[cfg(test)]
mod tests {
    use dayu_core::daemon::Trouble;

    use super::*;
    use crate::doctor::facts::Listener;

    fn found(mesh: Result<Mesh, String>) -> Vec<Finding> {
        check(&BTreeMap::from([("edge1".to_owned(), mesh)]))
    }

    #[test]
    fn one_that_is_ready_is_well() {
        assert_eq!(found(Ok(Mesh { ready: true, ..Mesh::default() }))[0].state.word(), "ok");
    }

    #[test]
    fn one_that_is_silent_or_late_is_a_fault() {
        assert!(found(Err("refused".to_owned()))[0].is_fault());
        assert!(found(Ok(Mesh::default()))[0].is_fault());
    }

    #[test]
    fn one_that_lacks_a_right_is_told_with_the_right() {
        let trouble = Trouble { what: "watch of Nodes".to_owned(), why: "may not list nodes: no".to_owned() };
        let findings = found(Ok(Mesh { troubles: vec![trouble], ..Mesh::default() }));
        assert!(findings[0].is_fault() && findings[0].found.starts_with("watch of Nodes: may not list nodes: no"));
        assert!(findings[0].state.remedy().unwrap().contains("the right to list nodes:"));
    }

    #[test]
    fn one_that_goes_by_what_it_knew_before_is_told_with_what_hinders_it() {
        let trouble = Trouble { what: "watch of Nodes".to_owned(), why: "connection refused".to_owned() };
        let findings = found(Ok(Mesh { stale: true, troubles: vec![trouble], ..Mesh::default() }));
        assert!(findings[0].found.starts_with("routes by what it knew before") && !findings[0].is_fault());
        assert!(findings[1].found.starts_with("watch of Nodes: connection refused"));
    }

    #[test]
    fn every_address_that_is_taken_is_told_with_its_service() {
        let address = "127.64.0.1:30100".parse().unwrap();
        let taken = Listener { service: "shop/detector".to_owned(), address, reason: "in use".to_owned() };
        let findings = found(Ok(Mesh { ready: true, failed: vec![taken], ..Mesh::default() }));
        assert!(findings[0].is_fault() && findings[0].found.contains("127.64.0.1:30100 for shop/detector"));
        assert!(findings[0].state.remedy().unwrap().contains(":30100"));
    }

    #[test]
    fn a_low_port_that_only_root_can_have_is_no_fault() {
        let reason = "Permission denied (os error 13); ports below 1024 need CAP_NET_BIND_SERVICE".to_owned();
        let address = "127.96.0.1:443".parse().unwrap();
        let low = Listener { service: "default/kubernetes".to_owned(), address, reason };
        let findings = found(Ok(Mesh { ready: true, failed: vec![low], ..Mesh::default() }));
        assert_eq!((findings[0].state.word(), findings.len()), ("warning", 1));
        assert!(!findings[0].state.remedy().unwrap().contains("ss -ltnp"));
    }
}
