//! What is known of the device from before: enough to run its pods without asking the cluster.
use std::{fs, path::Path};

use dayu_core::daemon::Plight;
use serde::{Deserialize, Serialize};

use crate::keep;

/// The file, in the data directory.
const FILE: &str = "device.json";

/// What the cluster said of the device last.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Remembered {
    /// The network of its pods.
    pub(crate) pod_cidr: String,
}

impl Remembered {
    /// What was said; none if it never was, or if the file is damaged, which is told.
    pub(crate) fn load(data: &Path, plight: &Plight) -> Option<Self> {
        keep::recall(&data.join(FILE)).unwrap_or_else(|damaged| {
            plight.happened("network of pods", &format!("{damaged}; the API is asked for it"));
            None
        })
    }

    /// Keeps it. Where that fails, the cluster is asked at the next start.
    pub(crate) fn save(&self, data: &Path) {
        let draft = data.join("device.draft");
        let saved = serde_json::to_vec(self)
            .map_err(std::io::Error::from)
            .and_then(|text| fs::write(&draft, text))
            .and_then(|()| fs::rename(&draft, data.join(FILE)));
        if let Err(error) = saved {
            tracing::warn!(data = %data.display(), %error, "the device's network is not remembered");
        }
    }

    /// It holds no more.
    pub(crate) fn forget(data: &Path) {
        let _ = fs::remove_file(data.join(FILE));
    }
}
