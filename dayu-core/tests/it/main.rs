//! The balance stack as its users see it: through the public API, in virtual time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod allocation;
mod chances;
mod churn;
mod delivery;
mod explanation;
mod hashing;
mod preferring;
mod said;
mod simulation;
mod slow_and_failing;
mod spread;
mod world;

#[global_allocator]
static ALLOCATOR: allocation::Counting = allocation::Counting;
