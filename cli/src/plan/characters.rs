//! The characters that force UCS-2.

use batchcast::Position;

/// How many of them are looked at in a text. Who wants to shorten texts looks for a few stray ones; a text with more is
/// in another script, and looking at each of its characters would take longer than all else.
pub(crate) const LOOKED_AT: usize = 8;

/// How many characters share a page.
const PAGE: usize = 256;

/// What was seen of each character. A table in pages, of which a script takes a few, a page 10 KiB.
#[derive(Default)]
pub(crate) struct Characters {
    pages: Vec<Option<Box<[Seen; PAGE]>>>,
}

#[derive(Clone, Copy, Default)]
struct Seen {
    messages: u64,
    first: Position,
    /// The record it was seen in last.
    last: u64,
}

/// A character that forces UCS-2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Forcing {
    pub(crate) character: char,
    /// In how many messages it is among the first [`LOOKED_AT`].
    pub(crate) messages: u64,
    /// The first of them.
    pub(crate) first: Position,
}

impl Characters {
    /// Counts those of a text in, that of so many messages.
    pub(crate) fn add(
        &mut self,
        characters: impl Iterator<Item = char>,
        messages: u64,
        position: Position,
    ) {
        for character in characters.take(LOOKED_AT) {
            let seen = self.seen(character);
            if seen.messages == 0 {
                seen.first = position;
            } else if seen.last == position.record {
                continue;
            }
            seen.messages += messages;
            seen.last = position.record;
        }
    }

    fn seen(&mut self, character: char) -> &mut Seen {
        let code = character as usize;
        let page = code / PAGE;
        if page >= self.pages.len() {
            self.pages.resize_with(page + 1, || None);
        }
        let page = self.pages[page].get_or_insert_with(|| Box::new([Seen::default(); PAGE]));
        &mut page[code % PAGE]
    }

    /// All of them, those that most messages have first.
    pub(crate) fn all(&self) -> Vec<Forcing> {
        let pages = (0..).step_by(PAGE).zip(&self.pages);
        let pages = pages.filter_map(|(start, page)| Some((start, page.as_ref()?)));
        let seen = pages.flat_map(|(start, page)| (start..).zip(page.iter()));
        let mut all: Vec<_> = seen
            .filter(|(_, seen)| seen.messages > 0)
            .filter_map(|(code, seen)| {
                Some(Forcing {
                    character: char::from_u32(code)?,
                    messages: seen.messages,
                    first: seen.first,
                })
            })
            .collect();
        all.sort_by_key(|forcing| std::cmp::Reverse(forcing.messages));
        all
    }
}

impl Forcing {
    /// As Unicode writes it.
    pub(crate) fn code_point(&self) -> String {
        format!("U+{:04X}", u32::from(self.character))
    }

    /// The name of a character that cannot be seen.
    pub(crate) const fn name(&self) -> Option<&'static str> {
        Some(match self.character {
            '\t' => "tab",
            '\u{a0}' => "no-break space",
            '\u{ad}' => "soft hyphen",
            '\u{2000}'..='\u{200a}' => "a space of another width",
            '\u{200b}' => "zero-width space",
            '\u{200c}' => "zero-width non-joiner",
            '\u{200d}' => "zero-width joiner",
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                "direction mark"
            }
            '\u{2028}' | '\u{2029}' => "line separator",
            '\u{202f}' => "narrow no-break space",
            '\u{3000}' => "wide space",
            '\u{fe00}'..='\u{fe0f}' => "variation selector",
            '\u{feff}' => "byte order mark",
            '\u{fffd}' => "what was a wrong byte",
            // Of Windows-1252, read as Latin-1: lists that came through spreadsheets have them.
            '\u{85}' => "broken ellipsis",
            '\u{91}'..='\u{94}' => "broken quote",
            '\u{95}' => "broken bullet",
            '\u{96}' | '\u{97}' => "broken dash",
            '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' => "control character",
            _ => return None,
        })
    }

    /// What reads the same, and does not force UCS-2; nothing, if it can be left out.
    pub(crate) const fn instead(&self) -> Option<&'static str> {
        Some(match self.character {
            '‘' | '’' | '‚' | '‛' | '′' | '`' | '´' | 'ʼ' | '\u{91}' | '\u{92}' => "'",
            '“' | '”' | '„' | '‟' | '″' | '«' | '»' | '\u{93}' | '\u{94}' => "\"",
            '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' | '\u{96}' | '\u{97}' => "-",
            '…' | '\u{85}' => "...",
            '•' | '·' | '‣' | '\u{95}' => "*",
            '\t' | '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{3000}' => " ",
            '\u{2028}' | '\u{2029}' => "\n",
            '×' => "x",
            '©' => "(C)",
            '®' => "(R)",
            '™' => "(TM)",
            '\u{ad}' | '\u{200b}' | '\u{feff}' | '\u{200e}' | '\u{200f}' => "",
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use batchcast::segment::first_non_gsm;

    #[test]
    fn counts_messages_and_not_occurrences() {
        let mut characters = Characters::default();
        let mut add = |text: &str, record| {
            characters.add(text.chars(), 1, Position::of_record(record));
        };
        add("’’’—", 3);
        add("’", 4);
        add("\u{10ffff}您", 5);
        add("12345678’", 6);
        let all = characters.all();
        let of = |character| *all.iter().find(|one| one.character == character).unwrap();
        assert_eq!((all[0].character, all[0].messages), ('’', 2));
        assert_eq!(all[0].first.record, 3);
        assert_eq!(of('—').messages, 1);
        assert_eq!(of('您').first.record, 5);
        assert_eq!(of('\u{10ffff}').messages, 1);
        assert_eq!(of('8').messages, 1, "the last one that is looked at");
    }

    #[test]
    fn what_stands_instead_is_in_the_alphabet_and_what_it_stands_for_is_not() {
        for character in '\0'..=char::MAX {
            let forcing = Forcing {
                character,
                messages: 1,
                first: Position::default(),
            };
            if let Some(instead) = forcing.instead() {
                assert_eq!(first_non_gsm(instead), None, "{character:?}");
                assert!(
                    first_non_gsm(&character.to_string()).is_some(),
                    "{character:?}"
                );
            }
        }
    }
}
