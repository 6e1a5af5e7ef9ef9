//! The live table: requests per service, device and replica, as the meshes count them.
use std::{collections::BTreeMap, io::IsTerminal, time::Duration};

use super::site::Site;
use crate::output;

/// How often the table is drawn anew.
const PERIOD: Duration = Duration::from_secs(1);
/// Moves the cursor home and clears what is below it.
const REDRAW: &str = "\x1b[H\x1b[J";

/// Draws until nobody looks any more. On a terminal in place, else whenever a count has changed.
pub(super) async fn live(site: &Site) {
    let in_place = std::io::stdout().is_terminal();
    let mut before: BTreeMap<_, u64> = BTreeMap::new();
    let mut ticks = tokio::time::interval(PERIOD);
    loop {
        ticks.tick().await;
        let counts = site.requests().await;
        if counts == before && !in_place {
            continue;
        }
        let rows = counts.iter().map(|(key, count)| {
            let rate = count.saturating_sub(before.get(key).copied().unwrap_or_default());
            vec![key.service.clone(), key.device.clone(), key.replica.clone(), count.to_string(), format!("{rate}/s")]
        });
        let table = output::table(&["SERVICE", "DEVICE", "REPLICA", "REQUESTS", "NOW"], rows);
        let footer = format!("kubeconfig {}; Ctrl-C stops everything\n", site.kubeconfig().display());
        if output::show(&format!("{}{table}{footer}", if in_place { REDRAW } else { "" })).is_break() {
            return;
        }
        before = counts;
    }
}
