//! Inputs made of others: bits flipped, bytes and words of the target's language put in, parts taken out, doubled or taken
//! from another input. Which one comes next follows from the seed and from how many there were.

/// Longest input: larger ones find nothing that smaller ones do not, and take longer.
const INPUT_BYTES_MAX: usize = 16 * 1_024;
/// Most changes of one input.
const CHANGES_MAX: u64 = 6;
/// Longest part that is taken out, doubled or taken over.
const PART_BYTES_MAX: u64 = 64;
/// Bytes that sit at the edges of what readers tell apart.
const EDGES: [u8; 12] = [0, 1, 9, 10, 32, 34, 47, 92, 126, 127, 128, 255];

/// A source of inputs without an end.
pub(super) struct Mutations<'c> {
    state: u64,
    corpus: &'c [Vec<u8>],
    words: &'static [&'static str],
}

impl<'c> Mutations<'c> {
    /// The inputs of a seed.
    pub(super) fn new(seed: u64, corpus: &'c [Vec<u8>], words: &'static [&'static str]) -> Self {
        Self { state: seed, corpus, words }
    }

    /// 64 random bits (splitmix64).
    fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `n`, or 0.
    fn below(&mut self, n: u64) -> usize {
        usize::try_from(self.bits() % n.max(1)).unwrap_or_default()
    }

    /// A place in something of this length, or its end.
    fn place(&mut self, len: usize) -> usize {
        self.below(len as u64 + 1)
    }

    /// A part of something of this length.
    fn part(&mut self, len: usize) -> std::ops::Range<usize> {
        let start = self.place(len);
        let end = start + self.below(PART_BYTES_MAX) + 1;
        start..end.min(len)
    }

    fn any_of_corpus(&mut self) -> &'c [u8] {
        let place = self.below(self.corpus.len() as u64);
        self.corpus.get(place).map_or(&[], Vec::as_slice)
    }

    /// The next input.
    pub(super) fn make(&mut self) -> Vec<u8> {
        let mut input = self.any_of_corpus().to_vec();
        for _ in 0..=self.below(CHANGES_MAX) {
            self.change(&mut input);
        }
        input.truncate(INPUT_BYTES_MAX);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.place(input.len());
        match self.below(8) {
            0 => {
                let bit = self.below(8);
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << bit;
                }
            }
            1 => {
                let edge = EDGES[self.below(EDGES.len() as u64)];
                if let Some(byte) = input.get_mut(at) {
                    *byte = edge;
                }
            }
            2 => input.insert(at, self.bits().to_le_bytes()[0]),
            3 | 4 => self.put_word(input, at),
            5 => drop(input.drain(self.part(input.len()))),
            6 => {
                let part = input[self.part(input.len())].to_vec();
                put(input, at, &part);
            }
            _ => {
                let other = self.any_of_corpus();
                put(input, at, &other[self.part(other.len())]);
            }
        }
    }

    /// Puts a word in, or in the place of as many bytes; without words a few random bytes.
    fn put_word(&mut self, input: &mut Vec<u8>, at: usize) {
        let random = self.bits().to_le_bytes();
        let word = self.words.get(self.below(self.words.len() as u64)).map_or(&random[..], |word| word.as_bytes());
        if self.below(2) == 0 {
            let end = (at + word.len()).min(input.len());
            input.drain(at..end);
        }
        put(input, at, word);
    }
}

fn put(input: &mut Vec<u8>, at: usize, part: &[u8]) {
    input.splice(at..at, part.iter().copied());
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when `bits` is not drawn from the state alone.
    #[test]
    fn the_inputs_of_a_seed_are_the_same_each_time_and_of_another_seed_others() {
        let corpus = [b"{\"a\": [1, 2]}".to_vec(), Vec::new()];
        let inputs = |seed| {
            let mut mutations = Mutations::new(seed, &corpus, &["null"]);
            (0..500).map(|_| mutations.make()).collect::<Vec<_>>()
        };
        assert_eq!(inputs(1), inputs(1));
        assert_ne!(inputs(1), inputs(2));
        assert!(inputs(1).iter().any(|input| input.windows(4).any(|bytes| bytes == b"null")));
    }

    #[test]
    fn inputs_stay_within_their_bound() {
        let corpus = [vec![b'x'; INPUT_BYTES_MAX]];
        let mut mutations = Mutations::new(3, &corpus, &[]);
        assert!((0..200).all(|_| mutations.make().len() <= INPUT_BYTES_MAX));
    }
}
