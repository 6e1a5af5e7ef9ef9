#![doc = include_str!("../../docs/extending.md")]
