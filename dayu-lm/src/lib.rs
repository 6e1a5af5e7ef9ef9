//! dayu-lm
