//! What to do about a document that the server refuses. Its own message says what and where.
use kube::{Error, core::Status};

/// The next step, as the end of a sentence; empty where the server's message leaves no question.
pub(super) fn remedy(error: &Error) -> &'static str {
    match error {
        Error::Api(status) => refused(status),
        Error::Auth(_) => "; look at the user of the kubeconfig's context",
        _ => "; is the server running, and its address in the kubeconfig right?",
    }
}

fn refused(status: &Status) -> &'static str {
    let says = |words: &str| status.message.contains(words);
    match status.code {
        401 => "; the server does not know the kubeconfig's user: renew its credentials",
        403 if says("quota") => "; free some of the quota, or have it raised",
        403 if says("terminating") => "; wait until the namespace is gone, then make it anew",
        403 => "; ask for that right: `kubectl auth can-i --list` shows those there are",
        404 => "; make its namespace first, or in the same manifest",
        409 => "; look at the object as it is now, then try again",
        _ if says("already allocated") => "; choose another, or leave it out to be given a free one",
        _ if says("unknown field") || says("not declared in schema") => {
            "; correct or remove it: `kubectl explain` lists the fields"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: u16, message: &str) -> Error {
        Error::Api(Box::new(Status::failure(message, "").with_code(code)))
    }

    #[test]
    fn each_kind_of_refusal_has_its_own_next_step() {
        let refusals = [
            (401, "Unauthorized", "credentials"),
            (403, "exceeded quota: compute", "quota"),
            (403, "unable to create new content because it is being terminated: terminating", "wait"),
            (403, r#"services is forbidden: User "eve" cannot patch"#, "ask for that right"),
            (404, r#"namespaces "shop" not found"#, "namespace"),
            (409, "the object has been modified", "as it is now"),
            (422, "provided port is already allocated", "leave it out"),
            (400, r#"unknown field "spec.x""#, "explain"),
            (400, ".spec.x: field not declared in schema", "explain"),
        ];
        for (code, message, next) in refusals {
            assert!(remedy(&status(code, message)).contains(next), "{code} {message}");
        }
        assert_eq!(remedy(&status(422, "spec.ports: Required value")), "", "nothing to add");
    }
}
