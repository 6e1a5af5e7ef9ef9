//! All children by the resource that they belong to, each found again by its own UID, since an event may name another resource
//! than the one before, or none. Two indexes of numbers: maps from names to names would be as large as all the rest.
use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::{
    children::{Children, Devices, News},
    kept::Kept,
};
use crate::{name::Uid, template::Acknowledgement};

/// What is known of one resource's children; there is none without children.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) resource: Uid,
    pub(super) children: Children,
    /// The newest word of its device.
    pub(super) acknowledged: Option<Box<Acknowledgement>>,
}

#[derive(Debug, Default)]
pub(super) struct Families {
    all: Vec<Option<Box<Family>>>,
    free: Vec<u32>,
    by_resource: HashTable<Pointer>,
    by_child: HashTable<Pointer>,
    hasher: RandomState,
}

/// Where the family is that a UID leads to.
#[derive(Clone, Copy, Debug)]
struct Pointer {
    /// Of the UID: tables that grow need it again.
    hash: u32,
    place: u32,
}

impl Pointer {
    /// Spread over all bits, as tables want it.
    fn hash(&self) -> u64 {
        u64::from(self.hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    fn family<'a>(&self, all: &'a [Option<Box<Family>>]) -> Option<&'a Family> {
        all.get(self.place as usize)?.as_deref()
    }
}

impl Families {
    pub(super) fn get(&self, resource: &Uid) -> Option<&Family> {
        self.find(resource)?.family(&self.all)
    }

    pub(super) fn get_mut(&mut self, resource: &Uid) -> Option<&mut Family> {
        let place = self.find(resource)?.place;
        self.all.get_mut(place as usize)?.as_deref_mut()
    }

    /// Those children of all resources that `choose` gives of each one's.
    pub(super) fn children(&self, choose: impl Fn(&Children) -> Vec<Uid>) -> Vec<Uid> {
        self.all.iter().flatten().flat_map(|family| choose(&family.children)).collect()
    }

    /// Takes a child of `resource` in. Gives what that was worth for it, and the resource that the child belonged to before.
    pub(super) fn take<K: Kept>(
        &mut self,
        object: &K,
        child: &Uid,
        resource: &Uid,
        devices: &Devices,
    ) -> (News, Option<Uid>) {
        let moved = self.owner(child).is_some_and(|before| before != resource);
        let before = if moved { self.remove::<K>(child) } else { None };
        let place = self.place(resource);
        let Some(family) = self.all.get_mut(place as usize).and_then(Option::as_deref_mut) else {
            return (News::None, before);
        };
        let was_here = family.children.has(child);
        let news = object.set(family.children.shared(child.clone()), devices, &mut family.children);
        match (was_here, family.children.has(child)) {
            (false, true) => {
                let pointer = Pointer { hash: self.digest(child), place };
                self.by_child.insert_unique(pointer.hash(), pointer, Pointer::hash);
            }
            (true, false) => self.unindex(child, place),
            _ => {}
        }
        self.tidy(place);
        (news, before)
    }

    /// Lets a child go, whosever it is. Gives the resource if that made a difference for it.
    pub(super) fn remove<K: Kept>(&mut self, child: &Uid) -> Option<Uid> {
        let place = self.find_child(child)?.place;
        self.unindex(child, place);
        let family = self.all.get_mut(place as usize)?.as_deref_mut()?;
        let changed = K::unset(child, &mut family.children) != News::None;
        let resource = changed.then(|| family.resource.clone());
        self.tidy(place);
        resource
    }

    fn owner(&self, child: &Uid) -> Option<&Uid> {
        Some(&self.find_child(child)?.family(&self.all)?.resource)
    }

    fn find(&self, resource: &Uid) -> Option<Pointer> {
        let sought = Pointer { hash: self.digest(resource), place: 0 };
        let is_it = |at: &Pointer| at.family(&self.all).is_some_and(|family| family.resource == *resource);
        self.by_resource.find(sought.hash(), is_it).copied()
    }

    fn find_child(&self, child: &Uid) -> Option<Pointer> {
        let sought = Pointer { hash: self.digest(child), place: 0 };
        let is_it = |at: &Pointer| at.family(&self.all).is_some_and(|family| family.children.has(child));
        self.by_child.find(sought.hash(), is_it).copied()
    }

    /// Where the family of `resource` is, made if it is not there.
    fn place(&mut self, resource: &Uid) -> u32 {
        if let Some(found) = self.find(resource) {
            return found.place;
        }
        let family = Family { resource: resource.clone(), children: Children::default(), acknowledged: None };
        let place = self.free.pop().unwrap_or_else(|| {
            self.all.push(None);
            // One for each resource of a cluster: far fewer.
            u32::try_from(self.all.len() - 1).unwrap_or(u32::MAX)
        });
        self.all[place as usize] = Some(Box::new(family));
        let pointer = Pointer { hash: self.digest(resource), place };
        self.by_resource.insert_unique(pointer.hash(), pointer, Pointer::hash);
        place
    }

    fn unindex(&mut self, child: &Uid, place: u32) {
        let sought = Pointer { hash: self.digest(child), place };
        if let Ok(found) = self.by_child.find_entry(sought.hash(), |at| at.hash == sought.hash && at.place == place) {
            found.remove();
        }
    }

    /// A family without children is none.
    fn tidy(&mut self, place: u32) {
        let Some(family) = self.all[place as usize].take_if(|family| family.children.is_empty()) else { return };
        let sought = Pointer { hash: self.digest(&family.resource), place };
        if let Ok(found) = self.by_resource.find_entry(sought.hash(), |at| at.place == place) {
            found.remove();
        }
        self.free.push(place);
    }

    #[expect(clippy::cast_possible_truncation, reason = "half of a hash is one")]
    fn digest(&self, uid: &Uid) -> u32 {
        self.hasher.hash_one(uid) as u32
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::{super::view, *};

    fn service(child: u8) -> view::Service {
        serde_json::from_value(json!({"metadata": {"name": format!("s{child}"), "uid": format!("c{child}")}})).unwrap()
    }

    fn uid(kind: char, number: u8) -> Uid {
        Uid::from(format!("{kind}{number}"))
    }

    proptest! {
        /// Whatever comes, moves and goes: each child is where it was put last, and nowhere else.
        #[test]
        fn children_are_where_they_were_put_last(
            steps in prop::collection::vec((0..24_u8, prop::option::weighted(0.7, 0..8_u8)), 0..200)
        ) {
            let (mut families, mut model) = (Families::default(), BTreeMap::new());
            for (child, resource) in steps {
                let name = uid('c', child);
                match resource {
                    Some(resource) => {
                        families.take(&service(child), &name, &uid('r', resource), &Devices::new());
                        model.insert(child, resource);
                    }
                    None => {
                        let told = families.remove::<view::Service>(&name);
                        prop_assert_eq!(told, model.remove(&child).map(|resource| uid('r', resource)));
                    }
                }
                for resource in 0..8 {
                    let expected: Vec<Uid> =
                        model.iter().filter(|(_, of)| **of == resource).map(|(child, _)| uid('c', *child)).collect();
                    let mut found: Vec<Uid> = families
                        .get(&uid('r', resource))
                        .map(|family| family.children.services.iter().map(|record| record.uid.clone()).collect())
                        .unwrap_or_default();
                    found.sort_by_key(|uid| uid.as_str()[1..].parse::<u8>().unwrap());
                    prop_assert_eq!(found, expected);
                }
            }
        }
    }
}
