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
/// Takes some 600 bytes an endpoint, and to make it a microsecond an endpoint.
#[derive(Debug)]
pub(crate) struct Ring {
    /// Where the points are, and behind the last one what no place is beyond. What a throw looks at lies close together:
    /// the owners are asked once a key.
    places: Box<[u32]>,
    /// The index of the endpoint of each point.
    owners: Box<[u32]>,
    /// The ring in equal parts, more of them than points: the first point in each or behind it.
    parts: Box<[u32]>,
    /// A place shifted right by so much is its part.
    shift: u32,
}

impl Ring {
    /// The ring of endpoints with these hashes, which are called by their index.
    pub(crate) fn new(hashes: impl Iterator<Item = u64>) -> Self {
        let stands = |(index, hash)| (0..POINTS).map(move |nth| (u64::from(stand(hash, nth)) << 32) | index as u64);
        let points: Vec<u64> = hashes.enumerate().flat_map(stands).collect();
        let parts = (points.len() * 2).next_power_of_two().max(2);
        let shift = 32 - parts.trailing_zeros();
        let part = |point: u64| (point >> (32 + shift)) as usize;
        let mut firsts = vec![0; parts];
        points.iter().for_each(|point| firsts[part(*point)] += 1);
        let mut before = 0;
        for first in &mut firsts {
            before += std::mem::replace(first, before);
        }
        let (places, owners) =
            in_order(points, part, &firsts).map(|point| ((point >> 32) as u32, point as u32)).unzip();
        let (mut places, owners): (Vec<u32>, Vec<u32>) = (places, owners);
        places.push(u32::MAX);
        Self { places: places.into(), owners: owners.into(), parts: firsts.into(), shift }
    }

    /// The indices of the endpoints in the order in which `key` would have them, from its home on; most come up several times.
    pub(crate) fn from(&self, key: u64) -> impl Iterator<Item = usize> {
        let (before, behind) = self.owners.split_at(self.home(key));
        behind.iter().chain(before).map(|owner| *owner as usize)
    }

    /// How far behind the home of `key` an endpoint with this hash stands, in parts of the whole ring.
    pub(crate) fn behind(&self, key: u64, hash: u64) -> f64 {
        let home = self.places[self.home(key)];
        let nearest = (0..POINTS).map(|nth| stand(hash, nth).wrapping_sub(home)).min().unwrap_or_default();
        f64::from(nearest) / f64::from(u32::MAX)
    }

    /// Which point decides for `key`.
    fn home(&self, key: u64) -> usize {
        // One hash makes all throws: evenly apart, by a distance that is the key's own.
        let hash = hash::join(key, THROWS);
        let (first, apart) = (hash as u32, (hash >> 32) as u32 | 1);
        let throw = |nth: u64| {
            let place = first.wrapping_add(apart.wrapping_mul(nth as u32));
            let at = self.next(place);
            (self.places[at].wrapping_sub(place), at)
        };
        (0..THROWS).map(throw).min().map_or(0, |(_, at)| at)
    }

    /// The first point at `place` or behind it.
    fn next(&self, place: u32) -> usize {
        let mut at = self.parts[(place >> self.shift) as usize] as usize;
        while self.places[at] < place {
            at += 1;
        }
        // Behind the last point comes the first.
        if at == self.owners.len() { 0 } else { at }
    }
}

/// The points in order. They fall evenly on the parts, so that within each there is next to nothing left to sort.
fn in_order(points: Vec<u64>, part: impl Fn(u64) -> usize, firsts: &[u32]) -> impl Iterator<Item = u64> {
    let mut free = firsts.to_vec();
    let mut sorted = vec![0; points.len()];
    for point in points {
        let at = &mut free[part(point)];
        sorted[*at as usize] = point;
        *at += 1;
    }
    sorted.chunk_by_mut(|a, b| part(*a) == part(*b)).for_each(<[u64]>::sort_unstable);
    sorted.into_iter()
}

/// Where the endpoint with this hash stands for the `nth` time.
fn stand(hash: u64, nth: u64) -> u32 {
    (hash::join(hash, nth) >> 32) as u32
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
            assert!(ring.places.is_sorted());
            for place in (0..=u32::MAX).step_by(7_654_321).chain([u32::MAX]) {
                let points = &ring.places[..ring.owners.len()];
                let found = points.iter().position(|point| *point >= place).unwrap_or(0);
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
