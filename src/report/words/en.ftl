# Texts of reports in English.

title = Report of the Child Helpline of Azerbaijan
footer = Made on { $day }
page-of = Page { $page } of { $pages }

month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December

period-day = { $day }
period-month = { $month } { $year }
period-quarter = { $part ->
    [1] first
    [2] second
    [3] third
   *[other] fourth
} quarter of { $year }
period-half = { $part ->
    [1] first
   *[other] second
} half of { $year }
period-year = { $year }
period-days = { $from }–{ $to }

during-day = On { $day }
during-month = In { $month } { $year }
during-quarter = In the { $part ->
    [1] first
    [2] second
    [3] third
   *[other] fourth
} quarter of { $year }
during-half = In the { $part ->
    [1] first
   *[other] second
} half of { $year }
during-year = In { $year }
during-days = From { $from } to { $to }

contacts = { $n ->
    [one] { $n } contact
   *[other] { $n } contacts
}

section-summary = Summary
section-overview = Main figures
section-course = Course of the period
section-people = Who made contact
section-issues = Reasons
section-ages = Ages
section-ways = Channels and numbers
section-activities = Meetings, works, events
section-beside = Not counted
section-quality = Quality of the data
section-notes = Notes

column-name = Figure
column-count = Count
column-share = Share
column-change = Change
column-day = Day
column-month = Month
column-year = Year
column-date = Date
column-kind = Kind
column-title = Title

row-total = Contacts (on all channels)
row-no-topic = No topic written down
row-together = Education and psychological together
row-adults = Adults
row-children = Children (under 18)
row-girls = girls
row-boys = boys
row-child-unknown = gender unknown
row-age-unknown = Age unknown
row-anonymous-social = anonymous, through social networks
row-first = First-time callers
row-repeat-or-unknown = Repeat or unknown
row-not-first = said that it was not the first time
row-first-unknown = unknown
row-women = Women and girls
row-men = Men and boys
row-gender-unknown = Gender unknown
row-meetings = Family meetings
row-rehabilitation = Social-psychological rehabilitation works
row-individual = individual
row-group = in groups
row-events = Training and awareness events
row-other-activities = Other works
row-about-self = About themselves
row-about-another = About another child
row-not-told = Not written down
row-unknown = Unknown
row-other = Other
row-anonymous = Wanted no name to be known
row-all = All records
row-counted = Counted
row-beside = Not counted
row-under = up to { $to } years
row-band = { $from }–{ $to } years
row-over = { $from } years and older

caption-topics = Contacts by topic
caption-course = { $unit ->
    [day] Contacts by day
    [month] Contacts by month
   *[year] Contacts by year
}
caption-about = About whom
caption-risk = Risk
caption-bands = Age of the child whom it is about
caption-child-bands = Age of the child who made contact
caption-bands-of = { $caption } (taxonomy { $version })
caption-channels = Channels
caption-languages = Languages
caption-dialled = Dialled numbers
caption-events = Events
caption-types = Kinds of contacts
caption-findings = Records to look at

channel-phone = Phone
channel-webchat = Chat on the site
channel-facebook = Facebook
channel-instagram = Instagram
channel-email = E-mail
channel-app = Mobile app
channel-sms = Text message
channel-walk-in = In person
channel-voicemail = Voicemail

language-az = Azerbaijani
language-ru = Russian
language-en = English
language-other = Another language

risk-none = None
risk-low = Low
risk-medium = Medium
risk-high = High
risk-not-judged = Not judged

type-counselling = Counselling
type-information = Information
type-silent = Silent
type-hang-up = Hung up before a talk
type-joke = Joke
type-abusive = Abusive
type-wrong-number = Wrong number
type-test = Test
type-thanks = Thanks
type-none = Not filled in yet

activity-family-meeting = family meeting
activity-individual-rehabilitation = individual rehabilitation
activity-group-rehabilitation = group rehabilitation
activity-training = training
activity-webinar = webinar

