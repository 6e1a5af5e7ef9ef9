//! OpenAPI's second version in protocol buffers, the only form in which kubectl reads it.
//!
//! Messages and numbers are those of `openapi.v2`, as far as the documents here have them.

use serde_json::Value;

/// A document as the message `Document`.
pub(super) fn encode(document: &Value) -> Vec<u8> {
    let info = &document["info"];
    let info = Message::default().text(1, &info["title"]).text(2, &info["version"]);
    Message::default()
        .text(1, &document["swagger"])
        .message(2, info)
        .message(8, named(2, &document["paths"], path))
        .message(9, named(1, &document["definitions"], schema))
        .0
}

/// A map: each entry is a message with a name and a value.
fn named(number: u32, map: &Value, value: impl Fn(&Value) -> Message) -> Message {
    let entries = map.as_object().into_iter().flatten();
    entries.fold(Message::default(), |all, (name, of)| {
        all.message(number, Message::default().bytes(1, name.as_bytes()).message(2, value(of)))
    })
}

fn path(operations: &Value) -> Message {
    let methods = [(2, "get"), (3, "put"), (4, "post"), (5, "delete"), (8, "patch")];
    methods.into_iter().fold(Message::default(), |path, (number, method)| match operations.get(method) {
        Some(of) => path.message(number, operation(of)),
        None => path,
    })
}

fn operation(operation: &Value) -> Message {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let message = parameters.fold(Message::default(), |message, of| message.message(8, parameter(of)));
    extensions(message.message(9, named(1, &operation["responses"], response)), 13, operation)
}

/// One that stands in the query, wrapped in the messages of all that it could be.
fn parameter(parameter: &Value) -> Message {
    let query = Message::default()
        .text(2, &parameter["in"])
        .text(4, &parameter["name"])
        .text(6, &parameter["type"])
        .flag(20, &parameter["uniqueItems"]);
    let (parameter, not_in_the_body, in_the_query) = (1, 2, 3);
    Message::of(parameter, Message::of(not_in_the_body, Message::of(in_the_query, query)))
}

fn response(response: &Value) -> Message {
    let answer = Message::of(1, schema(&response["schema"]));
    Message::of(1, Message::default().text(1, &response["description"]).message(2, answer))
}

fn schema(schema: &Value) -> Message {
    let fields = schema.as_object().into_iter().flatten();
    let message = fields.fold(Message::default(), |message, (name, value)| match name.as_str() {
        "$ref" => message.text(1, value),
        "format" => message.text(2, value),
        "title" => message.text(3, value),
        "description" => message.text(4, value),
        "default" => message.message(5, any(value)),
        "multipleOf" => message.float(6, value),
        "maximum" => message.float(7, value),
        "exclusiveMaximum" => message.flag(8, value),
        "minimum" => message.float(9, value),
        "exclusiveMinimum" => message.flag(10, value),
        "maxLength" => message.integer(11, value),
        "minLength" => message.integer(12, value),
        "pattern" => message.text(13, value),
        "maxItems" => message.integer(14, value),
        "minItems" => message.integer(15, value),
        "uniqueItems" => message.flag(16, value),
        "maxProperties" => message.integer(17, value),
        "minProperties" => message.integer(18, value),
        "required" => each(value).fold(message, |message, name| message.text(19, name)),
        "enum" => each(value).fold(message, |message, value| message.message(20, any(value))),
        "additionalProperties" => message.message(21, one_or_all(value)),
        "type" => message.message(22, Message::default().text(1, value)),
        "items" => message.message(23, Message::of(1, self::schema(value))),
        "properties" => message.message(25, named(1, value, self::schema)),
        _ => message,
    });
    extensions(message, 31, schema)
}

fn each(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// What further fields are like, or whether there may be any.
fn one_or_all(others: &Value) -> Message {
    if others.is_boolean() { Message::default().flag(2, others) } else { Message::of(1, schema(others)) }
}

/// A value as it is: as YAML, which JSON is.
fn any(value: &Value) -> Message {
    Message::default().bytes(2, value.to_string().as_bytes())
}

/// The fields that begin with `x-`.
fn extensions(message: Message, number: u32, of: &Value) -> Message {
    let fields = of.as_object().into_iter().flatten().filter(|(name, _)| name.starts_with("x-"));
    fields.fold(message, |message, (name, value)| {
        message.message(number, Message::default().bytes(1, name.as_bytes()).message(2, any(value)))
    })
}

/// A message: its fields one after the other, each behind its number and how it is written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    /// With one field, another message.
    fn of(number: u32, message: Self) -> Self {
        Self::default().message(number, message)
    }

    fn message(self, number: u32, message: Self) -> Self {
        self.bytes(number, &message.0)
    }

    fn bytes(mut self, number: u32, bytes: &[u8]) -> Self {
        self.varint(u64::from(number) << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    fn text(self, number: u32, value: &Value) -> Self {
        match value.as_str() {
            Some(text) => self.bytes(number, text.as_bytes()),
            None => self,
        }
    }

    fn flag(mut self, number: u32, value: &Value) -> Self {
        if value == true {
            self.varint(u64::from(number) << 3);
            self.varint(1);
        }
        self
    }

    fn integer(mut self, number: u32, value: &Value) -> Self {
        if let Some(value) = value.as_i64() {
            self.varint(u64::from(number) << 3);
            self.varint(value.cast_unsigned());
        }
        self
    }

    fn float(mut self, number: u32, value: &Value) -> Self {
        if let Some(value) = value.as_f64() {
            self.varint(u64::from(number) << 3 | 1);
            self.0.extend(value.to_le_bytes());
        }
        self
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Bytes as the published messages have them, worked out by hand.
    #[test]
    fn a_document() {
        let document = json!({
            "swagger": "2.0",
            "info": { "title": "T" },
            "definitions": { "D": { "type": "object", "required": ["a"], "properties": { "a": { "$ref": "R", "maxLength": 300 } } } },
        });
        let property = b"\x0a\x01R\x58\xac\x02";
        let properties = [b"\x0a\x0b\x0a\x01a\x12\x06".as_slice(), property].concat();
        let schema =
            [b"\xca\x01\x0d".as_slice(), &properties, b"\x9a\x01\x01a", b"\xb2\x01\x08\x0a\x06object"].concat();
        let definition = [b"\x0a\x01D\x12\x1f".as_slice(), &schema].concat();
        let wanted = [b"\x0a\x032.0\x12\x03\x0a\x01T\x42\x00\x4a\x26\x0a\x24".as_slice(), &definition].concat();
        assert_eq!(encode(&document), wanted);
    }
}
