//! The examples' own assertions hold.
use crate::{embed, own_kind, own_policy, own_runtime};

#[test]
fn embedding_runs() {
    embed::main().unwrap();
}

#[test]
fn a_kind_of_ones_own_becomes_ready_and_tells_what_it_refuses() {
    own_kind::main().unwrap();
}

#[test]
fn a_policy_of_ones_own_fills_one_replica_before_the_next() {
    own_policy::main().unwrap();
}

#[test]
fn a_runtime_of_ones_own_starts_and_restarts() {
    own_runtime::main().unwrap();
}
