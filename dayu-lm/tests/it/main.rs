//! The local manager on the embedded API, with real processes.
mod adoption;
mod pods;
mod site;
