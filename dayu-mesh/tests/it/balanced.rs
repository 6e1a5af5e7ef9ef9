//! A Service says how it is balanced, and a mesh does so from the next request on.
use std::{collections::BTreeMap, net::SocketAddr};

use dayu_core::balance::policy::NAMES;
use k8s_openapi::api::core::v1::Service;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::{
    strict::Pair,
    support::{
        NAMESPACE, PATIENCE,
        client::{Client, Events, get},
        until,
        worker::Seen,
    },
};

const NODE_PORT: u16 = 30901;
const PORT: u16 = 9001;

fn status(pair: &Pair) -> SocketAddr {
    SocketAddr::new(pair.site.address(1), 10551)
}

/// Service `det` says this of `annotation` from now on, and the mesh of `edge1` goes by it.
async fn say(pair: &Pair, annotation: &str, value: Option<&str>, is_known: impl Fn(&Value) -> bool) {
    let services: Api<Service> = Api::namespaced(pair.site.client.clone(), NAMESPACE);
    let said = json!({"metadata": {"annotations": {annotation: value}}});
    services.patch("det", &PatchParams::default(), &Patch::Merge(said)).await.unwrap();
    until(status(pair), "/v1/explain?service=default/det", is_known).await;
}

async fn say_balance(pair: &Pair, value: &str) {
    say(pair, "dayu.io/balance", Some(value), |told| told["policy"] == value && told["policyBy"] == "service").await;
}

async fn say_spill(pair: &Pair, value: &str) {
    say(pair, "dayu.io/spill", Some(value), |told| told["spilling"]["at"] == value).await;
}

/// Where so many requests to `address` land, each on a connection of its own.
async fn land(address: SocketAddr, count: usize) -> BTreeMap<String, usize> {
    let mut landed = BTreeMap::new();
    for _ in 0..count {
        *landed.entry(get(address, "/").await.unwrap().json::<Seen>().worker).or_default() += 1;
    }
    landed
}

/// The same, where they go to `url` through the front.
async fn land_through_front(pair: &Pair, url: &str, count: usize) -> BTreeMap<String, usize> {
    let mut client = Client::connect(SocketAddr::new(pair.site.address(1), 10552)).await;
    let mut landed = BTreeMap::new();
    for _ in 0..count {
        let seen: Seen = client.send("GET", url, &[], "").await.unwrap().json();
        *landed.entry(seen.worker).or_default() += 1;
    }
    landed
}

/// Requests in flight, as the mesh knows them.
async fn in_flight(pair: &Pair) -> u64 {
    let known: Value = get(status(pair), "/v1/services").await.unwrap().json();
    let all = known.pointer("/services/0/ports/0/endpoints").and_then(Value::as_array).unwrap();
    all.iter().map(|one| one["inFlight"].as_u64().unwrap()).sum()
}

/// Waits until the mesh has seen the end of all requests but so many.
async fn only(pair: &Pair, count: u64) {
    let seen = async { while in_flight(pair).await != count {} };
    tokio::time::timeout(PATIENCE, seen).await.expect("others never end");
}

/// Holds a connection open at each of the first `count` replicas that requests land on.
async fn hold(pair: &Pair, count: usize) -> BTreeMap<String, Client> {
    let mut held = BTreeMap::new();
    while held.len() < count {
        let mut client = Client::connect(pair.site.node_port(1, NODE_PORT)).await;
        let seen: Seen = client.send("GET", "/", &[("host", "det")], "").await.unwrap().json();
        held.entry(seen.worker).or_insert(client);
    }
    held
}

#[tokio::test]
async fn each_policy_is_that_of_the_service_and_stays_on_the_device() {
    let pair = Pair::new(3).await;
    for name in NAMES.into_iter().chain(["least-request:5"]) {
        say_balance(&pair, name).await;
        let landed = land(pair.site.node_port(1, NODE_PORT), 12).await;
        assert!(landed.keys().all(|worker| worker.starts_with("det-1-")), "{name}: {landed:?}");
        if name == "round-robin" {
            assert!(landed.values().eq(&[4; 3]), "{landed:?}");
        }
    }
    say(&pair, "dayu.io/balance", None, |told| told["policy"] == "p2c" && told["policyBy"] == "default").await;
}