quality-child-of-age = Written down as a child, of 18 years or more
quality-adult-under-age = Written down as an adult, under 18 years
quality-about-of-age = The child whom it is about has 18 years or more
quality-in-future = Begins in the future
quality-unknown-taxonomy = There is no such version of the taxonomy
quality-unknown-topic = The taxonomy has no such topic
quality-unknown-issue = The taxonomy has no such reason
quality-unknown-service-tag = The taxonomy has no such service
quality-too-early = Began before the year 2000
quality-not-filled-in = The kind is not filled in yet
quality-no-topic = Counts, and has no topic
quality-issue-of-other-topic = The reason belongs to another topic
quality-child-without-age = A child without an age
quality-two-ages = A child who speaks of themselves has two ages
quality-two-genders = A child who speaks of themselves is told once a girl and once a boy
quality-dialled-without-phone = Did not come by phone, yet a number was dialled
quality-no-escalation = High risk, and not written down whom it was passed to

say-total = { $during } the Child Helpline had { $n ->
    [one] { $n } contact
   *[other] { $n } contacts
} on all channels.
say-empty = { $during } no contact was recorded that counts.
say-most = The largest group is about { $topics }: { $n ->
    [one] { $n } contact
   *[other] { $n } contacts
} ({ $share }).
say-most-tied = The largest groups are about { $topics }: { $n ->
    [one] { $n } contact
   *[other] { $n } contacts
} each ({ $share }).
say-most-half = More than half of the contacts are about { $topics }: { $n ->
    [one] { $n } contact
   *[other] { $n } contacts
} ({ $share }).
say-rest = The other topics: { $list }.
say-together = Education and psychological together: { $n ->
    [one] { $n } contact
   *[other] { $n } contacts
}.
say-first = In { $n ->
    [one] { $n } contact
   *[other] { $n } contacts
} ({ $share }) the person said that it was the first time.
say-first-half = In more than half of the contacts ({ $n }, { $share }) the person said that it was the first time.
say-repeat-or-unknown = The other { $n ->
    [one] contact is a repeat, or it is
   *[other] { $n } are repeats, or it is
} not known.
say-people = Adults made { $adults ->
    [one] { $adults } contact
   *[other] { $adults } contacts
}, children themselves (under 18) { $children }.
say-children = Of the children's contacts { $girls } came from girls and { $boys } from boys.
say-anonymous = Through social networks came { $n ->
    [one] { $n } anonymous contact
   *[other] { $n } anonymous contacts
}.
say-gender = Among those whose gender is known, { $women ->
    [one] { $women } contact
   *[other] { $women } contacts
} came from women and girls and { $men } from men and boys.
say-issues = Among the reasons of this period were: { $list }.
say-activities = Following contacts there were { $meetings ->
    [one] { $meetings } family meeting
   *[other] { $meetings } family meetings
} and { $works ->
    [one] { $works } work
   *[other] { $works } works
} of social-psychological rehabilitation, individual or in groups.
say-tags = Contacts about services: { $list }.
say-events = Events of the period: { $list }.
say-more = Compared with the period before ({ $period }: { $before }) there are { $n } more ({ $share }).
say-less = Compared with the period before ({ $period }: { $before }) there are { $n } fewer ({ $share }).
say-more-year = Compared with the same period a year before ({ $period }: { $before }) there are { $n } more ({ $share }).
say-less-year = Compared with the same period a year before ({ $period }: { $before }) there are { $n } fewer ({ $share }).
say-same = The period before ({ $period }) had just as many.
say-same-year = The same period a year before ({ $period }) had just as many.
say-beside = Beside these, { $n ->
    [one] { $n } contact does
   *[other] { $n } contacts do
} not count toward the total: { $list }.

note-counts = These kinds count toward the total: { $list }. The others are shown apart.
note-channels = A contact is one on any channel; each has one primary topic, so the topics add up to the total.
note-zone = Days, months and years are those of Baku (Asia/Baku): { $from } – { $to }.
note-compared = Compared with: the period before, { $previous }; a year before, { $before }.
note-not-recorded = The records of { $period } are not whole (they begin on { $day }), so nothing is compared with them.
note-none-recorded = There are no records of { $period }, so nothing is compared with them.
note-shares = Shares are rounded to tenths, so their sum may differ a little from 100%.
note-gender = Shares of women and men are of those whose gender is known; those of girls and boys are of the children.
note-issues = A contact can have several reasons, so their sum is not the number of contacts.
note-dialled = Only those that came by phone: { $n }.
note-started = An event of several days counts on its first.
note-taxonomy = Topics, reasons and ages are named by the taxonomy that the contacts were written with: { $list }.
note-not-over = The period is not over: the figures will change.
note-future = The period has not begun.
note-no-findings = No record needs to be looked at.
note-findings = These records are as they were written; “--ids” lists which they are.
