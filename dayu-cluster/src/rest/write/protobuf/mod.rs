//! Bodies in protocol buffers: what kubectl from 1.32 on, and other clients in Go, send of kinds that they know.
//!
//! `messages.txt` has a line for each message: its name, then `number:JSON name:type` of its fields, where a field
//! without a name is part of its parent. `cargo xtask protobuf` writes it from Kubernetes' sources. Types are
//! `s` string, `y` bytes, `i` integer, `d` floating point, `t` boolean, `q` quantity, `n` integer or string, `m` time, `u`
//! time in microseconds, `r` raw JSON, `M…` another message and `|M…` one that JSON has as one of its fields; before them
//! stands `[` for a list, `{` for a map of strings, `*` for a field whose zero is said, not left out.

mod wire;

use std::collections::HashMap;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::number::number;
use wire::{Payload, Wire};

/// Name of a message, and the types of its fields.
static MESSAGES: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    let lines = include_str!("messages.txt").lines();
    lines.map(|line| line.split_once(' ').unwrap_or((line, ""))).collect()
});

/// Before every object.
const MAGIC: &[u8] = b"k8s\0";
/// Objects are not nested deeper.
const DEPTH: usize = 64;

/// What is wrong with a body.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProtobufError {
    #[error("the body does not begin as objects in application/vnd.kubernetes.protobuf do")]
    Foreign,
    #[error("the body ends within a field, or a field is not as its type has it")]
    Malformed,
    #[error("{kind} of {api_version} is not read from application/vnd.kubernetes.protobuf here: send application/json")]
    UnknownKind { api_version: String, kind: String },
}

/// Reads an object; the result is what it is in JSON.
pub(super) fn decode(body: &[u8]) -> Result<Value, ProtobufError> {
    let envelope = body.strip_prefix(MAGIC).ok_or(ProtobufError::Foreign)?;
    let (mut identity, mut raw): (&[u8], &[u8]) = (&[], &[]);
    for field in Wire::new(envelope) {
        match field? {
            (1, Payload::Bytes(bytes)) => identity = bytes,
            (2, Payload::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let (mut api_version, mut kind) = (String::new(), String::new());
    for field in Wire::new(identity) {
        match field? {
            (1, payload) => api_version = payload.text()?,
            (2, payload) => kind = payload.text()?,
            _ => {}
        }
    }
    let Some(message) = message(&api_version, &kind) else {
        return Err(ProtobufError::UnknownKind { api_version, kind });
    };
    let mut object = Map::new();
    object.insert("apiVersion".into(), api_version.into());
    object.insert("kind".into(), kind.into());
    read(message, raw, DEPTH, &mut object)?;
    Ok(Value::Object(object))
}

/// The fields of the message of a kind.
fn message(api_version: &str, kind: &str) -> Option<&'static str> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let package = match group.split('.').next() {
        // The same for all groups.
        _ if kind == "DeleteOptions" => return MESSAGES.get("meta/v1.DeleteOptions").copied(),
        None | Some("") => "core",
        Some(name) => name,
    };
    MESSAGES.get(format!("{package}/{version}.{kind}").as_str()).copied()
}

/// Reads the fields of a message into an object.
fn read(fields: &str, bytes: &[u8], depth: usize, into: &mut Map<String, Value>) -> Result<(), ProtobufError> {
    let depth = depth.checked_sub(1).ok_or(ProtobufError::Malformed)?;
    for field in Wire::new(bytes) {
        let (number, payload) = field?;
        // A field of a newer Kubernetes is left out, as an older one does.
        let Some((name, kind)) = described(fields, number) else { continue };
        if name.is_empty() {
            read(fields_of(kind), payload.bytes()?, depth, into)?;
        } else if let Some(kind) = kind.strip_prefix('[') {
            let list = into.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            let Value::Array(list) = list else { return Err(ProtobufError::Malformed) };
            list.push(value(kind, payload, depth)?);
        } else if let Some(kind) = kind.strip_prefix('{') {
            let map = into.entry(name).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(map) = map else { return Err(ProtobufError::Malformed) };
            let (key, value) = entry(kind, payload.bytes()?, depth)?;
            map.insert(key, value);
        } else if let Some(kind) = kind.strip_prefix('*') {
            into.insert(name.into(), value(kind, payload, depth)?);
        } else {
            let value = value(kind, payload, depth)?;
            if !is_zero(&value) {
                into.insert(name.into(), value);
            }
        }
    }
    Ok(())
}

/// JSON name and type of a field.
fn described(fields: &str, number: u64) -> Option<(&str, &str)> {
    fields.split(' ').find_map(|field| {
        let (at, described) = field.split_once(':')?;
        (at.parse() == Ok(number)).then(|| described.split_once(':')).flatten()
    })
}

fn entry(kind: &str, bytes: &[u8], depth: usize) -> Result<(String, Value), ProtobufError> {
    let mut key = String::new();
    // A zero is left out.
    let mut value_of = value(kind, Payload::Bytes(&[]), depth)?;
    for field in Wire::new(bytes) {
        match field? {
            (1, payload) => key = payload.text()?,
            (2, payload) => value_of = value(kind, payload, depth)?,
            _ => {}
        }
    }
    Ok((key, value_of))
}

fn value(kind: &str, payload: Payload<'_>, depth: usize) -> Result<Value, ProtobufError> {
    Ok(match kind {
        "s" => payload.text()?.into(),
        "y" => BASE64.encode(payload.bytes()?).into(),
        "i" => payload.integer()?.into(),
        "d" => number(payload.float()?),
        "t" => (payload.integer()? != 0).into(),
        "q" => inner(payload, 1)?.map_or_else(|| Ok(String::new()), Payload::text)?.into(),
        "r" => match inner(payload, 1)? {
            Some(raw) => serde_json::from_slice(raw.bytes()?).map_err(|_| ProtobufError::Malformed)?,
            None => Value::Null,
        },
        "n" => integer_or_string(payload)?,
        "m" | "u" => time(payload, kind == "u")?,
        message => match message.strip_prefix('|') {
            Some(choice) => chosen(fields_of(choice), payload.bytes()?, depth)?,
            None => {
                let mut object = Map::new();
                read(fields_of(message), payload.bytes()?, depth, &mut object)?;
                Value::Object(object)
            }
        },
    })
}

fn fields_of(message: &str) -> &'static str {
    message.strip_prefix('M').and_then(|name| MESSAGES.get(name)).unwrap_or(&"")
}

