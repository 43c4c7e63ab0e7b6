# Texts of reports in Russian.

title = Отчёт службы «Детская горячая линия» Азербайджана
footer = Составлен { $day }
page-of = Страница { $page } из { $pages }

month-1 = январь
month-2 = февраль
month-3 = март
month-4 = апрель
month-5 = май
month-6 = июнь
month-7 = июль
month-8 = август
month-9 = сентябрь
month-10 = октябрь
month-11 = ноябрь
month-12 = декабрь

period-day = { $day }
period-month = { $month } { $year }
period-quarter = { $part ->
    [1] I квартал
    [2] II квартал
    [3] III квартал
   *[other] IV квартал
} { $year }
period-half = { $part ->
    [1] I полугодие
   *[other] II полугодие
} { $year }
period-year = { $year } год
period-days = { $from }–{ $to }

during-day = За { $day }
during-month = За { $month } { $year } года
during-quarter = За { $part ->
    [1] первый
    [2] второй
    [3] третий
   *[other] четвёртый
} квартал { $year } года
during-half = За { $part ->
    [1] первое
   *[other] второе
} полугодие { $year } года
during-year = За { $year } год
during-days = За период с { $from } по { $to }

contacts = { $n ->
    [one] { $n } обращение
    [few] { $n } обращения
   *[many] { $n } обращений
}

section-summary = Коротко
section-overview = Основные показатели
section-course = Ход периода
section-people = Кто обращался
section-issues = Причины
section-ages = Возраст
section-ways = Каналы и номера
section-activities = Встречи, работа, мероприятия
section-beside = Не вошло в счёт
section-quality = Качество данных
section-notes = Пояснения

column-name = Показатель
column-count = Число
column-share = Доля
column-change = Разница
column-day = День
column-month = Месяц
column-year = Год
column-date = Дата
column-kind = Вид
column-title = Тема

row-total = Обращения (по всем каналам)
row-no-topic = Тема не указана
row-together = Образование и психология вместе
row-adults = Взрослые
row-children = Дети (до 18 лет)
row-girls = девочки
row-boys = мальчики
row-child-unknown = пол неизвестен
row-age-unknown = Возраст неизвестен
row-anonymous-social = анонимно через социальные сети
row-first = Обратились впервые
row-repeat-or-unknown = Повторно или неизвестно
row-not-first = сказали, что не впервые
row-first-unknown = неизвестно
row-women = Женщины и девочки
row-men = Мужчины и мальчики
row-gender-unknown = Пол неизвестен
row-meetings = Встречи с семьями
row-rehabilitation = Социально-психологическая реабилитация
row-individual = индивидуальная
row-group = групповая
row-events = Тренинги и просветительские мероприятия
row-other-activities = Другая работа
row-about-self = О себе
row-about-another = О другом ребёнке
row-not-told = Не указано
row-unknown = Неизвестно
row-other = Другое
row-anonymous = Не пожелали назвать себя
row-all = Все записи
row-counted = Вошли в счёт
row-beside = Не вошли в счёт
row-under = до { $to } лет включительно
row-band = { $from }–{ $to } лет
row-over = { $from } лет и старше

caption-topics = Обращения по темам
caption-course = { $unit ->
    [day] Обращения по дням
    [month] Обращения по месяцам
   *[year] Обращения по годам
}
caption-about = О ком
caption-risk = Риск
caption-bands = Возраст ребёнка, о котором речь
caption-child-bands = Возраст обратившегося ребёнка
caption-bands-of = { $caption } (классификация { $version })
caption-channels = Каналы
caption-languages = Языки
caption-dialled = Набранные номера
caption-events = Мероприятия
caption-types = Виды обращений
caption-findings = Записи, которые надо проверить

channel-phone = Телефон
channel-webchat = Чат на сайте
channel-facebook = Facebook
channel-instagram = Instagram
channel-email = Электронная почта
channel-app = Мобильное приложение
channel-sms = SMS
channel-walk-in = Лично
channel-voicemail = Голосовая почта

language-az = Азербайджанский
language-ru = Русский
language-en = Английский
language-other = Другой

risk-none = Нет
risk-low = Низкий
risk-medium = Средний
risk-high = Высокий
risk-not-judged = Не оценён

type-counselling = Консультация
type-information = Информация
type-silent = Молчание
type-hang-up = Положили трубку
type-joke = Шутка
type-abusive = Оскорбление
type-wrong-number = Ошиблись номером
type-test = Проверка
type-thanks = Благодарность
type-none = Ещё не заполнено

activity-family-meeting = встреча с семьёй
activity-individual-rehabilitation = индивидуальная реабилитация
activity-group-rehabilitation = групповая реабилитация
activity-training = тренинг
activity-webinar = вебинар

quality-child-of-age = Указан ребёнок, а возраст 18 лет или больше
quality-adult-under-age = Указан взрослый, а возраст меньше 18 лет
quality-about-of-age = Ребёнку, о котором речь, 18 лет или больше
quality-in-future = Начало в будущем
quality-unknown-taxonomy = Такой версии классификации нет
quality-unknown-topic = Такой темы в классификации нет
quality-unknown-issue = Такой причины в классификации нет
quality-unknown-service-tag = Такой услуги в классификации нет
quality-too-early = Начало раньше 2000 года
quality-not-filled-in = Вид ещё не указан
quality-no-topic = Входит в счёт, а темы нет
quality-issue-of-other-topic = Причина относится к другой теме
quality-child-without-age = Не указан возраст ребёнка
quality-two-ages = У ребёнка, который говорит о себе, два возраста
quality-two-genders = У ребёнка, который говорит о себе, указан разный пол
quality-dialled-without-phone = Пришло не по телефону, а набранный номер указан
quality-no-escalation = Риск высокий, а кому передано, не указано

