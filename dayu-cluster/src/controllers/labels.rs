//! Label selectors, and who selects whom without asking everybody.
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    hash::{BuildHasher, RandomState},
};

use serde::Deserialize;

use super::key::Key;
use crate::store::Labels;

/// A label selector. One that says nothing selects nothing here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Selector {
    match_labels: Labels,
    match_expressions: Vec<Requirement>,
}

/// One expression about the value of one key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Requirement {
    pub(super) key: Box<str>,
    operator: Box<str>,
    values: Vec<Box<str>>,
}

impl Selector {
    pub(super) fn of(match_labels: Labels) -> Self {
        Self { match_labels, match_expressions: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.match_labels.is_empty() && self.match_expressions.is_empty()
    }

    pub(super) fn selects(&self, labels: &Labels) -> bool {
        !self.is_empty()
            && self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.match_expressions.iter().all(|each| each.holds(labels.get(&each.key)))
    }
}

impl Requirement {
    /// Whether it holds for the value that its key has, if any.
    pub(super) fn holds(&self, actual: Option<&str>) -> bool {
        let among = |actual: &str| self.values.iter().any(|value| &**value == actual);
        let number = |text: &str| text.parse::<i64>().ok();
        let bound = self.values.first().and_then(|value| number(value));
        match (&*self.operator, actual) {
            ("In", Some(actual)) => among(actual),
            ("NotIn", Some(actual)) => !among(actual),
            ("NotIn" | "DoesNotExist", None) | ("Exists", Some(_)) => true,
            ("Gt", Some(actual)) => number(actual).zip(bound).is_some_and(|(actual, bound)| actual > bound),
            ("Lt", Some(actual)) => number(actual).zip(bound).is_some_and(|(actual, bound)| actual < bound),
            _ => false,
        }
    }
}

/// Stands for a label in a namespace. Two may share a number: whoever looks one up asks the selector as well.
type Pair = u64;

/// Who selects, found by the labels of the selected.
#[derive(Debug, Default)]
pub(super) struct Selectors {
    hasher: RandomState,
    all: HashMap<Key, (Selector, Option<Pair>)>,
    /// Each selector stands under one of its pairs, the rarest when it came: a pod need only bring its own pairs.
    by_pair: HashMap<Pair, HashSet<Key>>,
    /// Those that name no pair.
    loose: HashSet<Key>,
}

/// The selected, found by selector.
#[derive(Debug, Default)]
pub(super) struct Labelled {
    hasher: RandomState,
    by_pair: HashMap<Pair, BTreeSet<Key>>,
}

fn pair(hasher: &RandomState, namespace: &str, key: &str, value: &str) -> Pair {
    hasher.hash_one((namespace, key, value))
}

impl Selectors {
    pub(super) fn insert(&mut self, key: &Key, selector: Selector) {
        if self.all.get(key).is_some_and(|(known, _)| *known == selector) {
            return;
        }
        self.remove(key);
        let pairs = selector.match_labels.iter().map(|(k, v)| pair(&self.hasher, key.namespace(), k, v));
        let rarest = pairs.min_by_key(|pair| self.by_pair.get(pair).map_or(0, HashSet::len));
        match rarest {
            Some(pair) => self.by_pair.entry(pair).or_default().insert(key.clone()),
            None => self.loose.insert(key.clone()),
        };
        self.all.insert(key.clone(), (selector, rarest));
    }

    pub(super) fn remove(&mut self, key: &Key) {
        match self.all.remove(key) {
            Some((_, Some(pair))) => drop_from(&mut self.by_pair, pair, |keys| keys.remove(key), HashSet::is_empty),
            Some((_, None)) => drop(self.loose.remove(key)),
            None => {}
        }
    }

    /// Those in the namespace that select these labels.
    pub(super) fn selecting<'a>(&'a self, namespace: &'a str, labels: &'a Labels) -> impl Iterator<Item = &'a Key> {
        let pairs = labels.iter().map(move |(key, value)| pair(&self.hasher, namespace, key, value));
        let standing = pairs.filter_map(|pair| self.by_pair.get(&pair)).flatten();
        let loose = self.loose.iter().filter(move |key| key.namespace() == namespace);
        let selects = move |key: &&Key| self.all.get(*key).is_some_and(|(selector, _)| selector.selects(labels));
        standing.chain(loose).filter(selects)
    }
}

