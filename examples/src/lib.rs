//! What the examples share: surroundings to try things in.
mod directory;
mod driver;
mod site;

pub use directory::detectors;
pub use driver::drive;
pub use site::Site;
