//! The sentences of the report: true to the figures, in the right forms.

use jiff::civil::date;
use qaynar::records::contact::{Channel, Contact, ContactId, ContactType};
use qaynar::records::fields;
use qaynar::report::compose::document;
use qaynar::report::document::Part;
use qaynar::report::language::Language;
use qaynar::report::text;

use crate::fixture::{House, half_year};

fn summary(house: &House, from: &str, to: &str, language: Language) -> Vec<String> {
    let report = house.report(from, to);
    let document = document(&report, language, date(2026, 11, 29), Vec::new());
    let section = document
        .sections
        .iter()
        .find(|section| section.key == "summary");
    let parts = &section.unwrap().parts;
    let texts = parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.clone()),
        _ => None,
    });
    texts.collect()
}

/// So many contacts of each topic, in June 2021.
fn house(topics: &[(&str, usize)]) -> House {
    let house = House::new();
    let mut contacts = Vec::new();
    for (topic, count) in topics {
        for number in 0..*count {
            let opened = fields::moment("2021-06-15T10:00:00+04:00").unwrap();
            let id = ContactId(format!("{topic}-{number}"));
            let mut contact = Contact::new(id, opened, Channel::Phone, 2);
            contact.contact_type = Some(ContactType::Counselling);
            contact.topic = Some((*topic).to_owned());
            contacts.push(contact);
        }
    }
    house.add(&contacts);
    house
}

#[test]
fn june_is_told_in_azerbaijani() {
    let told = summary(half_year(), "2021-06", "2021-06", Language::Az);
    assert_eq!(
        told[0],
        "2021-ci ilin iyun ayı ərzində “Uşaq Qaynar Xətt” xidmətinə bütün kanallar üzrə 375 zəng daxil olub. \
         Ən çox müraciət “hüquqi” mövzusu üzrə olub: 99 zəng (26,4%). Digər mövzular üzrə bölgü belədir: \
         təhsil (81 zəng), psixoloji (78 zəng), digər (58 zəng), səhiyyə (35 zəng), sosial (24 zəng). \
         Təhsil və psixoloji mövzular birlikdə 159 zəngdir."
    );
    assert_eq!(
        told[1],
        "Zənglərin yarıdan çoxunda (241 zəng, 64,3%) şəxs xidmətə ilk dəfə müraciət etdiyini bildirib. Qalan 134 \
         zəng təkrardır və ya bu barədə məlumat yoxdur. 248 zəng böyüklərdən, 115 zəng isə uşaqların özlərindən \
         (18 yaşdan kiçik) daxil olub. Uşaqların zənglərindən 77 qızların, 38 oğlanların olub. Sosial şəbəkələr \
         üzərindən 12 anonim müraciət daxil olub. Cinsi məlum olan müraciət edənlər arasında 207 qadın və qız, 156 \
         kişi və oğlan zəngi var."
    );
    let whole = told.join("\n");
    for part in [
        "5 ailə ilə görüş keçirilib, fərdi və qrup şəklində 11 sosial-psixoloji reabilitasiya işi",
        "səhiyyə hüququ (3 zəng)",
        "“Kompleks travmanın müalicəsi üçün Bağlılıq, Tənzimləmə və Səriştəlilik Çərçivəsi” (təlim, 22.06.2021–24.06.2021)",
        "may 2021: 500 zəng) 125 zəng (25,0%) azdır",
        "35 müraciət ümumi saya daxil edilməyib: səssiz (6),",
    ] {
        assert!(whole.contains(part), "{part} in {whole}");
    }
}

