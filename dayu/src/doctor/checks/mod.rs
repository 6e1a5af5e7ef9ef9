//! The checks: each a function over facts that knows nothing of where they come from.
use super::{facts::Facts, finding::Finding};

mod annotations;
mod beside;
mod clocks;
mod daemons;
mod definitions;
mod devices;
mod hindered;
mod leftovers;
mod manager;
mod meshes;
mod names;
mod policies;
mod resources;
mod stuck;

/// All of them. One whose facts could not be read is left out: what could not is told.
pub(crate) fn all(facts: &Facts) -> Vec<Finding> {
    let (nodes, pods) = (facts.nodes.as_deref(), facts.pods.as_deref());
    let leases = facts.leases.as_deref();
    let checks = [
        facts.definitions.as_deref().map(definitions::check),
        leases.map(|leases| manager::check(leases, nodes.unwrap_or_default(), facts.link.as_ref(), facts.now)),
        nodes.zip(pods).zip(leases).map(|((nodes, pods), leases)| devices::check(nodes, pods, leases)),
        nodes.zip(facts.heartbeats.as_deref()).map(|(nodes, beats)| clocks::check(nodes, beats, facts.now)),
        nodes.zip(pods).map(|(nodes, pods)| daemons::check(nodes, pods)),
        Some(meshes::check(&facts.meshes)),
        facts.hindered.as_deref().map(|events| hindered::check(events, facts.now)),
        pods.map(|pods| names::check(pods, &facts.kubelets)),
        pods.zip(facts.services.as_deref()).map(|(pods, services)| beside::check(pods, services)),
        facts.services.as_deref().map(annotations::check),
        facts.here().zip(pods).map(|(here, pods)| leftovers::check(here, &facts.rules, pods).into_iter().collect()),
        facts
            .policies
            .as_deref()
            .zip(facts.bindings.as_deref())
            .zip(pods)
            .map(|((policies, bindings), pods)| policies::check(policies, bindings, pods)),
        facts.namespaces.as_deref().map(|namespaces| stuck::namespaces(namespaces, facts.now)),
        pods.map(|pods| stuck::pods(pods, facts.now)),
        facts.runtime_services.as_deref().map(resources::runtime_services),
        facts.joint_services.as_deref().map(resources::joint_services),
    ];
    facts.unread.iter().cloned().chain(checks.into_iter().flatten().flatten()).collect()
}
