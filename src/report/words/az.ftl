# Texts of reports in Azerbaijani. After a number the noun stays in the singular.

title = Azərbaycan “Uşaq Qaynar Xətt” xidmətinin hesabatı
footer = { $day } tarixində tərtib edilib
page-of = Səhifə { $page } / { $pages }

month-1 = yanvar
month-2 = fevral
month-3 = mart
month-4 = aprel
month-5 = may
month-6 = iyun
month-7 = iyul
month-8 = avqust
month-9 = sentyabr
month-10 = oktyabr
month-11 = noyabr
month-12 = dekabr

period-day = { $day }
period-month = { $month } { $year }
period-quarter = { $year }, { $part ->
    [1] I rüb
    [2] II rüb
    [3] III rüb
   *[other] IV rüb
}
period-half = { $year }, { $part ->
    [1] I yarımil
   *[other] II yarımil
}
period-year = { $year }-{ $ending } il
period-days = { $from }–{ $to }

during-day = { $day } tarixində
during-month = { $year }-{ $ending } ilin { $month } ayı ərzində
during-quarter = { $year }-{ $ending } ilin { $part ->
    [1] birinci
    [2] ikinci
    [3] üçüncü
   *[other] dördüncü
} rübü ərzində
during-half = { $year }-{ $ending } ilin { $part ->
    [1] ilk altı ayı
   *[other] son altı ayı
} ərzində
during-year = { $year }-{ $ending } il ərzində
during-days = { $from }–{ $to } tarixlərində

contacts = { $n ->
   *[other] { $n } zəng
}

section-summary = Xülasə
section-overview = Əsas göstəricilər
section-course = Dövrün gedişi
section-people = Müraciət edənlər
section-issues = Səbəblər
section-ages = Yaş qrupları
section-ways = Kanallar və nömrələr
section-activities = Görüşlər, işlər, tədbirlər
section-beside = Saya daxil olmayanlar
section-quality = Məlumatların keyfiyyəti
section-notes = İzahlar

column-name = Göstərici
column-count = Say
column-share = Pay
column-change = Fərq
column-day = Gün
column-month = Ay
column-year = İl
column-date = Tarix
column-kind = Növ
column-title = Mövzu

row-total = Zənglər (bütün kanallar üzrə müraciətlər)
row-no-topic = Mövzusu yazılmayıb
row-together = Təhsil və psixoloji birlikdə
row-adults = Böyüklər
row-children = Uşaqlar (18 yaşdan kiçik)
row-girls = qızlar
row-boys = oğlanlar
row-child-unknown = cinsi məlum deyil
row-age-unknown = Yaşı məlum olmayanlar
row-anonymous-social = sosial şəbəkələr üzərindən anonim
row-first = İlk dəfə müraciət edənlər
row-repeat-or-unknown = Təkrar və ya məlum deyil
row-not-first = ilk dəfə olmadığını deyənlər
row-first-unknown = məlum deyil
row-women = Qadınlar və qızlar
row-men = Kişilər və oğlanlar
row-gender-unknown = Cinsi məlum deyil
row-meetings = Ailə ilə görüşlər
row-rehabilitation = Sosial-psixoloji reabilitasiya işləri
row-individual = fərdi
row-group = qrup
row-events = Təlim və maarifləndirmə tədbirləri
row-other-activities = Digər işlər
row-about-self = Özü barədə
row-about-another = Başqa uşaq barədə
row-not-told = Yazılmayıb
row-unknown = Məlum deyil
row-other = Digər
row-anonymous = Adını bildirmək istəməyənlər
row-all = Bütün qeydlər
row-counted = Saya daxil olanlar
row-beside = Saya daxil olmayanlar
row-under = { $to } yaşadək
row-band = { $from }–{ $to } yaş
row-over = { $from } yaş və yuxarı

