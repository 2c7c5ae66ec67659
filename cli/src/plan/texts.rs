//! The texts of a list: how many segments they take.

use batchcast::segment::{Encoding, Segments, non_gsm};
use batchcast::{Position, Text};

use super::characters::Characters;
use crate::readable::count;

/// More segments than a text of the most code units can take: 16, in UCS-2 with a pair at each end.
const MOST: usize = 32;

/// What texts come to.
pub(crate) struct Texts {
    /// Messages by encoding and segments.
    histogram: [[u64; MOST]; 2],
    /// Messages with a text of their own.
    own: u64,
    default: Option<Shared>,
    /// The characters that force UCS-2.
    pub(crate) characters: Characters,
}

/// The text of those who have none of their own. It is counted at the end, and once.
struct Shared {
    segments: Segments,
    text: Text<'static>,
    messages: u64,
    first: Position,
}

/// Messages with as many segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bar {
    pub(crate) segments: u64,
    pub(crate) gsm7: u64,
    pub(crate) ucs2: u64,
}

impl Texts {
    pub(crate) fn new(default: Option<&Text<'static>>) -> Self {
        let default = default.map(|text| Shared {
            segments: Segments::of_text(text),
            text: text.clone(),
            messages: 0,
            first: Position::default(),
        });
        Self {
            histogram: [[0; MOST]; 2],
            own: 0,
            default,
            characters: Characters::default(),
        }
    }

    /// Counts a message in.
    #[inline]
    pub(crate) fn add(&mut self, text: Option<&Text<'_>>, position: Position) {
        let Some(text) = text else {
            if let Some(default) = &mut self.default {
                if default.messages == 0 {
                    default.first = position;
                }
                default.messages += 1;
            }
            return;
        };
        self.own += 1;
        let segments = Segments::of_text(text);
        self.histogram[row(segments.encoding)][segments.segments % MOST] += 1;
        if segments.encoding == Encoding::Ucs2 {
            self.characters.add(non_gsm(text), 1, position);
        }
    }

    /// That not all get the default text, before it is counted in.
    pub(crate) fn warning(&self) -> Option<String> {
        let has_others = self.default.is_some() && self.own > 0;
        has_others.then(|| {
            let own = count(self.own, "message has its", "messages have their");
            format!("{own} own text in the list, which is sent instead of --text")
        })
    }

    /// Counts the default text in, behind the last message.
    pub(crate) fn finish(&mut self) {
        let Some(default) = &self.default else {
            return;
        };
        let Segments {
            encoding, segments, ..
        } = default.segments;
        self.histogram[row(encoding)][segments % MOST] += default.messages;
        if encoding == Encoding::Ucs2 && default.messages > 0 {
            let forcing = non_gsm(&default.text);
            self.characters
                .add(forcing, default.messages, default.first);
        }
        self.own += default.messages;
        self.default = None;
    }

    /// How many messages were counted.
    pub(crate) fn messages(&self) -> u64 {
        self.own + self.default.as_ref().map_or(0, |default| default.messages)
    }

    /// Messages by segments, the fewest first, without those that none has.
    pub(crate) fn bars(&self) -> impl Iterator<Item = Bar> + '_ {
        let [gsm7, ucs2] = &self.histogram;
        let bars = (0..).zip(gsm7.iter().zip(ucs2));
        let bars = bars.map(|(segments, (&gsm7, &ucs2))| Bar {
            segments,
            gsm7,
            ucs2,
        });
        bars.filter(|bar| bar.gsm7 + bar.ucs2 > 0)
    }

    /// How many messages are sent in an encoding, and in how many segments.
    pub(crate) fn of(&self, encoding: Encoding) -> (u64, u64) {
        let row = (0..).zip(&self.histogram[row(encoding)]);
        row.fold((0, 0), |(messages, segments), (each, count)| {
            (messages + count, segments + each * count)
        })
    }

    /// How many segments they take together.
    pub(crate) fn segments(&self) -> u64 {
        self.of(Encoding::Gsm7).1 + self.of(Encoding::Ucs2).1
    }
}

const fn row(encoding: Encoding) -> usize {
    match encoding {
        Encoding::Gsm7 => 0,
        Encoding::Ucs2 => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use batchcast::MAX_TEXT_UNITS;

    #[test]
    fn no_text_takes_more_segments_than_there_is_room_for() {
        let pair_at_each_end = "x".repeat(66) + "👋";
        for text in [
            "👋".repeat(MAX_TEXT_UNITS / 2),
            "€".repeat(MAX_TEXT_UNITS),
            "您".repeat(MAX_TEXT_UNITS),
            pair_at_each_end.repeat(MAX_TEXT_UNITS / 68),
        ] {
            assert!(Text::new(text.as_str()).is_ok());
            assert!(Segments::of(&text).segments < MOST);
        }
    }

    #[test]
    fn the_default_text_counts_for_all_that_have_none() {
        let text = Text::new("It’s on").unwrap();
        let mut texts = Texts::new(Some(&text));
        let own = Text::new("a".repeat(161)).unwrap();
        for record in 1..=5 {
            let own = Some(&own).filter(|_| record == 3);
            texts.add(own, Position::of_record(record));
        }
        assert_eq!(texts.messages(), 5);
        texts.finish();
        assert_eq!(texts.messages(), 5);
        let bar = |segments, gsm7, ucs2| Bar {
            segments,
            gsm7,
            ucs2,
        };
        assert!(texts.bars().eq([bar(1, 0, 4), bar(2, 1, 0)]));
        assert_eq!(texts.segments(), 6);
        let forcing = texts.characters.all();
        assert_eq!(
            (
                forcing[0].character,
                forcing[0].messages,
                forcing[0].first.record
            ),
            ('’', 4, 1)
        );
    }
}
