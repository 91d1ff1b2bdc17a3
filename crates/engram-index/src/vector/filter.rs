//! Which vectors a search may return.

/// Which ordinals may be returned, and how many those are. The count steers the way of a search, never which ordinals
/// pass; a wrong one costs time. Deleted vectors are ordinals that do not pass.
#[derive(Clone, Copy)]
pub enum VectorFilter<'a> {
    /// Every ordinal.
    All,
    /// Ordinals whose bit is set: bit `i mod 64` of word `i / 64`; missing words are zero.
    Bits {
        /// The bits.
        words: &'a [u64],
        /// How many are set.
        count: usize,
    },
    /// Ordinals for which a function holds. It must answer the same for the same ordinal throughout the search.
    Where {
        /// The function.
        accept: &'a (dyn Fn(u32) -> bool + Sync),
        /// For how many ordinals it holds.
        count: usize,
    },
}

impl VectorFilter<'_> {
    /// Whether `ordinal` may be returned.
    #[inline]
    pub fn accepts(&self, ordinal: u32) -> bool {
        match self {
            VectorFilter::All => true,
            VectorFilter::Bits { words, .. } => words
                .get(ordinal as usize / 64)
                .is_some_and(|word| word >> (ordinal % 64) & 1 == 1),
            VectorFilter::Where { accept, .. } => accept(ordinal),
        }
    }

    /// How many of the ordinals below `length` may be returned, as far as is known.
    pub(super) fn count(&self, length: usize) -> usize {
        match self {
            VectorFilter::All => length,
            VectorFilter::Bits { count, .. } | VectorFilter::Where { count, .. } => {
                (*count).min(length)
            }
        }
    }

    /// Calls `visit` with each ordinal below `length` that may be returned, ascending.
    pub(super) fn each(&self, length: u32, visit: &mut dyn FnMut(u32)) {
        let VectorFilter::Bits { words, .. } = self else {
            return (0..length).filter(|&ordinal| self.accepts(ordinal)).for_each(visit);
        };
        for (start, &word) in (0..length).step_by(64).zip(*words) {
            let mut rest = word;
            while rest != 0 {
                let ordinal = start + rest.trailing_zeros();
                if ordinal < length {
                    visit(ordinal);
                }
                rest &= rest - 1;
            }
        }
    }
}

impl std::fmt::Debug for VectorFilter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            VectorFilter::All => f.write_str("All"),
            VectorFilter::Bits { count, .. } => write!(f, "Bits({count})"),
            VectorFilter::Where { count, .. } => write!(f, "Where({count})"),
        }
    }
}
