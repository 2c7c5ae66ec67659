use batchcast::input::{
    Csv, Fields, Format, Parse, Parser, Record, Records, Template, TemplateError, TemplateFault,
};
use batchcast::{ErrorKind, HeaderError, MAX_TEXT_UNITS, RecordError};
use proptest::prelude::*;
use proptest::sample::select;

use crate::paths::{Fact, List, check_template};

#[track_caller]
fn csv(template: &str, list: &str, expected: &[&str]) {
    check_template(Format::Csv, template, list, expected);
}

#[track_caller]
fn ndjson(template: &str, list: &str, expected: &[&str]) {
    check_template(Format::Ndjson, template, list, expected);
}

/// What a template makes of a record with the columns `to,a,b`, as a person reads it.
fn rendered(template: &str, a: &str, b: &str) -> Result<String, RecordError> {
    let quoted = [a, b].map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")));
    let list = format!("to,a,b\n+14155550100,{}\n", quoted.join(","));
    let template = Template::parse(template).unwrap();
    let mut parser = Csv::new(&Fields::default()).with_template(template);
    let mut records = parser.block(list.as_bytes(), true);
    match records.next().unwrap().unwrap() {
        Record::Message(message) => Ok(message.text.unwrap().to_plain().into_owned()),
        Record::Invalid(invalid) => match invalid.error.into_kind() {
            ErrorKind::Record { fault, .. } => Err(fault),
            kind => panic!("{kind}"),
        },
        record => unreachable!("{record:?}"),
    }
}

#[test]
fn fields_are_what_stands_in_double_braces() {
    for (template, text) in [
        ("Hi {{a}}!", "Hi Ann!"),
        ("{{a}}", "Ann"),
        ("{{a}}{{b}}{{a}}", "Ann\"x\"\\\n👋Ann"),
        ("{{ a }}, {{\t\nb\u{a0}}}", "Ann, \"x\"\\\n👋"),
        ("{{A}}", "Ann"),
        ("\"{{a}}\"\\\n\t\u{1}é👋", "\"Ann\"\\\n\t\u{1}é👋"),
        ("{ {{a}} }", "{ Ann }"),
        ("{a} {{a}}} }}", "{a} Ann} }}"),
        ("{{{{a}} {{a}}", "{{a}} Ann"),
        ("{{{{{{a}}", "{{Ann"),
        ("{{{{{{{{{{a}}", "{{{{Ann"),
        ("{{a}}{{{{", "Ann{{"),
        ("{{a|there}}", "Ann"),
        ("{{a}}{", "Ann{"),
    ] {
        assert_eq!(
            rendered(template, "Ann", "\"x\"\\\n👋").as_deref(),
            Ok(text),
            "{template}"
        );
    }
}

#[test]
fn an_empty_field_has_its_default_or_is_an_error() {
    for blank in [
        "",
        " ",
        "\t \n",
        "\r\u{c}\u{b}",
        "\u{a0}",
        "\u{2003} \u{3000}",
    ] {
        for (template, text) in [
            ("Hi {{a|there}}!", "Hi there!"),
            ("Hi {{ a | you there\t}}!", "Hi you there!"),
            ("Hi{{a|}}!", "Hi!"),
            ("Hi{{a| }}!", "Hi!"),
            ("Hi {{a|\"é\"\\}}!", "Hi \"é\"\\!"),
            ("Hi {{a|x|y}}!", "Hi x|y!"),
        ] {
            assert_eq!(
                rendered(template, blank, "").as_deref(),
                Ok(text),
                "{template}"
            );
        }
        let name = "a".into();
        assert_eq!(
            rendered("{{a}}", blank, "x"),
            Err(RecordError::EmptyField { name })
        );
    }
    for value in [" y", "\\", "\u{8}", " \"", "\t\u{0}", "\u{200b}", "\\u0020"] {
        assert_eq!(rendered("{{a|x}}", value, "").as_deref(), Ok(value));
    }
}

