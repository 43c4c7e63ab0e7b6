//! Breaking the glass: an operator who is alone at night has the caller's number told in the talk, at once. It is no
//! permission but a deed, which stands in the journal before the first digit is heard, and in the audit log.

use super::pbx::Switch;
use crate::event::What;
use crate::ids::{CallId, LegId, OperatorId};
use crate::speech::digits;
use crate::time::Now;

impl Switch {
    /// The operator alone hears the digits; of a caller who hides, a zero, and nothing was broken.
    pub(super) fn break_glass(&mut self, id: CallId, leg: LegId, operator: &OperatorId, now: Now) {
        let call = self.calls.get(&id);
        let number = call.and_then(|call| {
            let called_back = call.callback.as_ref().map(|callback| &callback.number);
            call.number.as_ref().or(called_back).cloned()
        });
        let language = self.plan.first_language();
        let Some(number) = number else {
            return self.say_over(id, &[leg], &digits("0"), language);
        };
        let what = What::GlassBroken {
            operator: operator.clone(),
        };
        self.emit(Some(id), what, now);
        let text = format!(
            "operator {operator} had the caller's number told; a supervisor reviews it: `qaynar audit list --pending`"
        );
        self.alarm(Some(id), "glass-broken", text, now);
        self.say_over(id, &[leg], &digits(number.reveal()), language);
    }
}
