//! What people at phones do.

use std::time::Duration;

use crate::house::{self, PASSWORD};
use crate::world::{Act, Deed, World};

impl World {
    pub(crate) fn deed(&mut self, player: usize, deed: Deed) {
        self.note(|| format!("player {player} does {deed:?}"));
        match deed {
            Deed::Call(uri) => {
                if self.with(player, |phone, now| phone.call(&uri, now)) {
                    self.players[player].called(self.at, self.generation);
                }
            }
            Deed::Code(code) => {
                let uri = format!("sip:{code}@{}", house::server());
                if self.with(player, |phone, now| phone.call(&uri, now)) {
                    self.players[player].called(self.at, self.generation);
                } else if !self.players[player].phone.has_vanished() {
                    let later = Duration::from_secs(3);
                    self.plan_act(later, Act::Do(player, Deed::Code(code)));
                }
            }
            Deed::HangUp => self.with(player, |phone, now| phone.hang_up(now)),
            Deed::Register(expires) => {
                self.with(player, |phone, now| phone.register(PASSWORD, expires, now));
            }
            Deed::Unregister => self.with(player, |phone, now| phone.unregister(now)),
            Deed::Hold(hold) => {
                self.players[player].held = true;
                self.with(player, |phone, now| phone.hold(hold, now));
            }
            Deed::Transfer(to) => {
                self.players[player].held = true;
                let uri = format!("sip:{to}@{}", house::server());
                self.with(player, |phone, now| phone.transfer(&uri, now));
            }
            Deed::Mute(mute) => {
                self.players[player].muted = mute;
                self.with(player, |phone, _| phone.mute(mute));
            }
            Deed::Press(key) => {
                self.with(player, |phone, _| phone.press(key));
            }
            Deed::Despair(before) => self.despair(player, before),
            Deed::Vanish => {
                self.with(player, |phone, _| phone.vanish());
            }
        }
    }
}