#[test]
fn faults_of_a_template_are_named_with_their_place() {
    let units = MAX_TEXT_UNITS;
    let long = "👋".repeat(units / 2);
    for (template, at, fault) in [
        ("{{", 1, TemplateFault::Unclosed),
        ("Hé {{name", 4, TemplateFault::Unclosed),
        ("Hi {{name}, {{b}}", 4, TemplateFault::Unclosed),
        ("{{a}} {{name}", 7, TemplateFault::Unclosed),
        ("👋{{}}", 2, TemplateFault::NoName),
        ("{{ \t}}", 1, TemplateFault::NoName),
        ("{{|x}}", 1, TemplateFault::NoName),
        ("{{{a}}}", 1, TemplateFault::Brace),
        ("{{a}b}}", 1, TemplateFault::Brace),
        ("{{a|{x}}}", 1, TemplateFault::Brace),
        (&format!("{long}x"), units / 2 + 1, TemplateFault::TooLong),
        (
            &format!("{{{{a}}}}{long}{{{{{{{{"),
            units / 2 + 6,
            TemplateFault::TooLong,
        ),
    ] {
        assert_eq!(
            Template::parse(template),
            Err(TemplateError { at, fault }),
            "{template}"
        );
    }
    assert!(Template::parse(&format!("{long}{{{{a}}}}")).is_ok());
    let fields = |count| "{{é|}}".repeat(count);
    assert_eq!(
        Template::parse(&fields(1_000)).unwrap().fields().len(),
        1_000
    );
    for (template, at) in [
        (fields(1_001), 6_001),
        (fields(200_000), 6_001),
        (format!("👋{} {{{{", fields(1_000)), 6_003),
    ] {
        let fault = TemplateFault::TooManyFields;
        assert_eq!(Template::parse(&template), Err(TemplateError { at, fault }));
    }
    let unclosed = format!("👋{} {{{{", fields(999));
    let (at, fault) = (5_997, TemplateFault::Unclosed);
    assert_eq!(Template::parse(&unclosed), Err(TemplateError { at, fault }));
    // The place of a field is known to whoever has no use for it.
    let template = Template::parse("👋 {{{{ {{a}}{{b}}").unwrap();
    let error = Parser::new(Format::Lines, &Fields::default()).with_template(template);
    assert_eq!(error.unwrap_err().at, 8);
    assert_eq!(
        Template::parse("{{").unwrap_err().to_string(),
        "a field is not closed: {{ without }} (a literal {{ is written {{{{), at character 1 of the text"
    );
}

#[test]
fn a_template_without_fields_is_told_apart() {
    for (template, text) in [("", ""), ("Hi \"you\"", "Hi \"you\""), ("{{{{a}}", "{{a}}")] {
        let template = Template::parse(template).unwrap();
        assert!(template.is_plain());
        assert_eq!(template.as_plain().as_deref(), Some(text));
        assert_eq!(template.fields().len(), 0);
    }
    let template = Template::parse("{{a}}{{ B|x }}{{a}}").unwrap();
    assert!(!template.is_plain());
    assert_eq!(template.as_plain(), None);
    assert_eq!(template.fields().collect::<Vec<_>>(), ["a", "B", "a"]);
    assert_eq!(
        format!("{template:?}"),
        "Template { fields: [\"a\", \"B\", \"a\"], .. }"
    );
}

#[test]
fn a_list_of_bare_numbers_has_no_fields() {
    let parser = || Parser::new(Format::Lines, &Fields::default());
    for (template, at) in [("Hi {{name}}", 4), ("Hi", 1)] {
        let template = Template::parse(template).unwrap();
        let fault = TemplateFault::NoFields;
        let error = parser().with_template(template).unwrap_err();
        assert_eq!(error, TemplateError { at, fault });
    }
}

#[test]
fn the_fields_of_a_csv_are_its_columns() {
    csv(
        "Hi {{name}}, {{item|it}} is there.",
        "name,item,to\nAnn,\"a \"\"pan\"\"\",+14155550100\n\"Bob, jr.\",,+14155550101\n\"a\"b,x,+14155550102\n",
        &[
            "+14155550100 \"Hi Ann, a \\\"pan\\\" is there.\"",
            "+14155550101 \"Hi Bob, jr., it is there.\"",
            "+14155550102 \"Hi ab, x is there.\"",
        ],
    );
    // The recipient is a column like others.
    csv(
        "{{To}}",
        "to\n+14155550100\n",
        &["+14155550100 \"+14155550100\""],
    );
    csv(
        "Hi {{name}}",
        "to,name\n+14155550100,\n+14155550101,Bob\n+1,Eve\n",
        &[
            "line 2 byte 21: the field name is empty, and the text has no default for it",
            "+14155550101 \"Hi Bob\"",
            "line 4 byte 39: the phone number has fewer than 7 digits",
        ],
    );
}

