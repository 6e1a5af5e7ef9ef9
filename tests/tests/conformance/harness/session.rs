//! A conversation with one server, in a namespace of its own, that is written down.

use std::process::Stdio;
use std::time::Duration;

use http::{HeaderMap, Method, Request, header};
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use super::normal::Names;
use super::server::Server;
use super::transcript::Transcript;
use super::watch::Watch;

pub(super) const PATIENCE: Duration = Duration::from_secs(60);

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

pub(crate) const JSON: &str = "application/json";
pub(crate) const JSON_PATCH: &str = "application/json-patch+json";
pub(crate) const MERGE: &str = "application/merge-patch+json";
pub(crate) const STRATEGIC: &str = "application/strategic-merge-patch+json";
pub(crate) const APPLY: &str = "application/apply-patch+yaml";

/// What a server answered.
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) body: Value,
    /// Those headers that clients go by.
    heads: Vec<(String, String)>,
}

pub(crate) struct Session {
    server: Server,
    namespace: String,
    names: Names,
    transcript: Transcript,
    /// Kinds that go with the session: what they are called must not be in another's way.
    defined: Vec<String>,
    /// Who writes.
    agent: String,
}

impl Session {
    /// Begins in a new namespace that is called like the scenario.
    pub(super) async fn open(name: &str, server: Server) -> Self {
        let namespace = name.replace('_', "-");
        let session = Self {
            server,
            namespace,
            names: Names::default(),
            transcript: Transcript::default(),
            defined: Vec::new(),
            agent: "suite".into(),
        };
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": session.namespace}});
        let made = session.send(Method::POST, "/api/v1/namespaces", JSON, JSON, &body).await;
        assert_eq!(made.code, 201, "{}", made.body);
        // Both put their certificate in a new namespace a moment later.
        session.until("/api/v1/namespaces/{ns}/configmaps/kube-root-ca.crt", |answer| answer.code == 200).await;
        session
    }

    pub(super) async fn close(self) -> Transcript {
        for path in &self.defined {
            self.send(Method::DELETE, path, JSON, JSON, &Value::Null).await;
        }
        let path = format!("/api/v1/namespaces/{}", self.namespace);
        self.send(Method::DELETE, &path, JSON, JSON, &Value::Null).await;
        self.transcript
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Names that start so end with random characters.
    pub(crate) fn generated(&mut self, prefix: &str) {
        self.names.generated(prefix);
    }

    pub(crate) async fn get(&mut self, step: &str, path: &str) -> Answer {
        self.say(step, Method::GET, path, JSON, &Value::Null).await
    }

    /// GET in another representation.
    pub(crate) async fn get_as(&mut self, step: &str, path: &str, accept: &str) -> Answer {
        let answer = self.send(Method::GET, path, JSON, accept, &Value::Null).await;
        self.record(step, &answer);
        answer
    }

    pub(crate) async fn post(&mut self, step: &str, path: &str, body: &Value) -> Answer {
        self.say(step, Method::POST, path, JSON, body).await
    }

    /// POST of a body in protocol buffers.
    pub(crate) async fn post_packed_quietly(&self, path: &str, body: &[u8]) -> Answer {
        self.send_bytes(Method::POST, path, "application/vnd.kubernetes.protobuf", JSON, body.to_vec()).await
    }

    pub(crate) async fn put(&mut self, step: &str, path: &str, body: &Value) -> Answer {
        self.say(step, Method::PUT, path, JSON, body).await
    }

    pub(crate) async fn patch(&mut self, step: &str, path: &str, language: &str, body: &Value) -> Answer {
        self.say(step, Method::PATCH, path, language, body).await
    }

    pub(crate) async fn delete(&mut self, step: &str, path: &str, options: &Value) -> Answer {
        self.say(step, Method::DELETE, path, JSON, options).await
    }

    /// Not written down: what matters is picked out of it, or comes after it.
    pub(crate) async fn get_quietly(&self, path: &str, accept: &str) -> Answer {
        self.send(Method::GET, path, JSON, accept, &Value::Null).await
    }

    pub(crate) async fn patch_quietly(&self, path: &str, language: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, language, JSON, body).await
    }

