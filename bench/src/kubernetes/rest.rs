//! What a manager does when nothing changes but the time: nodes say that they live, and that is all.
use std::time::Duration;

use super::{Figures, site::Site};
use crate::failure::Failure;

/// Rests for `seconds`.
pub(super) async fn measure(site: &Site, of: &str, seconds: u64, figures: &mut Figures) -> Result<(), Failure> {
    let (asked, usage) = (site.settle().await?, site.manager.usage()?);
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let (asked, used) = (site.asked()?.since(asked), site.manager.usage()?.since(&usage));
    figures.limited(format!("{of}, {seconds} s at rest: the manager's writes"), asked.writes as f64, 0.0);
    figures.limited(
        format!("{of}, {seconds} s at rest: processor, % of a core"),
        used.seconds / seconds as f64 * 100.0,
        1.0,
    );
    figures.told(format!("{of}, {seconds} s at rest: the manager's reads"), asked.reads as f64);
    figures.told(format!("{of}, at rest: resident, KiB"), used.resident as f64);
    Ok(())
}
