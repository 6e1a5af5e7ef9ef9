//! dayu-gm
