//! What Kubernetes' types are on the wire, from their Go sources: a table from which a few lines decode any of them.
//!
//! The sources know what the `.proto` files beside them do not: how a field is called in JSON, whether it is part of its
//! parent there, and whether a zero in it means something (a pointer) or is just not said.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The modules of the Kubernetes that the table is made from.
pub const MODULES: &str = "v0.37.2";

/// Where a package lies in the modules' cache, and how the table names it.
const PACKAGES: [(&str, &str, &str); 16] = [
    ("api", "core/v1", "core/v1"),
    ("api", "apps/v1", "apps/v1"),
    ("api", "batch/v1", "batch/v1"),
    ("api", "discovery/v1", "discovery/v1"),
    ("api", "coordination/v1", "coordination/v1"),
    ("api", "events/v1", "events/v1"),
    ("api", "rbac/v1", "rbac/v1"),
    ("api", "policy/v1", "policy/v1"),
    ("api", "networking/v1", "networking/v1"),
    ("api", "scheduling/v1", "scheduling/v1"),
    ("api", "storage/v1", "storage/v1"),
    ("api", "autoscaling/v1", "autoscaling/v1"),
    ("api", "authorization/v1", "authorization/v1"),
    ("api", "authentication/v1", "authentication/v1"),
    ("apiextensions-apiserver", "pkg/apis/apiextensions/v1", "apiextensions/v1"),
    ("apimachinery", "pkg/apis/meta/v1", "meta/v1"),
];

/// The objects that can be sent; of the other messages those are in the table that these hold.
const ROOTS: [&str; 36] = [
    "core/v1.Namespace",
    "core/v1.Node",
    "core/v1.Pod",
    "core/v1.Service",
    "core/v1.Endpoints",
    "core/v1.ConfigMap",
    "core/v1.Secret",
    "core/v1.ServiceAccount",
    "core/v1.Event",
    "core/v1.PersistentVolumeClaim",
    "core/v1.PersistentVolume",
    "core/v1.ResourceQuota",
    "core/v1.LimitRange",
    "core/v1.ReplicationController",
    "core/v1.PodTemplate",
    "core/v1.Binding",
    "apps/v1.Deployment",
    "apps/v1.ReplicaSet",
    "apps/v1.DaemonSet",
    "apps/v1.StatefulSet",
    "apps/v1.ControllerRevision",
    "batch/v1.Job",
    "batch/v1.CronJob",
    "discovery/v1.EndpointSlice",
    "coordination/v1.Lease",
    "events/v1.Event",
    "policy/v1.PodDisruptionBudget",
    "policy/v1.Eviction",
    "scheduling/v1.PriorityClass",
    "storage/v1.StorageClass",
    "autoscaling/v1.Scale",
    "authorization/v1.SelfSubjectAccessReview",
    "authorization/v1.SelfSubjectRulesReview",
    "authentication/v1.SelfSubjectReview",
    "apiextensions/v1.CustomResourceDefinition",
    "meta/v1.DeleteOptions",
];
/// As above, whole packages.
const WHOLE: [(&str, &[&str]); 2] = [
    ("rbac/v1", &["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"]),
    ("networking/v1", &["Ingress", "NetworkPolicy"]),
];

/// Types that are written in their own way: their letter in the table.
const SPECIAL: [(&str, char); 7] = [
    ("resource.Quantity", 'q'),
    ("intstr.IntOrString", 'n'),
    ("meta/v1.Time", 'm'),
    ("meta/v1.MicroTime", 'u'),
    ("meta/v1.FieldsV1", 'r'),
    ("runtime.RawExtension", 'r'),
    ("apiextensions/v1.JSON", 'r'),
];

/// The name of a field that has none in JSON.
const CHOICE: &str = "|";

/// The types of all packages.
#[derive(Default)]
struct Sources {
    /// Fields by message.
    messages: BTreeMap<String, Vec<Field>>,
    /// What stands behind a type that is no message.
    named: BTreeMap<String, String>,
}

struct Field {
    number: u32,
    /// Empty: part of the parent. Nothing: JSON has one of the message's fields in the place of the message.
    json: Option<String>,
    /// As in Go, packages as the table has them.
    go: String,
}

impl Field {
    fn is_choice(&self) -> bool {
        self.json.is_none()
    }
}

/// The table for a version of the modules (`v0.37.2`).
///
/// # Errors
/// When the sources are not in Go's cache or are not as expected.
pub fn table(version: &str) -> io::Result<String> {
    let mut sources = Sources::default();
    for (module, folder, package) in PACKAGES {
        let dir = module_cache().join(format!("k8s.io/{module}@{version}")).join(folder);
        for entry in fs::read_dir(&dir)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let others = ["time.go", "micro_time.go", "duration.go", "types_jsonschema.go"];
            if name.ends_with("types.go") || others.contains(&name) {
                sources.read(&path, package)?;
            }
        }
    }
    let whole = WHOLE.iter().flat_map(|(package, kinds)| kinds.iter().map(move |kind| format!("{package}.{kind}")));
    let mut wanted: Vec<String> = ROOTS.iter().map(|&root| root.to_owned()).chain(whole).collect();
    let mut lines = BTreeSet::new();
    while let Some(message) = wanted.pop() {
        let (line, below) = sources.line(&message)?;
        if lines.insert(line) {
            wanted.extend(below);
        }
    }
    Ok(lines.into_iter().map(|line| line + "\n").collect())
}

