//! What is wrong with an event. One that says when it happened to the microsecond, as all of the newer group do, has to be whole and short.
use serde_json::Value;

use super::{is_label_key, text};
use crate::schema::Cause;

/// Bytes of what an event says, and of each word by which machines know it.
const SAID: usize = 1024;
const WORD: usize = 128;

/// What the groups call a field of the same meaning.
struct Names {
    about: &'static str,
    said: &'static str,
    reporter: &'static str,
}

/// Of the core group; `causes` are in its names, whichever group was asked, but for the reporter.
pub(super) fn event(value: &Value, causes: &mut Vec<Cause>) {
    any(value, &Names { about: "involvedObject", said: "message", reporter: "reportingComponent" }, causes);
}

/// Of the newer group, to be created.
pub(super) fn new_event(value: &Value, causes: &mut Vec<Cause>) {
    any(value, &Names { about: "regarding", said: "note", reporter: "reportingController" }, causes);
    if !value["eventTime"].is_string() {
        causes.push(Cause::required("eventTime", ""));
    }
    let kind = text(value, "type");
    if !matches!(kind, "Normal" | "Warning") {
        causes.push(wrong("type", &format!("has invalid value: {kind}")));
    }
}

fn any(value: &Value, names: &Names, causes: &mut Vec<Cause>) {
    let (about, here) = (text(&value[names.about], "namespace"), text(&value["metadata"], "namespace"));
    let is_precise = value["eventTime"].is_string();
    let is_astray = match about {
        "" => here != "default" && !(is_precise && here == "kube-system"),
        about => !is_precise && about != here,
    };
    if is_astray {
        causes.push(Cause::invalid("involvedObject.namespace", &about.into(), "does not match event.namespace"));
    }
    if !is_precise {
        return;
    }
    reporter(text(value, names.reporter), names.reporter, causes);
    for field in ["reportingInstance", "action", "reason"] {
        match text(value, field) {
            "" => causes.push(Cause::required(field, "")),
            word => causes.extend(longer(word, WORD, field)),
        }
    }
    causes.extend(longer(text(value, names.said), SAID, "message"));
}

/// One that is empty is neither long enough nor made of what names are made of.
fn reporter(name: &str, field: &str, causes: &mut Vec<Cause>) {
    let mut ways = vec![name];
    if name.is_empty() {
        causes.push(Cause::required(field, ""));
        ways.push(" ");
    }
    let why = ways.into_iter().filter_map(is_label_key);
    causes.extend(why.map(|why| Cause::invalid(field, &name.into(), &why)));
}

fn longer(text: &str, limit: usize, field: &str) -> Option<Cause> {
    (text.len() > limit).then(|| wrong(field, &format!("can have at most {limit} characters")))
}

/// What was found is not repeated.
fn wrong(field: &str, why: &str) -> Cause {
    Cause::invalid(field, &"".into(), why)
}