#[test]
fn the_half_year_is_told_in_azerbaijani() {
    let told = summary(half_year(), "2021-01", "2021-06", Language::Az).join("\n");
    for part in [
        "2021-ci ilin ilk altı ayı ərzində “Uşaq Qaynar Xətt” xidmətinə bütün kanallar üzrə 2761 zəng",
        "Ən çox müraciət “təhsil” mövzusu üzrə olub: 874 zəng (31,7%)",
        "hüquqi (580 zəng), digər (457 zəng), psixoloji (418 zəng), sosial (260 zəng), səhiyyə (172 zəng)",
        "2020 zəng böyüklərdən, 621 zəng isə uşaqların özlərindən",
        "39 ailə ilə görüş keçirilib, fərdi və qrup şəklində 105 sosial-psixoloji",
        "səhiyyə hüququ (13 zəng), əlillik dərəcəsi və müavinət (12 zəng)",
        "“İntihara son deyək!” (vebinar, 25.03.2021)",
        "“Özünü yalnız hissetmə sindromu”",
        "“Yeniyetməlik dövrünün psixoloji və fizioloji aspektləri”",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert!(
        !told.contains("müqayisədə"),
        "half a year without records: {told}"
    );
}

#[test]
fn june_is_told_in_russian_and_english() {
    let ru = summary(half_year(), "2021-06", "2021-06", Language::Ru).join("\n");
    for part in [
        "За июнь 2021 года в службу «Детская горячая линия» по всем каналам поступило 375 обращений.",
        "Больше всего обращений по теме «юридические вопросы»: 99 (26,4\u{a0}%).",
        "образование (81 обращение)",
        "социальные вопросы (24 обращения)",
        "проведено 5 встреч с семьями",
        "(май 2021: 500) обращений меньше на 125",
    ] {
        assert!(ru.contains(part), "{part} in {ru}");
    }
    let en = summary(half_year(), "2021-06", "2021-06", Language::En).join("\n");
    for part in [
        "In June 2021 the Child Helpline had 375 contacts on all channels.",
        "The largest group is about “legal”: 99 contacts (26.4%).",
        "In more than half of the contacts (241, 64.3%)",
        "The other 134 are repeats, or it is not known.",
    ] {
        assert!(en.contains(part), "{part} in {en}");
    }
}

#[test]
fn the_largest_group_is_more_than_half_only_where_it_is() {
    let told = |topics| summary(&house(topics), "2021-06", "2021-06", Language::En).remove(0);
    let half = told(&[("legal", 2), ("social", 1), ("health", 1)]);
    assert!(
        half.contains("The largest group is about “legal”: 2 contacts (50.0%)"),
        "{half}"
    );
    let more = told(&[("violence", 3), ("social", 1), ("health", 1)]);
    assert!(
        more.contains("More than half of the contacts are about “violence”: 3"),
        "{more}"
    );
    let tied = told(&[("legal", 1), ("social", 1)]);
    assert!(
        tied.contains("The largest groups are about “legal”, “social”: 1 contact each"),
        "{tied}"
    );
    let one = told(&[("legal", 1)]);
    assert!(one.contains("the Child Helpline had 1 contact on"), "{one}");
}

#[test]
fn a_topic_that_the_taxonomy_does_not_have_is_shown_by_its_id() {
    let house = house(&[("legal", 2), ("cyber", 1)]);
    let report = house.report("2021-06", "2021-06");
    let text = text::render(&document(
        &report,
        Language::En,
        date(2026, 11, 29),
        Vec::new(),
    ));
    assert!(text.contains("cyber"), "{text}");
    assert!(text.contains("The taxonomy has no such topic"), "{text}");
    assert_eq!(report.count("total"), 3);
}

#[test]
fn an_empty_period_is_told_as_such_in_each_language() {
    for (language, told) in [
        (Language::Az, "saya daxil olan zəng qeydə alınmayıb"),
        (
            Language::Ru,
            "обращений, которые входят в счёт, не записано",
        ),
        (Language::En, "no contact was recorded that counts"),
    ] {
        let report = half_year().report("2024-02-29", "2024-02-29");
        let document = document(&report, language, date(2026, 11, 29), Vec::new());
        let text = text::render(&document);
        assert!(text.contains(told), "{text}");
        assert!(!text.contains('⟦') && !text.contains("NaN"), "{text}");
    }
}

#[test]
fn no_text_is_missing_in_any_language() {
    for language in Language::ALL {
        for (from, to) in [
            ("2021-06", "2021-06"),
            ("2021-01", "2021-06"),
            ("2012", "2021"),
            ("2021-06-03", "2021-06-09"),
        ] {
            let report = half_year().report(from, to);
            let document = document(&report, *language, date(2021, 6, 5), Vec::new());
            let all = format!("{document:?}");
            assert!(!all.contains('⟦'), "{all}");
            assert_eq!(document.language, *language);
        }
    }
}
