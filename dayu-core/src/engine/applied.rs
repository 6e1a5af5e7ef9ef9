//! What was written last, and whether it still stands: so that no wake-up, however often or early it comes, makes a write
//! that is not needed, and none is missed that is. Pure.
use super::{
    children::{Children, Record, Revision},
    inventory::{Child, ChildKind},
    world::Epoch,
};
use crate::name::Uid;

/// What a child was when this process wrote it last.
#[derive(Debug, Default)]
pub(super) struct Applied(Vec<Written>);

#[derive(Debug)]
pub(super) struct Written {
    kind: ChildKind,
    name: Box<str>,
    uid: Uid,
    hash: u64,
    revision: Revision,
    /// What the world had come to when it was written; none once the watch has shown it.
    unseen: Option<Epoch>,
}

/// How a planned child stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    AsPlanned,
    /// Written as planned; the watch is behind and will tell.
    Awaited,
    Otherwise,
}

impl Applied {
    /// How `child` stands by what the watch has told. After a restart the object's own word is all there is, and taken, unless
    /// somebody else had a hand in it since.
    pub(super) fn standing(&mut self, child: &Child, present: Option<&Record>, epoch: Epoch) -> Standing {
        let Some(written) = self.find(child.kind, &child.name) else {
            let Some(present) = present.filter(|p| !p.terminating && !p.touched && p.applied == Some(child.hash))
            else {
                return Standing::Otherwise;
            };
            self.note(Written::now(child, present.uid.clone(), present.revision, Some(present), epoch));
            return Standing::AsPlanned;
        };
        if written.hash == child.hash { written.standing(present, epoch) } else { Standing::Otherwise }
    }

    /// Whether all that was written stands as it was written, as far as the watch has told, and nothing else does.
    pub(super) fn stands(&mut self, children: &Children, epoch: Epoch) -> bool {
        let mut others = children.deployments.iter().chain(&children.services).filter(|r| !r.terminating).count();
        let stand = self.0.iter_mut().all(|written| {
            let present = present(children, written.kind, &written.name);
            others -= usize::from(present.is_some_and(|present| !present.terminating));
            written.standing(present, epoch) != Standing::Otherwise
        });
        stand && others == 0
    }

    /// Whether something was written that the watch may not have told of yet.
    pub(super) fn is_ahead_of(&self, children: &Children) -> bool {
        self.0.iter().any(|written| written.is_awaited() && present(children, written.kind, &written.name).is_none())
    }

    pub(super) fn forget(&mut self, kind: ChildKind, name: &str) {
        self.0.retain(|written| written.kind != kind || &*written.name != name);
    }

    fn find(&mut self, kind: ChildKind, name: &str) -> Option<&mut Written> {
        self.0.iter_mut().find(|written| written.kind == kind && &*written.name == name)
    }

    pub(super) fn note(&mut self, written: Written) {
        match self.find(written.kind, &written.name) {
            Some(known) => *known = written,
            None => {
                self.0.reserve_exact(1);
                self.0.push(written);
            }
        }
    }
}

impl Written {
    /// `child` as the server holds it after a write, when the watch had told `present` in `epoch`.
    pub(super) fn now(child: &Child, uid: Uid, revision: Revision, present: Option<&Record>, epoch: Epoch) -> Self {
        let is_seen = present.is_some_and(|present| present.uid == uid && present.revision == revision);
        let unseen = (!is_seen).then_some(epoch);
        Self { kind: child.kind, name: child.name.as_str().into(), uid, hash: child.hash, revision, unseen }
    }

    /// Whether the watch has yet to tell it.
    pub(super) fn is_awaited(&self) -> bool {
        self.unseen.is_some()
    }

    fn standing(&mut self, present: Option<&Record>, epoch: Epoch) -> Standing {
        match present {
            Some(present) if present.terminating => Standing::Otherwise,
            // The one before it, as long as nothing was removed since.
            Some(present) if present.uid != self.uid && self.unseen != Some(epoch) => Standing::Otherwise,
            Some(present) if present.uid != self.uid => Standing::Awaited,
            Some(present) if present.revision == self.revision => {
                self.unseen = None;
                self.uid = present.uid.clone();
                Standing::AsPlanned
            }
            // An earlier state of what was written since; anything later is somebody else's doing.
            Some(present) if present.revision < self.revision => Standing::Awaited,
            Some(_) => Standing::Otherwise,
            // A list that was told since would have had it, or it is gone.
            None if self.unseen == Some(epoch) => Standing::Awaited,
            None => Standing::Otherwise,
        }
    }
}

