//! The letters of printed pages: how wide a text is, and where its lines break.
//!
//! DejaVu Sans Condensed has ə ğ ı ö ş ü ç and Cyrillic, and may be embedded (`fonts/LICENSE`). What it lacks is drawn
//! as �, so that nothing vanishes unseen.

use ttf_parser::{Face, GlyphId};

/// How strong letters are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Weight {
    /// Of running text.
    #[default]
    Regular,
    /// Of headings and sums.
    Strong,
}

/// Both weights, ready to be measured.
pub struct Letters {
    regular: Face<'static>,
    strong: Face<'static>,
}

/// A letter as the font has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Glyph {
    /// Its number in the font.
    pub id: u16,
    /// How far the next one is, in parts of the size.
    pub advance: f32,
    /// Its octets in the text, the first and the one behind the last.
    pub range: (usize, usize),
}

impl Weight {
    /// The font's file.
    pub fn file(self) -> &'static [u8] {
        match self {
            Self::Regular => include_bytes!("fonts/DejaVuSansCondensed.ttf"),
            Self::Strong => include_bytes!("fonts/DejaVuSansCondensed-Bold.ttf"),
        }
    }
}

impl Default for Letters {
    fn default() -> Self {
        Self::new()
    }
}

impl Letters {
    /// The letters of this program.
    pub fn new() -> Self {
        let face = |weight: Weight| {
            Face::parse(weight.file(), 0).expect("the fonts are part of the program")
        };
        Self {
            regular: face(Weight::Regular),
            strong: face(Weight::Strong),
        }
    }

    fn face(&self, weight: Weight) -> &Face<'static> {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Strong => &self.strong,
        }
    }

    /// A text letter by letter, from left to right.
    pub fn glyphs<'a>(&'a self, text: &'a str, weight: Weight) -> impl Iterator<Item = Glyph> + 'a {
        let face = self.face(weight);
        let em = f32::from(face.units_per_em().max(1));
        text.char_indices().map(move |(at, letter)| {
            let shown = if letter.is_control() { ' ' } else { letter };
            let found = face.glyph_index(shown);
            let id = found.or_else(|| face.glyph_index('\u{fffd}'));
            let id = id.unwrap_or(GlyphId(0));
            Glyph {
                id: id.0,
                advance: f32::from(face.glyph_hor_advance(id).unwrap_or(0)) / em,
                range: (at, at + letter.len_utf8()),
            }
        })
    }

    /// How wide a text is at a size, in the unit of the size.
    pub fn width(&self, text: &str, weight: Weight, size: f32) -> f32 {
        let advances = self.glyphs(text, weight).map(|glyph| glyph.advance);
        advances.sum::<f32>() * size
    }

    /// The lines of a text that may be `width` wide, at least one. It breaks between words; a word that is wider
    /// breaks anywhere. A line break in the text is one here too.
    pub fn lines(&self, text: &str, weight: Weight, size: f32, width: f32) -> Vec<String> {
        let mut lines = Vec::new();
        for paragraph in text.split('\n') {
            let mut line = String::new();
            for word in paragraph.split(' ').filter(|word| !word.is_empty()) {
                self.add(&mut lines, &mut line, word, |text| {
                    self.width(text, weight, size) <= width
                });
            }
            lines.push(line);
        }
        lines
    }

    /// Puts a word behind the line, or on new ones.
    fn add(
        &self,
        lines: &mut Vec<String>,
        line: &mut String,
        word: &str,
        fits: impl Fn(&str) -> bool,
    ) {
        let longer = match line.is_empty() {
            true => word.to_owned(),
            false => format!("{line} {word}"),
        };
        if fits(&longer) {
            *line = longer;
            return;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(line));
        }
        for letter in word.chars() {
            line.push(letter);
            if !fits(line) && line.chars().count() > 1 {
                line.pop();
                lines.push(std::mem::replace(line, letter.to_string()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_letter_of_the_three_languages_is_in_both_fonts() {
        let letters = Letters::new();
        let all =
            "AaƏəĞğIıİiÖöŞşÜüÇç АаБбЁёЖжЩщЪъЫыЭэЮюЯя 0123456789 – — % « » “ ” ≤ ≥ × · − … � №₼";
        for weight in [Weight::Regular, Weight::Strong] {
            for (glyph, letter) in letters.glyphs(all, weight).zip(all.chars()) {
                assert_ne!(glyph.id, 0, "{letter} in {weight:?}");
                assert!(glyph.advance > 0.0, "{letter}");
            }
        }
    }

    #[test]
    fn lines_break_between_words_and_within_those_that_are_too_long() {
        let letters = Letters::new();
        let text = "Sosial-psixoloji reabilitasiya işləri\nvə uzunbirsözkisətirəsığmır";
        let width = 90.0;
        let lines = letters.lines(text, Weight::Regular, 10.0, width);
        assert!(lines.len() > 4, "{lines:?}");
        for line in &lines {
            assert!(
                letters.width(line, Weight::Regular, 10.0) <= width,
                "{line}"
            );
        }
        let without = |text: &str| text.replace([' ', '\n'], "");
        assert_eq!(without(&lines.concat()), without(text));
        assert_eq!(letters.lines("", Weight::Regular, 10.0, width), [""]);
        assert_eq!(letters.lines("əəə", Weight::Regular, 10.0, 1.0).len(), 3);
    }
}
