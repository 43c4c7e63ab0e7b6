//! A call opens its contact by itself.

use crate::baresip;
use crate::moment::eventually;
use crate::server::{SOON, Setup};
use crate::sipp::Phone;

#[test]
fn a_call_that_an_operator_takes_opens_a_contact_that_can_be_filled_in() {
    let server = Setup::new().operator("101").start();
    let mut phone = baresip::Setup::new("101", 480).start(&server);
    phone.goes_on_shift(&server, "101");
    let mut caller = Phone::caller(&server, "0501234567", "0506802280", 350);
    caller.ear.hears(480, SOON);
    let contacts = || {
        let (_, printed) = server.run(&["contact", "list", "--json"]);
        serde_json::from_str::<Vec<serde_json::Value>>(&printed).unwrap_or_default()
    };
    // While they talk it can be filled in already.
    let contact = eventually("a contact", SOON, || contacts().pop());
    let id = contact["id"].as_str().unwrap().to_owned();
    let (good, told) = server.run(&[
        "contact",
        "set",
        &id,
        "topic=legal",
        "--version",
        "1",
        "--by",
        "101",
    ]);
    assert!(good, "{told}");
    caller.hangs_up();
    phone.tells("CALL_CLOSED", SOON);
    let calls = server.records(1);
    calls[0].ended("hung_up", "caller").with("101");
    let contact = contacts().remove(0);
    assert_eq!(id, format!("K-{}", calls[0].text("call")));
    for (field, wanted) in [
        ("channel", "phone"),
        ("dialled", "+994506802280"),
        ("operator", "101"),
        ("caller", calls[0].text("caller")),
        ("topic", "legal"),
    ] {
        assert_eq!(contact[field], wanted, "{contact:#}");
    }
    assert_eq!(
        (&contact["version"], &contact["calls"][0]),
        (&2.into(), &calls[0].text("call").into())
    );
    server.is_drained();
    server.tells_nobody(&["501234567"]);
}
