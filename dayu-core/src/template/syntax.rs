//! Which names and label values Kubernetes takes, checked before anything is created.
use super::Rejection;

/// Labels, their values and Service names are at most this long, in bytes.
const LABEL_LIMIT: usize = 63;
/// Names that are domain names, in bytes.
const SUBDOMAIN_LIMIT: usize = 253;

/// The name of a resource becomes a label's value on every pod.
pub(super) fn check_length(name: &str) -> Result<(), Rejection> {
    within_label("metadata.name", name, "choose a shorter name")
}

/// `text` of `field` fits into a label's value.
pub(super) fn within_label(field: &str, text: &str, remedy: &str) -> Result<(), Rejection> {
    let (length, limit) = (text.len(), LABEL_LIMIT);
    if length <= limit {
        return Ok(());
    }
    Err(Rejection::invalid(field, format!("{text:?} has {length} characters, the limit is {limit}"), remedy))
}

/// A Service's name: a DNS label that begins with a letter.
pub(super) fn is_service_name(name: &str) -> bool {
    is_dns_label(name) && name.starts_with(|c: char| c.is_ascii_lowercase())
}

fn is_dns_label(name: &str) -> bool {
    name.len() <= LABEL_LIMIT && wrapped(name, |c| c.is_ascii_lowercase() || c.is_ascii_digit(), |c| c == '-')
}

/// A Node's name: DNS labels joined by dots, each without a limit of its own.
pub(super) fn is_subdomain(name: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() <= SUBDOMAIN_LIMIT && name.split('.').all(|part| wrapped(part, alphanumeric, |c| c == '-'))
}

/// A label's value; may be empty.
pub(super) fn is_label_value(value: &str) -> bool {
    value.is_empty() || is_label_name(value)
}

/// A label's or annotation's key: a name, optionally behind a domain and a slash.
pub(crate) fn is_qualified(key: &str) -> bool {
    match key.split_once('/') {
        Some((domain, name)) => is_subdomain(domain) && is_label_name(name),
        None => is_label_name(key),
    }
}

fn is_label_name(name: &str) -> bool {
    name.len() <= LABEL_LIMIT && wrapped(name, |c| c.is_ascii_alphanumeric(), |c| matches!(c, '-' | '_' | '.'))
}

/// Begins and ends with `edge` characters, and holds nothing but those and `inner` ones.
fn wrapped(text: &str, edge: impl Fn(char) -> bool, inner: impl Fn(char) -> bool) -> bool {
    text.starts_with(&edge) && text.ends_with(&edge) && text.chars().all(|c| edge(c) || inner(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_kubernetes() {
        assert!(is_service_name("a-1") && !is_service_name("1-a") && !is_service_name("a-") && !is_service_name(""));
        assert!(is_service_name(&"a".repeat(63)) && !is_service_name(&"a".repeat(64)));
        assert!(is_subdomain("cloud.kubeedge") && is_subdomain("1.b") && !is_subdomain("a..b") && !is_subdomain("A"));
        assert!(is_label_value("") && is_label_value("A_b.c") && !is_label_value("-a") && !is_label_value("a b"));
        assert!(is_qualified("app") && is_qualified("dayu.io/App_1") && !is_qualified("/a") && !is_qualified("a/b/c"));
    }
}
