//! What daemons made of this crate have in common: whoever starts one waits for it in one way, and whoever watches over one
//! reads its metrics in one form. What keeps one from its work is told in one way.
mod handle;
mod metrics;
mod plight;

pub use handle::Handle;
pub use metrics::{OPEN_METRICS, exposition};
pub use plight::{News, Plight, Trouble};
