//! Quantities of a container's limits.
use dayu_core::worker::{Limits, Problem};
use k8s_openapi::api::core::v1::Container;

/// The limits on processor and memory.
pub(super) fn of(container: &Container) -> Result<Limits, Problem> {
    let limits = container.resources.as_ref().and_then(|resources| resources.limits.as_ref());
    let limit = |name: &str| {
        let Some(text) = limits.and_then(|limits| limits.get(name)) else { return Ok(None) };
        thousandths(&text.0).map(Some).ok_or_else(|| {
            Problem::new("CreateContainerConfigError", format!("resources.limits.{name}: {:?} is no quantity", text.0))
        })
    };
    Ok(Limits { cpu_millis: limit("cpu")?, memory_bytes: limit("memory")?.map(|thousandths| thousandths / 1000) })
}

/// A Kubernetes quantity in thousandths, rounded up.
pub(super) fn thousandths(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().ok()?;
    let factor = match unit {
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "" => 1.0,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "Ki" => 1024.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0 * 1024.0 * 1024.0,
        "Ti" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        exponent => 10_f64.powi(exponent.strip_prefix(['e', 'E'])?.parse().ok()?),
    };
    let value = (number * factor * 1000.0).ceil();
    // Saturates where a limit is beyond all machines.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative; saturation is meant")]
    (value.is_finite() && value >= 0.0).then_some(value as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_in_all_their_units() {
        for (text, expected) in [
            ("1", 1000),
            ("250m", 250),
            ("0.5", 500),
            ("1Ki", 1_024_000),
            ("2e3", 2_000_000),
            ("1u", 1),
            ("3M", 3_000_000_000),
        ] {
            assert_eq!(thousandths(text), Some(expected), "{text}");
        }
        assert_eq!(thousandths("many"), None);
        assert_eq!(thousandths("1Zi"), None);
    }
}
