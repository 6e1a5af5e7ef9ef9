//! The file that tells clients how to get in.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::authority::Identity;

pub(super) fn write(addr: SocketAddr, authority: &str, client: &Identity) -> String {
    let authority = BASE64.encode(authority);
    let certificate = BASE64.encode(&client.certificate);
    let key = BASE64.encode(&client.key);
    format!(
        "apiVersion: v1
kind: Config
clusters:
- name: embedded
  cluster:
    server: https://{addr}
    certificate-authority-data: {authority}
users:
- name: admin
  user:
    client-certificate-data: {certificate}
    client-key-data: {key}
contexts:
- name: embedded
  context:
    cluster: embedded
    user: admin
    namespace: default
current-context: embedded
"
    )
}
