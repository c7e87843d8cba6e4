//! Sets of rules: which rules of a policy something does not rule out.

/// A set of the rules of one policy. Up to 64 rules take no memory of their own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RuleMask(Words);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Words {
    Inline(u64),
    Boxed(Box<[u64]>),
}

impl RuleMask {
    /// The rules, of so many, of which `holds` is true.
    pub(crate) fn new(rules: usize, mut holds: impl FnMut(usize) -> bool) -> Self {
        let mut word = |at: usize| {
            let numbers = at * 64..rules.min(at * 64 + 64);
            numbers.filter(|rule| holds(*rule)).fold(0, |word, rule| word | 1 << (rule % 64))
        };
        if rules <= 64 {
            return RuleMask(Words::Inline(word(0)));
        }
        RuleMask(Words::Boxed((0..rules.div_ceil(64)).map(word).collect()))
    }

    #[inline]
    pub(crate) fn words(&self) -> &[u64] {
        match &self.0 {
            Words::Inline(word) => std::slice::from_ref(word),
            Words::Boxed(words) => words,
        }
    }

    /// Whether no rule is left: every route with these attributes, or of this source, is rejected.
    pub fn is_empty(&self) -> bool {
        self.words().iter().all(|word| *word == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_rules_has_its_bits_and_no_others() {
        for rules in [0, 1, 63, 64, 65, 128, 129] {
            let all = RuleMask::new(rules, |_| true);
            assert_eq!(all.words().iter().map(|word| word.count_ones()).sum::<u32>() as usize, rules);
            let third = RuleMask::new(rules, |rule| rule % 3 == 0);
            let set = |rule: usize| third.words()[rule / 64] >> (rule % 64) & 1 == 1;
            assert!((0..rules).all(|rule| set(rule) == (rule % 3 == 0)), "{rules} rules");
            assert_eq!(all.is_empty(), rules == 0);
        }
    }

    #[test]
    fn a_mask_is_three_words_wide_at_most() {
        assert!(size_of::<RuleMask>() <= 3 * size_of::<u64>());
    }
}
