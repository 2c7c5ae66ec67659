//! The numbers that the next bytes of a list seem to have.

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, u8x64};

use crate::message::PhoneNumber;

/// As many bytes as are searched at once.
const BLOCK: usize = 64;

/// How many are found before they are looked at: what is found depends on the list, and should not have to be waited for.
const AT_ONCE: usize = 64;

/// Takes what looks like a number in some bytes of a list, but for the last few of these: guesses, good enough to ask memory
/// for what is kept of them.
#[inline]
pub(super) fn each(bytes: &[u8], mut take: impl FnMut(PhoneNumber)) {
    dispatch!(Level::new(), simd => each_with(simd, bytes, &mut take));
}

#[inline(always)]
fn each_with<S: Simd>(simd: S, bytes: &[u8], take: &mut impl FnMut(PhoneNumber)) {
    let (mut found, mut len) = ([0; AT_ONCE + BLOCK], 0);
    let mut take_all = |found: &[usize]| {
        for &at in found {
            let block = bytes.get(at..).and_then(|rest| rest.first_chunk());
            if let Some(number) = block.and_then(PhoneNumber::first_in) {
                take(number);
            }
        }
    };
    let (blocks, _) = bytes.as_chunks::<BLOCK>();
    for (block, start) in blocks.iter().zip((0..).step_by(BLOCK)) {
        let block = u8x64::load_array_ref(simd, block);
        let mut pluses = block.simd_eq(u8x64::splat(simd, b'+')).to_bitmask();
        // In the list of texts there is none or one, which nobody can foresee: without a branch.
        found[len] = start + pluses.trailing_zeros() as usize;
        len += usize::from(pluses != 0);
        pluses &= pluses.wrapping_sub(1);
        while pluses != 0 {
            found[len] = start + pluses.trailing_zeros() as usize;
            len += 1;
            pluses &= pluses - 1;
        }
        if len >= AT_ONCE {
            take_all(&found[..len]);
            len = 0;
        }
    }
    take_all(&found[..len]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is searched no more.
    const BEHIND: &str = "no number is behind it, and there is nothing else either; it is long";

    fn guesses(list: &str) -> Vec<String> {
        let mut guesses = Vec::new();
        each(list.as_bytes(), |number| {
            guesses.push(number.as_str().to_owned());
        });
        guesses
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
            let expected: Vec<_> = all().map(|(number, _)| number).collect();
            assert_eq!(guesses(&(list + BEHIND)), expected, "{record}");
        }
    }

    #[test]
    fn what_is_no_number_is_not_guessed() {
        let list = "+0415555010 +141555 ++ 14155550100 +1 (415) 555-0100 +......\n+14155550123\n";
        assert_eq!(guesses(&(list.repeat(3) + BEHIND)), ["+14155550123"; 3]);
    }

    #[test]
    fn as_many_as_there_can_be_are_looked_at() {
        // Whole blocks with one less than is waited for, and then blocks of nothing else.
        let mut list = "+14155550100\n".repeat(AT_ONCE - 1);
        list += &"\n".repeat(list.len().next_multiple_of(BLOCK) - list.len());
        list += &"+".repeat(9 * BLOCK);
        assert_eq!(guesses(&list), ["+14155550100"; AT_ONCE - 1]);
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
