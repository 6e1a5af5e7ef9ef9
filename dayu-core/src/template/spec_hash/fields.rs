//! The order and kind of every field that a pod's spec can hold in `k8s.io/api` v0.21.4: facts, obtained by reflection.
//!
//! `name ? kind` vanishes when empty (Go's `omitempty`), `name = kind` is always written. Kinds: `(…)` is a pointer,
//! `[…]` a list, `{…}` a map, `either` an integer or a string, `raw` kept as it is, a capitalised name another struct.
use super::Kind::{Either, Flag, List, Map, Number, Pointer, Quantity, Raw, Struct, Text, Time};
use super::{Field, Fields};

macro_rules! kind {
    (text) => {
        Text
    };
    (flag) => {
        Flag
    };
    (number) => {
        Number
    };
    (quantity) => {
        Quantity
    };
    (either) => {
        Either
    };
    (time) => {
        Time
    };
    (raw) => {
        Raw
    };
    (($inner:tt)) => {
        Pointer(&kind!($inner))
    };
    ([$inner:tt]) => {
        List(&kind!($inner))
    };
    ({$inner:tt}) => {
        Map(&kind!($inner))
    };
    ($name:ident) => {
        Struct(&$name)
    };
}

macro_rules! vanishes {
    (?) => {
        true
    };
    (=) => {
        false
    };
}

macro_rules! structs {
    ($($name:ident { $($field:ident $mode:tt $kind:tt),* })*) => {
        $(
            #[allow(non_upper_case_globals, reason = "the struct's own name, so that the table reads as its source does")]
            pub(super) static $name: Fields = &[
                $(Field { name: stringify!($field), vanishes: vanishes!($mode), kind: kind!($kind) }),*
            ];
        )*
    };
}

