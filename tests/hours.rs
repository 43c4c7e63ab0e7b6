//! When somebody is there, who calls, and by which number: what the dialplan decides by.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

use std::collections::BTreeSet;

use qaynar::dialplan::hours::Hours;
use qaynar::dialplan::load::moment_of;
use qaynar::dialplan::plan::{Ends, Plan};
use qaynar::dialplan::route::{Assumed, Route, route};
use qaynar::dialplan::run::Arrival;
use qaynar::dialplan::{
    Caller, Catalogue, Facts, Instruction, Number, Run, expect, holidays, load,
};
use qaynar::time::Wall;

fn loaded(text: &str) -> Result<Plan, Vec<String>> {
    let catalogue = Catalogue {
        on_trust: true,
        ..Catalogue::default()
    };
    let read = load(&[("main.toml".into(), text.into())], &catalogue);
    read.map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

/// A plan whose one path says `yes` where the condition holds, and `no` where not.
fn asking(condition: &str, more: &str) -> Plan {
    let text = format!(
        "numbers = ['116111']\nstart = 'a'\n[path.a]\nsteps = [{{ if = {condition}, go = 'yes' }}, {{ play = 'no' }}, {{ hang_up = true }}]\n\
         [path.yes]\nsteps = [{{ play = 'yes' }}]\n[queue.children]\n{more}"
    );
    loaded(&text).unwrap()
}

fn heard(plan: &Plan, assumed: &Assumed) -> String {
    match route(plan, "116111", assumed).ends {
        Ends::Heard(prompt) => prompt.to_string(),
        other => format!("{other:?}"),
    }
}

fn at(plan: &Plan, text: &str) -> Assumed {
    Assumed {
        at: Some(moment_of(text, plan).unwrap()),
        operators: 1,
        ..Assumed::default()
    }
}

const OFFICE: &str = "[hours.office]\nopen = ['mon-fri 09:00-18:00', 'sat 10:00-14:00', 'sun 22:00-02:00']\nholidays = 'closed'\nexcept = [{ on = '2026-12-31', open = '09:00-13:00' }, { from = '2027-01-10', until = '2027-01-12', closed = true }]\n";

#[test]
fn an_office_is_open_by_week_over_midnight_by_exception_and_not_on_holidays() {
    let plan = asking("'office open'", OFFICE);
    for (moment, open) in [
        // Monday.
        ("2026-11-23T08:59:59", "no"),
        ("2026-11-23T09:00:00", "yes"),
        ("2026-11-23T17:59:59", "yes"),
        ("2026-11-23T18:00:00", "no"),
        // Saturday, Sunday, and the night to Monday.
        ("2026-11-28T13:59:00", "yes"),
        ("2026-11-28T14:00:00", "no"),
        ("2026-11-29T12:00:00", "no"),
        ("2026-11-29T22:00:00", "yes"),
        ("2026-11-30T01:59:00", "yes"),
        ("2026-11-30T02:00:00", "no"),
        // A night from Monday to Tuesday is none of Sunday's.
        ("2026-12-01T01:00:00", "no"),
        // A holiday: Victory Day 2027 is a Monday.
        ("2027-11-08T10:00:00", "no"),
        // New Year's Eve is one too, but the exception says more.
        ("2026-12-31T10:00:00", "yes"),
        ("2026-12-31T14:00:00", "no"),
        ("2027-01-11T10:00:00", "no"),
        ("2027-01-13T10:00:00", "yes"),
        // What began on Sunday evening ends in the morning of a closed day.
        ("2027-01-10T23:00:00", "no"),
    ] {
        assert_eq!(heard(&plan, &at(&plan, moment)), open, "{moment}");
    }
}

#[test]
fn the_next_opening_is_found_over_nights_holidays_and_exceptions() {
    let plan = asking("'office open'", OFFICE);
    let office: &Hours = &plan.hours[&"office".into()];
    let moment = |text| moment_of(text, &plan).unwrap();
    for (now, opens) in [
        ("2026-11-23T03:00:00", "2026-11-23T09:00:00"),
        ("2026-11-23T12:00:00", "2026-11-23T12:00:00"),
        ("2026-11-28T14:00:00", "2026-11-29T22:00:00"),
        // New Year's days are holidays, and so is the Monday after: 2 January is a Saturday.
        ("2026-12-31T13:00:00", "2027-01-03T22:00:00"),
        ("2027-01-04T02:00:00", "2027-01-05T09:00:00"),
        ("2027-01-09T14:00:00", "2027-01-13T09:00:00"),
    ] {
        assert_eq!(
            office.next_open(moment(now), &plan.zone),
            Some(moment(opens)),
            "{now}"
        );
    }
    assert_eq!(
        office.next_change(moment("2026-11-29T23:00:00"), &plan.zone),
        Some(moment("2026-11-30T02:00:00"))
    );
}

/// A clock is put forward and back: hours follow the wall, not the seconds.
#[test]
fn hours_follow_the_time_zone_through_its_changes() {
    let hours = "[hours.office]\nopen = '01:30-03:30'\n";
    let mut plan = asking("'office open'", hours);
    plan.zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let office = &plan.hours[&"office".into()];
    let open_hours = |from: &str, until: &str| {
        let (mut now, until) = (
            moment_of(from, &plan).unwrap(),
            moment_of(until, &plan).unwrap(),
        );
        let mut open = 0;
        while now < until {
            open += u32::from(office.are_open(now, &plan.zone));
            now = now + std::time::Duration::from_secs(1_800);
        }
        open
    };
    assert_eq!(open_hours("2026-03-28T00:00:00", "2026-03-28T12:00:00"), 4);
    assert_eq!(
        open_hours("2026-03-29T00:00:00", "2026-03-29T12:00:00"),
        2,
        "an hour is left out"
    );
    assert_eq!(
        open_hours("2026-10-25T00:00:00", "2026-10-25T12:00:00"),
        6,
        "an hour comes twice"
    );
}

#[test]
fn impossible_hours_are_faults_with_their_line() {
    for (keys, expected) in [
        (
            "open = 'mon-fri 25:00-26:00'",
            "\"25:00-26:00\" is no time of a day",
        ),
        ("open = 'mon 09:00-09:00'", "is no time of a day"),
        ("open = 'mno 09:00-18:00'", "\"mno\" is no day of the week"),
        (
            "open = ['mon 09:00-12:00', 'mon-fri 11:00-18:00']",
            "overlaps with mon 09:00-12:00",
        ),
        (
            "open = ['sun 22:00-02:00', 'mon 01:00-03:00']",
            "overlaps with sun 22:00-02:00",
        ),
        (
            "open = 'mon-sun'\nholidays = 'shut'",
            "\"shut\" says nothing of public holidays",
        ),
        ("open = []", "hours office are never open"),
        (
            "open = 'mon-sun'\nexcept = [{ on = '2026-02-30', closed = true }]",
            "on is no day that a calendar has",
        ),
        (
            "open = 'mon-sun'\nexcept = [{ on = 2026-12-31 }]",
            "says neither open nor closed",
        ),
        (
            "open = 'mon-sun'\nexcept = [{ from = '2026-12-31', until = '2026-12-30', closed = true }]",
            "ends before it begins",
        ),
        (
            "open = 'mon-sun'\nexcept = [{ on = '2026-12-31', closed = true }, { on = '2026-12-31', open = '09:00-10:00' }]",
            "has another one already",
        ),
    ] {
        let text = format!(
            "numbers = ['116111']\nstart = 'a'\n[path.a]\nsteps = [{{ play = 'no' }}]\n[hours.office]\n{keys}\n"
        );
        let faults = loaded(&text).unwrap_err().join("\n");
        assert!(
            faults.contains(expected) && faults.contains("main.toml:"),
            "{keys}: {faults}"
        );
    }
}

/// A call on Monday at ten with one operator on shift, changed.
fn monday(change: impl FnOnce(&mut Assumed)) -> Assumed {
    let plan = asking("'holiday'", "");
    let mut assumed = at(&plan, "2026-11-23T10:00:00");
    change(&mut assumed);
    assumed
}

fn waiting(count: usize) -> Assumed {
    monday(|one| {
        one.waiting.insert("children".into(), count);
    })
}

fn on_shift(count: usize) -> Assumed {
    monday(|one| one.operators = count)
}

fn known(from: &str) -> Assumed {
    monday(|one| one.from = Some(from.to_owned()))
}

fn called(times: usize) -> Assumed {
    monday(|one| one.calls = times)
}

#[test]
fn conditions_on_people_and_time_hold_where_they_should_and_not_elsewhere() {
    for (condition, assumed, said) in [
        ("'nobody on shift'", on_shift(0), "yes"),
        ("'somebody on shift'", on_shift(0), "no"),
        ("'fewer than 3 on shift'", on_shift(2), "yes"),
        ("'fewer than 3 on shift'", on_shift(3), "no"),
        ("'more than 3 on shift'", on_shift(4), "yes"),
        ("'more than 10 waiting in children'", waiting(11), "yes"),
        ("'more than 10 waiting in children'", waiting(10), "no"),
        ("'between 22:00 and 10:01'", on_shift(1), "yes"),
        ("'between 22:00 and 10:00'", on_shift(1), "no"),
        ("'on mon, sun'", on_shift(1), "yes"),
        ("'on tue-sun'", on_shift(1), "no"),
        ("'not on tue-sun'", on_shift(1), "yes"),
        ("'language az'", on_shift(1), "yes"),
        ("'not language az'", on_shift(1), "no"),
        ("['on mon', 'somebody on shift']", on_shift(1), "yes"),
        ("['on mon', 'nobody on shift']", on_shift(1), "no"),
    ] {
        assert_eq!(heard(&asking(condition, ""), &assumed), said, "{condition}");
    }
}

#[test]
fn conditions_on_the_caller_hold_where_they_should_and_not_elsewhere() {
    let listed = monday(|one| one.lists = BTreeSet::from(["known".into()]));
    for (condition, assumed, said) in [
        ("'caller hidden'", on_shift(1), "yes"),
        ("'caller hidden'", known("0506802280"), "no"),
        ("'not caller hidden'", known("0506802280"), "yes"),
        ("'caller mobile'", known("0506802280"), "yes"),
        ("'caller abroad'", known("+902125551234"), "yes"),
        ("'caller +90212'", known("+902125551234"), "yes"),
        ("'caller 050'", known("0516802280"), "no"),
        ("'caller in list known'", listed, "yes"),
        ("'caller in list known'", on_shift(1), "no"),
        ("'called 3 times within 1h'", called(3), "yes"),
        ("'called 3 times within 1h'", called(2), "no"),
    ] {
        assert_eq!(heard(&asking(condition, ""), &assumed), said, "{condition}");
    }
}

#[test]
fn conditions_that_nobody_understands_are_faults_with_a_remedy() {
    for (condition, expected) in [
        ("nobody on shft", "did you mean \"nobody on shift\"?"),
        (
            "offce open",
            "no hours are called \"offce\"; did you mean \"office\"?",
        ),
        (
            "more than 3 waiting in childen",
            "no queue is called \"childen\"; did you mean \"children\"?",
        ),
        ("between 9 and 18:00", "\"9\" is no time of the day"),
        ("on mon, fryday", "\"fryday\" is no day of the week"),
        ("caller +994506802280", "single callers belong in a list"),
        ("called 3 times within 30d", "within at most 1d"),
        ("the moon is full", "write one such as"),
    ] {
        let text = format!(
            "numbers = ['116111']\nstart = 'a'\n[path.a]\nsteps = [{{ if = '{condition}', go = 'a' }}, {{ play = 'no' }}]\n[queue.children]\n[hours.office]\nopen = 'mon-fri'\n"
        );
        let faults = loaded(&text).unwrap_err().join("\n");
        assert!(
            faults.contains(expected) && faults.contains("main.toml:4"),
            "{condition}: {faults}"
        );
    }
}

fn first_prompt(plan: &Plan, facts: &Facts) -> String {
    let number = Number::parse("116111");
    let arrival = Arrival {
        dialled: number.as_ref(),
        ..Arrival::default()
    };
    let (mut run, _) = Run::start(plan, arrival, facts);
    match run.next(plan, facts).0 {
        Instruction::Play(prompts) => prompts[0].to_string(),
        other => format!("{other:?}"),
    }
}

#[test]
fn while_nobody_knows_the_time_everything_is_open() {
    let night = |plan: &Plan, clock_unset| Facts {
        now: Some(moment_of("2026-11-23T03:00:00", plan).unwrap()),
        clock_unset,
        ..Facts::default()
    };
    let closed =
        "[[closed]]\nfrom = 2026-11-23T00:00:00\nuntil = 2026-11-24T00:00:00\ngo = 'yes'\n";
    for (condition, more, trusted, unset) in [
        ("'office open'", OFFICE, "no", "yes"),
        ("'office closed'", OFFICE, "yes", "no"),
        ("'not office open'", OFFICE, "yes", "no"),
        ("'nobody on shift'", closed, "yes", "yes"),
        ("'somebody on shift'", closed, "yes", "no"),
        // Which of the two would be open, nobody can tell: neither is taken.
        ("'between 22:00 and 06:00'", "", "yes", "no"),
        ("'not between 06:00 and 22:00'", "", "yes", "no"),
    ] {
        let plan = asking(condition, more);
        assert_eq!(
            first_prompt(&plan, &night(&plan, false)),
            trusted,
            "{condition}"
        );
        assert_eq!(
            first_prompt(&plan, &night(&plan, true)),
            unset,
            "{condition} unset"
        );
    }
}

#[test]
fn public_holidays_are_in_order_and_end_with_a_warning() {
    let known = holidays::known();
    assert!(known.holiday.is_sorted_by_key(|one| one.on));
    assert!(
        known
            .holiday
            .iter()
            .all(|one| known.from <= one.on && one.on <= known.until)
    );
    for year in known.from.year()..=known.until.year() {
        let named = |name: &str| {
            known
                .holiday
                .iter()
                .filter(|one| one.on.year() == year && one.name == name)
                .count()
        };
        assert!(named("Novruz") + named("Ramazan") >= 5, "{year}");
        assert!(named("Qurban") >= 1 && named("Yeni il") == 2, "{year}");
    }
    let plan = asking("'not holiday'", "");
    let warned = |text| plan.warnings(moment_of(text, &plan).unwrap()).join("\n");
    assert_eq!(warned("2026-11-24T00:00:00"), "");
    assert!(warned("2027-10-03T00:00:00").contains("until 2027-12-31"));
    assert!(warned("2028-01-01T00:00:00").contains("only until 2027-12-31"));
    let without = asking("'on mon'", "");
    assert_eq!(
        without.warnings(Wall(1_900_000_000_000_000)),
        Vec::<String>::new()
    );
}

const DOORS: &str = "numbers = ['116111']\nstart = 'a'\notherwise = 'a'\n[path.a]\nsteps = [{ play = 'a' }]\n[path.b]\nsteps = [{ play = 'b' }]\n";

fn through(routes: &str, dialled: &str, assumed: &Assumed) -> Route {
    let plan = loaded(&format!("{DOORS}{routes}")).unwrap_or_else(|faults| panic!("{faults:?}"));
    route(&plan, dialled, assumed)
}

#[test]
fn a_route_takes_calls_by_number_trunk_and_caller() {
    let by = |trunk: &str| Assumed {
        trunk: Some(trunk.into()),
        ..Assumed::default()
    };
    let from = |from: &str| Assumed {
        from: Some(from.into()),
        ..Assumed::default()
    };
    for (keys, dialled, assumed, path) in [
        ("dial = '012555xxxx'", "0125551234", Assumed::default(), "b"),
        (
            "dial = '012555xxxx'",
            "+994125551234",
            Assumed::default(),
            "b",
        ),
        ("dial = '012555xxxx'", "0125561234", Assumed::default(), "a"),
        (
            "dial = '0125551000-0125551099'",
            "0125551099",
            Assumed::default(),
            "b",
        ),
        (
            "dial = '0125551000-0125551099'",
            "0125551100",
            Assumed::default(),
            "a",
        ),
        ("dial = '+90…'", "+902125551234", Assumed::default(), "b"),
        ("trunk = ['azercell', 'nar']", "116111", by("nar"), "b"),
        ("trunk = 'azercell'", "116111", by("nar"), "a"),
        (
            "from = ['abroad', '+99450']",
            "116111",
            from("0506802280"),
            "b",
        ),
        ("from = 'abroad'", "116111", from("0506802280"), "a"),
        ("from = 'hidden'", "116111", Assumed::default(), "b"),
        ("list = 'known'", "116111", Assumed::default(), "a"),
        (
            "dial = '116111'\ntrunk = 'azercell'",
            "116111",
            by("nar"),
            "a",
        ),
    ] {
        let found = through(&format!("[[route]]\n{keys}\ngo = 'b'\n"), dialled, &assumed);
        assert_eq!(found.ends, Ends::Heard(path.into()), "{keys} {dialled}");
    }
    let found = through(
        "[[route]]\ndial = '012555xxxx'\ngo = 'b'\n",
        "0125551234",
        &Assumed::default(),
    );
    assert_eq!(found.steps[0].reason, "route: dialled 012555xxxx");
    assert_eq!(found.steps[0].place, "main.toml:8");
}

#[test]
fn numbers_that_lead_two_ways_are_faults_that_name_both_lines() {
    for (routes, expected) in [
        (
            "[[route]]\ndial = '0125551000-0125551099'\ngo = 'a'\n[[route]]\ndial = '012555xxxx'\ngo = 'b'\n",
            "main.toml:11: \"012555xxxx\" overlaps with the route at main.toml:8",
        ),
        (
            "[[route]]\ndial = '0125…'\ngo = 'a'\n[[route]]\ndial = '0125551234'\ngo = 'b'\n",
            "main.toml:11: this route is never taken: the one at main.toml:8 takes all its calls",
        ),
        (
            "[[route]]\ndial = '116111'\ngo = 'b'\n",
            "main.toml:8: 116111 goes this way, and is one of numbers at main.toml:1",
        ),
        ("[[route]]\ngo = 'b'\n", "the route takes every call"),
        (
            "[[route]]\ndial = '116'\ngo = 'b'\n",
            "\"116\" names no numbers",
        ),
        (
            "[[route]]\nfrom = 'everybody'\ngo = 'b'\n",
            "\"everybody\" is no sort of callers",
        ),
        (
            "[[route]]\ndial = '0125…'\ngo = 'c'\n",
            "no path is called \"c\"",
        ),
    ] {
        let faults = loaded(&format!("{DOORS}{routes}")).unwrap_err().join("\n");
        assert!(faults.contains(expected), "{faults}");
    }
    // The same number by another trunk is another matter.
    let apart = "[[route]]\ndial = '0125551234'\ntrunk = 'azercell'\ngo = 'a'\n[[route]]\ndial = '0125551234'\ngo = 'b'\n";
    assert!(loaded(&format!("{DOORS}{apart}")).is_ok());
}

#[test]
fn a_run_holds_nothing_of_a_number_but_what_the_plan_asks_for() {
    let plan = asking("'caller +90212'", "");
    let caller = Caller::known(&plan, Number::parse("+902125551234").as_ref());
    let arrival = Arrival {
        caller,
        ..Arrival::default()
    };
    let (run, note) = Run::start(&plan, arrival, &Facts::default());
    let written = format!("{} {run:?} {note:?}", serde_json::to_string(&run).unwrap());
    assert!(written.contains("+90212"), "{written}");
    assert!(
        !written.contains("5551234") && !written.contains("902125"),
        "{written}"
    );
}

#[test]
fn expectations_assume_what_the_dry_run_does() {
    let plan = |keys: &str| {
        let text = format!(
            "numbers = ['116111']\nstart = 'a'\n[path.a]\nsteps = [{{ if = ['more than 10 waiting in children', 'caller mobile'], go = 'b' }}, {{ queue = 'children' }}]\n[path.b]\nsteps = [{{ play = 'b' }}]\n[queue.children]\n[[expect]]\ndial = '116111'\n{keys}\nends = {{ heard = 'b' }}\n"
        );
        loaded(&text)
    };
    let good = plan("from = '0506802280'\nwaiting = { children = 11 }").unwrap();
    assert_eq!(expect::run(&good), Ok(1));
    let bad = plan("from = 'hidden'\nwaiting = { children = 11 }").unwrap();
    assert_eq!(expect::run(&bad).unwrap_err().len(), 1);
    for (keys, expected) in [
        (
            "waiting = { childen = 11 }",
            "no queue is called \"childen\"",
        ),
        (
            "waiting = { children = 'many' }",
            "how many wait in children is no number",
        ),
        ("from = 'me'", "\"me\" is no telephone number"),
    ] {
        let faults = plan(keys).unwrap_err().join("\n");
        assert!(faults.contains(expected), "{faults}");
    }
}