say-total = { $during } в службу «Детская горячая линия» по всем каналам поступило { $n ->
    [one] { $n } обращение
    [few] { $n } обращения
   *[many] { $n } обращений
}.
say-empty = { $during } обращений, которые входят в счёт, не записано.
say-most = Больше всего обращений по теме { $topics }: { $n } ({ $share }).
say-most-tied = Больше всего обращений по темам { $topics }: по { $n } ({ $share }).
say-most-half = Больше половины обращений относится к теме { $topics }: { $n } ({ $share }).
say-rest = По остальным темам: { $list }.
say-together = Образование и психология вместе: { $n ->
    [one] { $n } обращение
    [few] { $n } обращения
   *[many] { $n } обращений
}.
say-first = В { $n ->
    [one] { $n } обращении
   *[other] { $n } обращениях
} ({ $share }) человек сказал, что обращается впервые.
say-first-half = Больше чем в половине обращений ({ $n }, { $share }) человек сказал, что обращается впервые.
say-repeat-or-unknown = { $n ->
    [one] Ещё { $n } обращение повторное, или об этом нет сведений.
    [few] Остальные { $n } обращения повторные, или об этом нет сведений.
   *[many] Остальные { $n } обращений повторные, или об этом нет сведений.
}
say-people = От взрослых поступило { $adults ->
    [one] { $adults } обращение
    [few] { $adults } обращения
   *[many] { $adults } обращений
}, от самих детей (до 18 лет) — { $children }.
say-children = Из обращений детей { $girls } — от девочек, { $boys } — от мальчиков.
say-anonymous = Через социальные сети поступило { $n ->
    [one] { $n } анонимное обращение
    [few] { $n } анонимных обращения
   *[many] { $n } анонимных обращений
}.
say-gender = Среди обратившихся, чей пол известен, { $women ->
    [one] { $women } обращение
    [few] { $women } обращения
   *[many] { $women } обращений
} от женщин и девочек, { $men } — от мужчин и мальчиков.
say-issues = Среди причин обращений за этот период: { $list }.
say-activities = В связи с обращениями { $meetings ->
    [one] проведена { $meetings } встреча
    [few] проведены { $meetings } встречи
   *[many] проведено { $meetings } встреч
} с семьями и { $works ->
    [one] { $works } индивидуальная или групповая работа
    [few] { $works } индивидуальные и групповые работы
   *[many] { $works } индивидуальных и групповых работ
} по социально-психологической реабилитации.
say-tags = Обращения, связанные с услугами: { $list }.
say-events = За период проведены мероприятия: { $list }.
say-more = По сравнению с предыдущим периодом ({ $period }: { $before }) обращений больше на { $n } ({ $share }).
say-less = По сравнению с предыдущим периодом ({ $period }: { $before }) обращений меньше на { $n } ({ $share }).
say-more-year = По сравнению с тем же периодом год назад ({ $period }: { $before }) обращений больше на { $n } ({ $share }).
say-less-year = По сравнению с тем же периодом год назад ({ $period }: { $before }) обращений меньше на { $n } ({ $share }).
say-same = В предыдущем периоде ({ $period }) обращений было столько же.
say-same-year = В том же периоде год назад ({ $period }) обращений было столько же.
say-beside = Кроме того, { $n ->
    [one] { $n } обращение не вошло
    [few] { $n } обращения не вошли
   *[many] { $n } обращений не вошли
} в общее число: { $list }.

note-counts = В общее число входят: { $list }. Остальные виды показаны отдельно.
note-channels = Обращение — это один контакт по любому каналу; у каждого одна основная тема, поэтому сумма тем равна общему числу.
note-zone = Дни, месяцы и годы считаются по времени Баку (Asia/Baku): { $from } – { $to }.
note-compared = Сравнение: предыдущий период — { $previous }; год назад — { $before }.
note-not-recorded = За период { $period } записи неполны (они начинаются { $day }), поэтому сравнения нет.
note-none-recorded = За период { $period } записей нет, поэтому сравнения нет.
note-shares = Доли округлены до десятых, поэтому их сумма может немного отличаться от 100 %.
note-gender = Доли женщин и мужчин даны от тех, чей пол известен; девочек и мальчиков — от числа детей.
note-issues = У одного обращения может быть несколько причин, поэтому их сумма — не число обращений.
note-dialled = Только те, что пришли по телефону: { $n }.
note-started = Мероприятие в несколько дней считается в день начала.
note-taxonomy = Темы, причины и возраст названы по классификации, с которой записаны обращения: { $list }.
note-not-over = Период ещё не закончился: числа изменятся.
note-future = Период ещё не начался.
note-no-findings = Записей, которые надо проверить, нет.
note-findings = Эти записи не изменены; их номера показывает «--ids».