pub(super) fn present<'a>(children: &'a Children, kind: ChildKind, name: &str) -> Option<&'a Record> {
    let records = match kind {
        ChildKind::Deployment => &children.deployments,
        ChildKind::Service => &children.services,
    };
    records.iter().find(|record| &*record.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// What can happen to a child between and during looks.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Look,
        /// The watch tells the next event, or the one before it again.
        Deliver,
        Repeat,
        /// The watch broke and tells the list anew.
        List,
        Edit,
        Delete,
        /// Another process takes over.
        Restart,
    }

    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Stored {
        incarnation: u64,
        revision: u64,
        edited: bool,
    }

    /// An API server with one child, a watch that lags behind it, and the engine that wants the child as planned.
    #[derive(Default)]
    struct World {
        stored: Option<Stored>,
        incarnations: u64,
        events: VecDeque<Option<Stored>>,
        told: Option<Stored>,
        children: Children,
        epoch: Epoch,
        applied: Applied,
        writes: u32,
    }

    fn child() -> Child {
        Child { kind: ChildKind::Service, name: "s".to_owned(), object: Value::Null, hash: 7 }
    }

    fn uid(stored: Stored) -> Uid {
        Uid::from(stored.incarnation.to_string())
    }

    impl World {
        fn step(&mut self, step: Step) {
            match step {
                Step::Look => self.look(),
                Step::Deliver => {
                    if let Some(event) = self.events.pop_front() {
                        self.show(event);
                    }
                }
                Step::Repeat => self.show(self.told),
                Step::List => {
                    self.events.clear();
                    self.show(self.stored);
                    self.epoch.0 += 1;
                }
                Step::Edit => {
                    if let Some(stored) = self.stored {
                        self.store(Some(Stored { revision: stored.revision + 1, edited: true, ..stored }));
                    }
                }
                Step::Delete => self.store(None),
                // All that was remembered is lost; the next one begins with a list.
                Step::Restart => {
                    self.applied = Applied::default();
                    self.step(Step::List);
                }
            }
        }

        fn store(&mut self, stored: Option<Stored>) {
            if self.stored != stored {
                self.stored = stored;
                self.events.push_back(stored);
            }
        }

        fn show(&mut self, event: Option<Stored>) {
            self.told = event;
            match event {
                Some(stored) => self.children.services = vec![record(stored)],
                None if !self.children.services.is_empty() => {
                    self.children.services.clear();
                    self.epoch.0 += 1;
                }
                None => {}
            }
        }

        fn look(&mut self) {
            let present = present(&self.children, ChildKind::Service, "s");
            if self.applied.standing(&child(), present, self.epoch) != Standing::Otherwise {
                return;
            }
            self.writes += 1;
            let (present, epoch) = (present.cloned(), self.epoch);
            let after = match self.stored {
                Some(stored) if !stored.edited => stored,
                Some(stored) => Stored { revision: stored.revision + 1, edited: false, ..stored },
                None => {
                    self.incarnations += 1;
                    Stored { incarnation: self.incarnations, revision: 1, edited: false }
                }
            };
            self.store(Some(after));
            self.applied.note(Written::now(&child(), uid(after), Revision(after.revision), present.as_ref(), epoch));
        }

        fn settle(&mut self) {
            while !self.events.is_empty() {
                self.step(Step::Deliver);
                self.look();
            }
        }
    }

    fn record(stored: Stored) -> Record {
        Record {
            name: "s".into(),
            uid: uid(stored),
            applied: Some(7),
            revision: Revision(stored.revision),
            touched: stored.edited,
            terminating: false,
            rolled_out: true,
            trouble: None,
        }
    }

    fn steps(choice: impl Strategy<Value = Step>) -> impl Strategy<Value = Vec<Step>> {
        prop::collection::vec(choice, 0..60)
    }

    proptest! {
        /// However often and early it is woken, whatever the watch repeats: what nobody touches is written once.
        #[test]
        fn wake_ups_alone_cause_one_write(
            steps in steps(prop_oneof![Just(Step::Look), Just(Step::Deliver), Just(Step::Repeat)])
        ) {
            let mut world = World::default();
            world.look();
            steps.into_iter().for_each(|step| world.step(step));
            world.settle();
            prop_assert_eq!(world.writes, 1);
            prop_assert!(world.applied.stands(&world.children, world.epoch));
        }

        /// Whoever interferes: in the end the child stands as planned, for at most two writes for each interference.
        #[test]
        fn what_others_change_is_put_right(
            steps in steps(prop_oneof![
                4 => Just(Step::Look), 4 => Just(Step::Deliver), 1 => Just(Step::Repeat),
                1 => Just(Step::List), 1 => Just(Step::Edit), 1 => Just(Step::Delete), 1 => Just(Step::Restart),
            ])
        ) {
            let mut world = World::default();
            let is_own = |step: &&Step| matches!(step, Step::Look | Step::Deliver | Step::Repeat);
            let interferences = steps.len() - steps.iter().filter(is_own).count();
            steps.into_iter().for_each(|step| world.step(step));
            world.look();
            world.settle();
            prop_assert!(world.stored.is_some_and(|stored| !stored.edited), "{:?}", world.stored);
            prop_assert!(world.writes as usize <= 1 + 2 * interferences, "{} writes", world.writes);
        }
    }
}
