//! Whom a request is for: absolute-form and CONNECT name it in the request line, origin-form in `Host`.
use http::{Method, Request, header::HOST, uri::Authority};

/// The host and, where it was written, the port that a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// A name, or an address; without the brackets of IPv6.
    pub(crate) host: String,
    /// None: the service's only port, else 80.
    pub(crate) port: Option<u16>,
}

/// Why it is not known whom a request is for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unclear {
    #[error("the request names no host; send `Host: <service>.<namespace>.svc`")]
    NoHost,
    #[error("the host {0:?} cannot be read; send `<service>.<namespace>.svc` or `<service>.<namespace>.svc:<port>`")]
    Unreadable(String),
    #[error("{0}:// cannot be carried as a plain request; use http://, or CONNECT for TLS")]
    Scheme(String),
    #[error("CONNECT to {0:?} names no port; send `CONNECT <host>:<port>`")]
    NoPort(String),
}

/// Reads whom `request` is for.
pub(crate) fn wanted<B>(request: &Request<B>) -> Result<Wanted, Unclear> {
    if let Some(scheme) = request.uri().scheme_str().filter(|scheme| *scheme != "http") {
        return Err(Unclear::Scheme(scheme.to_owned()));
    }
    let wanted = match request.uri().authority() {
        Some(authority) => read(authority)?,
        None => {
            let host = request.headers().get(HOST).ok_or(Unclear::NoHost)?;
            let unreadable = || Unclear::Unreadable(String::from_utf8_lossy(host.as_bytes()).into_owned());
            read(&Authority::try_from(host.as_bytes()).map_err(|_| unreadable())?)?
        }
    };
    match (request.method(), wanted.port) {
        (&Method::CONNECT, None) => Err(Unclear::NoPort(wanted.host)),
        _ if wanted.host.is_empty() => Err(Unclear::NoHost),
        _ => Ok(wanted),
    }
}

fn read(authority: &Authority) -> Result<Wanted, Unclear> {
    let port = authority.port_u16();
    // Behind the host nothing else can stand: it is a port that is none.
    if port.is_none() && !authority.as_str().ends_with(authority.host()) {
        return Err(Unclear::Unreadable(authority.to_string()));
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    Ok(Wanted { host: host.to_ascii_lowercase(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: Method, target: &str, host: Option<&str>) -> Result<Wanted, Unclear> {
        let mut request = Request::builder().method(method).uri(target);
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        wanted(&request.body(()).unwrap())
    }

    fn some(host: &str, port: Option<u16>) -> Result<Wanted, Unclear> {
        Ok(Wanted { host: host.to_owned(), port })
    }

    #[test]
    fn the_three_forms_name_the_same() {
        assert_eq!(of(Method::GET, "http://det.ns.svc:90/x", Some("other")), some("det.ns.svc", Some(90)));
        assert_eq!(of(Method::GET, "/x", Some("Det.ns.svc:90")), some("det.ns.svc", Some(90)));
        assert_eq!(of(Method::CONNECT, "det.ns.svc:90", None), some("det.ns.svc", Some(90)));
    }

    #[test]
    fn addresses_and_trailing_dots() {
        assert_eq!(of(Method::GET, "http://[::1]:30000/", None), some("::1", Some(30000)));
        assert_eq!(of(Method::GET, "http://det.ns.svc.cluster.local./", None), some("det.ns.svc.cluster.local", None));
    }

    #[test]
    fn what_is_unclear_is_said() {
        assert_eq!(of(Method::GET, "/x", None), Err(Unclear::NoHost));
        assert_eq!(of(Method::GET, "/x", Some("")), Err(Unclear::Unreadable(String::new())));
        let beyond = "det.ns.svc:99999".to_owned();
        assert_eq!(of(Method::GET, "/x", Some(&beyond)), Err(Unclear::Unreadable(beyond)));
        assert_eq!(of(Method::GET, "https://det.ns.svc/", None), Err(Unclear::Scheme("https".to_owned())));
        assert_eq!(of(Method::CONNECT, "det.ns.svc", None), Err(Unclear::NoPort("det.ns.svc".to_owned())));
    }
}
