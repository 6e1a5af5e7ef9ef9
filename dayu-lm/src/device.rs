//! What is known of the device from before: enough to run its pods without asking the cluster.
use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

/// The file, in the data directory.
const FILE: &str = "device.json";

/// What the cluster said of the device last.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Remembered {
    /// The network of its pods.
    pub(crate) pod_cidr: String,
}

impl Remembered {
    /// What was said; none if it never was, or cannot be read.
    pub(crate) fn load(data: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(data.join(FILE)).ok()?).ok()
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
