//! JSON strings, checked to be copied as they stand, and written: against `serde_json`.

use batchcast::encode::json::{check_string, escape};
use batchcast::{MAX_TEXT_UNITS, Text};

/// Checks the content of a string, and its parts.
pub fn check(bytes: &[u8]) {
    let Ok(content) = std::str::from_utf8(bytes) else {
        return;
    };
    let decoded = serde_json::from_str::<String>(&format!("\"{content}\"")).ok();
    let judged = check_string(content);
    assert_eq!(judged.is_ok(), decoded.is_some(), "{judged:?}");
    if let Err(error) = judged {
        // What stands before the fault is right, so the fault is where it is said to be.
        assert_eq!(check_string(&content[..error.at]), Ok(()));
    }

    let fits = |text: &str| {
        !text.trim().is_empty() && (1..=MAX_TEXT_UNITS).contains(&text.encode_utf16().count())
    };
    let text = Text::from_json(content).ok();
    let expected = decoded.filter(|text| fits(text));
    assert_eq!(
        text.as_ref().map(Text::to_plain).as_deref(),
        expected.as_deref()
    );

    let mut escaped = vec![b'"'];
    escape(&mut escaped, content);
    escaped.push(b'"');
    assert_eq!(
        escaped,
        serde_json::to_vec(content).expect("a string is JSON")
    );
    let plain = Text::new(content).ok();
    let expected = Some(content).filter(|text| fits(text));
    assert_eq!(plain.as_ref().map(Text::to_plain).as_deref(), expected);
}
