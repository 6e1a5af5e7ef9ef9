//! Power of two choices over requests in flight times a peak-EWMA of the latency: the default.
use super::Policy;
use crate::{
    balance::{Candidates, Draw, Load, candidates::Field},
    directory::Endpoint,
};

/// Draws two usable candidates and takes the one that costs less: a peak-EWMA of its latency, with a penalty for failures,
/// times requests in flight. Of two that are about equally fast, or of which one was never measured, it takes the one with
/// fewer requests in flight, and then the one that served less, so that equal replicas get equal shares however their
/// latencies scatter.
///
/// Not for you if requests of one key must meet at one endpoint: give them a key.
#[derive(Clone, Copy, Debug, Default)]
pub struct PowerOfTwo;

/// Latencies that differ by less than this factor are about the same: those of equal replicas scatter that much.
const ABOUT: u64 = 3;
/// One that served so much less was away or ejected, and is owed nothing for that time.
const LAG: u64 = 64;
/// Draws before the rest is looked through in order.
const DRAWS: usize = 8;

impl Policy for PowerOfTwo {
    fn name(&self) -> &'static str {
        "p2c"
    }

    fn pick(&self, candidates: &Candidates, draw: &mut Draw) -> Option<usize> {
        let field = candidates.field();
        let (one, other) = two(&field, draw)?;
        let (a, b) = (field.load(one), field.load(other));
        let first = match is_slower(a, b, field.now) || is_slower(b, a, field.now) {
            true => cost(a, field.now) <= cost(b, field.now),
            false => before(a, b) <= before(b, a),
        };
        Some(if first { one } else { other })
    }

    fn because(&self, candidates: &Candidates, draw: &mut Draw) -> Option<String> {
        let field = candidates.field();
        let (one, other) = two(&field, draw)?;
        if one == other {
            return Some("nothing else is usable".to_owned());
        }
        let (a, b) = (field.load(one), field.load(other));
        let decided = match is_slower(a, b, field.now) || is_slower(b, a, field.now) {
            true => "it costs less",
            false if a.in_flight() != b.in_flight() => "both are about as fast and it has fewer requests in flight",
            false => "both are about as fast with as many requests in flight, and it did not serve more lately",
        };
        let [one, other] = [one, other].map(|index| name(candidates.get(index)));
        Some(format!("{decided}, of {one} and {other}, which were drawn"))
    }
}

/// Whether it is known that `one` takes so much longer than `other` that it matters, and still believed.
fn is_slower(one: &Load, other: &Load, now: u64) -> bool {
    let matters = other.expected(now) * ABOUT;
    one.expected(now) > matters && one.is_known_beside(other, now) && one.believed(now) > matters
}

fn cost(load: &Load, now: u64) -> u64 {
    load.believed(now).saturating_mul(u64::from(load.in_flight()) + 1)
}

/// What people know it by.
fn name(endpoint: &Endpoint) -> String {
    endpoint.pod.as_ref().map_or_else(|| endpoint.address.to_string(), |pod| pod.name.to_string())
}

/// Requests in flight, and then what `one` served more than `other`: in one number, so that comparing takes no branch.
fn before(one: &Load, other: &Load) -> u64 {
    let ahead = one.served().saturating_sub(other.served());
    (u64::from(one.in_flight()) << 8) | if ahead <= LAG { ahead } else { 0 }
}

/// Two usable candidates, or twice the only one.
fn two(field: &Field<'_>, draw: &mut Draw) -> Option<(usize, usize)> {
    if field.len() >= 2 {
        let (one, other) = draw.two_below(field.len());
        if field.is_usable(one) && field.is_usable(other) {
            return Some((one, other));
        }
    }
    let one = drawn(field, draw, None)?;
    Some((one, drawn(field, draw, Some(one)).unwrap_or(one)))
}

/// A usable candidate other than `not`: by drawing, then from a drawn place on.
#[cold]
fn drawn(field: &Field<'_>, draw: &mut Draw, not: Option<usize>) -> Option<usize> {
    let len = field.len();
    if len <= usize::from(not.is_some()) {
        return None;
    }
    let fits = |index: &usize| Some(*index) != not && field.is_usable(*index);
    let start = draw.below(len);
    (0..DRAWS).map(|_| draw.below(len)).find(fits).or_else(|| (0..len).map(|step| (start + step) % len).find(fits))
}
