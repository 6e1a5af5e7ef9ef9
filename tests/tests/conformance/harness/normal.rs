//! What differs between any two runs, replaced by what does not.

use std::sync::LazyLock;

use regex_lite::{Captures, Regex};
use serde_json::Value;

/// Gives each unstable value a stable name, the same one wherever it comes again.
#[derive(Default)]
pub(crate) struct Names {
    uids: Vec<String>,
    versions: Vec<String>,
    hashes: Vec<String>,
    addresses: Vec<String>,
    ports: Vec<String>,
    /// What generated names start with.
    prefixes: Vec<String>,
}

static UID: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").unwrap());
static TIME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)").unwrap());
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b10\.96\.\d+\.\d+\b").unwrap());
static AGE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b(\d+[smhd])+\b").unwrap());
static FILE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"/tmp/(LIVE|MERGED)-\d+").unwrap());
static WRITTEN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[.]\d+ [+-]\d{4}").unwrap());
static RECORD: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(in record|too old resource version: \d+) \(\d+\)").unwrap());
static VERSION: LazyLock<Regex> = LazyLock::new(|| Regex::new("([rR]esource ?[vV]ersion: +)\"?\\d+\"?").unwrap());
static NODE_PORT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r":(3\d{4})/").unwrap());
static SPACES: LazyLock<Regex> = LazyLock::new(|| Regex::new(" {2,}").unwrap());

impl Names {
    /// Names with five random characters after this are one name from here on.
    pub(crate) fn generated(&mut self, prefix: &str) {
        self.prefixes.push(prefix.to_owned());
    }

    /// The value as a list of paths and what stands there, in the order of the paths.
    pub(crate) fn flat(&mut self, value: &Value) -> Vec<(String, String)> {
        let mut lines = Vec::new();
        self.walk(String::new(), "", value, &mut lines);
        lines
    }

    fn walk(&mut self, path: String, key: &str, value: &Value, lines: &mut Vec<(String, String)>) {
        match value {
            // In no order that matters. Whom the control plane itself writes as is its own affair.
            Value::Array(entries) if key == "managedFields" => {
                for entry in entries.iter().filter(|one| !text(&one["manager"]).starts_with("kube-")) {
                    let who = ["manager", "operation", "subresource"].map(|field| text(&entry[field])).join(" ");
                    self.walk(format!("{path}/{}", who.trim_end()), "entry", entry, lines);
                }
            }
            // A list says of what it is; whether each item does as well is told by one scenario.
            Value::Array(items) if key == "items" => {
                for (index, item) in items.iter().enumerate() {
                    let mut item = item.clone();
                    if let Some(fields) = item.as_object_mut() {
                        fields.retain(|name, _| name != "apiVersion" && name != "kind");
                    }
                    self.walk(format!("{path}/{index}"), "item", &item, lines);
                }
            }
            Value::Object(fields) if !fields.is_empty() => {
                let list = fields.contains_key("items") || fields.contains_key("rows");
                let bookmark = fields.get("type").is_some_and(|kind| kind == "BOOKMARK");
                let mut sorted: Vec<_> = fields.iter().collect();
                sorted.sort_by_key(|(name, _)| *name);
                for (name, value) in sorted {
                    // The version of a list or a bookmark is the whole store's, in which others write as well.
                    let of_store = list && name == "metadata" || bookmark && name == "object";
                    let name_of = if of_store { "list" } else { name };
                    let shown = self.text(name);
                    self.walk(format!("{path}/{shown}"), if key == "list" { "list" } else { name_of }, value, lines);
                }
            }
            Value::Array(items) if !items.is_empty() => {
                for (index, item) in items.iter().enumerate() {
                    self.walk(format!("{path}/{index}"), key, item, lines);
                }
            }
            leaf => {
                let shown = self.leaf(&path, key, leaf);
                lines.push((path, shown));
            }
        }
    }

    fn leaf(&mut self, path: &str, key: &str, value: &Value) -> String {
        match value {
            Value::String(text) if key == "list" && path.ends_with("/resourceVersion") && is_version(text) => {
                "<version>".into()
            }
            Value::String(text) if key == "list" && path.ends_with("/continue") && !text.is_empty() => {
                "<continue>".into()
            }
            Value::String(text) if key == "resourceVersion" => number(&mut self.versions, "version", text),
            Value::String(text) if key == "pod-template-hash" => number(&mut self.hashes, "hash", text),
            Value::Number(port) if key == "nodePort" => number(&mut self.ports, "node port", &port.to_string()),
            Value::String(text) => format!("\"{}\"", self.text(text)),
            other => other.to_string(),
        }
    }

    /// Unstable values within a text.
    pub(crate) fn text(&mut self, text: &str) -> String {
        let text = UID.replace_all(text, |found: &Captures<'_>| number(&mut self.uids, "uid", &found[0]));
        let text = TIME.replace_all(&text, |found: &Captures<'_>| match found.get(1) {
            Some(fraction) => format!("<time to {} digits>", fraction.as_str().len() - 1),
            None => "<time>".into(),
        });
        let text = RECORD.replace_all(&text, "$1 (<version>)");
        let address = |found: &Captures<'_>| number(&mut self.addresses, "cluster address", &found[0]);
        let mut text = ADDRESS.replace_all(&text, address).into_owned();
        for hash in self.hashes.iter().enumerate() {
            text = text.replace(&format!("-{}", hash.1), &format!("-<hash {}>", hash.0 + 1));
        }
        for prefix in &self.prefixes {
            let random = Regex::new(&format!("{}[a-z0-9]{{5}}", regex_lite::escape(prefix))).unwrap();
            text = random.replace_all(&text, format!("{prefix}<random>").as_str()).into_owned();
        }
        text
    }

    /// What a program printed: columns are as wide as their contents, and ages change.
    pub(crate) fn printed(&mut self, text: &str) -> Vec<String> {
        let mut line = |line: &str| {
            let line = self.text(line);
            let line = WRITTEN.replace_all(&line, "<time>");
            let line = FILE.replace_all(&line, "$1");
            let line = VERSION.replace_all(&line, "$1<version>");
            let port = |found: &Captures<'_>| format!(":{}/", number(&mut self.ports, "node port", &found[1]));
            let line = NODE_PORT.replace_all(&line, port);
            SPACES.replace_all(AGE.replace_all(&line, "<age>").trim_end(), "  ").into_owned()
        };
        text.lines().map(&mut line).collect()
    }
}

/// Nothing and zero have a meaning of their own.
fn is_version(text: &str) -> bool {
    text.parse::<u64>().is_ok_and(|version| version > 0)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn number(known: &mut Vec<String>, what: &str, found: &str) -> String {
    let place = known.iter().position(|one| one == found).unwrap_or_else(|| {
        known.push(found.to_owned());
        known.len() - 1
    });
    format!("<{what} {}>", place + 1)
}
