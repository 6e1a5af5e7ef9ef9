//! The differences that users are told of, which are the only ones there may be.

use super::transcript::Difference;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/compatibility.md");
const HEADING: &str = "## The embedded API and Kubernetes";

/// Followed by a version, begins the rows that hold for that Kubernetes alone.
const ONLY: &str = "### Only with Kubernetes ";

/// The table in `docs/compatibility.md`: its first two columns say where a difference is.
pub(crate) struct Table(Vec<Row>);

struct Row {
    scenario: String,
    step: String,
    path: String,
}

impl Table {
    /// What it says of Kubernetes `version`, such as `1.37`.
    pub(crate) fn read(version: &str) -> Self {
        Self::parse(&std::fs::read_to_string(DOCUMENT).expect("the document is there"), version)
    }

    fn parse(document: &str, version: &str) -> Self {
        let section = document.split(HEADING).nth(1).unwrap_or_default();
        let section = section.split("\n## ").next().unwrap_or_default();
        let (mut rows, mut holds) = (Vec::new(), true);
        for line in section.lines() {
            holds = line.strip_prefix(ONLY).map_or(holds, |only| only == version);
            rows.extend(Row::parse(line).into_iter().filter(|_| holds));
        }
        Self(rows)
    }

    /// What is wrong with the differences found in a scenario; nothing when all are known, all known are there, and none is said to
    /// be wider than it is.
    pub(crate) fn judge(&self, scenario: &str, found: &[Difference]) -> String {
        let rows: Vec<_> = self.0.iter().filter(|row| row.scenario == scenario).collect();
        let unknown = found.iter().filter(|one| !rows.iter().any(|row| row.holds(one))).map(|one| format!("\n{one}"));
        let vanished = rows.iter().filter(|row| !found.iter().any(|one| row.holds(one)));
        let vanished = vanished.map(|row| {
            format!("\nthe difference {}/{} `{}` is in the document and no more", row.scenario, row.step, row.path)
        });
        let wider = rows.iter().filter_map(|row| row.is_wider_than(found));
        unknown.chain(vanished).chain(wider).collect()
    }
}

impl Row {
    /// A line begins with `` | `scenario/step` | `path` | ``, several of each told apart by commas; an asterisk stands
    /// for anything. Each scenario must differ at each path.
    fn parse(line: &str) -> Vec<Self> {
        let cell = |cell: &'_ str| cell.split("`, `").map(|one| one.trim_matches(['`', ' ']).to_owned()).collect();
        let cells: Vec<Vec<String>> =
            line.strip_prefix("| `").into_iter().flat_map(|rest| rest.split(" | ").map(cell)).collect();
        let [places, paths, ..] = cells.as_slice() else { return Vec::new() };
        let places = places.iter().filter_map(|place| place.split_once('/'));
        let row = |(scenario, step): (&str, &str), path: &String| Self {
            scenario: scenario.into(),
            step: step.into(),
            path: path.clone(),
        };
        places.flat_map(|place| paths.iter().map(move |path| row(place, path))).collect()
    }

    /// Where an asterisk stands for one thing alone: another might hide behind it.
    fn is_wider_than(&self, found: &[Difference]) -> Option<String> {
        let held: Vec<_> = found.iter().filter(|one| self.holds(one)).collect();
        let one_step = self.step.contains('*') && held.windows(2).all(|two| two[0].step == two[1].step);
        let one_path = self.path.contains('*') && held.windows(2).all(|two| two[0].path == two[1].path);
        let one = held.first().filter(|_| one_step || one_path)?;
        let Self { scenario, step, path } = self;
        Some(format!("\n{scenario}/{step} `{path}` is {scenario}/{} `{}` alone, and has to say so", one.step, one.path))
    }

    fn holds(&self, found: &Difference) -> bool {
        fits(&self.step, &found.step) && fits(&self.path, &found.path)
    }
}

/// Each asterisk stands for anything.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(tail) = text.strip_prefix(start) else { return false };
    (0..=tail.len()).filter(|at| tail.is_char_boundary(*at)).any(|at| fits(rest, &tail[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "## The embedded API and Kubernetes\n| Where | Field | Why |\n|---|---|---|\n| `pods/create*`, `jobs/*` | `/spec/a`, `/spec/b*` | x |\n### Only with Kubernetes 1.34\n| `maps/read` | `/spec/a` | y |\n\n## Else\n| `b/c` | `/d` |\n";

    fn difference(step: &str) -> Difference {
        Difference { step: step.into(), path: "/spec/a".into(), real: "1".into(), embedded: "2".into() }
    }

    #[test]
    fn what_is_said_of_one_version_holds_for_no_other() {
        assert_eq!(Table::parse(TEXT, "1.34").judge("maps", &[difference("read")]), "");
        assert!(Table::parse(TEXT, "1.37").judge("maps", &[difference("read")]).contains("read /spec/a"));
    }

    #[test]
    fn only_what_is_listed_may_differ_and_must() {
        let table = Table::parse(TEXT, "1.37");
        assert_eq!(table.0.len(), 4);
        let at = |step: &str, path: &str| Difference { path: path.into(), ..difference(step) };
        let all = || {
            vec![
                at("create 1", "/spec/a"),
                at("create 2", "/spec/a"),
                at("create 1", "/spec/b"),
                at("create 2", "/spec/b/c"),
            ]
        };
        assert_eq!(table.judge("pods", &all()), "");
        assert!(table.judge("pods", &all()[..2]).contains("`/spec/b*` is in the document and no more"));
        assert!(table.judge("pods", &[all(), vec![difference("read")]].concat()).contains("read /spec/a"));
        assert!(table.judge("pods", &[]).contains("no more"));
        assert_eq!(table.judge("others", &[]), "");
        assert!(table.judge("others", &[difference("create")]).contains("embedded:   2"));
    }

    #[test]
    fn an_asterisk_stands_for_more_than_one_thing() {
        let table = Table::parse(TEXT, "1.37");
        let at = |step: &str, path: &str| Difference { path: path.into(), ..difference(step) };
        let alone =
            table.judge("pods", &[at("create 1", "/spec/a"), at("create 2", "/spec/a"), at("create 1", "/spec/b/c")]);
        assert!(alone.contains("pods/create* `/spec/b*` is pods/create 1 `/spec/b/c` alone"), "{alone}");
        let jobs = [at("a", "/spec/a"), at("b", "/spec/a"), at("a", "/spec/b/c"), at("b", "/spec/b/c")];
        assert!(table.judge("jobs", &jobs).contains("jobs/* `/spec/b*` is jobs/a `/spec/b/c` alone"));
    }
}
