//! Output of runs. A run writes straight into its file, so that it needs nobody to live on; beside the file stands when it
//! grew, and that it is over. Of a container there are those of the last two runs that started.
//!
//! ```text
//! <container>/<n>.log      the output of run n+1; at most 10 MiB, then the older part becomes
//! <container>/<n>.log.1
//! <container>/<n>.times    "<bytes so far> <milliseconds since 1970>" once a second while it grows; "end" in the end
//! <container>/<n>.times.1
//! ```
mod attend;
mod last;
mod read;
mod runs;
mod times;
mod wake;

pub(crate) use self::{
    attend::{attend, end},
    last::last_line,
    read::{Choice, stream},
    runs::{begin, discard, find, keep_two},
};
