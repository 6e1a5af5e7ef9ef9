use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Writes fields by hand.
#[derive(Default)]
struct Pen(Vec<u8>);

impl Pen {
    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
            number >>= 7;
        }
        self.0.push(u8::try_from(number).unwrap());
    }

    fn number(mut self, at: u64, number: i64) -> Self {
        self.varint(at << 3);
        self.varint(number.cast_unsigned());
        self
    }

    fn double(mut self, at: u64, number: f64) -> Self {
        self.varint(at << 3 | 1);
        self.0.extend(number.to_le_bytes());
        self
    }

    fn bytes(mut self, at: u64, bytes: impl AsRef<[u8]>) -> Self {
        self.varint(at << 3 | 2);
        self.varint(bytes.as_ref().len() as u64);
        self.0.extend(bytes.as_ref());
        self
    }

    fn message(self, at: u64, message: impl FnOnce(Self) -> Self) -> Self {
        self.bytes(at, message(Self::default()).0)
    }

    fn entry(self, at: u64, key: &str, value: impl AsRef<[u8]>) -> Self {
        self.message(at, |entry| entry.bytes(1, key).bytes(2, value))
    }

    fn body(api_version: &str, kind: &str, object: impl FnOnce(Self) -> Self) -> Vec<u8> {
        let identity = |pen: Self| pen.bytes(1, api_version).bytes(2, kind);
        let envelope = Self::default().message(1, identity).message(2, object).bytes(3, "").bytes(4, "");
        [MAGIC, &envelope.0].concat()
    }
}

#[test]
fn a_deployment_is_what_it_is_in_json() {
    let pod = |pen: Pen| {
        let environment = |pen: Pen| {
            // A message that is part of its parent in JSON.
            let key = |pen: Pen| pen.message(1, |pen| pen.bytes(1, "keys")).bytes(2, "k").number(3, 0);
            pen.bytes(1, "A").bytes(2, "").message(3, |pen| pen.message(4, key))
        };
        let memory = |pen: Pen| pen.bytes(1, "memory").message(2, |pen| pen.bytes(1, "1Gi"));
        let resources = |pen: Pen| pen.message(1, memory);
        let get = |pen: Pen| pen.message(2, |pen| pen.number(1, 1).number(2, 0).bytes(3, "http"));
        let probe = |pen: Pen| pen.message(1, |pen| pen.message(2, get)).number(2, 3);
        let container = |pen: Pen| {
            let port = |pen: Pen| pen.bytes(1, "").number(2, 0).number(3, 80);
            let pen = pen.bytes(1, "c").bytes(2, "i").bytes(3, "run").bytes(3, "it").message(6, port);
            pen.message(7, environment).message(8, resources).message(10, probe).number(16, 0)
        };
        let volume = |pen: Pen| pen.bytes(1, "v").message(2, |pen| pen.message(2, |pen| pen));
        pen.message(1, volume).message(2, container).bytes(3, "").number(4, 0).number(11, 0)
    };
    let object = |pen: Pen| {
        let metadata = |pen: Pen| pen.bytes(1, "web").bytes(3, "default").message(8, |pen| pen).entry(11, "app", "web");
        let template = |pen: Pen| pen.message(2, pod);
        let surge = |pen: Pen| pen.number(1, 0).number(2, 2).bytes(3, "");
        let strategy = |pen: Pen| pen.bytes(1, "RollingUpdate").message(2, |pen| pen.message(2, surge));
        let spec = |pen: Pen| pen.number(1, 0).message(3, template).message(4, strategy).number(5, 0);
        pen.message(1, metadata).message(2, spec).message(3, |pen| pen).message(99, |pen| pen.number(1, 1))
    };
    let read = decode(&Pen::body("apps/v1", "Deployment", object)).unwrap();
    let container = json!({
        "name": "c", "image": "i", "command": ["run", "it"], "ports": [{"containerPort": 80}],
        "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "k", "optional": false}}}],
        "resources": {"limits": {"memory": "1Gi"}},
        "livenessProbe": {"httpGet": {"port": "http"}, "initialDelaySeconds": 3},
    });
    // An explicit zero stays where it means something.
    let pod = json!({
        "containers": [container], "volumes": [{"name": "v", "emptyDir": {}}], "terminationGracePeriodSeconds": 0,
    });
    let strategy = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2}});
    let wanted = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default", "labels": {"app": "web"}},
        "spec": {"replicas": 0, "template": {"spec": pod}, "strategy": strategy},
        "status": {},
    });
    assert_eq!(read, wanted);
}

