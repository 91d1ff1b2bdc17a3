//! A set of small integers.

/// A growable set of `u32` local ordinals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bitmap {
    words: Vec<u64>,
    count: u32,
}

impl Bitmap {
    /// Adds `index`; whether it was absent.
    pub(crate) fn insert(&mut self, index: u32) -> bool {
        let (word, bit) = place(index);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let added = self.words[word] & bit == 0;
        self.words[word] |= bit;
        self.count += u32::from(added);
        added
    }

    /// Takes `index` out; whether it was there.
    pub(crate) fn remove(&mut self, index: u32) -> bool {
        let (word, bit) = place(index);
        let present = self.contains(index);
        if present {
            self.words[word] &= !bit;
            self.count -= 1;
        }
        present
    }

    pub(crate) fn contains(&self, index: u32) -> bool {
        let (word, bit) = place(index);
        self.words.get(word).is_some_and(|bits| bits & bit != 0)
    }

    pub(crate) fn len(&self) -> u32 {
        self.count
    }
}

fn place(index: u32) -> (usize, u64) {
    (index as usize / 64, 1 << (index % 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn behaves_like_a_set() {
        let (mut bitmap, mut model) = (Bitmap::default(), BTreeSet::new());
        let mut state = 1_u32;
        for _ in 0..10_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let index = (state >> 8) % 300;
            if state & 1 == 0 {
                assert_eq!(bitmap.insert(index), model.insert(index));
            } else {
                assert_eq!(bitmap.remove(index), model.remove(&index));
            }
            assert_eq!(bitmap.len() as usize, model.len());
        }
        assert!((0..300).all(|index| bitmap.contains(index) == model.contains(&index)));
    }
}
