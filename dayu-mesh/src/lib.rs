//! dayu-mesh
