//! Tests that need something of the machine find out, say so, and fail where everything must be there.

/// Says that a test is skipped and why; where `DAYU_TESTS_MUST_NOT_SKIP` is set, that is a failure.
pub(crate) fn skip(why: &str) {
    assert!(std::env::var_os("DAYU_TESTS_MUST_NOT_SKIP").is_none(), "skipped: {why}");
    eprintln!("skipped: {why}");
}