#[test]
fn bytes_times_and_negative_numbers() {
    let secret = Pen::body("v1", "Secret", |pen| pen.entry(2, "k", [0, 255]).number(5, 1));
    assert_eq!(
        decode(&secret).unwrap(),
        json!({"apiVersion": "v1", "kind": "Secret", "data": {"k": "AP8="}, "immutable": true})
    );
    let time = |pen: Pen| pen.number(1, 1_700_000_000).number(2, 5000);
    let lease = Pen::body("coordination.k8s.io/v1", "Lease", |pen| {
        pen.message(2, |pen| pen.number(2, -1).message(3, time).message(4, time))
    });
    let spec = json!({
        "leaseDurationSeconds": -1, "acquireTime": "2023-11-14T22:13:20.000005Z", "renewTime": "2023-11-14T22:13:20.000005Z",
    });
    assert_eq!(decode(&lease).unwrap()["spec"], spec);
    let options = Pen::body("apps/v1", "DeleteOptions", |pen| pen.number(1, 0).bytes(4, "Foreground"));
    assert_eq!(decode(&options).unwrap()["gracePeriodSeconds"], 0);
}

#[test]
fn a_definition_with_its_schema() {
    let text = |pen: Pen| pen.bytes(5, "string");
    let items = |pen: Pen| pen.message(1, |pen| pen.bytes(5, "integer").message(8, |pen| pen.bytes(1, "7")));
    let either = |pen: Pen| pen.message(2, text).message(2, |pen| pen.bytes(5, "integer"));
    let size = |pen: Pen| {
        pen.bytes(5, "number").double(9, 0.5).double(11, 9.0).number(12, 0).message(20, |pen| pen.bytes(1, "[1]"))
    };
    let properties = |pen: Pen| {
        let strict = |pen: Pen| pen.message(30, |pen| pen.number(1, 0));
        let loose = |pen: Pen| pen.message(30, |pen| pen.number(1, 1));
        // The schema counts, wherever it stands.
        let typed = |pen: Pen| pen.message(30, |pen| pen.message(2, text).number(1, 1));
        let pen = pen.entry(29, "size", size(Pen::default()).0).entry(29, "list", Pen::default().message(24, items).0);
        let pen =
            pen.entry(29, "either", Pen::default().message(24, either).0).entry(29, "strict", strict(Pen::default()).0);
        let pen = pen.entry(29, "loose", loose(Pen::default()).0).entry(29, "typed", typed(Pen::default()).0);
        pen.number(38, 1).message(44, |pen| pen.bytes(1, "self.size > 0").number(6, 0))
    };
    let version = |pen: Pen| pen.bytes(1, "v1").number(2, 1).number(3, 0).message(4, |pen| pen.message(1, properties));
    let body = Pen::body("apiextensions.k8s.io/v1", "CustomResourceDefinition", |pen| {
        pen.message(2, |pen| pen.bytes(1, "example.com").message(7, version))
    });
    let schema = json!({
        "properties": {
            "size": {"type": "number", "maximum": 0.5, "minimum": 9, "enum": [[1]]},
            "list": {"items": {"type": "integer", "default": 7}},
            "either": {"items": [{"type": "string"}, {"type": "integer"}]},
            "strict": {"additionalProperties": false},
            "loose": {"additionalProperties": true},
            "typed": {"additionalProperties": {"type": "string"}},
        },
        "x-kubernetes-preserve-unknown-fields": true,
        "x-kubernetes-validations": [{"rule": "self.size > 0", "optionalOldSelf": false}],
    });
    assert_eq!(decode(&body).unwrap()["spec"]["versions"][0]["schema"]["openAPIV3Schema"], schema);
}

#[test]
fn what_is_not_known_is_named() {
    let error = decode(&Pen::body("example.com/v1", "Toy", |pen| pen)).unwrap_err();
    assert!(error.to_string().contains("Toy of example.com/v1") && error.to_string().contains("application/json"));
    assert!(matches!(decode(b"{}"), Err(ProtobufError::Foreign)));
}

#[test]
fn the_table_holds_together() {
    for (name, fields) in MESSAGES.iter() {
        for field in fields.split(' ').filter(|field| !field.is_empty()) {
            let kind = field.splitn(3, ':').nth(2).unwrap().trim_start_matches(['*', '[', '{', '|']);
            let known = kind.strip_prefix('M').is_none_or(|message| MESSAGES.contains_key(message));
            assert!(known, "{name}: {field}");
        }
    }
}

proptest! {
    /// Whatever arrives is read or refused.
    #[test]
    fn damage_is_refused(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(decode(&[MAGIC, &body].concat()));
        let whole = Pen::body("v1", "Pod", |pen| pen.bytes(2, &body));
        drop(decode(&whole));
    }
}
