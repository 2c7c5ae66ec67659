//! From character to character through a text, decoded or not.

use super::alphabet::plain_run;
use crate::encode::json;
use crate::message::Content;

/// Goes through a text: runs of plain characters at once, all others one by one.
#[derive(Clone)]
pub(super) struct Walk<'a> {
    rest: &'a str,
    is_json: bool,
}

impl<'a> Walk<'a> {
    pub(super) const fn new(content: Content<'a>) -> Self {
        Self {
            rest: content.as_str(),
            is_json: content.is_json(),
        }
    }

    /// Passes over characters of one septet, and one code unit, each; returns how many.
    #[inline]
    pub(super) fn pass_plain(&mut self) -> usize {
        // In most scripts, one that is not plain stands beside the next.
        if self
            .rest
            .as_bytes()
            .first()
            .is_some_and(|byte| !byte.is_ascii())
        {
            return 0;
        }
        let run = plain_run(self.rest.as_bytes());
        self.rest = &self.rest[run..];
        run
    }

    /// The next character; `None` at the end.
    pub(super) fn next_char(&mut self) -> Option<char> {
        let first = self.rest.chars().next()?;
        let (character, len) = if first == '\\' && self.is_json {
            json::unescape_first(self.rest.as_bytes())?
        } else {
            (first, first.len_utf8())
        };
        self.rest = &self.rest[len..];
        Some(character)
    }
}
