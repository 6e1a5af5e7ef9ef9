//! `dayu doctor`: looks at an installation, and names the cause and the remedy of what keeps it from working.
use std::process::ExitCode;

use crate::{cli::Doctor, output};
use dayu_core::connect;

mod checks;
mod facts;
mod finding;
mod kubelets;
mod rules;

use facts::Facts;
use finding::Finding;

/// Asks, checks, prints. The exit code says whether something does not work.
pub(crate) async fn run(options: &Doctor) -> Result<ExitCode, connect::ConnectError> {
    let client = connect::client(options.connection.kubeconfig.as_deref()).await?;
    let findings = checks::all(&Box::pin(Facts::gather(&client)).await);
    output::raw(&render(&findings));
    let faults = findings.iter().filter(|finding| finding.is_fault()).count();
    output::line(&match faults {
        0 => "no fault found".to_owned(),
        1 => "1 fault found".to_owned(),
        more => format!("{more} faults found"),
    });
    Ok(if faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A row for each finding, and one below it for what to do.
fn render(findings: &[Finding]) -> String {
    let rows = findings.iter().flat_map(|finding| {
        let row = [finding.state.word(), finding.check, &finding.about, &finding.found].map(str::to_owned).to_vec();
        let remedy = finding.state.remedy();
        let remedy = remedy.map(|remedy| vec![String::new(), String::new(), String::new(), format!("-> {remedy}")]);
        std::iter::once(row).chain(remedy)
    });
    output::table(&["STATE", "CHECK", "ABOUT", "FOUND"], rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_stands_below_what_was_found() {
        let findings =
            [Finding::good("devices", "edge1", "is well"), Finding::fault("manager", "dayu-gm", "is away", "start it")];
        let text = render(&findings);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "ok      devices   edge1     is well");
        assert_eq!(lines[2], "FAULT   manager   dayu-gm   is away");
        assert_eq!(lines[3].find("-> start it"), lines[2].find("is away"));
    }
}
