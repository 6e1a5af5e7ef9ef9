//! From the schema of a CustomResourceDefinition to a tree, refusing what is not structural.

use std::sync::Arc;

use serde_json::Value;

use super::cause::Cause;
use super::limits::{Limits, names};
use super::node::{Array, Key, Kind, List, Node, Object, Others};
use super::path::Path;

/// Compiles `openAPIV3Schema`; `path` is where it stands, as refusals name it.
pub(super) fn compile(schema: &Value, path: &str) -> Result<Arc<Node>, Vec<Cause>> {
    let mut compiler = Compiler { causes: Vec::new() };
    let node = compiler.node(schema, &Path::Root(path), Place::Root);
    if schema["type"].as_str().is_some_and(|name| name != "object") {
        let cause = Cause::invalid(format!("{path}.type"), &schema["type"], "must be object at the root");
        compiler.causes.push(cause);
    }
    if compiler.causes.is_empty() { Ok(Arc::new(node)) } else { Err(compiler.causes) }
}

struct Compiler {
    causes: Vec<Cause>,
}

#[derive(Clone, Copy)]
enum Place {
    Root,
    Field,
    Item,
}

impl Compiler {
    fn node(&mut self, schema: &Value, path: &Path<'_>, place: Place) -> Node {
        self.forbidden(schema, path);
        let node = Node {
            kind: self.kind(schema, path, place),
            nullable: schema["nullable"] == true,
            preserve_unknown: schema["x-kubernetes-preserve-unknown-fields"] == true,
            embedded: schema["x-kubernetes-embedded-resource"] == true,
            always_present: false,
            default: schema.get("default").cloned(),
            limits: self.limits(schema, path),
        };
        self.check_default(&node, path);
        node
    }

    fn kind(&mut self, schema: &Value, path: &Path<'_>, place: Place) -> Kind {
        if schema["x-kubernetes-int-or-string"] == true {
            return Kind::IntOrString;
        }
        match schema["type"].as_str() {
            Some("boolean") => Kind::Boolean,
            Some("integer") => Kind::Integer,
            Some("number") => Kind::Number,
            Some("string") => Kind::String,
            Some("array") => self.array(schema, path),
            Some("object") => self.object(schema, path),
            Some(_) => {
                let supported = ["array", "boolean", "integer", "number", "object", "string"];
                self.causes.push(Cause::unsupported(format!("{path}.type"), &schema["type"], supported));
                Kind::Any
            }
            None => {
                if schema["x-kubernetes-preserve-unknown-fields"] != true {
                    self.causes.push(Cause::required(format!("{path}.type"), place.must_have_type()));
                }
                Kind::Any
            }
        }
    }

    fn array(&mut self, schema: &Value, path: &Path<'_>) -> Kind {
        let items = match schema.get("items") {
            Some(items) if items.is_object() => self.node(items, &path.field("items"), Place::Item),
            Some(_) => {
                self.causes
                    .push(Cause::forbidden(format!("{path}.items"), "items must be a schema object and not an array"));
                Node::default()
            }
            None => {
                self.causes.push(Cause::required(format!("{path}.items"), "must be specified"));
                Node::default()
            }
        };
        let list = self.list(schema, &items, path);
        Kind::Array(Array { items: Arc::new(items), list })
    }

    fn list(&mut self, schema: &Value, items: &Node, path: &Path<'_>) -> List {
        match schema["x-kubernetes-list-type"].as_str() {
            None | Some("atomic") => List::Atomic,
            Some("set") => List::Set,
            Some("map") => self.list_map(schema, items, path),
            Some(_) => {
                let field = format!("{path}.x-kubernetes-list-type");
                self.causes.push(Cause::unsupported(
                    field,
                    &schema["x-kubernetes-list-type"],
                    ["atomic", "map", "set"],
                ));
                List::Atomic
            }
        }
    }

