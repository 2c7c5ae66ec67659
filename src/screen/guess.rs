//! The numbers that the next bytes of a list seem to have.

use memchr::memchr;
use wide::u8x16;

use crate::message::PhoneNumber;

/// As many bytes as are searched at once.
const WINDOW: usize = 16;

/// What looks like a number in some bytes of a list: a guess, good enough to ask memory for what is kept of it.
pub(super) struct Guesses<'b> {
    bytes: &'b [u8],
    at: usize,
    /// How far the last one was from the one before.
    step: usize,
}

impl<'b> Guesses<'b> {
    pub(super) const fn new(bytes: &'b [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            step: 0,
        }
    }

    /// Where the next `+` is, if it is about as far away as the last one was.
    #[inline(always)]
    fn near(&self) -> Option<usize> {
        let from = self.at + self.step.saturating_sub(WINDOW / 2);
        let window = self.bytes.get(from..)?.first_chunk::<WINDOW>()?;
        let found = u8x16::from(*window)
            .simd_eq(u8x16::splat(b'+'))
            .to_bitmask();
        (found != 0).then(|| from + found.trailing_zeros() as usize)
    }
}

impl Iterator for Guesses<'_> {
    type Item = PhoneNumber;

    #[inline(always)]
    fn next(&mut self) -> Option<PhoneNumber> {
        loop {
            let at = match self.near() {
                Some(at) => at,
                None => self.at + memchr(b'+', self.bytes.get(self.at..)?)?,
            };
            let block = self.bytes.get(at..)?.first_chunk()?;
            self.step = at - self.at;
            self.at = at + PhoneNumber::MIN_DIGITS;
            if let Some(number) = PhoneNumber::first_in(block) {
                return Some(number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn guesses(list: &str) -> Vec<String> {
        let guesses = Guesses::new(list.as_bytes());
        guesses.map(|number| number.as_str().to_owned()).collect()
    }

    #[test]
    fn the_numbers_of_a_list_are_guessed() {
        let names = [
            "Ana",
            "Bob",
            "Christopher",
            "a much longer name + one of those",
        ];
        let numbers = ["+14155550100", "+442071838750", "+4930901820", "+1234567"];
        for record in [
            "{number}\n",
            "{\"to\":\"{number}\",\"text\":\"Hi {name}, 1 + 1\"}\n",
            "id,\"{number}\",{name}\r\n",
        ] {
            let all = || (0..200).map(|index| (numbers[index / 3 % 4], names[index % 4]));
            let list: String = all()
                .map(|(number, name)| record.replace("{number}", number).replace("{name}", name))
                .collect();
            let found = guesses(&(list + "no number behind it"));
            let right = found
                .iter()
                .filter(|&found| numbers.contains(&found.as_str()));
            // Now and then one is passed over.
            assert_eq!(right.count(), found.len());
            assert!(
                (150..=200).contains(&found.len()),
                "{record}: {}",
                found.len()
            );
        }
    }

    #[test]
    fn what_is_no_number_is_not_guessed() {
        let list = "+0415555010 +141555 ++ 14155550100 +1 (415) 555-0100 +......";
        assert_eq!(guesses(list), <[String; 0]>::default());
    }

    proptest! {
        #[test]
        fn a_guess_is_a_number_that_is_there(list in "[+0-9a ]{0,300}") {
            for guess in guesses(&list) {
                prop_assert!(list.contains(&guess));
                prop_assert!(PhoneNumber::parse(&guess).is_ok());
            }
        }
    }
}
