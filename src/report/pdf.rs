//! The report on paper: A4 pages with text that can be copied and read aloud, and charts that stay sharp.
//!
//! `layout` says what stands where; here it is written down. The structure (headings, paragraphs, tables with
//! their headings, figures with what they show) goes along for screen readers, and headings are the outline. The
//! same report is the same file, octet by octet.

mod layout;
mod table;

use std::num::NonZeroU16;

use krilla::color::rgb;
use krilla::destination::XyzDestination;
use krilla::error::KrillaError;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::Metadata;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::{Fill, LineCap, Stroke};
use krilla::surface::Surface;
use krilla::tagging::{
    Artifact, ArtifactType, ContentTag, Node, SpanTag, TableHeaderScope, Tag, TagGroup, TagKind,
    TagTree,
};
use krilla::text::{Font, GlyphId, KrillaGlyph};

use self::layout::{Layout, PAGE, Role, Sheet};
use super::document::Document;
use super::letters::{Letters, Weight};
use super::picture::{Anchor, Color, Mark};

/// Why a report cannot be put on paper.
#[derive(Debug, thiserror::Error)]
#[error("the pages cannot be made into a PDF file: {0:?}; take another --format, and tell of it")]
pub struct PdfError(KrillaError);

/// The report as a file for printers.
///
/// # Errors
/// None that is known: all that can go wrong is settled before.
pub fn render(document: &Document) -> Result<Vec<u8>, PdfError> {
    let letters = Letters::new();
    let layout = layout::of(document, &letters);
    let mut pdf = krilla::Document::new();
    pdf.set_metadata(
        Metadata::new()
            .title(format!("{} · {}", document.title, document.period))
            .language(document.language.code().to_owned())
            .creator("Qaynar".to_owned()),
    );
    let mut pen = Pen {
        letters: &letters,
        regular: font(Weight::Regular),
        strong: font(Weight::Strong),
        said: vec![Vec::new(); layout.roles.len()],
    };
    for sheet in &layout.sheets {
        let mut page = match PageSettings::from_wh(PAGE.0, PAGE.1) {
            Some(settings) => pdf.start_page_with(settings),
            None => pdf.start_page(),
        };
        let mut surface = page.surface();
        pen.write(sheet, &mut surface);
        surface.finish();
        page.finish();
    }
    pdf.set_outline(outline(&layout));
    let mut tree = TagTree::new().with_lang(Some(document.language.code().to_owned()));
    for (number, role) in layout.roles.iter().enumerate() {
        if role.above.is_none() {
            tree.push(structure(&layout, number, &mut pen.said));
        }
    }
    pdf.set_tag_tree(tree);
    pdf.finish().map_err(PdfError)
}

fn font(weight: Weight) -> Font {
    Font::new(weight.file().into(), 0).expect("the fonts are part of the program")
}

fn outline(layout: &Layout<'_>) -> Outline {
    let mut outline = Outline::new();
    for (heading, page, y) in &layout.headings {
        let place = XyzDestination::new(*page, Point::from_xy(0.0, (y - 8.0).max(0.0)));
        outline.push_child(OutlineNode::new(heading.clone(), place));
    }
    outline
}

/// A piece of the report with what is in it.
fn structure(layout: &Layout<'_>, number: usize, said: &mut [Vec<Node>]) -> TagGroup {
    let level = |level| NonZeroU16::new(level).unwrap_or(NonZeroU16::MIN);
    let role = &layout.roles[number];
    let kind: TagKind = match &role.kind {
        Role::Title => Tag::Hn(level(1), None).into(),
        Role::Heading => Tag::Hn(level(2), None).into(),
        Role::Paragraph => Tag::P.into(),
        Role::Table => Tag::Table.into(),
        Role::Head => Tag::THead.into(),
        Role::Body => Tag::TBody.into(),
        Role::Row => Tag::TR.into(),
        Role::ColumnName => Tag::TH(TableHeaderScope::Column).into(),
        Role::RowName => Tag::TH(TableHeaderScope::Row).into(),
        Role::Cell => Tag::TD.into(),
        Role::Figure(shows) => Tag::Figure(Some(shows.clone())).into(),
    };
    let mut group = TagGroup::with_children(kind, std::mem::take(&mut said[number]));
    for below in &role.below {
        group.push(structure(layout, *below, said));
    }
    group
}

/// Writes marks, and remembers what was said in which role.
struct Pen<'a> {
    letters: &'a Letters,
    regular: Font,
    strong: Font,
    said: Vec<Vec<Node>>,
}

impl Pen<'_> {
    fn write(&mut self, sheet: &Sheet, surface: &mut Surface<'_>) {
        for (role, marks) in &sheet.groups {
            let tag = match role {
                Some(_) => ContentTag::Span(SpanTag::empty()),
                None => ContentTag::Artifact(Artifact::with_kind(ArtifactType::Layout)),
            };
            let said = surface.start_tagged(tag);
            for mark in marks {
                self.mark(mark, surface);
            }
            surface.end_tagged();
            if let Some(role) = role {
                self.said[*role].push(said.into());
            }
        }
    }

    fn mark(&self, mark: &Mark, surface: &mut Surface<'_>) {
        match mark {
            Mark::Field {
                x,
                y,
                width,
                height,
                color,
                ..
            } => {
                let Some(rect) = Rect::from_xywh(*x, *y, *width, *height) else {
                    return;
                };
                let mut path = PathBuilder::new();
                path.push_rect(rect);
                surface.set_fill(Some(fill(*color)));
                surface.set_stroke(None);
                if let Some(path) = path.finish() {
                    surface.draw_path(&path);
                }
            }
            Mark::Line {
                points,
                thickness,
                color,
            } => {
                let mut path = PathBuilder::new();
                for (number, (x, y)) in points.iter().enumerate() {
                    match number {
                        0 => path.move_to(*x, *y),
                        _ => path.line_to(*x, *y),
                    }
                }
                surface.set_fill(None);
                surface.set_stroke(Some(Stroke {
                    paint: rgb::Color::new(color.0, color.1, color.2).into(),
                    width: *thickness,
                    line_cap: LineCap::Round,
                    ..Stroke::default()
                }));
                if let Some(path) = path.finish() {
                    surface.draw_path(&path);
                }
            }
            Mark::Text { .. } => self.text(mark, surface),
        }
    }

    fn text(&self, mark: &Mark, surface: &mut Surface<'_>) {
        let Mark::Text {
            x,
            y,
            size,
            weight,
            anchor,
            color,
            text,
        } = mark
        else {
            return;
        };
        let width = self.letters.width(text, *weight, *size);
        let left = match anchor {
            Anchor::Start => *x,
            Anchor::Middle => x - width / 2.0,
            Anchor::End => x - width,
        };
        let glyphs = self.letters.glyphs(text, *weight).map(|glyph| {
            let id = GlyphId::new(glyph.id.into());
            let range = glyph.range.0..glyph.range.1;
            KrillaGlyph::new(id, glyph.advance, 0.0, 0.0, 0.0, range, None)
        });
        let glyphs: Vec<KrillaGlyph> = glyphs.collect();
        let font = match weight {
            Weight::Regular => &self.regular,
            Weight::Strong => &self.strong,
        };
        surface.set_fill(Some(fill(*color)));
        surface.set_stroke(None);
        let place = Point::from_xy(left, *y);
        surface.draw_glyphs(place, &glyphs, font.clone(), text, *size, false);
    }
}

fn fill(Color(red, green, blue): Color) -> Fill {
    Fill {
        paint: rgb::Color::new(red, green, blue).into(),
        ..Fill::default()
    }
}
