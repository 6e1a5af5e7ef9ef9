//! Picking allocates nothing, whatever the policy and the layer.
#![allow(unsafe_code)] // A global allocator cannot be written without; it only passes on.
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    time::Duration,
};

use dayu_core::{
    balance::{Seed, policy},
    directory::{Change, ServiceRecord},
};

use crate::world;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counted by thread: tests run side by side.
pub(crate) struct Counting;

// SAFETY: every call goes to `System` unchanged; the counter is a plain cell of this thread and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps `dealloc`'s contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn allocations(step: impl FnOnce()) -> u64 {
    let before = COUNT.with(Cell::get);
    step();
    COUNT.with(Cell::get) - before
}

#[test]
fn no_pick_allocates() {
    let directory = world::equals(50);
    let seed = Seed::new(1);
    let names = policy::NAMES;
    // By the stack's policy, and by what the Service says.
    for (version, (name, said)) in
        (2..).zip(names.map(|name| (name, None)).into_iter().chain(names.map(|name| ("p2c", Some(name)))))
    {
        let (policy, balance) = (world::policy(name), said.map(Into::into));
        directory.apply(Change::Service(ServiceRecord { version, balance, ..world::service() }));
        let request = world::request().on("edge1".into());
        // The first request by key has its ring made.
        world::narrowed(&directory, request.clone(), Duration::ZERO).unwrap().pick(&policy, &mut seed.draw());
        let counted = allocations(|| {
            for now in 0..100 {
                let left = world::narrowed(&directory, request.clone(), Duration::from_millis(now)).unwrap();
                assert!(left.pick(&policy, &mut seed.draw()).is_some());
            }
        });
        assert_eq!(counted, 0, "{name}, {said:?}, layers included");
    }
    assert!(allocations(|| drop(Box::new(1))) > 0, "the counter counts");
}
