//! All keys of the dialplan's format, in one table: the JSON Schema is written from it, and a test holds
//! it to what the reader knows, key by key. Whoever teaches the reader a key writes it here.

/// What a key's value is.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A text.
    Text,
    /// A text, or a list of texts.
    Texts,
    /// One of these words.
    Words(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// A whole number from zero.
    Count,
    /// Money.
    Amount,
    /// `"20s"`
    Time,
    /// A moment without quotes.
    Moment,
    /// A table.
    Table(&'static Section),
    /// A list of tables.
    Tables(&'static Section),
    /// A table whose keys are names that people choose.
    Named(&'static Section),
    /// A table of texts whose keys are digits.
    Keys,
    /// A table of texts whose keys are names.
    Paths,
    /// A table of counts whose keys are names.
    Counts,
    /// A list whose entries are of one of these kinds.
    List(&'static [Kind]),
    /// One of these kinds.
    Any(&'static [Kind]),
}

/// A key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What follows the `=`.
    pub kind: Kind,
    /// For people.
    pub about: &'static str,
}

/// A table that is read.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// What people call it.
    pub name: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
    /// Those that must be there.
    pub needed: &'static [&'static str],
}

const fn key(name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key { name, kind, about }
}

use Kind::{
    Amount, Any, Count, Counts, Flag, Keys, List, Moment, Named, Paths, Table, Tables, Text, Texts,
    Time, Words,
};

/// `*.toml`
pub const DIALPLAN: Section = Section {
    name: "the dialplan",
    keys: &[
        key("numbers", Texts, "The helpline's numbers, in any form."),
        key(
            "start",
            Text,
            "The path with which calls to these numbers begin.",
        ),
        key(
            "otherwise",
            Text,
            "The path of any other number on a trusted trunk; left out: start.",
        ),
        key(
            "languages",
            Texts,
            "What is spoken; the first unless a key is pressed: az, ru, en.",
        ),
        key(
            "language_keys",
            Keys,
            "Keys that choose a language at any moment of the call.",
        ),
        key(
            "time_zone",
            Text,
            "In which moments are meant; left out: Asia/Baku.",
        ),
        key(
            "route",
            Tables(&ROUTE),
            "Where calls go first of all: by what was dialled, by which trunk, who calls.",
        ),
        key("hours", Named(&HOURS), "When somebody is there."),
        key("callback", Table(&CALLBACK), "How callers are called back."),
        key("path", Named(&PATH), "Steps from top to bottom."),
        key("queue", Named(&QUEUE), "Where callers wait for operators."),
        key(
            "help_word",
            Texts,
            "What all hear in a talk when help is called; left out: nothing.",
        ),
        key(
            "voicemail",
            Named(&VOICEMAIL),
            "Mailboxes in which callers leave messages.",
        ),
        key("operator", Named(&OPERATOR), "What operators can."),
        key(
            "closed",
            Tables(&CLOSED),
            "A planned closure, which expires by itself.",
        ),
        key("outgoing", Tables(&OUTGOING), "Whom operators may call."),
        key(
            "expect",
            Tables(&EXPECT),
            "What must stay true: tests that check and apply run.",
        ),
    ],
    needed: &[],
};

/// `safety.toml`
pub const GUARD: Section = Section {
    name: "the guard",
    keys: &[
        key("safety", Table(&SAFETY), "What every caller is promised."),
        key(
            "expect",
            Tables(&EXPECT),
            "What must stay true: tests that check and apply run.",
        ),
    ],
    needed: &["safety"],
};

const SAFETY: Section = Section {
    name: "safety",
    keys: &[
        key(
            "within",
            Time,
            "How soon a call comes to a person, a voicemail or an explanation; left out: 3m.",
        ),
        key(
            "explained_by",
            Texts,
            "Prompts that explain, heard last; left out: any prompt.",
        ),
    ],
    needed: &[],
};

const PATH: Section = Section {
    name: "path",
    keys: &[key(
        "steps",
        Tables(&STEP),
        "What is done, from top to bottom.",
    )],
    needed: &["steps"],
};

const ROUTE: Section = Section {
    name: "route",
    keys: &[
        key(
            "dial",
            Texts,
            "A number, 012555xxxx, 0125…, or 0125551000-0125551099.",
        ),
        key("trunk", Texts, "By which trunk."),
        key(
            "from",
            Texts,
            "hidden, mobile, fixed, toll-free, short, abroad, or how the number begins.",
        ),
        key("list", Text, "The caller is on this list."),
        key("go", Text, "The path."),
    ],
    needed: &["go"],
};

const HOURS: Section = Section {
    name: "hours",
    keys: &[
        key("open", Texts, "Each week: mon-fri 09:00-18:00."),
        key(
            "holidays",
            Words(&["open", "closed"]),
            "On public holidays; left out: open.",
        ),
        key("except", Tables(&EXCEPT), "Days that are not like others."),
    ],
    needed: &[],
};

const EXCEPT: Section = Section {
    name: "except",
    keys: &[
        key("on", Text, "The day: 2026-12-31."),
        key("from", Text, "The first day."),
        key("until", Text, "The last day."),
        key("open", Texts, "09:00-13:00"),
        key("closed", Flag, "Nobody is there."),
    ],
    needed: &[],
};

const STEP: Section = Section {
    name: "step",
    keys: &[
        key("if", Text, "When the step is done; left out: always."),
        key("play", Texts, "Prompts, one after the other."),
        key("queue", Text, "Wait in this queue; phones ring at once."),
        key(
            "greet",
            Texts,
            "What is heard while the phones ring already.",
        ),
        key("needs", Texts, "Skills without which nobody is rung."),
        key("needs_for", Time, "For so long; then they are preferences."),
        key("prefers", Texts, "Skills of whom is rung first."),
        key(
            "menu",
            Texts,
            "Prompts that name keys; who presses nothing goes on with the next step.",
        ),
        key("keys", Keys, "Where each key of the menu leads."),
        key(
            "wait",
            Time,
            "How long a key is waited for after the prompts.",
        ),
        key(
            "tries",
            Count,
            "How often the menu is heard; left out: once.",
        ),
        key(
            "say",
            Words(&["time", "date", "resumes"]),
            "What is worked out and said in the caller's language.",
        ),
        key("hours", Text, "By which hours the line is open again."),
        key("set", Table(&SET), "What is kept of the caller."),
        key(
            "callback",
            Text,
            "Offers to be called back, with a place in this queue.",
        ),
        key(
            "ring",
            Texts,
            "An operator, several at once, or a number outside.",
        ),
        key("for", Time, "How long it rings."),
        key("voicemail", Text, "A message is left in this mailbox."),
        key(
            "webhook",
            Text,
            "A server is asked where the call goes: https://…",
        ),
        key(
            "within",
            Time,
            "For so long its answer is waited for; left out: 2s, at most 10s.",
        ),
        key(
            "otherwise",
            Text,
            "The path without one of the answers; left out: the next step.",
        ),
        key(
            "go",
            Any(&[Text, Paths]),
            "On with this path; of a webhook: the path of each answer.",
        ),
        key("hang_up", Flag, "The end."),
    ],
    needed: &[],
};

const CALLBACK: Section = Section {
    name: "callback",
    keys: &[
        key(
            "attempts",
            Count,
            "How often a number is called; left out: 3.",
        ),
        key(
            "every",
            Time,
            "How long after an attempt in vain; left out: 10m.",
        ),
        key(
            "numbers",
            Texts,
            "mobile, fixed, a beginning such as 0125…, or a number.",
        ),
        key(
            "later",
            Texts,
            "Times of the day that callers may choose: 16:00.",
        ),
    ],
    needed: &[],
};

const SET: Section = Section {
    name: "set",
    keys: &[
        key(
            "language",
            Words(&["az", "ru", "en"]),
            "Spoken from here on.",
        ),
        key(
            "priority",
            Time,
            "How much longer the caller seems to have waited.",
        ),
        key("needs", Texts, "Skills without which nobody is rung."),
        key("prefers", Texts, "Skills of whom is rung first."),
    ],
    needed: &[],
};

const QUEUE: Section = Section {
    name: "queue",
    keys: &[
        key(
            "ring",
            Words(&[
                "longest idle",
                "ring all",
                "round robin",
                "fewest calls",
                "least talk",
                "weighted random",
                "linear",
            ]),
            "Whose phone rings first.",
        ),
        key(
            "ring_for",
            Time,
            "How long an operator's phones ring; left out: 15s.",
        ),
        key(
            "wrap_up",
            Time,
            "How long an operator rests after a call; left out: 20s.",
        ),
        key(
            "operators",
            List(&[Text, Table(&MEMBER)]),
            "Who answers; left out: everybody.",
        ),
        key(
            "pause_after",
            Count,
            "After so many unanswered rings an operator is paused.",
        ),
        key("max_waiting", Count, "How many may wait."),
        key("if_full", Text, "The path of one more."),
        key(
            "say_position",
            Flag,
            "Whether callers are told their position.",
        ),
        key("say_position_every", Time, "How often; left out: 30s."),
        key(
            "comfort",
            Table(&COMFORT),
            "What callers are told now and then.",
        ),
        key(
            "record",
            Flag,
            "Whether talks are recorded; callers are told first. Left out: no.",
        ),
        key(
            "keep",
            Time,
            "For how long recordings are kept; left out: 30d.",
        ),
        key(
            "music",
            Text,
            "What they hear otherwise: prompts/music/NAME.wav.",
        ),
        key(
            "say_estimate",
            Time,
            "How often callers are told how long it may take; left out: never.",
        ),
        key(
            "keys",
            Keys,
            "Keys by which callers leave the line, and the path of each.",
        ),
        key(
            "if_empty",
            Text,
            "The path of callers while nobody is on shift; left out: the next step.",
        ),
        key(
            "if_waiting",
            Tables(&WAITING),
            "What happens after a time, the shortest first.",
        ),
    ],
    needed: &[],
};

const MEMBER: Section = Section {
    name: "member",
    keys: &[
        key("id", Text, "The operator."),
        key("level", Count, "From 1; lower ones ring first."),
        key("weight", Count, "From 1, for weighted random."),
    ],
    needed: &["id"],
};

const COMFORT: Section = Section {
    name: "comfort",
    keys: &[
        key("play", Text, "The prompt."),
        key("every", Time, "How often."),
    ],
    needed: &["play", "every"],
};

const WAITING: Section = Section {
    name: "if_waiting",
    keys: &[
        key("for", Time, "After how long a wait."),
        key(
            "go",
            Text,
            "On with this path; the place in the line is kept.",
        ),
        key(
            "ring",
            Any(&[Count, Words(&["all"])]),
            "How many operators ring together.",
        ),
        key("offer", Words(&["callback"]), "What is offered."),
        key("key", Any(&[Count, Text]), "The key that takes the offer."),
        key("level", Count, "Up to which level."),
    ],
    needed: &["for"],
};

const VOICEMAIL: Section = Section {
    name: "voicemail",
    keys: &[
        key("greeting", Texts, "What callers hear before the tone."),
        key(
            "most",
            Time,
            "How long a message may be; left out: 3m, at most 10m.",
        ),
        key(
            "quiet",
            Time,
            "After how much silence it ends; left out: never.",
        ),
        key(
            "operators",
            Texts,
            "Whose phones show messages, and who may hear them; left out: everybody.",
        ),
        key("keep", Time, "For how long files are kept; left out: 30d."),
    ],
    needed: &["greeting"],
};

const OPERATOR: Section = Section {
    name: "operator",
    keys: &[
        key("can", Texts, "Skills: languages and fields."),
        key("may", Texts, "Of others' talks: listen, whisper, barge."),
    ],
    needed: &[],
};

const CLOSED: Section = Section {
    name: "closed",
    keys: &[
        key("from", Moment, "From when."),
        key("until", Moment, "Until when."),
        key("go", Text, "The path of calls meanwhile."),
    ],
    needed: &["from", "until", "go"],
};

const OUTGOING: Section = Section {
    name: "outgoing",
    keys: &[
        key("name", Text, "Stands on records in place of the number."),
        key(
            "numbers",
            Texts,
            "mobile, fixed, toll-free, short, abroad, a beginning such as 0125…, or a number.",
        ),
        key(
            "trunks",
            Texts,
            "In this order; left out: by priority and weight.",
        ),
        key("per_minute", Amount, "What a minute costs."),
        key("calls_a_day", Count, "A cap."),
        key("minutes_a_day", Count, "A cap."),
        key("spend_a_day", Amount, "A cap."),
    ],
    needed: &["name", "numbers"],
};

const EXPECT: Section = Section {
    name: "expect",
    keys: &[
        key("dial", Texts, "The numbers dialled."),
        key(
            "at",
            Moment,
            "When; left out: at any moment outside of closures.",
        ),
        key("operators", Count, "How many are on shift; left out: one."),
        key("keys", Text, "Keys that the caller presses."),
        key("by", Words(&["caller", "operator"]), "Who dials."),
        key("from", Text, "The caller's number, or hidden."),
        key("trunk", Text, "By which trunk the call comes."),
        key("list", Texts, "Lists that the caller is on."),
        key(
            "calls",
            Count,
            "How often the caller called lately; left out: once.",
        ),
        key(
            "waiting",
            Counts,
            "How many wait in queues: { children = 12 }.",
        ),
        key(
            "webhook",
            Texts,
            "What webhooks answer, in this order; left out: nothing.",
        ),
        key("ends", Table(&ENDS), "Where the call ends."),
    ],
    needed: &["dial", "ends"],
};

const ENDS: Section = Section {
    name: "ends",
    keys: &[
        key("queue", Text, "In this queue."),
        key("voicemail", Text, "In this mailbox."),
        key("heard", Text, "After this prompt."),
        key("callback", Text, "With a callback offered from this queue."),
        key("said", Text, "After this was said: time, date or resumes."),
        key("hung_up", Flag, "Without a word."),
        key("outgoing", Text, "Outside, in this class."),
        key("refused", Flag, "In a refusal."),
        key("language", Text, "In this language."),
    ],
    needed: &[],
};
