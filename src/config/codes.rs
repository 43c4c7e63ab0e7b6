//! `[codes]`: what operators dial.

use std::collections::BTreeMap;

use super::check::{one, set};
use crate::dialplan::read::Table;
use crate::switch::settings::FeatureCodes;

/// What operators dial, each code once.
pub(super) fn codes(table: &Table<'_, '_>, codes: &mut FeatureCodes) {
    set(&mut codes.extend_by, table.duration("extend_by", false));
    set(&mut codes.pause_reasons, pause_reasons(table));
    let keys: [(&'static str, &mut String); 14] = [
        ("status", &mut codes.status),
        ("log_in", &mut codes.log_in),
        ("log_out", &mut codes.log_out),
        ("pause", &mut codes.pause),
        ("resume", &mut codes.resume),
        ("messages", &mut codes.messages),
        ("pause_recording", &mut codes.pause_recording),
        ("reveal", &mut codes.reveal),
        ("extend", &mut codes.extend),
        ("bring", &mut codes.bring),
        ("help", &mut codes.help),
        ("listen", &mut codes.listen),
        ("whisper", &mut codes.whisper),
        ("barge", &mut codes.barge),
    ];
    let mut taken: Vec<String> = Vec::new();
    for (key, code) in keys {
        let remedy = "write '*' and digits, as operators dial it: \"*11\"";
        set(
            code,
            one(table, key, "feature code", remedy, |text| {
                let fits = |text: &&str| *text == "*" && key == "help";
                feature_code(text)
                    .or(Some(text).filter(fits))
                    .map(str::to_owned)
            }),
        );
        if taken.contains(code) {
            table.fault(
                format!("[codes] {key}: {code:?} is another code already"),
                "give each its own",
            );
        }
        taken.push(code.clone());
    }
}

/// A digit each, after the code of the pause.
fn pause_reasons(table: &Table<'_, '_>) -> Option<BTreeMap<char, String>> {
    let reasons = table.table("pause_reasons")?;
    let mut found = BTreeMap::new();
    for (digit, span, value) in reasons.entries() {
        let mut digits = digit.chars();
        match (digits.next(), digits.next(), value.get_ref().as_str()) {
            (Some(digit @ '0'..='9'), None, Some(why)) if !why.trim().is_empty() => {
                found.insert(digit, why.trim().to_owned());
            }
            _ => reasons.source.fault(
                span,
                format!("[codes] pause_reasons: {digit} is no digit with its reason"),
                "write digits and words: { 1 = \"break\", 2 = \"lunch\" }",
            ),
        }
    }
    Some(found)
}

fn feature_code(text: &str) -> Option<&str> {
    let digits = text.strip_prefix('*')?;
    let fits =
        (1..=6).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
    fits.then_some(text)
}
