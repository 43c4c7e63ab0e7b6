//! Names of callers: each by the present key, and while the key before it is not retired, whoever is known by that one
//! gets the new name with the first call. Who hides is named by none.

use super::pbx::Switch;
use crate::event::What;
use crate::ids::{CallId, Pseudonym};
use crate::private::Private;
use crate::records::pseudonym;
use crate::time::Now;

/// A caller's names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// By the present key.
    pub(super) caller: Pseudonym,
    /// By the one before it.
    pub(super) former: Option<Pseudonym>,
}

impl Switch {
    /// From here on callers are named by this key.
    pub(super) fn name_by(&mut self, key: Private<[u8; 32]>, former: Option<Private<[u8; 32]>>) {
        (self.settings.pseudonym_key, self.settings.former_key) = (key, former);
    }

    /// Names a caller. What is remembered under the former name is the present one's from here on.
    pub(super) fn name(&mut self, number: &Private<String>) -> Named {
        let caller = pseudonym(&self.settings.pseudonym_key, number);
        let former = self.settings.former_key.as_ref();
        let former = former.map(|key| pseudonym(key, number));
        if let Some(former) = &former {
            self.recent.rename(former, &caller);
            self.lists.rename(former, &caller);
            self.returning.rename(former, &caller);
            for call in self.calls.values_mut() {
                let asker = call.callback.as_mut().map(|one| &mut one.asker);
                for name in [Some(&mut call.caller), asker].into_iter().flatten() {
                    if name.as_ref() == Some(former) {
                        *name = Some(caller.clone());
                    }
                }
            }
        }
        Named { caller, former }
    }

    /// Journals that both names are one caller's, for what is stored.
    pub(super) fn tell_renamed(&mut self, call: CallId, named: &Named, now: Now) {
        if let Some(former) = named.former.clone() {
            let caller = named.caller.clone();
            self.emit(Some(call), What::Renamed { former, caller }, now);
        }
    }
}
