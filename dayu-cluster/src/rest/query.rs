//! What a request asks for beside its path.

use std::str::FromStr;

use super::error::ApiError;
use super::selector::{FieldSelector, LabelSelector};
use crate::schema::Cause;

/// The query parameters as they came.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(query: Option<&str>) -> Self {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Self(pairs.map(|(key, value)| (key.into_owned(), value.into_owned())).collect())
    }

    /// The first value that is not empty: an empty parameter counts as absent.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, value)| name == key && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    pub(crate) fn all(&self, key: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    pub(crate) fn flag(&self, key: &str) -> bool {
        matches!(self.get(key), Some("true" | "1" | "True" | "TRUE" | "t" | "T"))
    }

    fn number<T: FromStr>(&self, key: &str) -> Result<Option<T>, ApiError> {
        let Some(text) = self.get(key) else { return Ok(None) };
        text.parse()
            .map(Some)
            .map_err(|_| ApiError::bad_request(format!("strconv.ParseInt: parsing \"{text}\": invalid syntax")))
    }
}

/// What list and watch select.
#[derive(Debug, Default)]
pub(crate) struct ListOptions {
    pub(crate) labels: LabelSelector,
    pub(crate) fields: FieldSelector,
    pub(crate) limit: Option<usize>,
    pub(crate) continuation: Option<String>,
    pub(crate) version: Option<u64>,
    pub(crate) version_match: Option<VersionMatch>,
    pub(crate) timeout: Option<u64>,
    pub(crate) bookmarks: bool,
    pub(crate) initial_events: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VersionMatch {
    Exact,
    NotOlderThan,
}

impl ListOptions {
    pub(crate) fn parse(query: &Query) -> Result<Self, ApiError> {
        let version_match = match query.get("resourceVersionMatch") {
            None => None,
            Some("Exact") => Some(VersionMatch::Exact),
            Some("NotOlderThan") => Some(VersionMatch::NotOlderThan),
            Some(other) => {
                let supported = ["Exact", "NotOlderThan", ""];
                let cause = Cause::unsupported("resourceVersionMatch", &other.into(), supported);
                return Err(ApiError::options("ListOptions", cause));
            }
        };
        let version = query.get("resourceVersion").map(str::parse).transpose().map_err(|_| {
            let asked = query.get("resourceVersion").unwrap_or_default();
            ApiError::bad_request(format!(
                "invalid resource version: resourceVersion: Invalid value: \"{asked}\": strconv.ParseUint: parsing \"{asked}\": invalid syntax"
            ))
        })?;
        Ok(Self {
            labels: query.get("labelSelector").map(LabelSelector::parse).transpose()?.unwrap_or_default(),
            fields: query.get("fieldSelector").map(FieldSelector::parse).transpose()?.unwrap_or_default(),
            limit: query.number("limit")?.filter(|limit| *limit > 0),
            continuation: query.get("continue").map(Into::into),
            version,
            version_match,
            timeout: query.number("timeoutSeconds")?,
            bookmarks: query.flag("allowWatchBookmarks"),
            initial_events: query.get("sendInitialEvents").map(|_| query.flag("sendInitialEvents")),
        })
    }

    /// A watch says how old its initial events may be if it asks for some or none, and only then.
    pub(crate) fn check_watch(&self) -> Result<(), ApiError> {
        let why = match (self.initial_events, self.version_match) {
            (None, None) | (Some(_), Some(VersionMatch::NotOlderThan)) => return Ok(()),
            (Some(_), _) => "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
            (None, Some(_)) => "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
        };
        Err(ApiError::options("ListOptions", Cause::forbidden("resourceVersionMatch", why)))
    }
}

/// How much a write cares about fields that the kind does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum FieldValidation {
    Ignore,
    #[default]
    Warn,
    Strict,
}

/// What every write can be told.
#[derive(Debug, Clone)]
pub(crate) struct WriteOptions {
    pub(crate) dry_run: bool,
    pub(crate) manager: String,
    /// The manager was named, not guessed.
    pub(crate) named: bool,
    pub(crate) validation: FieldValidation,
    pub(crate) force: bool,
}

impl WriteOptions {
    /// The manager's name defaults to the first word of the user agent, as Kubernetes has it. `kind` is what Kubernetes
    /// calls the options of such a write: `CreateOptions`, ….
    pub(crate) fn parse(kind: &str, query: &Query, user_agent: Option<&str>) -> Result<Self, ApiError> {
        let refuse = |cause| Err(ApiError::options(kind, cause));
        let validation = match query.get("fieldValidation") {
            None | Some("Warn") => FieldValidation::Warn,
            Some("Ignore") => FieldValidation::Ignore,
            Some("Strict") => FieldValidation::Strict,
            Some(other) => {
                let supported = ["", "Ignore", "Strict", "Warn"];
                return refuse(Cause::unsupported("fieldValidation", &other.into(), supported));
            }
        };
        if let Some(other) = query.all("dryRun").find(|stage| !stage.is_empty() && *stage != "All") {
            return refuse(Cause::unsupported("dryRun", &vec![other].into(), ["All"]));
        }
        if query.get("fieldManager").is_some_and(|manager| manager.len() > 128) {
            return refuse(Cause::too_long("fieldManager", 128));
        }
        let agent = user_agent.and_then(|agent| agent.split(['/', ' ']).next()).filter(|agent| !agent.is_empty());
        Ok(Self {
            dry_run: query.all("dryRun").any(|stage| stage == "All"),
            manager: query.get("fieldManager").or(agent).unwrap_or("unknown").chars().take(128).collect(),
            named: query.get("fieldManager").is_some(),
            validation,
            force: query.flag("force"),
        })
    }
}
