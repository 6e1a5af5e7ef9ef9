//! The JSONPath of printer columns: `.status.conditions[?(@.type=="Ready")].status`.

use std::iter::Peekable;
use std::str::Chars;

use serde_json::Value;

/// A parsed path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Path {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Field(String),
    /// Counted from the end where negative.
    Index(i64),
    All,
    Where {
        field: Vec<String>,
        equal: bool,
        value: Value,
    },
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("JSON path {path:?}: {problem}")]
pub(crate) struct PathError {
    pub path: String,
    pub problem: &'static str,
}

impl Path {
    pub(crate) fn parse(text: &str) -> Result<Self, PathError> {
        let inner = text.trim().trim_start_matches('{').trim_end_matches('}').trim_start_matches('$');
        let mut letters = inner.chars().peekable();
        let mut steps = Vec::new();
        while let Some(letter) = letters.next() {
            let step = match letter {
                '.' if letters.peek() == Some(&'[') => continue,
                '.' if letters.peek() == Some(&'*') => {
                    letters.next();
                    Ok(Step::All)
                }
                '.' => Ok(Step::Field(name(&mut letters))),
                '[' => bracket(&mut letters),
                _ if steps.is_empty() => Ok(Step::Field(format!("{letter}{}", name(&mut letters)))),
                _ => Err("expected '.' or '['"),
            };
            steps.push(step.map_err(|problem| PathError { path: text.into(), problem })?);
        }
        steps.retain(|step| *step != Step::Field(String::new()));
        Ok(Self { steps })
    }

    /// All values at this path.
    pub(crate) fn find<'a>(&self, root: &'a Value) -> Vec<&'a Value> {
        self.steps.iter().fold(vec![root], |values, step| values.into_iter().flat_map(|value| step.of(value)).collect())
    }

    /// The first value at this path.
    pub(crate) fn first<'a>(&self, root: &'a Value) -> Option<&'a Value> {
        self.find(root).into_iter().next()
    }
}

impl Step {
    fn of<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match (self, value) {
            (Self::Field(name), value) => value.get(name).into_iter().collect(),
            (Self::Index(index), Value::Array(items)) => {
                let place = if *index < 0 { items.len() as i64 + index } else { *index };
                usize::try_from(place).ok().and_then(|place| items.get(place)).into_iter().collect()
            }
            (Self::All, Value::Array(items)) => items.iter().collect(),
            (Self::All, Value::Object(fields)) => fields.values().collect(),
            (Self::Where { field, equal, value: wanted }, Value::Array(items)) => {
                let found = |item: &&Value| field.iter().try_fold(*item, |value, name| value.get(name)) == Some(wanted);
                items.iter().filter(|item| found(item) == *equal).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// A field name; dots in it are escaped: `.metadata.annotations.a\.b/c`.
fn name(letters: &mut Peekable<Chars<'_>>) -> String {
    let mut name = String::new();
    while let Some(letter) = letters.next_if(|letter| !matches!(letter, '.' | '[')) {
        let letter = if letter == '\\' { letters.next().unwrap_or(letter) } else { letter };
        name.push(letter);
    }
    name
}

fn bracket(letters: &mut Peekable<Chars<'_>>) -> Result<Step, &'static str> {
    let mut inner = String::new();
    let mut quote = None;
    loop {
        match (letters.next(), quote) {
            (None, _) => return Err("unterminated '['"),
            (Some(']'), None) => break,
            (Some(letter @ ('"' | '\'')), None) => {
                quote = Some(letter);
                inner.push(letter);
            }
            (Some(letter), open) => {
                if open == Some(letter) {
                    quote = None;
                }
                inner.push(letter);
            }
        }
    }
    let inner = inner.trim();
    if inner == "*" {
        return Ok(Step::All);
    }
    if let Some(filter) = inner.strip_prefix("?(").and_then(|filter| filter.strip_suffix(')')) {
        return condition(filter);
    }
    if let Some(name) = quoted(inner) {
        return Ok(Step::Field(name.into()));
    }
    inner.parse().map(Step::Index).map_err(|_| "expected an index, a quoted name, '*' or a filter in '[]'")
}

fn condition(filter: &str) -> Result<Step, &'static str> {
    let split = |operator| filter.split_once(operator);
    let (left, right, equal) = match (split("=="), split("!=")) {
        (Some((left, right)), _) => (left, right, true),
        (None, Some((left, right))) => (left, right, false),
        (None, None) => return Err("filters compare with == or !="),
    };
    let field = left.trim().strip_prefix("@.").ok_or("filters begin with @.")?;
    let right = right.trim();
    let value = match quoted(right) {
        Some(text) => Value::from(text),
        None => serde_json::from_str(right).map_err(|_| "filters compare with a quoted text, a number or a boolean")?,
    };
    Ok(Step::Where { field: field.split('.').map(Into::into).collect(), equal, value })
}

fn quoted(text: &str) -> Option<&str> {
    ['"', '\''].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
}
