//! How many SMS a text becomes: what a send costs.
//!
//! A text whose characters are all in the GSM 7-bit default alphabet or its extension table (3GPP TS 23.038, 6.2.1)
//! is sent in that, anything else in UCS-2, two bytes for a UTF-16 code unit. A text that is too long for one SMS
//! is sent in several, each with a header that says which part it is (3GPP TS 23.040, 9.2.3.24.1):
//!
//! | | units | alone | each of several |
//! |---|---|---|---|
//! | [`Encoding::Gsm7`] | septets; two for a character of the extension table | 160 | 153 |
//! | [`Encoding::Ucs2`] | UTF-16 code units; two for a character outside the BMP | 70 | 67 |
//!
//! What takes two units is not split between two segments; the unit left over stays empty.
//!
//! National language tables are not considered: a network uses them for few texts, and none may be relied on.
//! Nor is what a carrier replaces on its own account. So the number is what to reckon with, and the bill may be lower.
//!
//! ```
//! use batchcast::segment::{Encoding, Segments, first_non_gsm};
//!
//! let plain = Segments::of("Your table is booked. Cancel: [C]");
//! assert_eq!((plain.encoding, plain.units, plain.segments), (Encoding::Gsm7, 35, 1));
//!
//! // One character outside of the alphabet, and all of the text takes twice the room.
//! let text = "Your table’s booked, and we look forward to seeing you at eight on Friday evening!";
//! assert_eq!(first_non_gsm(text), Some('’'));
//! assert_eq!(Segments::of(text).segments, 2);
//! assert_eq!(Segments::of(&text.replace('’', "'")).segments, 1);
//! ```

mod alphabet;
mod walk;

use std::fmt;

use self::walk::Walk;
use crate::encode::json;
use crate::message::{Content, Text};

/// What a text is sent in, and how many segments it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Segments {
    /// What it is sent in.
    pub encoding: Encoding,
    /// Its length: septets, or UTF-16 code units.
    pub units: usize,
    /// How many SMS it takes, at least 1.
    pub segments: usize,
}

/// What a text is sent in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// The GSM 7-bit default alphabet with its extension table.
    Gsm7,
    /// UCS-2; in fact UTF-16, which is what phones make of it.
    Ucs2,
}

impl Segments {
    /// The segments of a text. An empty one is an SMS, too.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self::of_content(Content::plain(text))
    }

    /// The same of a text as a parser lends it. Nothing is allocated, also if it is held as JSON.
    ///
    /// ```
    /// use batchcast::Text;
    /// use batchcast::segment::Segments;
    ///
    /// let text = Text::from_json(r"Line\nbreak \u20ac")?;
    /// assert_eq!(Segments::of_text(&text), Segments::of("Line\nbreak €"));
    /// # Ok::<(), batchcast::TextError>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn of_text(text: &Text<'_>) -> Self {
        Self::of_content(text.content())
    }

    fn of_content(content: Content<'_>) -> Self {
        let mut walk = Walk::new(content);
        let mut filling = Filling::new(Encoding::Gsm7);
        loop {
            filling.singles(walk.pass_plain());
            let Some(character) = walk.next_char() else {
                return filling.segments();
            };
            match alphabet::septets(character) {
                0 => return ucs2(content),
                1 => filling.singles(1),
                _ => filling.pair(),
            }
        }
    }
}

/// The first character of a text that is neither in the GSM 7-bit default alphabet nor in its extension table, and so
/// forces UCS-2.
#[must_use]
pub fn first_non_gsm(text: &str) -> Option<char> {
    NonGsm(Walk::new(Content::plain(text))).next()
}

/// All characters of a text that force UCS-2, in order, each as often as it stands there.
///
/// ```
/// use batchcast::Text;
/// use batchcast::segment::non_gsm;
///
/// let text = Text::from_json(r"Ol\u00e1 — señor")?;
/// assert_eq!(non_gsm(&text).collect::<String>(), "á—");
/// # Ok::<(), batchcast::TextError>(())
/// ```
pub fn non_gsm<'a>(text: &'a Text<'_>) -> impl Iterator<Item = char> + use<'a> {
    NonGsm(Walk::new(text.content()))
}

struct NonGsm<'a>(Walk<'a>);

impl Iterator for NonGsm<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        loop {
            self.0.pass_plain();
            let character = self.0.next_char()?;
            if alphabet::septets(character) == 0 {
                return Some(character);
            }
        }
    }
}

fn ucs2(content: Content<'_>) -> Segments {
    let units = if content.is_json() {
        json::utf16_len_of_escaped(content.as_str())
    } else {
        json::utf16_len(content.as_str())
    };
    let each = Encoding::Ucs2.each();
    let segments = if units <= Encoding::Ucs2.alone() {
        1
    } else {
        units.div_ceil(each)
    };
    // Wherever there are pairs, each segment but the last has one empty unit at most.
    if segments == 1 || units <= (segments - 1) * (each - 1) + each {
        return Segments {
            encoding: Encoding::Ucs2,
            units,
            segments,
        };
    }
    let mut walk = Walk::new(content);
    let mut filling = Filling::new(Encoding::Ucs2);
    loop {
        filling.singles(walk.pass_plain());
        let Some(character) = walk.next_char() else {
            return filling.segments();
        };
        match character.len_utf16() {
            1 => filling.singles(1),
            _ => filling.pair(),
        }
    }
}

/// Segments while they are filled.
struct Filling {
    encoding: Encoding,
    units: usize,
    /// The same, and the units that are left empty if there is more than one segment.
    filled: usize,
}

impl Filling {
    const fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            units: 0,
            filled: 0,
        }
    }

    /// Characters of one unit each.
    #[inline]
    const fn singles(&mut self, count: usize) {
        self.units += count;
        self.filled += count;
    }

    /// A character of two units, which stay together.
    const fn pair(&mut self) {
        let each = self.encoding.each();
        if self.filled % each == each - 1 {
            self.filled += 1;
        }
        self.filled += 2;
        self.units += 2;
    }

    #[inline]
    const fn segments(&self) -> Segments {
        let segments = if self.units <= self.encoding.alone() {
            1
        } else {
            self.filled.div_ceil(self.encoding.each())
        };
        Segments {
            encoding: self.encoding,
            units: self.units,
            segments,
        }
    }
}

impl Encoding {
    /// The most units of a text that is sent as one SMS.
    #[must_use]
    pub const fn alone(self) -> usize {
        match self {
            Self::Gsm7 => 160,
            Self::Ucs2 => 70,
        }
    }

    /// The most units in each SMS of a text that is sent as several.
    #[must_use]
    pub const fn each(self) -> usize {
        match self {
            Self::Gsm7 => 153,
            Self::Ucs2 => 67,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gsm7 => "GSM-7",
            Self::Ucs2 => "UCS-2",
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
