use crate::message::Region;

/// The names under which a recipient is looked for, unless one is given by [`Fields::to`]. The first one
/// that is there counts.
pub const RECIPIENT_NAMES: &[&str] = &[
    "to",
    "phone",
    "phone_number",
    "phoneNumber",
    "phone number",
    "mobile",
    "mobile_number",
    "mobile number",
    "recipient",
    "msisdn",
    "cell",
    "number",
];

/// The name under which a text is looked for, unless one is given by [`Fields::text`].
const TEXT_NAME: &str = "text";

/// Which CSV column or NDJSON key holds the recipient, and which the text.
///
/// A text that is empty, or nothing but white space, is none: the record has the default text then, or the template's.
///
/// By default the recipient is the first of [`RECIPIENT_NAMES`] that is there, whatever it holds, and
/// the text is `text`. Nothing holds both: what is called the recipient's holds no text, and what only the
/// text was said to be in holds no recipient. NDJSON keys have to be exactly so; in a CSV header, upper and
/// lower case are the same if no column has exactly that name.
///
/// ```
/// use batchcast::input::{Csv, Fields, Parse, Records};
///
/// let fields = Fields::default().to("Mobile").text("body");
/// let mut parser = Csv::new(&fields);
/// let mut records = parser.block(b"mobile,body\n+14155550100,Hello\n", true);
/// assert!(records.next()?.is_some());
/// # Ok::<(), batchcast::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fields {
    to: Option<String>,
    text: Option<String>,
    region: Option<Region>,
    is_unambiguous: bool,
}

impl Fields {
    /// The same with the recipient under `name`, and nowhere else.
    #[must_use]
    pub fn to(mut self, name: impl Into<String>) -> Self {
        self.to = Some(name.into());
        self
    }

    /// The same with the text under `name`. A CSV input must then have that column.
    #[must_use]
    pub fn text(mut self, name: impl Into<String>) -> Self {
        self.text = Some(name.into());
        self
    }

    /// The same with recipients read as they are written in `region`, too, and not in E.164 form only. This is for a
    /// list of bare numbers as well.
    ///
    /// ```
    /// use batchcast::Region;
    /// use batchcast::input::{Fields, Format, Parse, Parser, Record, Records};
    ///
    /// let fields = Fields::default().region(Region::Us);
    /// let mut parser = Parser::new(Format::Lines, &fields);
    /// let mut records = parser.block(b"(650) 555-0100\n", true);
    /// let Some(Record::Message(message)) = records.next()? else { unreachable!() };
    /// assert_eq!(message.to.as_str(), "+16505550100");
    /// # Ok::<(), batchcast::Error>(())
    /// ```
    #[must_use]
    pub const fn region(mut self, region: Region) -> Self {
        self.region = Some(region);
        self
    }

    /// The same, and what may hold a recipient in two places is refused, whatever it holds there: a CSV header with two
    /// of the [names](RECIPIENT_NAMES), and each NDJSON record with two such keys, in upper or lower case. This is for
    /// lists of which no number may be overlooked, such as that of who wants no messages. With [`to`](Self::to) there is
    /// but one place.
    ///
    /// ```
    /// use batchcast::input::{Fields, Format, Parse, Parser, Record, Records};
    ///
    /// let fields = Fields::default().unambiguous();
    /// let mut parser = Parser::new(Format::Ndjson, &fields);
    /// let record = br#"{"phone":"+14155550100","Mobile":"+14155550101"}"#;
    /// let mut records = parser.block(record, true);
    /// assert!(matches!(records.next()?, Some(Record::Invalid(_))));
    /// # Ok::<(), batchcast::Error>(())
    /// ```
    #[must_use]
    pub const fn unambiguous(mut self) -> Self {
        self.is_unambiguous = true;
        self
    }

    /// Whether there may be but one place for the recipient.
    pub(super) const fn wants_one_place(&self) -> bool {
        self.is_unambiguous && self.to.is_none()
    }

    /// How recipients are written, beside E.164.
    pub(super) const fn region_of_numbers(&self) -> Option<Region> {
        self.region
    }

    /// Whether a recipient was asked for by name.
    pub(super) const fn to_is_named(&self) -> bool {
        self.to.is_some()
    }

    /// Where to look for the recipient, the best name first.
    pub(super) fn to_names(&self) -> Vec<&str> {
        match &self.to {
            Some(name) => vec![name],
            // Who calls a default name the text's does not mean the recipient by it.
            None => RECIPIENT_NAMES
                .iter()
                .copied()
                .filter(|&name| name != self.text_name())
                .collect(),
        }
    }

    /// Where to look for the text.
    pub(super) fn text_name(&self) -> &str {
        self.text.as_deref().unwrap_or(TEXT_NAME)
    }

    /// Whether a text was asked for by name.
    pub(super) const fn text_is_named(&self) -> bool {
        self.text.is_some()
    }
}
