//! What the device has.
use std::{collections::BTreeMap, fs, thread};

use k8s_openapi::{api::core::v1::NodeSystemInfo, apimachinery::pkg::api::resource::Quantity};

/// Pods that one device runs at most.
const PODS: u32 = 250;

/// Processors, memory and pods.
pub(super) fn capacity() -> BTreeMap<String, Quantity> {
    let processors = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let memory = fs::read_to_string("/proc/meminfo").ok().and_then(|text| memory(&text)).unwrap_or_default();
    BTreeMap::from([
        ("cpu".to_owned(), Quantity(processors.to_string())),
        ("memory".to_owned(), Quantity(format!("{memory}Ki"))),
        ("pods".to_owned(), Quantity(PODS.to_string())),
    ])
}

/// What runs the device.
pub(super) fn system_info() -> NodeSystemInfo {
    let read = |path: &str| fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let release = read("/etc/os-release");
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).unwrap_or("Linux");
    NodeSystemInfo {
        machine_id: read("/etc/machine-id"),
        system_uuid: read("/etc/machine-id"),
        boot_id: read("/proc/sys/kernel/random/boot_id"),
        kernel_version: read("/proc/sys/kernel/osrelease"),
        os_image: name.trim_matches('"').to_owned(),
        container_runtime_version: format!("process://{}", env!("CARGO_PKG_VERSION")),
        kubelet_version: format!("dayu-lm/{}", env!("CARGO_PKG_VERSION")),
        kube_proxy_version: String::new(),
        operating_system: "linux".to_owned(),
        architecture: architecture.to_owned(),
        swap: None,
        running_in_user_namespace: None,
    }
}

/// Kibibytes of memory, from the system's own table.
fn memory(table: &str) -> Option<u64> {
    table.lines().find_map(|line| line.strip_prefix("MemTotal:"))?.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn memory_is_read_from_the_systems_table() {
        assert_eq!(super::memory("MemFree: 1 kB\nMemTotal:       24689340 kB\n"), None.or(Some(24_689_340)));
        assert!(super::capacity()["memory"].0.len() > 3);
    }
}