#[test]
fn a_text_of_its_own_counts_unless_the_template_takes_it() {
    csv(
        "Hi {{name}}",
        "to,text,name\n+14155550100,Hello,Ann\n+14155550101,,Bob\n+14155550102,\"\"\"\",\n",
        &[
            "+14155550100 \"Hello\"",
            "+14155550101 \"Hi Bob\"",
            "+14155550102 \"\\\"\"",
        ],
    );
    csv(
        "{{Text|so}}!",
        "to,text\n+14155550100,Hello\n+14155550101,\n",
        &["+14155550100 \"Hello!\"", "+14155550101 \"so!\""],
    );
    ndjson(
        "Hi {{name}}",
        "{\"to\":\"+14155550100\",\"text\":\"Hello\"}\n\
         {\"to\":\"+14155550101\",\"text\":\"\",\"name\":\"Bob\"}\n\
         { \"to\":\"+14155550101\",\"text\":\"\",\"name\":\"Bob\"}\n\
         {\"to\":\"+14155550102\",\"text\":null,\"name\":\"Eve\"}\n",
        &[
            "+14155550100 \"Hello\"",
            "+14155550101 \"Hi Bob\"",
            "+14155550101 \"Hi Bob\"",
            "+14155550102 \"Hi Eve\"",
        ],
    );
    ndjson(
        "{{text|so}}!",
        "{\"to\":\"+14155550100\",\"text\":\"Hello\"}\n{\"text\" :5,\"to\":\"+14155550101\"}\n{\"to\":\"+14155550102\"}\n",
        &[
            "+14155550100 \"Hello!\"",
            "+14155550101 \"5!\"",
            "+14155550102 \"so!\"",
        ],
    );
}

#[test]
fn the_fields_of_ndjson_are_its_keys() {
    ndjson(
        "{{a|-}}, {{b|-}}, {{a|-}}",
        "{\"to\":\"+14155550100\",\"a\":\"\\u00e9\\n\\\"\",\"b\":12.50}\n\
         {\"b\":true,\"to\":[\"+14155550101\"],\"\\u0061\":\" x\"}\n\
         {\"a\":null,\"to\":\"+14155550102\",\"b\":-1e5,\"A\":{}}\n\
         {\"to\":\"+14155550103\",\"a\":\"\\t\\u0020 \",\"b\":false}\n",
        &[
            "+14155550100 \"é\\n\\\", 12.50, é\\n\\\"\"",
            "+14155550101 \" x, true,  x\"",
            "+14155550102 \"-, -1e5, -\"",
            "+14155550103 \"-, false, -\"",
        ],
    );
    ndjson(
        "{{name}}",
        "{\"to\":\"+14155550100\"}\n\
         {\"to\":\"+14155550100\",\"name\":\"\"}\n\
         {\"to\":\"+14155550100\",\"name\":[]}\n\
         {\"to\":\"+14155550100\",\"name\":\"\\ud83d\"}\n\
         {\"to\":\"+14155550100\",\"name\":\"x\",\"name\":\"y\"}\n\
         {\"to\":\"+14155550100\",\"name\":\"x\"}\n\
         {\"to\":\"+1\",\"name\":\"x\"}\n",
        &[
            "line 1 byte 0: the field name is not there, and the text has no default for it",
            "line 2 byte 50: the field name is empty, and the text has no default for it",
            "line 3 byte 82: the field name is neither a string nor a number, true or false",
            "line 4 byte 115: not JSON: half a surrogate pair, at its byte 0",
            "line 5 byte 124: a key that counts stands in the object twice",
            "+14155550100 \"x\"",
            "line 7 byte 207: the phone number has fewer than 7 digits",
        ],
    );
}

#[test]
fn an_unknown_column_is_found_before_the_first_record() {
    let fields = Fields::default();
    let fault = |template: &str, list: &str| {
        let template = Template::parse(template).unwrap();
        let list = List {
            format: Format::Csv,
            fields: &fields,
            template: Some(&template),
            bytes: list.as_bytes(),
        };
        let facts = list.by_every_path();
        assert_eq!(facts.records, []);
        facts.error.unwrap()
    };
    assert_eq!(
        fault("{{to}} {{nmae|x}}", "to,name\n+14155550100,Ann\n"),
        "line 1, byte 0: the text has a field nmae, but no column is called so; the header has to, name"
    );
    assert_eq!(
        fault("{{name}}", "to,Name,NAME\n"),
        "line 1, byte 0: two columns are called Name"
    );
}

#[test]
fn a_rendered_text_is_measured() {
    let name = "x".repeat(MAX_TEXT_UNITS - 3);
    assert_eq!(
        rendered("Hi {{a}}", &name, "").map(|text| text.len()),
        Ok(MAX_TEXT_UNITS)
    );
    // Escapes count as what they stand for.
    let quotes = "\"".repeat(MAX_TEXT_UNITS - 3);
    assert_eq!(
        rendered("Hi {{a}}", &quotes, "").map(|text| text.len()),
        Ok(MAX_TEXT_UNITS)
    );
    let fault = rendered("Hi {{a}}!", &name, "").unwrap_err();
    assert!(fault.to_string().contains("1001 UTF-16"), "{fault}");
    let fault = rendered("{{a|}}", "", "").unwrap_err();
    assert_eq!(fault.to_string(), "the text is empty");
}

