//! Who is passed over: from the flags, or from the journal of the run that is gone on with.

use std::env;
use std::fs::File;
use std::io::Seek as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result};
use batchcast::input::Format;
use batchcast::screen::{MaxInvalid, NumberSet, Screen};
use batchcast::send::Client;
use batchcast::{PhoneNumber, Region};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::args::{OptOutFormat, ScreenAgainArgs, ScreenArgs};
use crate::fail::Usage;
use crate::hooks::Pauses;
use crate::opt_outs::Download;
use crate::readable::{count, time};
use crate::recipe::absolute;
use crate::since::{self, Sifted, Since, first_list_of};
use crate::{suppress, terminal};

/// What `--suppress` takes for the API's own list.
pub(crate) const API: &str = "api";

/// Who is to be passed over.
#[derive(Debug, Clone, Default)]
pub(crate) struct Screening {
    /// Lists of numbers.
    suppress: Vec<PathBuf>,
    opt_outs: OptOuts,
    unique: bool,
    skip: u64,
    /// How many messages there are to be, if not all.
    pub(crate) limit: Option<u64>,
    /// What the suppressed numbers were when the run was begun.
    before: Option<Suppressed>,
    /// Who has opted out since then.
    since: Option<Since>,
    /// How many records may be invalid.
    pub(crate) max_invalid: Option<MaxInvalid>,
    /// Where records that are passed over are written to.
    pub(crate) passed_over: Option<PathBuf>,
}

/// The API's list of opt-outs.
#[derive(Debug, Clone, Default)]
enum OptOuts {
    #[default]
    Unasked,
    Download,
    /// As it was downloaded when the run was begun; and downloaded again.
    At(PathBuf),
    /// The run was begun without it, and it is downloaded for what is still to be sent.
    Since,
}

/// A set of numbers, as a journal has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Suppressed {
    numbers: u64,
    /// In hexadecimal digits: many JSON readers keep only 53 bits of a number.
    #[serde(with = "hex")]
    digest: u64,
}

impl Suppressed {
    fn of(numbers: &NumberSet) -> Self {
        Self {
            numbers: numbers.len(),
            digest: numbers.digest(),
        }
    }
}

/// The same in a journal. Paths that are not UTF-8 are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ScreenRecipe {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suppress: Vec<PathBuf>,
    /// Whether the API's opt-outs are beside the journal.
    #[serde(skip_serializing_if = "is_default")]
    opt_outs: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    suppressed: Option<Suppressed>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) unique: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) skip: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_invalid: Option<String>,
}

impl ScreenRecipe {
    /// The lists of suppressed numbers.
    pub(crate) fn lists(&self) -> &[PathBuf] {
        &self.suppress
    }

