//! What a stage reads from its environment.
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

/// The environment of one stage, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where to listen: `POD_IP` and `GUNICORN_PORT`.
    pub listen: SocketAddr,
    /// The device this process runs on: `NODE_NAME`.
    pub device: String,
    /// The name of this replica: `POD_NAME`, else `HOSTNAME`.
    pub replica: String,
    /// The proxy through which names are reached: `http_proxy`.
    pub proxy: Option<SocketAddr>,
    /// Where frames or findings go next, as URLs: `NEXT`, separated by blanks; used in turn.
    pub next: Vec<String>,
    /// A folder that all workers of the device share: `TEMP_PATH`.
    pub shared: Option<PathBuf>,
    /// Frames per second that a source makes: `FRAMES_PER_SECOND`.
    pub frames_per_second: u32,
}

/// A variable that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("environment variable {name}={value:?}: {problem}; set it to {example}")]
pub struct SettingsError {
    name: &'static str,
    value: String,
    problem: &'static str,
    example: &'static str,
}

impl Settings {
    /// Reads the environment through `lookup`, so that tests need not change the process's own.
    ///
    /// # Errors
    /// Names the variable, its value and a value that would do.
    pub fn from_environment(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let address = parse(&lookup, "POD_IP", IpAddr::V4(Ipv4Addr::UNSPECIFIED), "not an IP address", "127.0.0.1")?;
        let port = parse(&lookup, "GUNICORN_PORT", 9000, "not a port from 1 to 65535", "9000")?;
        let frames_per_second = parse(&lookup, "FRAMES_PER_SECOND", 5, "not a whole number of frames", "5")?;
        let proxy = match lookup("http_proxy").filter(|url| !url.is_empty()) {
            None => None,
            Some(url) => {
                let bare = url.strip_prefix("http://").unwrap_or(&url).trim_end_matches('/').to_owned();
                Some(bare.parse().map_err(|_| SettingsError {
                    name: "http_proxy",
                    value: url,
                    problem: "not http://ADDRESS:PORT",
                    example: "http://127.0.0.1:10552",
                })?)
            }
        };
        Ok(Self {
            listen: SocketAddr::new(address, port),
            device: lookup("NODE_NAME").unwrap_or_default(),
            replica: lookup("POD_NAME").or_else(|| lookup("HOSTNAME")).unwrap_or_default(),
            proxy,
            next: lookup("NEXT").unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
            shared: lookup("TEMP_PATH").filter(|path| !path.is_empty()).map(PathBuf::from),
            frames_per_second,
        })
    }
}

fn parse<T: std::str::FromStr>(
    lookup: impl Fn(&str) -> Option<String>,
    name: &'static str,
    default: T,
    problem: &'static str,
    example: &'static str,
) -> Result<T, SettingsError> {
    let Some(value) = lookup(name).filter(|value| !value.is_empty()) else { return Ok(default) };
    value.trim().parse().map_err(|_| SettingsError { name, value, problem, example })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_serve_everywhere_on_port_9000() {
        let settings = Settings::from_environment(|_| None).unwrap();
        assert_eq!(settings.listen, "0.0.0.0:9000".parse().unwrap());
        assert_eq!(settings.proxy, None);
    }

    #[test]
    fn a_bad_port_is_named_with_a_remedy() {
        let error = Settings::from_environment(|name| (name == "GUNICORN_PORT").then(|| "http".into())).unwrap_err();
        assert_eq!(
            error.to_string(),
            "environment variable GUNICORN_PORT=\"http\": not a port from 1 to 65535; set it to 9000"
        );
    }
}
