//! What is said around recordings: to callers who leave a message or are recorded, and to operators who hear
//! messages.

/// The sound after which callers speak; in the folder of music, since it has no language.
pub const TONE: &str = "tone";
/// To a caller where no message can be recorded.
pub const NO_ROOM: &str = "no-message-now";
/// To a caller whose talk is recorded, before the operator can be heard.
pub const NOTICE: &str = "recording-notice";
/// To an operator who made the recording silent.
pub const PAUSED: &str = "recording-paused";
/// To an operator who lets the recording go on.
pub const RESUMED: &str = "recording-resumed";
/// To an operator without messages.
pub const NONE: &str = "no-messages";
/// Which keys there are.
pub const KEYS: &str = "message-keys";
/// The message is handled.
pub const HANDLED: &str = "message-handled";
/// There is no further one.
pub const OVER: &str = "messages-over";

/// All that operators may hear.
pub const CLIPS: [&str; 4] = [NONE, KEYS, HANDLED, OVER];
