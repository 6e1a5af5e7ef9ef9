//! A map that is cheap to publish: a change copies one shard, a snapshot shares them all.
use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash},
    sync::Arc,
};

/// So many shards that one of 10,000 entries is small to copy, and few enough to count their references quickly.
const SHARDS: usize = 64;

#[derive(Clone, Debug)]
pub(super) struct Sharded<K, V> {
    shards: Vec<Arc<HashMap<K, V>>>,
}

impl<K, V> Default for Sharded<K, V> {
    fn default() -> Self {
        Self { shards: std::iter::repeat_with(Arc::default).take(SHARDS).collect() }
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Sharded<K, V> {
    pub(super) fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.shards[shard(key)].get(key)
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        Arc::make_mut(&mut self.shards[shard(&key)]).insert(key, value);
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        Arc::make_mut(&mut self.shards[shard(key)]).remove(key)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.shards.iter().flat_map(|shard| shard.values())
    }
}

fn shard<Q: Hash + ?Sized>(key: &Q) -> usize {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(key) as usize % SHARDS
}
