//! What a check found: about what, how it is, and what helps.

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) check: &'static str,
    /// The object that it is about.
    pub(crate) about: String,
    pub(crate) found: String,
    pub(crate) state: State,
}

/// How it is. Whatever is not well has a remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Good,
    /// Works, but not as one might expect.
    Warning {
        remedy: String,
    },
    /// Does not work.
    Fault {
        remedy: String,
    },
}

impl Finding {
    pub(crate) fn good(check: &'static str, about: impl Into<String>, found: impl Into<String>) -> Self {
        Self { check, about: about.into(), found: found.into(), state: State::Good }
    }

    pub(crate) fn warning(
        check: &'static str,
        about: impl Into<String>,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { check, about: about.into(), found: found.into(), state: State::Warning { remedy: remedy.into() } }
    }

    pub(crate) fn fault(
        check: &'static str,
        about: impl Into<String>,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { check, about: about.into(), found: found.into(), state: State::Fault { remedy: remedy.into() } }
    }

    pub(crate) fn is_fault(&self) -> bool {
        matches!(self.state, State::Fault { .. })
    }
}

impl State {
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Warning { .. } => "warning",
            Self::Fault { .. } => "FAULT",
        }
    }

    pub(crate) fn remedy(&self) -> Option<&str> {
        match self {
            Self::Good => None,
            Self::Warning { remedy } | Self::Fault { remedy } => Some(remedy),
        }
    }
}
