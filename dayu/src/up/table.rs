//! The live table: requests per service, device and replica, as the meshes count them.
use std::{collections::BTreeMap, io::IsTerminal, time::Duration};

use super::{counts::Key, site::Site};
use crate::output;

/// How often the table is drawn anew.
const PERIOD: Duration = Duration::from_secs(1);
/// Moves the cursor home and clears what is below it.
const REDRAW: &str = "\x1b[H\x1b[J";

/// Draws until nobody looks any more. On a terminal in place, else whenever a count has changed.
pub(super) async fn live(site: &Site) {
    let in_place = std::io::stdout().is_terminal();
    let mut before = BTreeMap::new();
    let mut ticks = tokio::time::interval(PERIOD);
    loop {
        ticks.tick().await;
        let counts = site.requests();
        if counts == before && !in_place {
            continue;
        }
        let table = of(&counts, &before);
        let footer = format!("kubeconfig {}; Ctrl-C stops everything\n", site.kubeconfig().display());
        if output::show(&format!("{}{table}{footer}", if in_place { REDRAW } else { "" })).is_break() {
            return;
        }
        before = counts;
    }
}

/// How many requests each replica was given, and how many of them since `before`, a period ago.
fn of(counts: &BTreeMap<Key, u64>, before: &BTreeMap<Key, u64>) -> String {
    let rows = counts.iter().map(|(key, count)| {
        let rate = count.saturating_sub(before.get(key).copied().unwrap_or_default());
        vec![key.service.clone(), key.device.clone(), key.replica.clone(), count.to_string(), format!("{rate}/s")]
    });
    output::table(&["SERVICE", "DEVICE", "REPLICA", "REQUESTS", "NOW"], rows)
}

#[cfg(test)]
mod tests {
    use dayu_mesh::Count;

    use super::*;
    use crate::up::counts::sum;

    #[test]
    fn each_replica_has_a_row_with_what_all_meshes_gave_it() {
        let count = |pod: &str, requests| Count {
            service: "a/det".to_owned(),
            device: "edge1".to_owned(),
            pod: pod.to_owned(),
            requests,
        };
        let before = sum([count("one", 3)]);
        let table = of(&sum([count("one", 4), count("two", 2), count("one", 5)]), &before);
        let rows: Vec<Vec<_>> = table.lines().map(|row| row.split_whitespace().collect()).collect();
        assert_eq!(rows[0], ["SERVICE", "DEVICE", "REPLICA", "REQUESTS", "NOW"]);
        assert_eq!(rows[1..], [["a/det", "edge1", "one", "9", "6/s"], ["a/det", "edge1", "two", "2", "2/s"]]);
    }
}