#[tokio::test]
async fn a_change_under_load_forgets_nothing_and_breaks_nothing() {
    let pair = Pair::new(3).await;
    say_balance(&pair, "round-robin").await;
    let mut held = hold(&pair, 2).await;
    only(&pair, 2).await;
    say_balance(&pair, "least-request").await;
    assert_eq!(in_flight(&pair).await, 2);
    // All three are looked at, so that what is in flight decides alone.
    for _ in 0..10 {
        let landed = land(pair.site.node_port(1, NODE_PORT), 1).await;
        let worker = landed.keys().next().unwrap();
        assert!(!held.contains_key(worker), "{worker} is busy");
        only(&pair, 2).await;
    }
    for (worker, client) in &mut held {
        let seen: Seen = client.send("GET", "/", &[("host", "det")], "").await.unwrap().json();
        assert_eq!(seen.worker, *worker);
    }
}

#[tokio::test]
async fn a_busy_device_spills_what_only_prefers_it_and_nothing_that_names_it() {
    let pair = Pair::new(1).await;
    let address = pair.service.spec.as_ref().unwrap().cluster_ip.as_deref().unwrap();
    let (own, both) = (vec!["det-1-1"], vec!["det-1-1", "det-2-1"]);
    for (spill, preferring, goes) in
        [("never", &own, "this request stays there"), ("0-in-flight", &both, "any device serves this request")]
    {
        say_spill(&pair, spill).await;
        let told = text(&pair).await;
        let rule = format!("prefers edge1, spills {spill}: the Service says so (dayu.io/spill); {goes}\n");
        assert!(told.contains(&rule), "{told}");
        let workers = |landed: BTreeMap<String, usize>| landed.into_keys().collect::<Vec<_>>();
        for (host, expected) in
            [(address, preferring), ("det.default.svc", preferring), ("edge1.det.default.svc", &own)]
        {
            let landed = workers(land_through_front(&pair, &format!("http://{host}:{PORT}/"), 40).await);
            assert_eq!(landed, *expected, "{spill}, {host}");
        }
        assert_eq!(workers(land(pair.site.node_port(1, NODE_PORT), 40).await), own, "{spill}, node port");
    }
}

#[tokio::test]
async fn what_nobody_understands_is_told_once_and_changes_nothing() {
    let pair = Pair::new(2).await;
    let mut events = Events::open(status(&pair), "/v1/watch").await;
    let ignored = |told: &Value| told["ignored"][0]["value"].as_str().unwrap_or_default().to_owned();
    for junk in ["fastest", "best"] {
        say(&pair, "dayu.io/balance", Some(junk), |told| ignored(told) == junk && told["policy"] == "p2c").await;
        let landed = land(pair.site.node_port(1, NODE_PORT), 10).await;
        assert!(landed.keys().all(|worker| worker.starts_with("det-1-")), "{landed:?}");
    }
    // Something else changes: that is nothing to tell anew.
    pair.ready(2, &[1]).await;
    pair.until(1, |services| crate::strict::ready_on(services, "edge2") == 0).await;
    let mut remarks = remarks(&mut events, &pair).await;
    let last = remarks.pop().unwrap();
    assert_eq!((remarks.len(), &last["service"]["name"]), (1, &json!("det")));
    let note = last["note"].as_str().unwrap();
    assert!(note.contains("dayu.io/balance is ignored") && note.contains("\"best\""), "{note}");
    assert!(NAMES.iter().all(|name| note.contains(name)), "{note}");

    let told = text(&pair).await;
    assert!(told.contains("policy p2c: the mesh's own (--policy)\n") && told.contains(note), "{told}");

    let mut later = Events::open(status(&pair), "/v1/watch").await;
    assert_eq!(self::remarks(&mut later, &pair).await, [last], "who comes later is told what is so");
    say_balance(&pair, "random").await;
    let mut corrected = Events::open(status(&pair), "/v1/watch").await;
    assert_eq!(self::remarks(&mut corrected, &pair).await, Vec::<Value>::new());
}

/// What `dayu explain` shows.
async fn text(pair: &Pair) -> String {
    let told = get(status(pair), "/v1/explain?service=default/det&format=text").await.unwrap();
    String::from_utf8(told.body.to_vec()).unwrap()
}

/// What was remarked until now.
async fn remarks(events: &mut Events, pair: &Pair) -> Vec<Value> {
    let services: Api<Service> = Api::namespaced(pair.site.client.clone(), NAMESPACE);
    let before: Value = get(status(pair), "/v1/services").await.unwrap().json();
    let touched = json!({"metadata": {"annotations": {"dayu.io/logical-service": format!("{}", before["version"])}}});
    services.patch("det", &PatchParams::default(), &Patch::Merge(touched)).await.unwrap();
    let mut remarks = Vec::new();
    loop {
        match events.next().await.unwrap() {
            (name, told) if name == "remark" => remarks.push(told),
            (name, told) if name == "change" && told["version"].as_u64() > before["version"].as_u64() => {
                return remarks;
            }
            _ => {}
        }
    }
}
