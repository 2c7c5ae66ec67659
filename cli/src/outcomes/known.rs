//! What is known of how a list was sent: from its journal, and from the flags for what a journal does not hold.

use anyhow::Result;
use batchcast::encode::Limits;
use batchcast::input::{Format, Parser};
use batchcast::journal::{Shape, State};
use batchcast::screen::Screen;
use batchcast::{Envelope, PhoneNumber, Text};

use super::again;
use super::judge::{Judge, Known};
use crate::args::{EnvelopeArgs, ReportArgs, ScreenAgainArgs};
use crate::config;
use crate::fail::Usage;
use crate::recipe::Recipe;
use crate::screen::Screening;
use crate::since::Since;
use crate::wording::{Wanted, Wording};
use crate::{readback, terminal};

/// The most that a message takes in a batch of its own, and more: a larger limit is none to any message.
const LARGE: u64 = 64 * 1024;

/// Has the length that senders have, which are numbers of the United States and Canada.
const SOME_SENDER: &str = "+10000000000";

/// How the records are read, who judges them, and what would help if something is not known.
pub(crate) struct Sent {
    pub(crate) parser: Parser,
    pub(crate) judge: Judge,
    /// The flags that would tell what is not known.
    pub(crate) help: Option<String>,
}

/// What is known of the texts.
struct Texts {
    template: Option<Wanted>,
    /// The text that all messages have that have none of their own.
    text: Option<Text<'static>>,
    /// Whether a template is missing.
    is_missing: bool,
}

impl Sent {
    /// What flags and journal say.
    ///
    /// # Errors
    /// If a text was typed that is not that of the run.
    pub(crate) fn resolve(args: &ReportArgs, state: &State, recipe: &Recipe) -> Result<Self> {
        let from = sender_of(args, state, recipe)?;
        let texts = Texts::resolve(args, from, state, recipe)?;
        let sender = match from {
            Some(from) => from,
            None => PhoneNumber::parse(SOME_SENDER)?,
        };
        let knows_head = from.is_some()
            && (texts.text.is_some() || texts.template.is_some() || !recipe.default_text);
        let limit = state.header.shape.max_bytes;
        let screen = &recipe.screen;
        let has_texts = !texts.is_missing && (limit >= LARGE || knows_head);

        let known_texts = texts.known(recipe);

        let mut help = Vec::new();
        if !has_texts {
            help.push("--text or --text-file with the text of the send");
        }
        let lists = ScreenAgainArgs {
            suppress: args.suppress.clone(),
            max_invalid: None,
            passed_over: None,
        };
        let since = Since::of_journal(&args.journal, state);
        let screening = Screening::resolve_again(lists, screen.clone(), since)?;
        let as_sent = screening.as_sent(sender, recipe.region, has_texts);
        let has_numbers = as_sent.is_ok();
        let as_sent = as_sent.unwrap_or_else(|error| {
            terminal::note(&format!("batchcast: {error:#}"));
            help.push("--suppress with the lists of the send as they were then");
            Screen::new().skip(screen.skip)
        });
        if !has_numbers || (from.is_none() && !has_texts) {
            help.push("--from with its sender");
        }

        let mut envelope = Envelope::new(sender);
        match texts.text {
            Some(text) => envelope = envelope.with_text(text),
            // Any will do: it is asked only whether there is one.
            None if recipe.default_text => envelope = envelope.with_text(Text::new("-")?),
            None => {}
        }
        let limits = match limit < LARGE && knows_head {
            true => Limits::default().with_max_bytes(limit),
            false => Limits::default(),
        };
        let known = Known {
            envelope,
            limits,
            texts: known_texts,
            has_texts,
            has_numbers,
            screen: as_sent,
            is_unique: screen.unique,
            end: end(state, screen.limit),
            invalid: readback::invalid(state),
        };
        let mut parser = Parser::new(recipe.format, &recipe.fields());
        // An empty list may have been taken for one of numbers, whatever its text is.
        if let Some(wanted) = texts.template
            && recipe.format != Format::Lines
        {
            parser = parser.with_template(wanted.template)?;
        }
        Ok(Self {
            parser,
            judge: Judge::new(known)?,
            help: (!help.is_empty()).then(|| help.join(", ")),
        })
    }
}