    pub(crate) async fn post_quietly(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, JSON, JSON, body).await
    }

    pub(crate) async fn delete_quietly(&self, path: &str) {
        self.send(Method::DELETE, path, JSON, JSON, &json!({"gracePeriodSeconds": 0})).await;
    }

    /// Writes down a part of an answer.
    pub(crate) fn note(&mut self, step: &str, code: u16, body: &Value) {
        self.record(step, &Answer { code, body: body.clone(), heads: Vec::new() });
    }

    /// GET as a table, whose ages are replaced.
    pub(crate) async fn table(&mut self, step: &str, path: &str, accept: &str) {
        let mut answer = self.get_quietly(path, accept).await;
        for row in answer.body["rows"].as_array_mut().into_iter().flatten() {
            for cell in row["cells"].as_array_mut().into_iter().flatten() {
                if let Some(text) = cell.as_str() {
                    *cell = self.names.printed(text).concat().into();
                }
            }
        }
        self.record(step, &answer);
    }

    /// The hash of a pod template, which is each implementation's own.
    pub(crate) fn hashes(&mut self, hash: &Value) {
        self.names.flat(&json!({"pod-template-hash": hash}));
    }

    pub(crate) async fn settled_quietly(&self, path: &str, wished: impl Fn(&Answer) -> bool) -> Answer {
        self.until(path, wished).await
    }

    /// Asks until the answer is as wished, and writes only that down.
    pub(crate) async fn settled(&mut self, step: &str, path: &str, wished: impl Fn(&Answer) -> bool) -> Answer {
        let answer = self.until(path, wished).await;
        self.record(step, &answer);
        answer
    }

    async fn until(&self, path: &str, wished: impl Fn(&Answer) -> bool) -> Answer {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.send(Method::GET, path, JSON, JSON, &Value::Null).await;
            if wished(&answer) {
                return answer;
            }
            assert!(Instant::now() < deadline, "{path} never became as wished: {} {}", answer.code, answer.body);
            sleep(Duration::from_millis(30)).await;
        }
    }

    /// What was defined goes with the session.
    pub(crate) fn defined(&mut self, name: &str) {
        self.defined.push(format!("{DEFINITIONS}/{name}"));
    }

    /// Brings a kind along, and waits until it is served.
    pub(crate) async fn define(&mut self, definition: &Value) {
        let name = definition["metadata"]["name"].as_str().unwrap();
        let path = format!("{DEFINITIONS}/{name}");
        let made = self.send(Method::POST, DEFINITIONS, JSON, JSON, definition).await;
        assert_eq!(made.code, 201, "{}", made.body);
        let established = |answer: &Answer| {
            let conditions = answer.body["status"]["conditions"].as_array().into_iter().flatten();
            conditions.into_iter().any(|one| one["type"] == "Established" && one["status"] == "True")
        };
        self.until(&path, established).await;
        self.defined(name);
    }

    /// Follows a collection; a refusal is written down.
    pub(crate) async fn watch(&mut self, step: &str, path: &str) -> Watch {
        self.watch_as(step, path, JSON).await
    }

    pub(crate) async fn watch_as(&mut self, step: &str, path: &str, accept: &str) -> Watch {
        let request = self.request(Method::GET, path, JSON, accept, Vec::new());
        let response = timeout(PATIENCE, self.server.client.send(request)).await.unwrap().unwrap();
        let code = response.status().as_u16();
        self.transcript.record(step, vec![("code".into(), code.to_string())]);
        Watch::new(response.into_body())
    }

    /// The last event of a watch that ends, if there is one: of bookmarks a server sends as many as it likes.
    pub(crate) async fn last(&mut self, step: &str, watch: &mut Watch) -> Value {
        let last = watch.rest().await.pop().unwrap_or_default();
        self.note(step, 200, &last);
        last
    }

    /// The next events of a watch.
    pub(crate) async fn events(&mut self, step: &str, watch: &mut Watch, count: usize) -> Vec<Value> {
        let mut events = Vec::new();
        for _ in 0..count {
            events.push(watch.next().await);
        }
        let said = self.names.flat(&Value::Array(events.clone()));
        self.transcript.record(step, said);
        events
    }

    /// What kubectl prints; the line is split at spaces, and `{ns}` is the namespace.
    pub(crate) async fn kubectl(&mut self, step: &str, line: &str, input: &str) -> String {
        let arguments: Vec<_> = line.split_whitespace().map(|word| word.replace("{ns}", &self.namespace)).collect();
        let mut kubectl = Command::new(&self.server.kubectl);
        kubectl.arg("--kubeconfig").arg(&self.server.kubeconfig).args(["-n", &self.namespace]);
        kubectl.arg("--cache-dir").arg(self.server.scratch.path().join("cache")).args(arguments);
        kubectl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = kubectl.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
        let output = timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap();
        let mut said = vec![("exit".to_owned(), output.status.code().unwrap_or(-1).to_string())];
        for (name, bytes) in [("out", &output.stdout), ("err", &output.stderr)] {
            let lines = self.names.printed(&String::from_utf8_lossy(bytes));
            said.extend(lines.into_iter().enumerate().map(|(number, line)| (format!("{name}/{number:03}"), line)));
        }
        self.transcript.record(step, said);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    async fn say(&mut self, step: &str, method: Method, path: &str, content: &str, body: &Value) -> Answer {
        let answer = self.send(method, path, content, JSON, body).await;
        self.record(step, &answer);
        answer
    }

    fn record(&mut self, step: &str, answer: &Answer) {
        let mut said = vec![("code".to_owned(), answer.code.to_string())];
        said.extend(answer.heads.iter().map(|(name, value)| (name.clone(), self.names.text(value))));
        said.extend(self.names.flat(&answer.body));
        self.transcript.record(step, said);
    }

    async fn send(&self, method: Method, path: &str, content: &str, accept: &str, body: &Value) -> Answer {
        self.send_bytes(method, path, content, accept, self.written(body)).await
    }

    async fn send_bytes(&self, method: Method, path: &str, content: &str, accept: &str, body: Vec<u8>) -> Answer {
        let request = self.request(method, path, content, accept, body);
        let response = timeout(PATIENCE, self.server.client.send(request)).await.expect("an answer in time");
        let response = response.unwrap_or_else(|error| panic!("{path} at {:?}: {error}", self.server.kubeconfig));
        let (code, heads) = (response.status().as_u16(), heads(response.headers()));
        let bytes = timeout(PATIENCE, response.into_body().collect()).await.unwrap().unwrap().to_bytes();
        let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
        Answer { code, body: serde_json::from_slice(&bytes).unwrap_or_else(|_| text()), heads }
    }

    fn written(&self, body: &Value) -> Vec<u8> {
        if body.is_null() { Vec::new() } else { body.to_string().replace("{ns}", &self.namespace).into_bytes() }
    }

    fn request(&self, method: Method, path: &str, content: &str, accept: &str, body: Vec<u8>) -> Request<Body> {
        Request::builder()
            .method(method)
            .uri(path.replace("{ns}", &self.namespace))
            .header(header::CONTENT_TYPE, content)
            .header(header::ACCEPT, accept)
            .header(header::USER_AGENT, &self.agent)
            .body(Body::from(body))
            .unwrap()
    }
}

/// The language of an answer, warnings, and when to come again.
fn heads(headers: &HeaderMap) -> Vec<(String, String)> {
    let wanted = [header::CONTENT_TYPE, header::WARNING, header::RETRY_AFTER];
    let all = wanted.iter().flat_map(|name| headers.get_all(name).iter().enumerate().map(move |one| (name, one)));
    all.map(|(name, (index, value))| {
        (format!("{name}/{index}"), String::from_utf8_lossy(value.as_bytes()).into_owned())
    })
    .collect()
}
