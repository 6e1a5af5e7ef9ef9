//! A ring for consistent hashing: from a key to an endpoint without looking at all of them.
//!
//! Each endpoint stands at several points of a ring. A key is thrown at it several times, and of all its throws the one that
//! falls closest before a point decides. So every key's home follows from the key and the endpoints alone: when an endpoint
//! goes, only its keys move, and when one comes, only to it. Many throws even out what few points leave uneven: shares differ
//! by a twentieth (standard deviation), where a ring with one throw would need fifteen times as many points.
use super::hash;

/// Points of an endpoint.
const POINTS: u64 = 32;
/// Throws of a key.
const THROWS: u64 = 8;

/// The points of some endpoints, in their order on the ring.
///
/// Takes some 600 bytes an endpoint, and to make it the time to sort 32 numbers an endpoint.
#[derive(Debug)]
pub(crate) struct Ring {
    /// The place in the upper half, the endpoint's index in the lower.
    points: Box<[u64]>,
    /// The ring in equal parts, more of them than points: the first point in each or behind it.
    parts: Box<[u32]>,
    /// A place shifted right by so much is its part.
    shift: u32,
}

impl Ring {
    /// The ring of endpoints with these hashes, which are called by their index.
    pub(crate) fn new(hashes: impl Iterator<Item = u64>) -> Self {
        let stands = |(index, hash)| (0..POINTS).map(move |point| (u64::from(place(hash, point)) << 32) | index as u64);
        let mut points: Vec<u64> = hashes.enumerate().flat_map(stands).collect();
        points.sort_unstable();
        let parts = (points.len() * 2).next_power_of_two().max(2);
        let shift = 32 - parts.trailing_zeros();
        let mut firsts = Vec::with_capacity(parts);
        for (at, point) in points.iter().enumerate() {
            let part = (of(*point) >> shift) as usize;
            firsts.resize(firsts.len().max(part + 1), at as u32);
        }
        firsts.resize(parts, points.len() as u32);
        Self { points: points.into(), parts: firsts.into(), shift }
    }

    /// The indices of the endpoints in the order in which `key` would have them, from its home on; most come up several times.
    pub(crate) fn from(&self, key: u64) -> impl Iterator<Item = usize> {
        let (before, behind) = self.points.split_at(self.home(key));
        behind.iter().chain(before).map(|point| (*point & u64::from(u32::MAX)) as usize)
    }

    /// How far behind the home of `key` an endpoint with this hash stands, in parts of the whole ring.
    pub(crate) fn behind(&self, key: u64, hash: u64) -> f64 {
        let home = self.points.get(self.home(key)).map_or(0, |point| of(*point));
        let nearest = (0..POINTS).map(|point| place(hash, point).wrapping_sub(home)).min().unwrap_or_default();
        f64::from(nearest) / f64::from(u32::MAX)
    }

    /// Where the point is that decides for `key`.
    fn home(&self, key: u64) -> usize {
        let throw = |throw| {
            let place = place(key, throw);
            let at = self.next(place);
            (self.points.get(at).map_or(0, |point| of(*point)).wrapping_sub(place), at)
        };
        (0..THROWS).map(throw).min().map_or(0, |(_, at)| at)
    }

    /// The first point at `place` or behind it.
    fn next(&self, place: u32) -> usize {
        let mut at = self.parts[(place >> self.shift) as usize] as usize;
        while self.points.get(at).is_some_and(|point| of(*point) < place) {
            at += 1;
        }
        // Behind the last point comes the first.
        if at == self.points.len() { 0 } else { at }
    }
}

/// Where something stands for the `nth` time.
fn place(hash: u64, nth: u64) -> u32 {
    (hash::join(hash, nth) >> 32) as u32
}

fn of(point: u64) -> u32 {
    (point >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(of: std::ops::Range<u64>) -> Ring {
        Ring::new(of.map(|endpoint| hash::bytes(&endpoint.to_be_bytes())))
    }

    #[test]
    fn the_next_point_is_found_wherever_a_key_falls() {
        for count in [1, 2, 3, 50, 1_000] {
            let ring = ring(0..count);
            for place in (0..=u32::MAX).step_by(7_654_321).chain([u32::MAX]) {
                let found = ring.points.iter().position(|point| of(*point) >= place).unwrap_or(0);
                assert_eq!(ring.next(place), found, "{place} of {count} endpoints");
            }
        }
    }

    #[test]
    fn shares_differ_by_a_twentieth() {
        let (ring, endpoints, keys) = (ring(0..100), 100, 200_000u64);
        let mut counts = vec![0u32; endpoints];
        (0..keys).for_each(|key| counts[ring.from(hash::bytes(&key.to_be_bytes())).next().unwrap()] += 1);
        let fair = keys as f64 / endpoints as f64;
        let deviation =
            counts.iter().map(|count| (f64::from(*count) / fair - 1.0).powi(2)).sum::<f64>() / endpoints as f64;
        assert!(deviation.sqrt() < 0.06, "{}", deviation.sqrt());
    }

    #[test]
    fn every_endpoint_comes_up_and_the_home_is_nearest() {
        let ring = ring(0..20);
        let order: Vec<usize> = ring.from(7).collect();
        assert!((0..20).all(|index| order.contains(&index)));
        let behind = |index: usize| ring.behind(7, hash::bytes(&(index as u64).to_be_bytes()));
        assert!(behind(order[0]) == 0.0 && (0..20).filter(|index| *index != order[0]).all(|index| behind(index) > 0.0));
        assert_eq!(Ring::new(std::iter::empty()).from(7).next(), None);
    }
}
