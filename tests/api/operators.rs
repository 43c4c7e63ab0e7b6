//! What operators are doing, asked of the running exchange, and the calls that they take.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use qaynar::phone::socket::{Fleet, PhoneId, Told};
use qaynar::phone::{Event, Manner, Settings};
use qaynar::server::clock::Clock;
use serde_json::Value;

use crate::client::{ALL, Client, house, token};
use crate::house::{PATIENCE, Server};

const PASSWORD: &str = "secret-201-99";

/// Phones on loopback, and what they tell.
struct People {
    fleet: Fleet,
    told: Receiver<Told>,
    server: std::net::SocketAddr,
}

impl People {
    fn new(server: &Server) -> Self {
        let (fleet, told) = Fleet::start().unwrap();
        Self {
            fleet,
            told,
            server: server.udp,
        }
    }

    fn phone(&self, user: &str) -> PhoneId {
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let made = self.fleet.add(here, |local, media| Settings {
            domain: "qaynar".into(),
            ..Settings::new(user, self.server, local, media)
        });
        made.unwrap()
    }

    fn dial(&self, phone: PhoneId, number: &str) {
        let uri = format!("sip:{number}@{}", self.server);
        self.fleet.tell(phone, move |phone, now| {
            phone.call(&uri, now);
        });
    }

    /// Waits until this phone tells something that fits.
    #[track_caller]
    fn until(&self, phone: PhoneId, fits: impl Fn(&Event) -> bool) {
        loop {
            let told = self.told.recv_timeout(PATIENCE).expect("a phone tells it");
            if told.phone == phone && fits(&told.event) {
                return;
            }
        }
    }
}

/// Somebody calls and soon loses courage.
pub(crate) fn call_and_leave(server: &Server, number: &str) {
    let people = People::new(server);
    let caller = people.phone(number);
    people.fleet.tell(caller, |phone, _| {
        phone.behave(Manner {
            patience: Some(Duration::from_millis(500)),
            ..Manner::default()
        });
    });
    people.dial(caller, "116111");
    let over = |event: &Event| matches!(event, Event::Failed { .. } | Event::Ended { .. });
    people.until(caller, over);
}

/// Asks until the answer fits: the exchange is asked at most four times a second.
#[track_caller]
fn eventually(client: &Client, path: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let clock = Clock::start();
    let began = clock.now().at;
    loop {
        let body = client.get(path).done(200).body;
        if fits(&body) {
            return body;
        }
        let waited = clock.now().at.since(began);
        assert!(waited < PATIENCE, "{path}: {body}");
        std::thread::yield_now();
    }
}

#[test]
fn a_call_is_seen_as_it_rings_with_the_page_to_show_and_on_record_when_it_is_over() {
    let house = house("");
    house.operator("201", PASSWORD);
    let page = "https://crm.example/?contact={contact}&caller={caller}&to={dialled}";
    let done = house.run(&["operator", "set", "201", "--screen-pop", page], "");
    assert!(done.status.success(), "{done:?}");
    let text = token(&house, "wallboard", ALL);
    let server = house.serve();
    let client = Client::new(&server, &text);
    let of_201 = "/api/operators/201";
    let idle = client.get(of_201).done(200).body;
    assert_eq!(
        (&idle["state"], &idle["name"]),
        (&"logged_out".into(), &"201".into())
    );
    client.get("/api/operators/299").refused(404, "no operator");

    let people = People::new(&server);
    let operator = people.phone("201");
    people.fleet.tell(operator, |phone, now| {
        phone.register(PASSWORD, Duration::from_secs(600), now);
    });
    people.until(operator, |event| matches!(event, Event::Registered { .. }));
    people.dial(operator, "*11");
    people.until(operator, |event| matches!(event, Event::Ended { .. }));
    eventually(&client, of_201, |one| one["state"] == "free");
    let caller = people.phone("0506802280");
    people.dial(caller, "116111");
    people.until(operator, |event| matches!(event, Event::Ringing { .. }));
    let rings = eventually(&client, of_201, |one| one["state"] == "ringing");
    let call = rings["call"].as_str().unwrap().to_owned();
    let pseudonym = rings["caller"].as_str().unwrap().to_owned();
    assert!(
        !pseudonym.contains("6802280") && rings["queue"] == "children",
        "{rings}"
    );
    let expected = format!("https://crm.example/?contact=K-{call}&caller={pseudonym}&to=116111");
    assert_eq!(rings["screen_pop"], expected);

    people.fleet.tell(operator, |phone, now| phone.answer(now));
    eventually(&client, of_201, |one| one["state"] == "talking");
    people.fleet.tell(caller, |phone, now| phone.hang_up(now));
    let of_call = format!("/api/calls/{call}");
    let over = eventually(&client, &of_call, |one| one["ended"].is_string());
    assert_eq!(
        (&over["operator"], &over["cause"]),
        (&"201".into(), &"hung_up".into())
    );
    let timeline = client.get(&format!("{of_call}/timeline")).done(200).body;
    let events = timeline["events"].as_array().unwrap();
    let names: Vec<&str> = events
        .iter()
        .map(|one| one["event"].as_str().unwrap())
        .collect();
    for expected in ["arrived", "queued", "ringing", "connected", "ended"] {
        assert!(names.contains(&expected), "{expected} in {names:?}");
    }
    let listed = client.get("/api/calls?operator=201").done(200).body;
    assert_eq!(listed["items"][0]["call"], call.as_str());
    let of_caller = client.get(&format!("/api/calls?caller={pseudonym}&queue=children"));
    assert_eq!(
        of_caller.done(200).body["items"].as_array().unwrap().len(),
        1
    );
    let contacts = client
        .get(&format!("/api/contacts?call={call}"))
        .done(200)
        .body;
    assert_eq!(contacts["items"][0]["id"], format!("K-{call}"));
}

#[test]
fn the_report_of_a_period_is_told() {
    let house = house("");
    let text = token(&house, "crm", ALL);
    let server = house.serve();
    let client = Client::new(&server, &text);
    let report = client.get("/api/report?from=2021-06&lang=en").done(200);
    let period = &report.body["period"];
    assert_eq!(period["from"], "2021-06-01", "{}", report.body);
    assert_eq!(period["to"], "2021-06-30", "{}", report.body);
    client
        .get("/api/report?from=2021&lang=de")
        .refused(400, "az, ru or en");
}
