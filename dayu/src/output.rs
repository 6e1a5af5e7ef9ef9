//! The one place that prints: results to standard output, everything else to standard error.
use std::{
    io::{IsTerminal, Write},
    ops::ControlFlow,
    process::ExitCode,
};

use comfy_table::{Table, presets};
use tracing::{Level, level_filters::LevelFilter};
use tracing_subscriber::{filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::cli::LogFormat;

/// Sends log lines to standard error, in colour on a terminal only.
pub(crate) fn log_to_stderr(level: Level, format: LogFormat) {
    let lines = fmt::layer().with_writer(std::io::stderr);
    // What the client of the API says of each request that fails, whoever asked says better.
    let client = if level >= Level::DEBUG { LevelFilter::from(level) } else { LevelFilter::OFF };
    let said = Targets::new().with_default(level).with_target("kube_client", client);
    let log = tracing_subscriber::registry().with(said);
    match format {
        LogFormat::Text => log.with(lines.with_ansi(std::io::stderr().is_terminal())).init(),
        LogFormat::Json => log.with(lines.json().flatten_event(true)).init(),
    }
}

/// One line of a result.
pub(crate) fn line(text: &str) {
    raw(&format!("{text}\n"));
}

/// Text that already ends its own lines.
pub(crate) fn raw(text: &str) {
    if show(text).is_break() {
        std::process::exit(0);
    }
}

/// The same, for who has something to end first: whoever read may have read enough (`dayu up | head`), or the disk is full,
/// and there is nobody left to tell.
pub(crate) fn show(text: &str) -> ControlFlow<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    }
}

/// What is going on, for whoever waits; nobody may.
pub(crate) fn progress(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Something went wrong: says so and gives the exit code.
pub(crate) fn failure(text: &str) -> ExitCode {
    progress(&format!("error: {text}"));
    ExitCode::FAILURE
}

/// Rows under headings, columns aligned.
pub(crate) fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(headings);
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 3));
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}