impl Texts {
    fn resolve(
        args: &ReportArgs,
        from: Option<PhoneNumber>,
        state: &State,
        recipe: &Recipe,
    ) -> Result<Self> {
        let is_typed = args.text.is_some() || args.text_file.is_some();
        let wording = match is_typed {
            true => Wording::resolve(&EnvelopeArgs {
                from: String::new(),
                text: args.text.clone(),
                text_file: args.text_file.clone(),
            })?,
            false => remembered(recipe),
        };
        let other = || {
            Usage::error(
                "the text is not the one that the run was begun with: give the same --text or --text-file as then",
            )
        };
        let mut texts = Self {
            template: None,
            text: None,
            is_missing: false,
        };
        match (&recipe.template, wording) {
            (Some(before), Wording::Filled(wanted)) if *before == wanted.digest => {
                texts.template = Some(wanted);
            }
            (_, Wording::Filled(_)) if is_typed => return Err(other()),
            (Some(_), Wording::Same(_)) if is_typed => return Err(other()),
            (Some(_), _) => texts.is_missing = true,
            (None, Wording::Same(text)) => {
                let envelope = from.map(|from| Envelope::new(from).with_text(text.clone()));
                let is_same = envelope.map(|envelope| has_shape(&envelope, state));
                if is_typed && !recipe.default_text {
                    return Err(other());
                }
                if is_typed && (is_same == Some(false) || recipe.common_text.is_some()) {
                    return Err(Usage::error(
                        "the sender or the text is not the one that the run was begun with: give the same --from (or \
                         BATCHCAST_FROM) and the same --text or --text-file as then",
                    ));
                }
                texts.text = Some(text).filter(|_| is_typed || is_same == Some(true));
            }
            (None, _) => {}
        }
        Ok(texts)
    }

    /// What is known of the text of each message.
    fn known(&self, recipe: &Recipe) -> again::Texts {
        if self.is_missing {
            again::Texts::Unknown
        } else if let Some(digest) = &recipe.common_text {
            again::Texts::First(digest.clone())
        } else if self.text.is_some() || self.template.is_some() || !recipe.default_text {
            again::Texts::Known
        } else {
            again::Texts::Unshared
        }
    }
}

/// The sender, if it is known. One that nobody has typed does not count where the journal says that it was another.
fn sender_of(args: &ReportArgs, state: &State, recipe: &Recipe) -> Result<Option<PhoneNumber>> {
    let Some(from) = args.from.as_deref().map(config::sender).transpose()? else {
        return Ok(None);
    };
    // Where the batches have no text for all, what is known of them is the sender's.
    let is_told = !recipe.default_text && recipe.common_text.is_none();
    if !is_told || has_shape(&Envelope::new(from), state) {
        return Ok(Some(from));
    }
    if args.from_is_typed {
        return Err(Usage::error(
            "--from is not the sender that the run was begun with: give the same one as then, or none",
        ));
    }
    Ok(None)
}

/// The text of the file that the run's came from, if it is still there.
fn remembered(recipe: &Recipe) -> Wording {
    if recipe.text_file.is_none() {
        return Wording::Own;
    }
    let file = EnvelopeArgs {
        from: String::new(),
        text: None,
        text_file: recipe.text_file.clone(),
    };
    Wording::resolve(&file).unwrap_or_else(|error| {
        if recipe.template.is_some() {
            terminal::note(&format!("batchcast: {error:#}"));
        }
        Wording::Own
    })
}

/// Whether the run was begun with this envelope.
fn has_shape(envelope: &Envelope, state: &State) -> bool {
    Shape::new(envelope, Limits::default()).envelope == state.header.shape.envelope
}

/// The record behind which the list ended, if as many messages were sent as were to be.
fn end(state: &State, limit: Option<u64>) -> Option<u64> {
    let held = state.held();
    let messages: u64 = held.iter().map(|held| held.batch.messages).sum();
    let last = held.last()?.batch.last.record;
    (messages >= limit?).then_some(last)
}
