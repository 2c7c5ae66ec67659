//! Texts made of a template, for CSV and NDJSON: the same on every path, and never without what stands
//! in the template. A line of NDJSON means what it means alone, whatever was learned from those before it.

use batchcast::input::{Fields, Format, Template};
use batchcast::{Position, Region};

use crate::list::{Line, fields, lines, with_template};
use crate::paths::{Fact, List};

/// Checks a list of the format that the first byte stands for, with a region or without.
pub fn check(bytes: &[u8]) {
    let Some((&format, list)) = bytes.split_first() else {
        return;
    };
    let template = "Hi {{name|there}}: {{x}} {{{{";
    let template = Template::parse(template).expect("it is one");
    let fields = fields((format & 0x10 != 0).then_some(Region::Us));
    let facts = if format % 2 == 0 {
        let list = [b"to,name,x\n", list].concat();
        with_template(Format::Csv, &fields, &list, Some(&template))
    } else {
        let facts = with_template(Format::Ndjson, &fields, list, Some(&template));
        let lines = lines(list);
        let found = lines
            .iter()
            .filter(|line| line.is_too_long() || !line.is_blank());
        assert_eq!(facts.records.len(), found.clone().count());
        for (fact, line) in facts.records.iter().zip(found) {
            let position = fact.position();
            assert_eq!(*fact, alone(*line, position, &fields, &template));
        }
        facts
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

/// What a parser that has seen no other makes of a line, as if it had found it at a record's position.
fn alone(line: Line<'_>, found: Position, fields: &Fields, template: &Template) -> Fact {
    // Behind an empty line, so that nothing is taken for a byte order mark; with a line end, so that a carriage return
    // that belongs to the line is not taken for one.
    let bytes = [b"\n", line.content, b"\r\n"].concat();
    let list = List {
        format: Format::Ndjson,
        fields,
        template: Some(template),
        bytes: &bytes,
    };
    let mut fact = list.at_once().records.remove(0);
    let (Fact::Message { position, .. } | Fact::Invalid { position, .. }) = &mut fact;
    let byte = position.byte - 1 + line.byte;
    let (alone, here) = (*position, Position { byte, ..found });
    *position = here;
    if let Fact::Invalid { error, .. } = &mut fact {
        // It names the place.
        *error = error.replacen(&alone.to_string(), &here.to_string(), 1);
    }
    fact
}
