//! dayu-cluster
