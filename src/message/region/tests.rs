use proptest::prelude::*;
#[cfg(not(feature = "phonenumber"))]
use proptest::sample::select;

use super::*;

fn read(written: &str) -> Result<PhoneNumber, PhoneNumberError> {
    let us = Region::Us.parse(written);
    assert_eq!(us, Region::Ca.parse(written), "{written:?}");
    us
}

#[test]
fn as_people_write_them() {
    for written in [
        "(650) 555-0100",
        "650.555.0100",
        "1-650-555-0100",
        "6505550100",
        "16505550100",
        "+16505550100",
        "+1 (650) 555-0100",
        "1 (650) 555 0100",
        "1(650)555-0100",
        "650 5550100",
        "650-555-0100",
        "650/555-0100",
        "  650 555 0100\t",
        "tel:+1-650-555-0100",
        "TEL:6505550100",
        "'6505550100",
        "'+16505550100",
        "'+1 650 555 0100",
        "=\"+16505550100\"",
        " =\"(650) 555-0100\" ",
        "=\"'6505550100\"",
        "650\u{a0}555\u{a0}0100",
        "650\u{202f}555\u{2011}0100",
        "\u{202a}+1 650 555 0100\u{202c}",
        "16505550100.0",
        "6505550100.00",
        "+16505550100.0",
        "+16505550100.00",
    ] {
        let number = read(written).map(|number| number.as_str().to_owned());
        assert_eq!(number.as_deref(), Ok("+16505550100"), "{written:?}");
    }
    // Zeros that are a group are no decimals.
    for written in [
        "+1.650.555.0000",
        "+1 650 555.0000",
        "+1 (650) 555.0000",
        "650 555.0000",
        "(650) 555.0000",
        "650.555.0000",
        "1.6505550000E10",
        "1.6505550000e+10",
        "6.505550000E9",
        "6.505550000E+09",
    ] {
        let number = read(written).map(|number| number.as_str().to_owned());
        assert_eq!(number.as_deref(), Ok("+16505550000"), "{written:?}");
    }
    assert_eq!(read("+33.1.23.45.67.00").unwrap().as_str(), "+33123456700");
    // Those of other countries have a plus.
    assert_eq!(read("+49 1511 2345678").unwrap().as_str(), "+4915112345678");
}

#[test]
fn nothing_is_guessed() {
    use RegionError as Fault;
    for (written, fault) in [
        ("1.65056E+10", Fault::Rounded),
        ("1.65055501E10", Fault::Rounded),
        ("1.650555010E-9", Fault::Rounded),
        ("6.5055501e+09", Fault::Rounded),
        ("1E10", Fault::Rounded),
        ("555-0100", Fault::Digits { found: 7 }),
        ("650555010.0", Fault::Digits { found: 9 }),
        ("26505550100", Fault::Digits { found: 11 }),
        ("011 49 1511 2345", Fault::Digits { found: 13 }),
        ("+1 650 555 010", Fault::Digits { found: 10 }),
        ("(150) 555-0100", Fault::AreaCode),
        ("0505550100", Fault::AreaCode),
        ("650 155 0100", Fault::Exchange),
        ("65 05 55 01 00", Fault::Groups),
        ("650555010 0", Fault::Groups),
        ("+1 650 555 010.0", Fault::Groups),
        ("+49 1511 2345678.0", Fault::Groups),
        ("+49.1511.2345678.0", Fault::Groups),
        ("+49 30 1234567.00", Fault::Groups),
        ("+49 30 1234567.000000", Fault::Groups),
        ("+49 30 123456.0000", Fault::Groups),
        ("+49-30-1234567.00 ", Fault::Groups),
        ("tel:+33 1 23 45 67.00", Fault::Groups),
        ("'+1 650 555 01.00", Fault::Groups),
        ("+1 650 555 0.000", Fault::Groups),
        ("+1 650 55.00000", Fault::Groups),
        ("650 555 01.00", Fault::Groups),
        ("+1 650 555 0100.0000", Fault::Digits { found: 15 }),
        ("650 555 0100 x12", Fault::Character { at: 13 }),
        ("650-555-0100, 1", Fault::Character { at: 12 }),
        ("650 555 01O0", Fault::Character { at: 10 }),
        ("'650_5550100", Fault::Character { at: 4 }),
        ("+44 (0)20 7946 0958", Fault::Brackets),
        ("(650 555-0100", Fault::Brackets),
        ("650) 555-0100", Fault::Brackets),
        ("((650)) 555-0100", Fault::Brackets),
        ("٦٥٠٥٥٥٠١٠٠", Fault::Character { at: 0 }),
    ] {
        assert_eq!(read(written), Err(fault.into()), "{written:?}");
    }
    for nothing in ["", "  ", "\u{a0}", "'", "tel:", "+"] {
        let fault = read(nothing).unwrap_err();
        assert_eq!(fault, PhoneNumberError::Empty, "{nothing:?}");
    }
    assert_eq!(read(&"1".repeat(40)), Err(PhoneNumberError::TooLong));
}

