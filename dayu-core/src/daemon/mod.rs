//! What daemons made of this crate have in common: whoever starts one waits for it in one way, and whoever watches over one
//! reads its metrics in one form.
mod handle;
mod metrics;

pub use handle::Handle;
pub use metrics::{OPEN_METRICS, exposition};
