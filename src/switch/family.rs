//! IPv4 and IPv6: audio is of the family that the peer's description names, whatever its signalling came by.

use std::net::IpAddr;

use super::pbx::Switch;
use crate::sdp::Description;
use crate::sip::flow::Flow;
use crate::sip::message::{Name, Request, Response};

/// Why an offer cannot be taken, for the peer (RFC 3261 §20.43).
const OTHER_FAMILY: &str = "301 qaynar \"Incompatible network address formats\"";
const OTHER_FORMAT: &str = "305 qaynar \"Incompatible media format\"";

impl Switch {
    /// Our address for the audio of a leg, and what its peer shall read: of the family of the offer, where
    /// one came, else of that of the way. `None`: we have no address of it.
    pub(super) fn audio_place(&self, flow: Flow, offer: &[u8]) -> Option<(IpAddr, IpAddr)> {
        let own = flow.local.ip();
        let peer = match audio_address(offer) {
            Some(peer) if peer.is_ipv4() != own.is_ipv4() => peer,
            _ => return Some((own, self.settings.address_for(flow.remote.ip(), own))),
        };
        let listeners = self.settings.listeners.iter();
        let fitting = listeners
            .map(|(_, local)| local.ip())
            .filter(|ip| ip.is_ipv4() == peer.is_ipv4());
        // One that leads there, if there is one.
        let local = fitting.min_by_key(|ip| ip.is_loopback() != peer.is_loopback())?;
        Some((local, self.settings.address_for(peer, local)))
    }

    /// 488 with the reason.
    pub(super) fn not_acceptable(&self, request: &Request) -> Response {
        let listeners = &self.settings.listeners;
        let of_no_listener = audio_address(&request.body).is_some_and(|peer| {
            listeners
                .iter()
                .all(|(_, local)| local.is_ipv4() != peer.is_ipv4())
        });
        let why = match of_no_listener {
            true => OTHER_FAMILY,
            false => OTHER_FORMAT,
        };
        Response::to(request, 488).with(Name::Warning, why)
    }
}

/// Where an offer wants its audio.
fn audio_address(offer: &[u8]) -> Option<IpAddr> {
    let offer = Description::parse(offer).ok()?;
    let mut audio = offer.media.iter().filter(|line| line.kind == "audio");
    audio.find_map(|line| line.address)
}
