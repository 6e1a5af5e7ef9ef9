//! Label and field selectors.

use std::borrow::Cow;

use super::error::ApiError;
use super::field;
use crate::schema::builtin::{is_label_key, is_label_value};
use crate::store::Object;

/// `a=b,c!=d,e in (f,g),h,!i`: all of them must hold.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct LabelSelector(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Exists,
    Absent,
    In(Vec<String>),
    /// Holds for objects without the label, too.
    NotIn(Vec<String>),
    Greater(i64),
    Less(i64),
}

impl LabelSelector {
    pub(crate) fn parse(text: &str) -> Result<Self, ApiError> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let requirements = split(text).into_iter().map(str::trim).map(|part| match part {
            "" => Err(ApiError::bad_request("found '', expected: identifier after ','")),
            part => requirement(part).ok_or_else(|| unparsable(text, part)).and_then(Requirement::checked),
        });
        requirements.collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn matches(&self, object: &Object) -> bool {
        self.0.iter().all(|requirement| requirement.test.holds(object.meta.label(&requirement.key)))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Requirement {
    /// What can be no label is refused rather than never found.
    fn checked(self) -> Result<Self, ApiError> {
        let refuse = |place: String, text: &str, why: &str| {
            ApiError::bad_request(format!("unable to parse requirement: {place}: Invalid value: {text:?}: {why}"))
        };
        if let Some(why) = is_label_key(&self.key) {
            return Err(refuse("key".into(), &self.key, &why));
        }
        let values = match &self.test {
            Test::In(values) | Test::NotIn(values) => values.as_slice(),
            _ => &[],
        };
        for (index, value) in values.iter().enumerate() {
            if let Some(why) = is_label_value(value) {
                return Err(refuse(format!("values[{index}][{}]", self.key), value, &why));
            }
        }
        Ok(self)
    }
}

impl Test {
    fn holds(&self, label: Option<&str>) -> bool {
        let number = || label.and_then(|label| label.parse::<i64>().ok());
        match self {
            Self::Exists => label.is_some(),
            Self::Absent => label.is_none(),
            Self::In(values) => label.is_some_and(|label| values.iter().any(|value| value == label)),
            Self::NotIn(values) => label.is_none_or(|label| values.iter().all(|value| value != label)),
            Self::Greater(bound) => number().is_some_and(|number| number > *bound),
            Self::Less(bound) => number().is_some_and(|number| number < *bound),
        }
    }
}

/// At commas outside parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    text.split(|letter| {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter == ',' && depth == 0
    })
    .collect()
}

fn requirement(part: &str) -> Option<Requirement> {
    let made = |key: &str, test| {
        let key = key.trim();
        (!key.is_empty() && !key.contains(char::is_whitespace)).then(|| Requirement { key: key.into(), test })
    };
    let one = |value: &str| vec![value.trim().to_owned()];
    if let Some(key) = part.strip_prefix('!') {
        return made(key, Test::Absent);
    }
    if let Some((head, values)) = part.strip_suffix(')').and_then(|part| part.split_once('(')) {
        let values = values.split(',').map(|value| value.trim().to_owned()).collect();
        let (key, operator) = head.trim().rsplit_once(char::is_whitespace)?;
        return match operator {
            "in" => made(key, Test::In(values)),
            "notin" => made(key, Test::NotIn(values)),
            _ => None,
        };
    }
    for (operator, test) in [("!=", Test::NotIn as fn(_) -> _), ("==", Test::In), ("=", Test::In)] {
        if let Some((key, value)) = part.split_once(operator) {
            if value.starts_with('=') {
                return None;
            }
            return made(key, test(one(value)));
        }
    }
    for (operator, test) in [(">", Test::Greater as fn(_) -> _), ("<", Test::Less)] {
        if let Some((key, value)) = part.split_once(operator) {
            return made(key, test(value.trim().parse().ok()?));
        }
    }
    made(part, Test::Exists)
}

fn unparsable(text: &str, part: &str) -> ApiError {
    ApiError::bad_request(format!("unable to parse requirement: '{part}' in label selector '{text}'"))
}

/// `metadata.name=a,status.phase!=Running`: all of them must hold.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct FieldSelector(Vec<FieldTest>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct FieldTest {
    path: String,
    value: String,
    equal: bool,
}

impl FieldSelector {
    pub(crate) fn parse(text: &str) -> Result<Self, ApiError> {
        let tests = text.split(',').filter(|part| !part.is_empty()).map(|part| {
            let (path, value, equal) = if let Some((path, value)) = part.split_once("!=") {
                (path, value, false)
            } else if let Some((path, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
                (path, value, true)
            } else {
                return Err(ApiError::bad_request(format!("invalid selector: '{part}'; can't understand '{part}'")));
            };
            Ok(FieldTest { path: path.trim().into(), value: value.trim().into(), equal })
        });
        tests.collect::<Result<_, _>>().map(Self)
    }

    /// The paths that are asked of.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|test| test.path.as_str())
    }

    pub(crate) fn matches(&self, object: &Object) -> bool {
        self.0.iter().all(|test| (read(object, &test.path) == test.value) == test.equal)
    }

    /// The one name that is selected, if the selector says so: then there is nothing to search.
    pub(crate) fn name(&self) -> Option<&str> {
        self.0.iter().find(|test| test.equal && test.path == "metadata.name").map(|test| test.value.as_str())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn read<'a>(object: &'a Object, path: &str) -> Cow<'a, str> {
    match path {
        "metadata.name" => Cow::Borrowed(&*object.meta.name),
        "metadata.namespace" => Cow::Borrowed(&*object.meta.namespace),
        path => field::read(&object.json, path),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn object(labels: &str) -> Object {
        let json = format!(
            r#"{{"metadata":{{"name":"a","namespace":"n","labels":{labels}}},"spec":{{"nodeName":"e1"}},"type":"Warning"}}"#
        );
        Object::from_json(Bytes::from(json)).unwrap()
    }

    #[test]
    fn label_selectors_select() {
        let object = object(r#"{"app":"det","tier":"edge","size":"5"}"#);
        for (selector, expected) in [
            ("app=det", true),
            ("app==det,tier!=cloud", true),
            ("app=det,tier=cloud", false),
            ("app in (a, det)", true),
            ("app notin (a,det)", false),
            ("other notin (a)", true),
            ("other!=x", true),
            ("app,!other", true),
            ("!app", false),
            ("size>4,size<6", true),
            ("", true),
        ] {
            assert_eq!(LabelSelector::parse(selector).unwrap().matches(&object), expected, "{selector}");
        }
        assert!(LabelSelector::parse("a b c").is_err());
        assert!(LabelSelector::parse("app within (a)").is_err());
    }

    #[test]
    fn field_selectors_select() {
        let object = object("{}");
        for (selector, expected) in [
            ("metadata.name=a", true),
            ("metadata.namespace!=n", false),
            ("spec.nodeName=e1,type=Warning", true),
            ("status.phase=", true),
            ("status.phase!=Running", true),
        ] {
            assert_eq!(FieldSelector::parse(selector).unwrap().matches(&object), expected, "{selector}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in ".{0,40}") {
            let _ = LabelSelector::parse(&text);
            let _ = FieldSelector::parse(&text);
        }
    }
}
