//! What an operator writes down of a contact, on whichever channel it came. No number is in it: a caller stands
//! here by pseudonym alone.
//!
//! Choices that never change are types of their own; topics, issues and tags are data
//! ([`super::taxonomy`]) and stand here by their ids.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{CallId, OperatorId, Pseudonym};
use crate::time::Wall;

/// A choice between words that files, commands and tables spell alike.
macro_rules! words {
    ($(#[$about:meta])* $name:ident: $what:literal { $($(#[$doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$doc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// All of them, in the order of the forms.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word for it in files and commands.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.as_str()) }
        }

        impl std::str::FromStr for $name {
            type Err = NotAWord;

            fn from_str(text: &str) -> Result<Self, NotAWord> {
                match text { $($word => Ok(Self::$variant),)+ _ => Err(NotAWord {
                    text: text.to_owned(), what: $what, known: &[$($word),+],
                }) }
            }
        }
    };
}

/// A text is none of the words that may stand there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {what}; there are: {known}", known = known.join(", "))]
pub struct NotAWord {
    text: String,
    what: &'static str,
    known: &'static [&'static str],
}

words! {
    /// How the contact came.
    Channel: "channel" {
        /// A telephone call.
        Phone = "phone",
        /// The chat on the site.
        Webchat = "webchat",
        /// Facebook.
        Facebook = "facebook",
        /// Instagram.
        Instagram = "instagram",
        /// E-mail.
        Email = "email",
        /// The mobile app.
        App = "app",
        /// A text message.
        Sms = "sms",
        /// Somebody came in person.
        WalkIn = "walk-in",
        /// A message on voicemail.
        Voicemail = "voicemail",
    }
}

words! {
    /// Who made contact.
    Party: "party" {
        /// Under 18.
        Child = "child",
        /// 18 or older.
        Adult = "adult",
        /// Not known.
        Unknown = "unknown",
    }
}

words! {
    /// Whom it is about.
    About: "answer to whom it is about" {
        /// The contacting person.
        Oneself = "self",
        /// A child other than the contacting person.
        AnotherChild = "another child",
    }
}

words! {
    /// Girl or woman, boy or man.
    Gender: "gender" {
        /// A girl or a woman.
        Female = "female",
        /// A boy or a man.
        Male = "male",
        /// Not known.
        Unknown = "unknown",
    }
}

words! {
    /// The language of the contact.
    Spoken: "language" {
        /// Azerbaijani.
        Az = "az",
        /// Russian.
        Ru = "ru",
        /// English.
        En = "en",
        /// Another one.
        Other = "other",
    }
}

words! {
    /// What kind of contact it was; which kinds count toward the published total is a setting.
    ContactType: "contact type" {
        /// Counselling.
        Counselling = "counselling",
        /// Information.
        Information = "information",
        /// Nobody spoke: never taken for a joke.
        Silent = "silent",
        /// Hung up before a talk.
        HangUp = "hang-up",
        /// A joke.
        Joke = "joke",
        /// Abuse.
        Abusive = "abusive",
        /// A wrong number.
        WrongNumber = "wrong number",
        /// A test of the line.
        Test = "test",
        /// Somebody says thanks.
        Thanks = "thanks",
    }
}

words! {
    /// A question that may be unanswered.
    Answer: "answer" {
        /// Yes.
        Yes = "yes",
        /// No.
        No = "no",
        /// Not known.
        Unknown = "unknown",
    }
}

words! {
    /// How much danger there is.
    Risk: "risk" {
        /// None.
        None = "none",
        /// Low.
        Low = "low",
        /// Medium.
        Medium = "medium",
        /// High: it needs an escalation.
        High = "high",
    }
}

impl Channel {
    /// Whether a number of ours was dialled for it.
    pub fn is_telephone(self) -> bool {
        matches!(self, Self::Phone | Self::Voicemail | Self::Sms)
    }
}

/// Which contact: 1 to 64 characters, of a file as it was there, of a call `K-` and the call's id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContactId(pub String);

impl From<CallId> for ContactId {
    fn from(call: CallId) -> Self {
        Self(format!("K-{call}"))
    }
}