#[test]
fn no_error_shows_what_stands_in_a_record_without_a_header() {
    for (row, shown) in [
        ("Bob,4155550100x", "2 columns"),
        ("Bob Smith,Tel. 415-555-0100", "2 columns"),
        ("Bob Smith,415-555-0100 x5", "2 columns"),
        ("Bob Smith,call ４１５ ５５５ ０１００", "2 columns"),
        ("Bob,bob@example.com,5", "3 columns"),
        (&format!("Bob,{}", "so ".repeat(14)), "2 columns"),
        ("name,mail", "the header has name, mail"),
        ("id 123456,mail", "the header has id 123456, mail"),
    ] {
        let mut parser = Csv::new(&Fields::default());
        let error = parser
            .block(format!("{row}\n").as_bytes(), true)
            .next()
            .map(|_| ())
            .unwrap_err();
        let error_text = error.to_string();
        assert!(error_text.contains(shown), "{error_text}");
        assert!(
            shown.contains("mail") || !error_text.contains("Bob"),
            "{error_text}"
        );
        let ErrorKind::Header { fault, .. } = error.kind() else {
            panic!()
        };
        assert!(matches!(fault, HeaderError::NoColumn { .. }));
    }
}

/// A value of a field.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[ -~]{0,12}",
        2 => select(&["", " ", "\"", "\"\"", "\\", "a\nb", ",", "é👋", "\u{1}", "{{a}}", "}}", "\\u0041", "\\n"][..])
            .prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ]
}

/// A piece of a template: what is written, and the field it stands for if it is one.
fn piece() -> impl Strategy<Value = (String, Option<(usize, Option<String>)>)> {
    let default = proptest::option::of("[!-z]{0,5}");
    prop_oneof![
        "[ -z|é👋\n]{0,30}".prop_map(|literal| (literal, None)),
        (0..3_usize, default).prop_map(|(field, default)| {
            let suffix = default
                .as_ref()
                .map_or(String::new(), |it| format!(" | {it}"));
            (
                format!("{{{{ f{field}{suffix} }}}}"),
                Some((field, default)),
            )
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// A naive twin: fields replaced one by one, and serde_json and the csv crate as writers.
    #[test]
    fn a_naive_twin_makes_the_same_texts(
        pieces in proptest::collection::vec(piece(), 1..6),
        rows in proptest::collection::vec(proptest::collection::vec(value(), 3), 0..6),
    ) {
        let source: String = pieces.iter().map(|(written, _)| written.as_str()).collect();
        let template = Template::parse(&source).unwrap();
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(["f0", "to", "f1", "f2"]).unwrap();
        let mut ndjson = String::new();
        let mut expected = Vec::new();
        for row in &rows {
            csv.write_record([&row[0], "+14155550100", &row[1], &row[2]]).unwrap();
            let object = serde_json::json!({"to": "+14155550100", "f0": row[0], "f1": row[1], "f2": row[2]});
            ndjson += &format!("{object}\n");
            let texts = pieces.iter().map(|(written, field)| match field {
                None => Some(written.clone()),
                Some((field, default)) if row[*field].trim().is_empty() => {
                    default.as_ref().map(|default| default.trim().to_owned())
                }
                Some((field, _)) => Some(row[*field].clone()),
            });
            let text: Option<String> = texts.collect();
            expected.push(text.filter(|text| !text.trim().is_empty()));
        }
        let csv = csv.into_inner().unwrap();
        let fields = Fields::default();
        for (format, bytes) in [(Format::Csv, &csv[..]), (Format::Ndjson, ndjson.as_bytes())] {
            let list = List { format, fields: &fields, template: Some(&template), bytes };
            let facts = list.at_once();
            prop_assert_eq!(&facts.error, &None);
            let texts: Vec<_> = facts.records.iter().map(|fact| match fact {
                Fact::Message { text, .. } => text.clone(),
                Fact::Invalid { .. } => None,
            }).collect();
            prop_assert_eq!(&texts, &expected, "{:?} {}", format, source);
            prop_assert_eq!(&list.through_reader(7), &facts);
            prop_assert_eq!(&list.in_blocks(&[9; 40], 1), &facts);
        }
    }

    #[test]
    fn any_source_is_a_template_or_a_fault(source in proptest::collection::vec(
        select(&["{", "}", "{{", "}}", "|", " ", "a", "é"][..]), 0..20,
    )) {
        let source = source.concat();
        match Template::parse(&source) {
            Ok(template) if template.is_plain() => {
                prop_assert_eq!(template.as_plain().unwrap(), source.replace("{{{{", "{{"));
            }
            Ok(template) => prop_assert!(template.fields().all(|name| !name.is_empty() && name == name.trim())),
            Err(error) => prop_assert!(source.chars().skip(error.at - 1).collect::<String>().starts_with("{{")),
        }
    }
}
