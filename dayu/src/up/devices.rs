//! The devices that `up` plays: their names, checked before anything starts.
use std::collections::BTreeMap;

use dayu_core::name::Device;

/// Longest name of a device: it is the value of a label, and pods are told apart by it.
const LONGEST: usize = 63;
/// Each device has its own mesh, local manager and listeners; one machine carries so many.
const MOST: usize = 64;

/// A list of devices that cannot be played.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    #[error("--devices: no device named; for example --devices cloud,edge1,edge2")]
    None,
    #[error(
        "--devices: {0} devices are more than the {MOST} that one machine plays; for more, bring Kubernetes or KubeEdge"
    )]
    TooMany(usize),
    #[error(
        "--devices: {name:?} is no device name: {problem}; use lower-case letters, digits, - and . such as edge-1 or cloud.kubeedge"
    )]
    Name { name: String, problem: &'static str },
    #[error(
        "--devices: {first} and {second} are the same once -, _ and . are dropped ({normalised}), as service names do; rename one"
    )]
    Collision { first: Device, second: Device, normalised: String },
}

/// Checks names as given and keeps their order: the first device plays the cloud.
pub(crate) fn parse(names: &[String]) -> Result<Vec<Device>, Error> {
    let mut devices: Vec<Device> = Vec::new();
    let mut seen: BTreeMap<String, Device> = BTreeMap::new();
    for name in names {
        if let Some(problem) = problem(name) {
            return Err(Error::Name { name: name.clone(), problem });
        }
        let device = Device::from(name.as_str());
        let normalised = device.normalised();
        if let Some(first) = seen.insert(normalised.clone(), device.clone()) {
            return Err(Error::Collision { first, second: device, normalised });
        }
        devices.push(device);
    }
    match devices.len() {
        0 => Err(Error::None),
        count if count > MOST => Err(Error::TooMany(count)),
        _ => Ok(devices),
    }
}

/// What keeps a text from being a DNS-1123 subdomain, if anything does.
fn problem(name: &str) -> Option<&'static str> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if name.is_empty() {
        return Some("it is empty");
    }
    if name.len() > LONGEST {
        return Some("it has more than 63 characters");
    }
    if name.chars().any(|c| !(plain(c) || c == '-' || c == '.')) {
        return Some("it has a character that names cannot have");
    }
    let well_ended = |label: &str| label.starts_with(plain) && label.ends_with(plain);
    name.split('.').any(|label| !well_ended(label)).then_some("each part must begin and end with a letter or digit")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &str) -> Result<Vec<Device>, Error> {
        parse(&list.split(',').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn dots_are_welcome_and_the_order_is_kept() {
        let devices = names("cloud.kubeedge,edge-1,a").unwrap();
        assert_eq!(devices.iter().map(Device::as_str).collect::<Vec<_>>(), ["cloud.kubeedge", "edge-1", "a"]);
    }

    #[test]
    fn names_that_collide_once_normalised_are_both_named() {
        let error = names("cloud,edge-1,edge1").unwrap_err().to_string();
        assert!(error.contains("edge-1 and edge1") && error.contains("rename"), "{error}");
    }

    #[test]
    fn a_name_is_as_long_as_a_label_may_be() {
        assert!(names(&"x".repeat(63)).is_ok());
        let error = names(&"x".repeat(64)).unwrap_err().to_string();
        assert!(error.contains("more than 63"), "{error}");
    }

    #[test]
    fn each_bad_name_says_what_is_wrong() {
        for (list, part) in
            [("Edge", "cannot have"), ("a,,b", "empty"), ("-a", "begin and end"), ("a..b", "begin and end")]
        {
            let error = names(list).unwrap_err().to_string();
            assert!(error.contains(part), "{list}: {error}");
        }
    }
}