impl Labelled {
    pub(super) fn insert(&mut self, key: &Key, labels: &Labels) {
        for (name, value) in labels.iter() {
            let pair = pair(&self.hasher, key.namespace(), name, value);
            self.by_pair.entry(pair).or_default().insert(key.clone());
        }
    }

    pub(super) fn remove(&mut self, key: &Key, labels: &Labels) {
        for (name, value) in labels.iter() {
            let pair = pair(&self.hasher, key.namespace(), name, value);
            drop_from(&mut self.by_pair, pair, |keys| keys.remove(key), BTreeSet::is_empty);
        }
    }

    /// Among these are all that the selector selects by its labels; nobody for one without.
    pub(super) fn candidates(&self, namespace: &str, selector: &Selector) -> impl Iterator<Item = &Key> {
        let pairs = selector.match_labels.iter().map(|(key, value)| pair(&self.hasher, namespace, key, value));
        // A pair that nobody has means that nobody is selected.
        let sets = pairs.map(|pair| self.by_pair.get(&pair));
        sets.min_by_key(|set| set.map_or(0, BTreeSet::len)).flatten().into_iter().flatten()
    }
}

fn drop_from<S>(
    map: &mut HashMap<Pair, S>,
    pair: Pair,
    remove: impl FnOnce(&mut S) -> bool,
    empty: impl Fn(&S) -> bool,
) {
    if let Some(set) = map.get_mut(&pair) {
        remove(set);
        if empty(set) {
            map.remove(&pair);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Of three keys those that `pairs` has, with values out of `bits`.
    fn some(pairs: u8, bits: u8) -> Labels {
        let pairs = (0..3).filter(|at| pairs >> at & 1 == 1);
        let map: BTreeMap<String, String> =
            pairs.map(|at| (format!("k{at}"), format!("v{}", bits >> (2 * at) & 3))).collect();
        serde_json::from_value(json!(map)).unwrap()
    }

    fn labels(bits: u8) -> Labels {
        some(7, bits)
    }

    fn selector(pairs: u8, bits: u8) -> Selector {
        Selector::of(some(pairs, bits))
    }

    fn key(number: usize) -> Key {
        Key::new(["a", "b"][number % 2], &number.to_string())
    }

    proptest! {
        /// Whatever came and went, both indexes say what asking everybody says.
        #[test]
        fn indexes_agree_with_asking_everybody(
            steps in proptest::collection::vec((0..12usize, any::<bool>(), 0..8u8, any::<u8>(), any::<bool>()), 0..60),
        ) {
            let (mut selectors, mut labelled) = (Selectors::default(), Labelled::default());
            let (mut services, mut pods) = (BTreeMap::new(), BTreeMap::<Key, Labels>::new());
            for (number, is_pod, mask, bits, present) in steps {
                let key = key(number);
                if is_pod {
                    if let Some(old) = pods.remove(&key) {
                        labelled.remove(&key, &old);
                    }
                    if present {
                        labelled.insert(&key, &labels(bits));
                        pods.insert(key, labels(bits));
                    }
                } else if present {
                    selectors.insert(&key, selector(mask, bits));
                    services.insert(key, selector(mask, bits));
                } else {
                    selectors.remove(&key);
                    services.remove(&key);
                }
            }
            for (pod, labels) in &pods {
                let found: BTreeSet<&Key> = selectors.selecting(pod.namespace(), labels).collect();
                let expected: BTreeSet<&Key> = services
                    .iter()
                    .filter(|(key, selector)| key.namespace() == pod.namespace() && selector.selects(labels))
                    .map(|(key, _)| key)
                    .collect();
                prop_assert_eq!(found, expected);
            }
            for (service, selector) in &services {
                let found: BTreeSet<&Key> = labelled
                    .candidates(service.namespace(), selector)
                    .filter(|key| key.namespace() == service.namespace() && selector.selects(&pods[*key]))
                    .collect();
                let expected: BTreeSet<&Key> = pods
                    .iter()
                    .filter(|(key, labels)| key.namespace() == service.namespace() && selector.selects(labels))
                    .map(|(key, _)| key)
                    .collect();
                prop_assert_eq!(found, expected);
            }
        }
    }
}