impl fmt::Display for ContactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A contact as it is known now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Which.
    pub id: ContactId,
    /// Grows by one with each change, from 1; who changes it names the version that they saw.
    pub version: u64,
    /// When it began.
    pub opened: Wall,
    /// How it came.
    pub channel: Channel,
    /// The number of ours that was dialled, if it came by phone.
    pub dialled: Option<String>,
    /// In which language.
    pub language: Option<Spoken>,
    /// Who made contact.
    pub party: Party,
    /// Whom it is about.
    pub about: Option<About>,
    /// Of the contacting person.
    pub gender: Gender,
    /// The contacting person's years.
    pub age: Option<u8>,
    /// The years of the child whom it is about.
    pub child_age: Option<u8>,
    /// Of the child whom it is about.
    pub child_gender: Option<Gender>,
    /// The one primary topic, by its id.
    pub topic: Option<String>,
    /// The version of the taxonomy that topic, issues and tags are of.
    pub taxonomy: u32,
    /// Finer reasons below the topic, by their ids.
    pub issues: Vec<String>,
    /// What kind; `None`: not filled in yet.
    pub contact_type: Option<ContactType>,
    /// Whether for the first time.
    pub first_time: Answer,
    /// Whether the contacting person wanted no name to be known.
    pub anonymous: bool,
    /// How much danger there is; `None`: not judged.
    pub risk: Option<Risk>,
    /// Whether the person may be called back.
    pub may_call_back: Answer,
    /// Whether data may be handed to another service.
    pub may_refer: Answer,
    /// When it is safe to call back, in the person's words.
    pub safe_time: Option<String>,
    /// What may be said to somebody else who answers.
    pub safe_words: Option<String>,
    /// The case that it belongs to.
    pub case: Option<i64>,
    /// Services that were asked for, by their ids.
    pub service_tags: Vec<String>,
    /// Where the person lives.
    pub region: Option<String>,
    /// How the person heard of the helpline.
    pub heard_from: Option<String>,
    /// Where the person was referred to.
    pub referral: Option<String>,
    /// What else there is to say.
    pub notes: Option<String>,
    /// The calls that it belongs to, by arrival.
    pub calls: Vec<CallId>,
    /// Who called; `None`: no identity, never merged with another such contact.
    pub caller: Option<Pseudonym>,
    /// Who took it.
    pub operator: Option<OperatorId>,
}

impl Contact {
    /// One of which nothing is known but how and when it came.
    pub fn new(id: ContactId, opened: Wall, channel: Channel, taxonomy: u32) -> Self {
        Self {
            id,
            version: 1,
            opened,
            channel,
            dialled: None,
            language: None,
            party: Party::Unknown,
            about: None,
            gender: Gender::Unknown,
            age: None,
            child_age: None,
            child_gender: None,
            topic: None,
            taxonomy,
            issues: Vec::new(),
            contact_type: None,
            first_time: Answer::Unknown,
            anonymous: false,
            risk: None,
            may_call_back: Answer::Unknown,
            may_refer: Answer::Unknown,
            safe_time: None,
            safe_words: None,
            case: None,
            service_tags: Vec::new(),
            region: None,
            heard_from: None,
            referral: None,
            notes: None,
            calls: Vec::new(),
            caller: None,
            operator: None,
        }
    }
}

/// What the helpline did beside contacts: a meeting, a work of rehabilitation, an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// Which: 1 to 64 characters.
    pub id: String,
    /// Of which kind: "family meeting", "individual rehabilitation", "group rehabilitation", "training", "webinar", or
    /// another one.
    pub kind: String,
    /// Its title, where there is one.
    pub title: Option<String>,
    /// On which day, in Baku.
    pub held_on: jiff::civil::Date,
    /// The last day of what took several.
    pub ended_on: Option<jiff::civil::Date>,
    /// The case that it belongs to.
    pub case: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back_and_a_wrong_one_is_told_which_there_are() {
        for channel in Channel::ALL {
            assert_eq!(channel.as_str().parse(), Ok(*channel));
        }
        let told = "fax".parse::<Channel>().unwrap_err().to_string();
        assert!(
            told.contains("\"fax\" is no channel; there are: phone, webchat"),
            "{told}"
        );
    }
}
