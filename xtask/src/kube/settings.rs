//! What a control plane is given beyond what each needs.

/// Names without dashes, and values.
pub type Flags = &'static [(&'static str, &'static str)];

/// Further flags of its programs; of one that is given twice, this one counts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings {
    /// Of kube-apiserver.
    pub api_server: Flags,
    /// Of kube-controller-manager.
    pub controller_manager: Flags,
    /// Of kube-scheduler.
    pub scheduler: Flags,
}
