//! A controller with much to do lets the other tasks run in between.

/// Objects between two breaths: a few milliseconds of work.
const OBJECTS: usize = 64;

/// Counts what was done since the last breath.
#[derive(Debug, Default)]
pub(super) struct Breath(usize);

impl Breath {
    /// Call after each object.
    pub(super) async fn take(&mut self) {
        self.0 += 1;
        if self.0 >= OBJECTS {
            self.0 = 0;
            tokio::task::yield_now().await;
        }
    }
}