caption-topics = Mövzular üzrə zənglər
caption-course = { $unit ->
    [day] Gün üzrə zənglər
    [month] Ay üzrə zənglər
   *[year] İl üzrə zənglər
}
caption-about = Kimin barədə
caption-risk = Təhlükə
caption-bands = Barəsində danışılan uşağın yaşı
caption-child-bands = Müraciət edən uşağın yaşı
caption-bands-of = { $caption } (təsnifat { $version })
caption-channels = Kanallar
caption-languages = Dillər
caption-dialled = Yığılan nömrələr
caption-events = Tədbirlər
caption-types = Müraciətlərin növləri
caption-findings = Yoxlanmalı qeydlər

channel-phone = Telefon
channel-webchat = Saytda canlı çat
channel-facebook = Facebook
channel-instagram = Instagram
channel-email = E-poçt
channel-app = Mobil əlavə
channel-sms = SMS
channel-walk-in = Şəxsən
channel-voicemail = Səsli poçt

language-az = Azərbaycan dili
language-ru = Rus dili
language-en = İngilis dili
language-other = Başqa dil

risk-none = Yoxdur
risk-low = Aşağı
risk-medium = Orta
risk-high = Yüksək
risk-not-judged = Qiymətləndirilməyib

type-counselling = Məsləhət
type-information = Məlumat
type-silent = Səssiz
type-hang-up = Danışmadan qoyulan
type-joke = Zarafat
type-abusive = Təhqir
type-wrong-number = Səhv nömrə
type-test = Sınaq
type-thanks = Təşəkkür
type-none = Hələ doldurulmayıb

activity-family-meeting = ailə ilə görüş
activity-individual-rehabilitation = fərdi reabilitasiya
activity-group-rehabilitation = qrup reabilitasiyası
activity-training = təlim
activity-webinar = vebinar

quality-child-of-age = Uşaq yazılıb, yaşı isə 18 və ya yuxarıdır
quality-adult-under-age = Böyük yazılıb, yaşı isə 18-dən azdır
quality-about-of-age = Barəsində danışılan uşağın yaşı 18 və ya yuxarıdır
quality-in-future = Başlanğıcı gələcəkdədir
quality-unknown-taxonomy = Təsnifatın bu versiyası yoxdur
quality-unknown-topic = Təsnifatında belə mövzu yoxdur
quality-unknown-issue = Təsnifatında belə səbəb yoxdur
quality-unknown-service-tag = Təsnifatında belə xidmət yoxdur
quality-too-early = 2000-ci ildən əvvəl başlayıb
quality-not-filled-in = Növü hələ yazılmayıb
quality-no-topic = Saya daxildir, mövzusu yoxdur
quality-issue-of-other-topic = Səbəb başqa mövzuya aiddir
quality-child-without-age = Uşağın yaşı yazılmayıb
quality-two-ages = Özü barədə danışan uşağın iki yaşı var
quality-two-genders = Özü barədə danışan uşağın cinsi iki cürdür
quality-dialled-without-phone = Telefonla gəlməyib, yığılan nömrə isə yazılıb
quality-no-escalation = Təhlükə yüksəkdir, kimə yönləndirildiyi yazılmayıb