    fn list_map(&mut self, schema: &Value, items: &Node, path: &Path<'_>) -> List {
        let keys = names(&schema["x-kubernetes-list-map-keys"]);
        let field = format!("{path}.x-kubernetes-list-map-keys");
        if keys.is_empty() {
            self.causes.push(Cause::required(field, "must not be empty if x-kubernetes-list-type is map"));
            return List::Atomic;
        }
        let all = Value::from_iter(keys.iter().map(|name| &**name));
        let keys = keys.into_iter().map(|name| {
            let found = items.as_object().and_then(|object| Some((object, object.fields.get(&name)?)));
            match found {
                None => {
                    let detail = "entries must all be names of item properties";
                    self.causes.push(Cause::invalid(&*field, &all, detail));
                }
                Some((object, key)) if key.default.is_none() && !object.required.contains(&name) => {
                    let detail = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
                    self.causes.push(Cause::required(format!("{path}.items.properties[{name}].default"), detail));
                }
                Some(_) => {}
            }
            Key { default: found.and_then(|(_, key)| key.default.clone()), name }
        });
        List::Map(keys.collect())
    }

    fn object(&mut self, schema: &Value, path: &Path<'_>) -> Kind {
        let fields = schema["properties"].as_object();
        let others = match &schema["additionalProperties"] {
            Value::Null | Value::Bool(false) => Others::Unknown,
            _ if fields.is_some() => {
                let detail = "additionalProperties and properties are mutual exclusive";
                self.causes.push(Cause::forbidden(format!("{path}.additionalProperties"), detail));
                Others::Unknown
            }
            Value::Bool(true) => Others::Of(Arc::new(Node { preserve_unknown: true, ..Node::default() })),
            others => Others::Of(Arc::new(self.node(others, &path.field("additionalProperties"), Place::Field))),
        };
        let properties = path.field("properties");
        let fields = fields.into_iter().flatten().map(|(name, schema)| {
            let node = self.node(schema, &properties.entry(name), Place::Field);
            (name.as_str().into(), Arc::new(node))
        });
        Kind::Object(Object {
            fields: fields.collect(),
            others,
            required: names(&schema["required"]),
            atomic: schema["x-kubernetes-map-type"] == "atomic",
        })
    }

    fn limits(&mut self, schema: &Value, path: &Path<'_>) -> Option<Box<Limits>> {
        match Limits::read(schema) {
            Ok(limits) => limits.map(Box::new),
            Err(bad) => {
                let detail = format!("must be a valid regular expression, but isn't: {}", bad.source);
                self.causes.push(Cause::invalid(format!("{path}.pattern"), &Value::from(bad.pattern), &detail));
                None
            }
        }
    }

    /// What JSON schema knows and a structural schema must not have.
    fn forbidden(&mut self, schema: &Value, path: &Path<'_>) {
        let words = schema.as_object().into_iter().flatten();
        for (word, _) in words.filter(|(word, value)| is_foreign(word) && !value.is_null()) {
            self.causes.push(Cause::forbidden(format!("{path}.{word}"), &format!("{word} is not supported")));
        }
        if schema["uniqueItems"] == true {
            let detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
            self.causes.push(Cause::forbidden(format!("{path}.uniqueItems"), detail));
        }
        if schema["x-kubernetes-preserve-unknown-fields"] == false {
            let field = format!("{path}.x-kubernetes-preserve-unknown-fields");
            self.causes.push(Cause::invalid(field, &Value::Bool(false), "must be true or undefined"));
        }
    }

    /// A default must be an object as the schema has it.
    fn check_default(&mut self, node: &Node, path: &Path<'_>) {
        let Some(default) = &node.default else { return };
        if default.is_null() && !node.nullable {
            let detail = "must be a valid value: null is not nullable";
            self.causes.push(Cause::invalid(format!("{path}.default"), default, detail));
            return;
        }
        let mut pruned = default.clone();
        super::default::fill(node, &mut pruned);
        let mut unknown = Vec::new();
        super::prune::prune(node, &mut pruned, "", &mut unknown);
        if !unknown.is_empty() {
            let detail = "must not have unknown fields";
            self.causes.push(Cause::invalid(format!("{path}.default"), default, detail));
        }
        for cause in super::validate::validate(node, &pruned, None, &format!("{path}.default")) {
            self.causes.push(cause);
        }
    }
}

/// Whether a structural schema must not have this word.
fn is_foreign(word: &str) -> bool {
    matches!(word, "$ref" | "definitions" | "dependencies" | "patternProperties" | "additionalItems" | "id")
}

impl Place {
    fn must_have_type(self) -> &'static str {
        match self {
            Self::Root => "must not be empty at the root",
            Self::Field => "must not be empty for specified object fields",
            Self::Item => "must not be empty for specified array items",
        }
    }
}