#[test]
fn names_are_read_as_written() {
    for &region in Region::ALL {
        assert_eq!(region.to_string().parse(), Ok(region));
        assert_eq!(region.as_str().to_ascii_lowercase().parse(), Ok(region));
    }
    assert_eq!("DE".parse::<Region>(), Err(UnknownRegion));
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(feature = "phonenumber")]
#[test]
fn what_the_plan_does_not_have_is_refused() {
    // An area code that nobody has.
    let fault = RegionError::NotInPlan;
    assert_eq!(read("(237) 200-0000"), Err(fault.into()));
    assert_eq!(read("+44 20 7946 0958").unwrap().as_str(), "+442079460958");
}

// Not all of these numbers are in the plan.
#[cfg(not(feature = "phonenumber"))]
proptest! {
    #[test]
    fn any_spelling_of_a_number_is_that_number(
        area in 200..1_000_u32,
        exchange in 200..1_000_u32,
        line in 0..10_000_u32,
        before in select(&["", "'", "tel:", "Tel: ", " ", "\u{a0}", "\u{202d}"][..]),
        country in select(&["", "1", "1 ", "1-", "1.", "+1", "+1 ", "+1-", "+1\u{a0}"][..]),
        bracketed in any::<bool>(),
        gaps in (
            select(&["", " ", "-", ".", "\u{a0}", "\u{2011}", " - ", "/"][..]),
            select(&["", " ", "-", ".", "\u{a0}", "\u{2013}"][..]),
        ),
        behind in select(&["", " ", "\t", "\u{a0}", "\u{202c}"][..]),
    ) {
        let area_code = if bracketed { format!("({area})") } else { area.to_string() };
        let (first, second) = gaps;
        let written = format!("{before}{country}{area_code}{first}{exchange}{second}{line:04}{behind}");
        let wanted = format!("+1{area}{exchange}{line:04}");
        prop_assume!(!is_quantity(&written));
        let found = Region::Us.parse(&written).map(|number| number.as_str().to_owned());
        prop_assert_eq!(found, Ok(wanted), "{:?}", written);
    }
}

proptest! {
    #[test]
    fn no_digit_is_made_up_or_lost(written in "[ '0-9+().eEx\u{a0}-]{0,24}|\\PC{0,24}") {
        if let Ok(number) = Region::Us.parse(&written) {
            let found = digits(number.as_str());
            let whole = match written.split_once('.') {
                Some((whole, _)) if is_quantity(&written) => whole,
                _ => &written,
            };
            let given = digits(whole);
            prop_assert!(given == found || format!("1{given}") == found, "{:?}", written);
        }
    }

    #[test]
    fn what_is_e164_stays_what_it_is(number in "\\+[1-9][0-9]{6,14}") {
        let found = Region::Us.parse(&number);
        prop_assert_eq!(found, PhoneNumber::parse(&number));
    }
}

/// Whether it is digits and zeros behind a point, as a spreadsheet has it.
fn is_quantity(written: &str) -> bool {
    let number = written.trim_start_matches(|first: char| !first.is_ascii_digit());
    let end = |last: char| !last.is_ascii_digit() && last != '.';
    number
        .trim_end_matches(end)
        .split_once('.')
        .is_some_and(|(whole, fraction)| is_digits(whole) && is_zeros(fraction))
}
