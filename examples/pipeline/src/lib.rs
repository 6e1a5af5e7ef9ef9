//! examples/pipeline
