//! The embedded API as its users see it: through a `kube::Client`, and through kubectl.

mod apply;
mod controllers;
mod custom;
mod kubectl;
mod load;
mod serving;
mod throughput;
mod verbs;
mod watch;
