//! Resources that are held until what they left outside of the cluster is undone.
mod crashes;
mod holding;
mod stage;
mod undoing;
