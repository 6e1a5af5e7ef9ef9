//! From the listeners that are open and those that should be to what has to be done. Pure.
use std::{collections::BTreeMap, net::SocketAddr};

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action<B> {
    /// Stop listening, and close what was accepted for this binding.
    Close(SocketAddr),
    /// Listen for this binding.
    Open(SocketAddr, B),
}

/// What turns `open` into `desired`. All closings come first: what they free may be what an opening needs.
pub(crate) fn diff<B: Clone + PartialEq>(
    open: &BTreeMap<SocketAddr, B>,
    desired: &BTreeMap<SocketAddr, B>,
) -> Vec<Action<B>> {
    let closings = open.iter().filter(|(address, binding)| desired.get(address) != Some(binding));
    let openings = desired.iter().filter(|(address, binding)| open.get(address) != Some(binding));
    closings
        .map(|(address, _)| Action::Close(*address))
        .chain(openings.map(|(address, binding)| Action::Open(*address, binding.clone())))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::{collection::btree_map, prelude::*};

    use super::*;

    fn table() -> impl Strategy<Value = BTreeMap<SocketAddr, u8>> {
        btree_map((0u16..6).prop_map(|port| SocketAddr::from(([127, 0, 0, 1], port))), 0u8..3, 0..6)
    }

    proptest! {
        #[test]
        fn the_actions_lead_from_open_to_desired_without_a_clash(open in table(), desired in table()) {
            let mut state = open.clone();
            for action in diff(&open, &desired) {
                match action {
                    Action::Close(address) => prop_assert!(state.remove(&address).is_some(), "closed what is not open"),
                    Action::Open(address, binding) => {
                        prop_assert!(state.insert(address, binding).is_none(), "opened what is open");
                    }
                }
            }
            prop_assert_eq!(&state, &desired);
            prop_assert!(diff(&state, &desired).is_empty(), "what is as desired is left alone");
        }
    }
}