fn module_cache() -> PathBuf {
    let home = || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join("go");
    let path = || env::var_os("GOPATH").map_or_else(home, PathBuf::from).join("pkg/mod");
    env::var_os("GOMODCACHE").map_or_else(path, PathBuf::from)
}

impl Sources {
    fn read(&mut self, path: &Path, package: &str) -> io::Result<()> {
        let text = fs::read_to_string(path)?;
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let Some(declared) = line.strip_prefix("type ") else { continue };
            let Some((name, rest)) = declared.split_once(' ') else { continue };
            let name = format!("{package}.{name}");
            if rest.trim_end() == "struct{}" {
                self.messages.insert(name, Vec::new());
                continue;
            }
            if rest.trim_end() != "struct {" {
                let behind = rest.split("//").next().unwrap_or_default().trim_start_matches("= ").trim();
                self.named.insert(name, qualified(behind, package));
                continue;
            }
            let fields = lines.by_ref().take_while(|line| *line != "}").filter_map(|line| field(line, package));
            self.messages.insert(name, fields.collect());
        }
        Ok(())
    }

    /// A message as a line, and the messages that it holds.
    fn line(&self, message: &str) -> io::Result<(String, Vec<String>)> {
        let unknown = |what: &str| io::Error::other(format!("{message}: {what} is not among the sources"));
        let fields = self.messages.get(message).ok_or_else(|| unknown("it"))?;
        let (mut line, mut below) = (message.to_owned(), Vec::new());
        for field in fields {
            let (kind, go) = self.shape(&field.go);
            // A list within a map is a message on the wire: only answers have such.
            if kind == "{" && go.starts_with("[]") && go != "[]byte" {
                continue;
            }
            let mut kind = kind.to_owned();
            let scalar = match go {
                "string" => Some('s'),
                "[]byte" => Some('y'),
                "int32" | "int64" | "int" => Some('i'),
                "bool" => Some('t'),
                "float64" => Some('d'),
                _ => special(go),
            };
            match scalar {
                Some(letter) => kind.push(letter),
                // Of a package that is still in the making.
                None if !go.contains('/') => continue,
                None => {
                    let message = self.messages.get(go).ok_or_else(|| unknown(go))?;
                    let choice = if message.iter().any(Field::is_choice) { "|" } else { "" };
                    kind.push_str(&format!("{choice}M{go}"));
                    below.push(go.to_owned());
                }
            }
            line.push_str(&format!(" {}:{}:{kind}", field.number, field.json.as_deref().unwrap_or(CHOICE)));
        }
        Ok((line, below))
    }
}

impl Sources {
    /// Whether a type is a pointer (`*`), a list (`[`) or a map (`{`), and of what.
    fn shape<'a>(&'a self, go: &'a str) -> (&'static str, &'a str) {
        let (mut shape, mut go) = ("", go);
        loop {
            if let Some(behind) = self.named.get(go).filter(|_| special(go).is_none()) {
                go = behind;
            } else if go == "[]byte" || shape == "{" {
                return (shape, go);
            } else if let Some(target) = go.strip_prefix('*') {
                // Of a list that of its items says nothing.
                (shape, go) = (if shape == "[" { shape } else { "*" }, target);
            } else if let Some(item) = go.strip_prefix("[]") {
                (shape, go) = ("[", item);
            } else if let Some((_, value)) = go.strip_prefix("map[").and_then(|map| map.split_once(']')) {
                (shape, go) = ("{", value);
            } else {
                return (shape, go);
            }
        }
    }
}

fn special(go: &str) -> Option<char> {
    SPECIAL.iter().find(|(name, _)| *name == go).map(|(_, letter)| *letter)
}

/// A field that is on the wire.
fn field(line: &str, package: &str) -> Option<Field> {
    let (declared, tags) = line.trim().split_once('`').filter(|(declared, _)| !declared.starts_with("//"))?;
    let tag = |name: &str| tags.split_once(&format!("{name}:\""))?.1.split('"').next();
    let number = tag("protobuf")?.split(',').nth(1)?.parse().ok()?;
    let json = tag("json").and_then(|json| json.split(',').next()).map(str::to_owned);
    let go = qualified(declared.split_whitespace().last()?, package);
    // Written whether it holds or not.
    let always = go == "bool" && tag("json").is_some_and(|json| !json.contains("omitempty"));
    Some(Field { number, json, go: if always { format!("*{go}") } else { go } })
}

/// A Go type with its package as the table names it.
fn qualified(go: &str, package: &str) -> String {
    let (prefix, name) = match go.rfind([']', '*']) {
        Some(at) => go.split_at(at + 1),
        None => ("", go),
    };
    let name = match name.split_once('.') {
        _ if matches!(name, "string" | "byte" | "int" | "int32" | "int64" | "float64" | "bool" | "any") => {
            name.to_owned()
        }
        Some(("metav1", name)) => format!("meta/v1.{name}"),
        Some(("v1" | "corev1" | "apiv1", name)) => format!("core/v1.{name}"),
        Some(("types", _)) => "string".to_owned(),
        Some(_) => name.to_owned(),
        None => format!("{package}.{name}"),
    };
    format!("{prefix}{name}")
}
