//! What daemons made of this crate have in common: whoever starts one waits for it in one way, and whoever watches over one
//! reads its metrics in one form. What keeps one from its work is told in one way, and so is what it remarks
//! on the objects of others.
mod handle;
mod metrics;
mod plight;
mod remark;

pub use handle::Handle;
pub use metrics::{OPEN_METRICS, exposition};
pub use plight::{News, Plight, Trouble};
pub use remark::{ANNOTATION_IGNORED, Remark};
