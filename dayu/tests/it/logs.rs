//! What the daemons write for programs to read.
use crate::harness::{Dayu, Plane};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_line_is_an_object_where_json_is_asked_for() {
    let plane = Plane::start().await;
    let kubeconfig = plane.kubeconfig();
    let arguments = ["--log", "info", "--log-format", "json", "gm", "--kubeconfig", &kubeconfig];
    let mut gm = Dayu::start(&[&arguments[..], &["--link-listen", "127.0.0.1:0", "--identity", "gm"]].concat());
    let said = gm.says("the lease").await;
    for line in said.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        for field in ["timestamp", "level", "target", "message"] {
            assert!(line[field].is_string(), "{field} is not in {line}");
        }
    }
    let leads = said.lines().find(|line| line.contains("the lease")).unwrap();
    assert!(leads.contains(r#""leads":true"#) && leads.contains(r#""me":"gm""#), "{leads}");
}
