//! Single values, as cells show them.

use jiff::Timestamp;
use serde_json::Value;

/// How long ago, as kubectl says it: `42s`, `5m3s`, `3h12m`, `9d`, `2y30d`.
pub(crate) fn age(since: &str, now: Timestamp) -> String {
    let Ok(since) = since.parse::<Timestamp>() else { return "<unknown>".into() };
    let seconds = now.as_second() - since.as_second();
    let unit = |count: i64, name: &str, rest: i64, small: &str| match rest {
        0 => format!("{count}{name}"),
        rest => format!("{count}{name}{rest}{small}"),
    };
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match seconds {
        // Clocks differ a little between machines.
        i64::MIN..=-2 => "<invalid>".into(),
        -1 => "0s".into(),
        0..=119 => format!("{seconds}s"),
        120..=599 => unit(minutes, "m", seconds % 60, "s"),
        600..=10_799 => format!("{minutes}m"),
        10_800..=28_799 => unit(hours, "h", minutes % 60, "m"),
        28_800..=172_799 => format!("{hours}h"),
        172_800..=691_199 => unit(days, "d", hours % 24, "h"),
        691_200..=63_071_999 => format!("{days}d"),
        63_072_000..=252_287_999 => unit(days / 365, "y", days % 365, "d"),
        _ => format!("{}y", days / 365),
    }
}

/// The age of an object's creation, or of any other time that may be missing.
pub(super) fn age_of(time: &Value, now: Timestamp) -> Value {
    time.as_str().map_or_else(|| "<unknown>".into(), |time| age(time, now)).into()
}

/// A text, or a stand-in where it is missing.
pub(super) fn or<'a>(value: &'a Value, absent: &'a str) -> &'a str {
    value.as_str().filter(|text| !text.is_empty()).unwrap_or(absent)
}

pub(super) fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_default()
}

/// `a=b,c=d`
pub(super) fn labels(value: &Value) -> String {
    let labels = value.as_object().into_iter().flatten();
    let labels: Vec<String> =
        labels.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default())).collect();
    if labels.is_empty() { "<none>".into() } else { labels.join(",") }
}

/// A label selector in its text form.
pub(super) fn selector(value: &Value) -> String {
    let mut terms: Vec<String> = value["matchLabels"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
        .collect();
    for expression in value["matchExpressions"].as_array().into_iter().flatten() {
        let key = or(&expression["key"], "");
        let values: Vec<&str> =
            expression["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let values = values.join(",");
        terms.push(match or(&expression["operator"], "") {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "DoesNotExist" => format!("!{key}"),
            _ => key.into(),
        });
    }
    terms.sort();
    if terms.is_empty() { "<none>".into() } else { terms.join(",") }
}

/// The texts found in each item, joined.
pub(super) fn join(list: &Value, field: &str) -> String {
    let texts: Vec<&str> = list.as_array().into_iter().flatten().filter_map(|item| item[field].as_str()).collect();
    texts.join(",")
}
