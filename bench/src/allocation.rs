//! Counts allocations of the present thread.
#![allow(unsafe_code)] // A global allocator cannot be written without; it only passes on.
use std::{
    alloc::{GlobalAlloc, Layout},
    cell::Cell,
};

use tikv_jemallocator::Jemalloc;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// The allocator of the program that is measured, counted.
pub(crate) struct Counting;

/// Allocations of this thread until now.
pub(crate) fn count() -> u64 {
    COUNT.with(Cell::get)
}

// SAFETY: every call goes to `Jemalloc` unchanged; the counter is a plain cell of this thread and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { Jemalloc.alloc(layout) }
    }

    // Passed on as well: growing by hand would copy what it extends in place, and bend every figure.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps `alloc_zeroed`'s contract.
        unsafe { Jemalloc.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps `realloc`'s contract.
        unsafe { Jemalloc.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps `dealloc`'s contract.
        unsafe { Jemalloc.dealloc(pointer, layout) }
    }
}
