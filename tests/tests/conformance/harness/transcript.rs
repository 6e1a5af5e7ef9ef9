//! What was said in a scenario.

use std::collections::BTreeMap;
use std::fmt;

/// Step by step, what stands at each path of what the server said.
#[derive(Default)]
pub(crate) struct Transcript(Vec<(String, BTreeMap<String, String>)>);

/// What two servers said differently at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) step: String,
    pub(crate) path: String,
    pub(crate) real: String,
    pub(crate) embedded: String,
}

const NOTHING: &str = "(nothing)";
const CODE: &str = "code";

impl Transcript {
    pub(crate) fn record(&mut self, step: &str, said: Vec<(String, String)>) {
        assert!(self.0.iter().all(|(known, _)| known != step), "two steps are called {step}");
        self.0.push((step.into(), said.into_iter().collect()));
    }

    /// Where the other one differs.
    pub(crate) fn differences(&self, embedded: &Self) -> Vec<Difference> {
        let steps = |one: &Self| one.0.iter().map(|(step, _)| step.clone()).collect::<Vec<_>>();
        assert_eq!(steps(self), steps(embedded), "a scenario's steps do not depend on the server");
        let pairs = self.0.iter().zip(&embedded.0);
        pairs.flat_map(|((step, real), (_, embedded))| differing(step, real, embedded)).collect()
    }
}

fn differing(step: &str, real: &BTreeMap<String, String>, embedded: &BTreeMap<String, String>) -> Vec<Difference> {
    let paths = real.keys().chain(embedded.keys().filter(|path| !real.contains_key(*path)));
    let code = |said: &BTreeMap<String, String>| {
        let (code, message) = (said.get(CODE), said.get("/message").map_or("", String::as_str));
        code.map(|code| format!("{code} {message}"))
    };
    // Where one accepts and the other refuses, or for another reason, nothing else need be the same.
    if real.get(CODE) != embedded.get(CODE) {
        let found = |said| code(said).unwrap_or_else(|| NOTHING.into());
        return vec![Difference { step: step.into(), path: CODE.into(), real: found(real), embedded: found(embedded) }];
    }
    let at = |said: &BTreeMap<String, String>, path: &str| said.get(path).map_or(NOTHING, String::as_str).to_owned();
    let both = paths.map(|path| Difference {
        step: step.into(),
        path: path.clone(),
        real: at(real, path),
        embedded: at(embedded, path),
    });
    both.filter(|found| found.real != found.embedded).collect()
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, path, real, embedded } = self;
        write!(f, "{step} {path}\n    kubernetes: {real}\n    embedded:   {embedded}")
    }
}
