//! References to environment variables, as Kubernetes writes them: `$(NAME)`, and `$$` for a dollar.

/// `text` with every reference to a variable of `env` replaced; one to an unknown variable stays as it is.
pub(super) fn expand(text: &str, env: &[(String, String)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        rest = if let Some(escaped) = after.strip_prefix('$') {
            out.push('$');
            escaped
        } else if let Some((name, behind)) = after.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            match env.iter().rev().find(|(known, _)| known == name) {
                Some((_, value)) => out.push_str(value),
                None => out.push_str(&rest[at..at + name.len() + 3]),
            }
            behind
        } else {
            out.push('$');
            after
        };
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_replaced_as_kubernetes_does() {
        let env = [("A".to_owned(), "1".to_owned()), ("B".to_owned(), "$(A)".to_owned())];
        for (text, expected) in [
            ("x$(A)y", "x1y"),
            ("$(B)", "$(A)"),
            ("$$(A)", "$(A)"),
            ("$(NO)-$(A", "$(NO)-$(A"),
            ("50$ $", "50$ $"),
            ("é$(A)é", "é1é"),
        ] {
            assert_eq!(expand(text, &env), expected, "{text}");
        }
    }
}
