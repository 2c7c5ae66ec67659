//! Texts made of a template, for CSV and NDJSON: the same on every path, and never without what stands
//! in the template.

use batchcast::input::{Format, Template};

use crate::list::with_template;
use crate::paths::Fact;

/// Checks a list of the format that the first byte stands for.
pub fn check(bytes: &[u8]) {
    let Some((&format, list)) = bytes.split_first() else {
        return;
    };
    let template = "Hi {{name|there}}: {{x}} {{{{";
    let template = Template::parse(template).expect("it is one");
    let facts = if format % 2 == 0 {
        let list = [b"to,name,x\n", list].concat();
        with_template(Format::Csv, &list, Some(&template))
    } else {
        with_template(Format::Ndjson, list, Some(&template))
    };
    for fact in &facts.records {
        let Fact::Message { text, .. } = fact else {
            continue;
        };
        let text = text.as_deref().expect("a template gives a text");
        // A JSON object may have a text of its own.
        if format % 2 == 0 {
            assert!(text.starts_with("Hi ") && text.ends_with(" {{"), "{text:?}");
            // Somebody may be called ":".
            assert!(
                !text.starts_with("Hi :") || list.contains(&b':'),
                "{text:?}"
            );
        }
    }
}