/// The one field of a message that JSON has in its place: a schema or a list, where one is there, before a word.
fn chosen(fields: &str, bytes: &[u8], depth: usize) -> Result<Value, ProtobufError> {
    let depth = depth.checked_sub(1).ok_or(ProtobufError::Malformed)?;
    let (mut list, mut single) = (Vec::new(), Value::Null);
    for field in Wire::new(bytes) {
        let (number, payload) = field?;
        let Some((_, kind)) = described(fields, number) else { continue };
        match kind.strip_prefix('[') {
            Some(kind) => list.push(value(kind, payload, depth)?),
            None if single.is_object() => {}
            None => single = value(kind.trim_start_matches('*'), payload, depth)?,
        }
    }
    Ok(if list.is_empty() { single } else { list.into() })
}

/// A field of a message of which no other counts.
fn inner(payload: Payload<'_>, number: u64) -> Result<Option<Payload<'_>>, ProtobufError> {
    let mut found = None;
    for field in Wire::new(payload.bytes()?) {
        let (at, payload) = field?;
        if at == number {
            found = Some(payload);
        }
    }
    Ok(found)
}

fn integer_or_string(payload: Payload<'_>) -> Result<Value, ProtobufError> {
    const STRING: i64 = 1;
    let integer = |number| inner(payload, number)?.map_or(Ok(0), Payload::integer);
    if integer(1)? == STRING {
        return Ok(inner(payload, 3)?.map_or_else(|| Ok(String::new()), Payload::text)?.into());
    }
    Ok(integer(2)?.into())
}

/// Nothing for the zero time, which means that none is said.
fn time(payload: Payload<'_>, microseconds: bool) -> Result<Value, ProtobufError> {
    let integer = |number| inner(payload, number)?.map(Payload::integer).transpose();
    let (seconds, nanoseconds) = (integer(1)?, integer(2)?.unwrap_or_default());
    let Some(seconds) = seconds else { return Ok(Value::Null) };
    let nanoseconds = i32::try_from(nanoseconds).map_err(|_| ProtobufError::Malformed)?;
    let time = Timestamp::new(seconds, nanoseconds).map_err(|_| ProtobufError::Malformed)?;
    let format = if microseconds { "%Y-%m-%dT%H:%M:%S.%6fZ" } else { "%Y-%m-%dT%H:%M:%SZ" };
    Ok(time.strftime(format).to_string().into())
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
