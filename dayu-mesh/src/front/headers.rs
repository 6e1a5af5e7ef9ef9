//! What a hop keeps to itself.
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE},
};

/// The device that a request means, where the host does not say it.
pub(crate) const TARGET_DEVICE: HeaderName = HeaderName::from_static("x-target-device");
/// Requests of equal keys go to the same endpoint, as long as it is there.
pub(crate) const KEY: HeaderName = HeaderName::from_static("x-dayu-key");
/// On a refusal: why, for machines.
pub(crate) const REASON: HeaderName = HeaderName::from_static("x-dayu-reason");
/// On an answer: `<device>/<pod>` of the endpoint that gave it.
pub(crate) const ENDPOINT: HeaderName = HeaderName::from_static("x-dayu-endpoint");

const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Removes the headers of the hop, among them those that `Connection` lists (RFC 9110, section 7.6.1).
pub(crate) fn strip(headers: &mut HeaderMap) {
    let listed: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in HOP_BY_HOP.iter().chain(&listed) {
        headers.remove(name);
    }
}

/// The other protocol that a request offers or an answer switches to, as WebSocket. Not HTTP/2: requests over one connection
/// are for endpoints of their own each, and who offers it is served without, too.
pub(crate) fn protocol(headers: &HeaderMap) -> Option<HeaderValue> {
    let listed = |value: &HeaderValue| {
        value.to_str().is_ok_and(|value| value.split(',').any(|name| name.trim().eq_ignore_ascii_case("upgrade")))
    };
    let offered = headers.get(UPGRADE).filter(|_| headers.get_all(CONNECTION).iter().any(listed));
    offered.filter(|protocol| !protocol.as_bytes().eq_ignore_ascii_case(b"h2c")).cloned()
}

/// Offers or takes `protocol`, on this hop as on the one before.
pub(crate) fn switch_to(headers: &mut HeaderMap, protocol: HeaderValue) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, protocol);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hop_s_own_headers_go() {
        let mut headers = HeaderMap::new();
        for (name, value) in [("connection", "close, X-Mine"), ("x-mine", "1"), ("te", "gzip"), ("x-yours", "2")] {
            headers.insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        strip(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-yours"]);
    }

    #[test]
    fn another_protocol_is_one_that_the_connection_offers_and_not_http() {
        for (connection, upgrade, protocol) in [
            ("keep-alive, Upgrade", "websocket", Some("websocket")),
            ("keep-alive", "websocket", None),
            ("Upgrade, HTTP2-Settings", "h2c", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONNECTION, HeaderValue::from_static(connection));
            headers.insert(UPGRADE, HeaderValue::from_static(upgrade));
            assert_eq!(super::protocol(&headers), protocol.map(HeaderValue::from_static), "{connection}: {upgrade}");
        }
    }
}
