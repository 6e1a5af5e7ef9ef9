//! Where a value stands; written out only where something is wrong there.

use std::fmt;

/// A step below another place, which is on the stack of the one that walks there.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Path<'a> {
    /// Where a walk begins; empty at the top.
    Root(&'a str),
    Field(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
    /// One of many that go by names of their own, as schemas of properties do.
    Entry(&'a Path<'a>, &'a str),
}

impl<'a> Path<'a> {
    pub(crate) fn field(&'a self, name: &'a str) -> Self {
        Self::Field(self, name)
    }

    pub(crate) fn item(&'a self, index: usize) -> Self {
        Self::Item(self, index)
    }

    pub(crate) fn entry(&'a self, name: &'a str) -> Self {
        Self::Entry(self, name)
    }
}

/// `spec.ports[0].name`, `openAPIV3Schema.properties[spec].type`
impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(path) | Self::Field(Self::Root(""), path) => f.write_str(path),
            Self::Field(above, name) => write!(f, "{above}.{name}"),
            Self::Item(above, index) => write!(f, "{above}[{index}]"),
            Self::Entry(above, name) => write!(f, "{above}[{name}]"),
        }
    }
}

impl From<&Path<'_>> for String {
    fn from(path: &Path<'_>) -> Self {
        path.to_string()
    }
}
