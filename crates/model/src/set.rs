//! Sets of files or of runs.

use std::fmt;

use crate::world::{Index, MOST_RUNS};

/// A set of indexes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Set(u16);

impl Set {
    /// Adds one.
    pub fn insert(&mut self, index: Index) {
        self.0 |= 1 << index;
    }

    /// Takes one out.
    pub fn remove(&mut self, index: Index) {
        self.0 &= !(1 << index);
    }

    /// Whether it is in.
    #[must_use]
    pub fn contains(self, index: Index) -> bool {
        self.0 & (1 << index) != 0
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many are in.
    #[must_use]
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// What is in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in this one only.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// All that are in, in order.
    pub fn iter(self) -> impl Iterator<Item = Index> {
        (0..MOST_RUNS).filter(move |index| self.contains(*index))
    }
}

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