    /// Whether nobody is passed over.
    pub(crate) fn is_empty(&self) -> bool {
        is_default(self)
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A screen that is ready, and what a journal has to say of it.
pub(crate) struct Screened {
    pub(crate) screen: Screen,
    pub(crate) recipe: ScreenRecipe,
    /// The API's opt-outs, to be kept beside the journal.
    opt_outs: Option<File>,
    /// Those that came since the run was begun, to be kept there as well.
    since: Option<Sifted>,
}

impl Screening {
    /// What the flags mean.
    pub(crate) fn resolve(args: ScreenArgs) -> Self {
        let is_api = |path: &PathBuf| path.as_os_str() == API;
        let opt_outs = match args.suppress.iter().any(is_api) {
            true => OptOuts::Download,
            false => OptOuts::Unasked,
        };
        let mut suppress = args.suppress;
        suppress.retain(|path| !is_api(path));
        Self {
            suppress,
            opt_outs,
            unique: args.unique,
            skip: args.skip,
            limit: args.limit.map(u64::from),
            before: None,
            since: None,
            max_invalid: args.max_invalid,
            passed_over: args.passed_over,
        }
    }

    /// What they mean for a run that is gone on with.
    ///
    /// # Errors
    /// If lists are named and the run was begun without any: what was sent before could not be told from what was not.
    pub(crate) fn resolve_again(
        args: ScreenAgainArgs,
        recipe: ScreenRecipe,
        since: Since,
    ) -> Result<Self> {
        let is_api = |path: &PathBuf| path.as_os_str() == API;
        let opt_outs = if recipe.opt_outs {
            OptOuts::At(since.first_list())
        } else if since.is_wanted || args.suppress.iter().any(is_api) {
            OptOuts::Since
        } else {
            OptOuts::Unasked
        };
        let mut suppress = args.suppress;
        suppress.retain(|path| !is_api(path));
        if !suppress.is_empty() && recipe.suppressed.is_none() {
            return Err(Usage::error(
                "--suppress: the run was begun without such a list, so what was sent could not be told from what was \
                 not. Those who have opted out at the API since then are passed over with --suppress api.",
            ));
        }
        if suppress.is_empty() {
            suppress = recipe.suppress;
        }
        let most_before = recipe.max_invalid.and_then(|most| most.parse().ok());
        Ok(Self {
            suppress,
            opt_outs,
            unique: recipe.unique,
            skip: recipe.skip,
            limit: recipe.limit,
            before: recipe.suppressed,
            since: Some(since),
            max_invalid: args.max_invalid.or(most_before),
            passed_over: args.passed_over,
        })
    }

    /// Reads all that can be read without a network.
    pub(crate) fn read(&self, from: PhoneNumber, region: Option<Region>) -> Result<NumberSet> {
        let mut numbers = NumberSet::new();
        let started = Instant::now();
        for path in &self.suppress {
            suppress::read(path, from, region, &mut numbers)?;
        }
        if let OptOuts::At(path) = &self.opt_outs {
            suppress::read(path, from, None, &mut numbers)?;
        }
        if !self.suppress.is_empty() {
            terminal::note(&format!(
                "batchcast: {} read in {}",
                count(numbers.len(), "suppressed number", "suppressed numbers"),
                time(started.elapsed())
            ));
        }
        Ok(numbers)
    }

    /// Whether the API is to be asked for who has opted out.
    pub(crate) const fn asks_api(&self) -> bool {
        matches!(self.opt_outs, OptOuts::Download)
    }

    /// The screen, as far as there is one without a network.
    pub(crate) fn offline(&self, from: PhoneNumber, region: Option<Region>) -> Result<Screen> {
        Ok(self.screen(self.read(from, region)?))
    }

    /// The screen that a run was sent with, as far as its journal's own process had come, without a network; `whole`, or only
    /// as far as it depends on nothing but the number and the place of a record.
    pub(crate) fn as_sent(
        &self,
        from: PhoneNumber,
        region: Option<Region>,
        whole: bool,
    ) -> Result<Screen> {
        let numbers = self.read(from, region)?;
        let now = Suppressed::of(&numbers);
        let before = self
            .before
            .unwrap_or_else(|| Suppressed::of(&NumberSet::new()));
        if before != now {
            return Err(changed(before.numbers, now.numbers));
        }
        let screen = match whole {
            true => self.screen(numbers),
            false => Screen::new().skip(self.skip).suppress(numbers),
        };
        Ok(match &self.since {
            Some(since) => since.screen(screen, since.read(from)?),
            None => screen,
        })
    }

    /// The screen, with what has been read already, and what has to be downloaded.
    pub(crate) async fn online(
        &self,
        mut numbers: NumberSet,
        client: &Client,
        from: PhoneNumber,
        pauses: &Pauses,
    ) -> Result<Screened> {
        let mut opt_outs = None;
        if let OptOuts::Download = self.opt_outs {
            let (file, rows) = download(client, from, pauses).await?;
            let take = |number| _ = numbers.insert(number);
            suppress::read_from(&file, |_| Format::Csv, from, None, take)
                .context("--suppress api")?;
            terminal::note(&format!(
                "batchcast: {} downloaded, {} now",
                count(rows, "opt-out or opt-in", "opt-outs and opt-ins"),
                count(numbers.len(), "suppressed number", "suppressed numbers"),
            ));
            opt_outs = Some(file);
        }
        let suppressed = Suppressed::of(&numbers);
        if self.before.is_some_and(|before| before != suppressed) {
            return Err(changed(
                self.before.map_or(0, |before| before.numbers),
                suppressed.numbers,
            ));
        }
        let (screen, since) = self.screen_since(numbers, client, from, pauses).await?;
        let has_lists = !self.suppress.is_empty() || opt_outs.is_some();
        let recipe = ScreenRecipe {
            suppress: self
                .suppress
                .iter()
                .filter_map(|path| absolute(path))
                .collect(),
            opt_outs: opt_outs.is_some(),
            suppressed: has_lists.then_some(suppressed),
            unique: self.unique,
            skip: self.skip,
            limit: self.limit,
            max_invalid: self.max_invalid.map(|most| most.to_string()),
        };
        Ok(Screened {
            screen,
            recipe,
            opt_outs,
            since,
        })
    }

    /// The screen, with those who have opted out since the run was begun.
    async fn screen_since(
        &self,
        numbers: NumberSet,
        client: &Client,
        from: PhoneNumber,
        pauses: &Pauses,
    ) -> Result<(Screen, Option<Sifted>)> {
        let Some(since) = &self.since else {
            return Ok((self.screen(numbers), None));
        };
        let mut lists = since.read(from)?;
        let mut sifted = None;
        if matches!(self.opt_outs, OptOuts::At(_) | OptOuts::Since) {
            let (file, _) = download(client, from, pauses).await?;
            let known: Vec<_> = lists.iter().chain([&numbers]).collect();
            let new = since.sift(&file, from, &known);
            let (numbers, new) = new.context("--suppress api")?;
            if !numbers.is_empty() {
                terminal::note(&format!(
                    "batchcast: {} opted out since this run last asked: they get nothing of what is still to be sent",
                    count(numbers.len(), "number has", "numbers have"),
                ));
                lists.push(numbers);
            }
            sifted = Some(new);
        }
        Ok((since.screen(self.screen(numbers), lists), sifted))
    }

    fn screen(&self, numbers: NumberSet) -> Screen {
        let mut screen = Screen::new().skip(self.skip).suppress(numbers);
        if self.unique {
            screen = screen.unique();
        }
        if let Some(limit) = self.limit {
            screen = screen.limit(limit);
        }
        screen
    }
}

fn changed(before: u64, now: u64) -> anyhow::Error {
    Usage::error(format!(
        "--suppress: {} are suppressed now, {} were when the run was begun, and not the same ones: so what was \
         sent could not be told from what was not. Give the lists as they were then. (Those who have opted out at the \
         API since then are passed over with --suppress api.)",
        count(now, "number", "numbers"),
        count(before, "number", "numbers"),
    ))
}

/// The API's opt-outs as CSV, to be read from the beginning, and how many rows there are.
async fn download(client: &Client, from: PhoneNumber, pauses: &Pauses) -> Result<(File, u64)> {
    let mut file = tempfile::tempfile().with_context(|| {
        let directory = env::temp_dir();
        format!(
            "--suppress api: cannot create a temporary file in {} (TMPDIR names another directory)",
            directory.display()
        )
    })?;
    let download = Download {
        client,
        from,
        format: OptOutFormat::Csv,
    };
    let rows = download.write(&file, pauses).await;
    let rows = rows.context("--suppress api")?;
    file.rewind()?;
    Ok((file, rows))
}

impl Screened {
    /// Keeps what was downloaded beside the journal, so that it is the same when the run is gone on with.
    pub(crate) fn keep(&mut self, journal: &Path) -> Result<()> {
        match &mut self.opt_outs {
            Some(opt_outs) => since::keep(opt_outs, &first_list_of(journal)),
            None => Ok(()),
        }
    }

    /// The same for a run that is gone on with; gives what the journal has to say of this process.
    pub(crate) fn keep_since(&mut self, journal: &Path) -> Result<Map<String, Value>> {
        match self.since.take() {
            Some(since) => since.keep(journal),
            None => Ok(Map::new()),
        }
    }
}

/// A digest as hexadecimal digits.
mod hex {
    use serde::de::{Error, Unexpected};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(digest: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{digest:016x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        let digits = String::deserialize(from)?;
        u64::from_str_radix(&digits, 16)
            .map_err(|_| D::Error::invalid_value(Unexpected::Str(&digits), &"hexadecimal digits"))
    }
}