#[rustfmt::skip]
structs! {
    AWSElasticBlockStoreVolumeSource { volumeID = text, fsType ? text, partition ? number, readOnly ? flag }
    Affinity { nodeAffinity ? (NodeAffinity), podAffinity ? (PodAffinity), podAntiAffinity ? (PodAntiAffinity) }
    AzureDiskVolumeSource {
        diskName = text, diskURI = text, cachingMode ? (text), fsType ? (text), readOnly ? (flag), kind ? (text)
    }
    AzureFileVolumeSource { secretName = text, shareName = text, readOnly ? flag }
    CSIVolumeSource {
        driver = text, readOnly ? (flag), fsType ? (text), volumeAttributes ? {text}, nodePublishSecretRef ?
        (LocalObjectReference)
    }
    Capabilities { add ? [text], drop ? [text] }
    CephFSVolumeSource {
        monitors = [text], path ? text, user ? text, secretFile ? text, secretRef ? (LocalObjectReference), readOnly ?
        flag
    }
    CinderVolumeSource { volumeID = text, fsType ? text, readOnly ? flag, secretRef ? (LocalObjectReference) }
    ConfigMapEnvSource { name ? text, optional ? (flag) }
    ConfigMapKeySelector { name ? text, key = text, optional ? (flag) }
    ConfigMapProjection { name ? text, items ? [KeyToPath], optional ? (flag) }
    ConfigMapVolumeSource { name ? text, items ? [KeyToPath], defaultMode ? (number), optional ? (flag) }
    Container {
        name = text, image ? text, command ? [text], args ? [text], workingDir ? text, ports ? [ContainerPort], envFrom
        ? [EnvFromSource], env ? [EnvVar], resources ? ResourceRequirements, volumeMounts ? [VolumeMount], volumeDevices
        ? [VolumeDevice], livenessProbe ? (Probe), readinessProbe ? (Probe), startupProbe ? (Probe), lifecycle ?
        (Lifecycle), terminationMessagePath ? text, terminationMessagePolicy ? text, imagePullPolicy ? text,
        securityContext ? (SecurityContext), stdin ? flag, stdinOnce ? flag, tty ? flag
    }
    ContainerPort { name ? text, hostPort ? number, containerPort = number, protocol ? text, hostIP ? text }
    DownwardAPIProjection { items ? [DownwardAPIVolumeFile] }
    DownwardAPIVolumeFile {
        path = text, fieldRef ? (ObjectFieldSelector), resourceFieldRef ? (ResourceFieldSelector), mode ? (number)
    }
    DownwardAPIVolumeSource { items ? [DownwardAPIVolumeFile], defaultMode ? (number) }
    EmptyDirVolumeSource { medium ? text, sizeLimit ? (quantity) }
    EnvFromSource { prefix ? text, configMapRef ? (ConfigMapEnvSource), secretRef ? (SecretEnvSource) }
    EnvVar { name = text, value ? text, valueFrom ? (EnvVarSource) }
    EnvVarSource {
        fieldRef ? (ObjectFieldSelector), resourceFieldRef ? (ResourceFieldSelector), configMapKeyRef ?
        (ConfigMapKeySelector), secretKeyRef ? (SecretKeySelector)
    }
    EphemeralContainer {
        name = text, image ? text, command ? [text], args ? [text], workingDir ? text, ports ? [ContainerPort], envFrom
        ? [EnvFromSource], env ? [EnvVar], resources ? ResourceRequirements, volumeMounts ? [VolumeMount], volumeDevices
        ? [VolumeDevice], livenessProbe ? (Probe), readinessProbe ? (Probe), startupProbe ? (Probe), lifecycle ?
        (Lifecycle), terminationMessagePath ? text, terminationMessagePolicy ? text, imagePullPolicy ? text,
        securityContext ? (SecurityContext), stdin ? flag, stdinOnce ? flag, tty ? flag, targetContainerName ? text
    }
    EphemeralVolumeSource { volumeClaimTemplate ? (PersistentVolumeClaimTemplate) }
    ExecAction { command ? [text] }
    FCVolumeSource { targetWWNs ? [text], lun ? (number), fsType ? text, readOnly ? flag, wwids ? [text] }
    FlexVolumeSource {
        driver = text, fsType ? text, secretRef ? (LocalObjectReference), readOnly ? flag, options ? {text}
    }
    FlockerVolumeSource { datasetName ? text, datasetUUID ? text }
    GCEPersistentDiskVolumeSource { pdName = text, fsType ? text, partition ? number, readOnly ? flag }
    GitRepoVolumeSource { repository = text, revision ? text, directory ? text }
    GlusterfsVolumeSource { endpoints = text, path = text, readOnly ? flag }
    HTTPGetAction { path ? text, port = either, host ? text, scheme ? text, httpHeaders ? [HTTPHeader] }
    HTTPHeader { name = text, value = text }
    Handler { exec ? (ExecAction), httpGet ? (HTTPGetAction), tcpSocket ? (TCPSocketAction) }
    HostAlias { ip ? text, hostnames ? [text] }
    HostPathVolumeSource { path = text, type ? (text) }
    ISCSIVolumeSource {
        targetPortal = text, iqn = text, lun = number, iscsiInterface ? text, fsType ? text, readOnly ? flag, portals ?
        [text], chapAuthDiscovery ? flag, chapAuthSession ? flag, secretRef ? (LocalObjectReference), initiatorName ?
        (text)
    }
    KeyToPath { key = text, path = text, mode ? (number) }
    LabelSelector { matchLabels ? {text}, matchExpressions ? [LabelSelectorRequirement] }
    LabelSelectorRequirement { key = text, operator = text, values ? [text] }
    Lifecycle { postStart ? (Handler), preStop ? (Handler) }
    LocalObjectReference { name ? text }
    ManagedFieldsEntry {
        manager ? text, operation ? text, apiVersion ? text, time ? (time), fieldsType ? text, fieldsV1 ? (raw)
    }
    NFSVolumeSource { server = text, path = text, readOnly ? flag }
    NodeAffinity {
        requiredDuringSchedulingIgnoredDuringExecution ? (NodeSelector), preferredDuringSchedulingIgnoredDuringExecution
        ? [PreferredSchedulingTerm]
    }
    NodeSelector { nodeSelectorTerms = [NodeSelectorTerm] }
    NodeSelectorRequirement { key = text, operator = text, values ? [text] }
    NodeSelectorTerm { matchExpressions ? [NodeSelectorRequirement], matchFields ? [NodeSelectorRequirement] }
    ObjectFieldSelector { apiVersion ? text, fieldPath = text }
    ObjectMeta {
        name ? text, generateName ? text, namespace ? text, selfLink ? text, uid ? text, resourceVersion ? text,
        generation ? number, creationTimestamp ? time, deletionTimestamp ? (time), deletionGracePeriodSeconds ?
        (number), labels ? {text}, annotations ? {text}, ownerReferences ? [OwnerReference], finalizers ? [text],
        clusterName ? text, managedFields ? [ManagedFieldsEntry]
    }
    OwnerReference {
        apiVersion = text, kind = text, name = text, uid = text, controller ? (flag), blockOwnerDeletion ? (flag)
    }
    PersistentVolumeClaimSpec {
        accessModes ? [text], selector ? (LabelSelector), resources ? ResourceRequirements, volumeName ? text,
        storageClassName ? (text), volumeMode ? (text), dataSource ? (TypedLocalObjectReference)
    }
    PersistentVolumeClaimTemplate { metadata ? ObjectMeta, spec = PersistentVolumeClaimSpec }
    PersistentVolumeClaimVolumeSource { claimName = text, readOnly ? flag }
    PhotonPersistentDiskVolumeSource { pdID = text, fsType ? text }
    PodAffinity {
        requiredDuringSchedulingIgnoredDuringExecution ? [PodAffinityTerm],
        preferredDuringSchedulingIgnoredDuringExecution ? [WeightedPodAffinityTerm]
    }
    PodAffinityTerm {
        labelSelector ? (LabelSelector), namespaces ? [text], topologyKey = text, namespaceSelector ? (LabelSelector)
    }
    PodAntiAffinity {
        requiredDuringSchedulingIgnoredDuringExecution ? [PodAffinityTerm],
        preferredDuringSchedulingIgnoredDuringExecution ? [WeightedPodAffinityTerm]
    }
    PodDNSConfig { nameservers ? [text], searches ? [text], options ? [PodDNSConfigOption] }
    PodDNSConfigOption { name ? text, value ? (text) }
    PodReadinessGate { conditionType = text }
    PodSecurityContext {
        seLinuxOptions ? (SELinuxOptions), windowsOptions ? (WindowsSecurityContextOptions), runAsUser ? (number),
        runAsGroup ? (number), runAsNonRoot ? (flag), supplementalGroups ? [number], fsGroup ? (number), sysctls ?
        [Sysctl], fsGroupChangePolicy ? (text), seccompProfile ? (SeccompProfile)
    }
    PodSpec {
        volumes ? [Volume], initContainers ? [Container], containers = [Container], ephemeralContainers ?
        [EphemeralContainer], restartPolicy ? text, terminationGracePeriodSeconds ? (number), activeDeadlineSeconds ?
        (number), dnsPolicy ? text, nodeSelector ? {text}, serviceAccountName ? text, serviceAccount ? text,
        automountServiceAccountToken ? (flag), nodeName ? text, hostNetwork ? flag, hostPID ? flag, hostIPC ? flag,
        shareProcessNamespace ? (flag), securityContext ? (PodSecurityContext), imagePullSecrets ?
        [LocalObjectReference], hostname ? text, subdomain ? text, affinity ? (Affinity), schedulerName ? text,
        tolerations ? [Toleration], hostAliases ? [HostAlias], priorityClassName ? text, priority ? (number), dnsConfig
        ? (PodDNSConfig), readinessGates ? [PodReadinessGate], runtimeClassName ? (text), enableServiceLinks ? (flag),
        preemptionPolicy ? (text), overhead ? {quantity}, topologySpreadConstraints ? [TopologySpreadConstraint],
        setHostnameAsFQDN ? (flag)
    }
    PortworxVolumeSource { volumeID = text, fsType ? text, readOnly ? flag }
    PreferredSchedulingTerm { weight = number, preference = NodeSelectorTerm }
    Probe {
        exec ? (ExecAction), httpGet ? (HTTPGetAction), tcpSocket ? (TCPSocketAction), initialDelaySeconds ? number,
        timeoutSeconds ? number, periodSeconds ? number, successThreshold ? number, failureThreshold ? number,
        terminationGracePeriodSeconds ? (number)
    }
    ProjectedVolumeSource { sources = [VolumeProjection], defaultMode ? (number) }
    QuobyteVolumeSource { registry = text, volume = text, readOnly ? flag, user ? text, group ? text, tenant ? text }
    RBDVolumeSource {
        monitors = [text], image = text, fsType ? text, pool ? text, user ? text, keyring ? text, secretRef ?
        (LocalObjectReference), readOnly ? flag
    }
    ResourceFieldSelector { containerName ? text, resource = text, divisor ? quantity }
    ResourceRequirements { limits ? {quantity}, requests ? {quantity} }
    SELinuxOptions { user ? text, role ? text, type ? text, level ? text }
    ScaleIOVolumeSource {
        gateway = text, system = text, secretRef = (LocalObjectReference), sslEnabled ? flag, protectionDomain ? text,
        storagePool ? text, storageMode ? text, volumeName ? text, fsType ? text, readOnly ? flag
    }
    SeccompProfile { type = text, localhostProfile ? (text) }
    SecretEnvSource { name ? text, optional ? (flag) }
    SecretKeySelector { name ? text, key = text, optional ? (flag) }
    SecretProjection { name ? text, items ? [KeyToPath], optional ? (flag) }
    SecretVolumeSource { secretName ? text, items ? [KeyToPath], defaultMode ? (number), optional ? (flag) }
    SecurityContext {
        capabilities ? (Capabilities), privileged ? (flag), seLinuxOptions ? (SELinuxOptions), windowsOptions ?
        (WindowsSecurityContextOptions), runAsUser ? (number), runAsGroup ? (number), runAsNonRoot ? (flag),
        readOnlyRootFilesystem ? (flag), allowPrivilegeEscalation ? (flag), procMount ? (text), seccompProfile ?
        (SeccompProfile)
    }
    ServiceAccountTokenProjection { audience ? text, expirationSeconds ? (number), path = text }
    StorageOSVolumeSource {
        volumeName ? text, volumeNamespace ? text, fsType ? text, readOnly ? flag, secretRef ? (LocalObjectReference)
    }
    Sysctl { name = text, value = text }
    TCPSocketAction { port = either, host ? text }
    Toleration { key ? text, operator ? text, value ? text, effect ? text, tolerationSeconds ? (number) }
    TopologySpreadConstraint {
        maxSkew = number, topologyKey = text, whenUnsatisfiable = text, labelSelector ? (LabelSelector)
    }
    TypedLocalObjectReference { apiGroup = (text), kind = text, name = text }
    Volume {
        name = text, hostPath ? (HostPathVolumeSource), emptyDir ? (EmptyDirVolumeSource), gcePersistentDisk ?
        (GCEPersistentDiskVolumeSource), awsElasticBlockStore ? (AWSElasticBlockStoreVolumeSource), gitRepo ?
        (GitRepoVolumeSource), secret ? (SecretVolumeSource), nfs ? (NFSVolumeSource), iscsi ? (ISCSIVolumeSource),
        glusterfs ? (GlusterfsVolumeSource), persistentVolumeClaim ? (PersistentVolumeClaimVolumeSource), rbd ?
        (RBDVolumeSource), flexVolume ? (FlexVolumeSource), cinder ? (CinderVolumeSource), cephfs ?
        (CephFSVolumeSource), flocker ? (FlockerVolumeSource), downwardAPI ? (DownwardAPIVolumeSource), fc ?
        (FCVolumeSource), azureFile ? (AzureFileVolumeSource), configMap ? (ConfigMapVolumeSource), vsphereVolume ?
        (VsphereVirtualDiskVolumeSource), quobyte ? (QuobyteVolumeSource), azureDisk ? (AzureDiskVolumeSource),
        photonPersistentDisk ? (PhotonPersistentDiskVolumeSource), projected ? (ProjectedVolumeSource), portworxVolume ?
        (PortworxVolumeSource), scaleIO ? (ScaleIOVolumeSource), storageos ? (StorageOSVolumeSource), csi ?
        (CSIVolumeSource), ephemeral ? (EphemeralVolumeSource)
    }
    VolumeDevice { name = text, devicePath = text }
    VolumeMount {
        name = text, readOnly ? flag, mountPath = text, subPath ? text, mountPropagation ? (text), subPathExpr ? text
    }
    VolumeProjection {
        secret ? (SecretProjection), downwardAPI ? (DownwardAPIProjection), configMap ? (ConfigMapProjection),
        serviceAccountToken ? (ServiceAccountTokenProjection)
    }
    VsphereVirtualDiskVolumeSource {
        volumePath = text, fsType ? text, storagePolicyName ? text, storagePolicyID ? text
    }
    WeightedPodAffinityTerm { weight = number, podAffinityTerm = PodAffinityTerm }
    WindowsSecurityContextOptions {
        gmsaCredentialSpecName ? (text), gmsaCredentialSpec ? (text), runAsUserName ? (text)
    }
}