say-total = { $during } “Uşaq Qaynar Xətt” xidmətinə bütün kanallar üzrə { $n } zəng daxil olub.
say-empty = { $during } saya daxil olan zəng qeydə alınmayıb.
say-most = Ən çox müraciət { $topics } mövzusu üzrə olub: { $n } zəng ({ $share }).
say-most-tied = Ən çox müraciət { $topics } mövzuları üzrə olub: hər biri üzrə { $n } zəng ({ $share }).
say-most-half = Zənglərin yarıdan çoxu { $topics } mövzusu üzrə olub: { $n } zəng ({ $share }).
say-rest = Digər mövzular üzrə bölgü belədir: { $list }.
say-together = Təhsil və psixoloji mövzular birlikdə { $n } zəngdir.
say-first = { $n } zəngdə ({ $share }) şəxs xidmətə ilk dəfə müraciət etdiyini bildirib.
say-first-half = Zənglərin yarıdan çoxunda ({ $n } zəng, { $share }) şəxs xidmətə ilk dəfə müraciət etdiyini bildirib.
say-repeat-or-unknown = Qalan { $n } zəng təkrardır və ya bu barədə məlumat yoxdur.
say-people = { $adults } zəng böyüklərdən, { $children } zəng isə uşaqların özlərindən (18 yaşdan kiçik) daxil olub.
say-children = Uşaqların zənglərindən { $girls } qızların, { $boys } oğlanların olub.
say-anonymous = Sosial şəbəkələr üzərindən { $n } anonim müraciət daxil olub.
say-gender = Cinsi məlum olan müraciət edənlər arasında { $women } qadın və qız, { $men } kişi və oğlan zəngi var.
say-issues = Dövrün müraciətləri arasında bu səbəblər də yer alıb: { $list }.
say-activities = Müraciətlərlə əlaqədar { $meetings } ailə ilə görüş keçirilib, fərdi və qrup şəklində { $works } sosial-psixoloji reabilitasiya işi aparılıb.
say-tags = Xidmətlərlə bağlı müraciətlər: { $list }.
say-events = Dövr ərzində bu tədbirlər keçirilib: { $list }.
say-more = Əvvəlki dövrlə müqayisədə ({ $period }: { $before } zəng) { $n } zəng ({ $share }) çoxdur.
say-less = Əvvəlki dövrlə müqayisədə ({ $period }: { $before } zəng) { $n } zəng ({ $share }) azdır.
say-more-year = Bir il əvvəlki eyni dövrlə müqayisədə ({ $period }: { $before } zəng) { $n } zəng ({ $share }) çoxdur.
say-less-year = Bir il əvvəlki eyni dövrlə müqayisədə ({ $period }: { $before } zəng) { $n } zəng ({ $share }) azdır.
say-same = Əvvəlki dövrdə də ({ $period }) eyni sayda zəng olub.
say-same-year = Bir il əvvəlki eyni dövrdə də ({ $period }) eyni sayda zəng olub.
say-beside = Bundan əlavə, { $n } müraciət ümumi saya daxil edilməyib: { $list }.

note-counts = Ümumi saya bu növlər daxildir: { $list }. Qalan növlər ayrıca göstərilir.
note-channels = “Zəng” hər hansı kanal üzrə bir müraciətdir; hər müraciətin bir əsas mövzusu var, ona görə mövzuların cəmi ümumi saya bərabərdir.
note-zone = Günlər, aylar və illər Bakı vaxtı ilə sayılır (Asia/Baku): { $from } – { $to }.
note-compared = Müqayisə: əvvəlki dövr – { $previous }; bir il əvvəl – { $before }.
note-not-recorded = { $period } dövrü üzrə qeydlər tam deyil ({ $day } tarixində başlayır), ona görə müqayisə edilmir.
note-none-recorded = { $period } dövrü üzrə qeyd yoxdur, ona görə müqayisə edilmir.
note-shares = Paylar onda birə qədər yuvarlaqlaşdırılıb, ona görə cəmi 100%-dən bir qədər fərqlənə bilər.
note-gender = Qadın və kişilərin payı cinsi məlum olanlara nisbətəndir; uşaqların cinsi uşaqların sayına nisbətəndir.
note-issues = Bir müraciətin bir neçə səbəbi ola bilər, ona görə səbəblərin cəmi müraciətlərin sayı deyil.
note-dialled = Yalnız telefonla gələnlər: { $n }.
note-started = Bir neçə gün davam edən tədbir başladığı gündə sayılır.
note-taxonomy = Mövzular, səbəblər və yaş qrupları müraciətlərin yazıldığı təsnifatla adlandırılıb: { $list }.
note-not-over = Dövr hələ bitməyib: rəqəmlər dəyişəcək.
note-future = Dövr hələ başlamayıb.
note-no-findings = Yoxlanmalı qeyd tapılmayıb.
note-findings = Bu qeydlər dəyişdirilməyib; hər birinin nömrəsi “--ids” ilə göstərilir.
