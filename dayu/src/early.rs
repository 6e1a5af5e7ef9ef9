//! What has to be said before the first memory is taken.
use dayu_lm::runtime::process::keep_pages_small;

/// The allocator takes its first megabytes before `main`, and a huge page that is there stays one.
#[expect(unsafe_code, reason = "see SAFETY")]
#[used]
// SAFETY: what stands in this section is called at the start, by priority, ours before those that have none; as the function does
// system calls and touches statics only, it needs nothing that is set up later.
#[unsafe(link_section = ".init_array.00100")]
static BEFORE_ALL: extern "C" fn() = before_all;

extern "C" fn before_all() {
    keep_pages_small();
}
