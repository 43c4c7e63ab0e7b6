//! `qaynar demo`: the whole exchange on loopback, with simulated callers and operators to watch.

mod people;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::mpsc;

use super::CliError;
use super::args::{Calls, Demo, Form};
use crate::config::{LogFormat, Settings};
use crate::event::Event;
use crate::private::Private;
use crate::server::clock::Clock;
use crate::server::run::{self, Running};
use crate::sip::flow::Transport;
use crate::store::operators::{Operators, generate_password};
use crate::switch::{Command, Input};
use people::People;

/// The most of each: more is a load test, and has a bench of its own.
const MOST: u32 = 100;
/// Media ports of the demo; a server on the same machine has others by default.
const PORTS: (u16, u16) = (12_000, 13_999);
/// The demo ends by then, whatever happens.
const LONGEST: Duration = Duration::from_secs(300);
/// How long operators may take until all are on shift.
const SHIFT: Duration = Duration::from_secs(15);

/// Runs it: the dialplan is the configured one, everything else is in a folder that is gone after.
///
/// # Errors
/// The server cannot start, or the arguments ask for too much.
pub fn demo(asked: &Demo, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
    if asked.callers == 0 || asked.callers > MOST || asked.operators > MOST {
        return Err(CliError::Arguments(format!(
            "--callers takes 1 to {MOST}, --operators 0 to {MOST}"
        )));
    }
    let folder = tempfile::tempdir()?;
    let settings = on_loopback(settings, folder.path().to_owned());
    let passwords = accounts(asked.operators, &settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(watch(asked, &settings, passwords, out))?;
    drop(runtime);
    writeln!(out, "\nThe records, as `qaynar calls` prints them:\n")?;
    let all = Calls {
        from: None,
        to: None,
        limit: 1_000,
        call: None,
        operator: None,
        format: Form::Text,
        json: false,
    };
    super::calls::run(&all, &settings, out)?;
    folder.close()?;
    Ok(())
}

fn on_loopback(configured: &Settings, folder: PathBuf) -> Settings {
    let mut settings = Settings::defaults(&folder);
    settings
        .dialplans
        .folder
        .clone_from(&configured.dialplans.folder);
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    settings.sip.listen = vec![(Transport::Udp, any)];
    settings.media.ports = PORTS;
    settings.log.format = LogFormat::Text;
    settings
}

/// Accounts 201, 202, … with new passwords.
fn accounts(count: u32, settings: &Settings) -> Result<Vec<(String, Private<String>)>, CliError> {
    let mut operators = Operators::open(&settings.storage.database)?;
    let mut made = Vec::new();
    for number in 0..count {
        let id = (201 + number).to_string();
        let password = generate_password()?;
        operators.add(&id, "Demo", &settings.sip.domain, &password)?;
        made.push((id, password));
    }
    Ok(made)
}

async fn watch(
    asked: &Demo,
    settings: &Settings,
    passwords: Vec<(String, Private<String>)>,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let clock = Clock::start();
    let (tell, mut events) = mpsc::unbounded_channel();
    let mut running = run::start(settings, Some(tell)).await?;
    let server = running
        .listeners
        .first()
        .map(|(_, address)| *address)
        .ok_or_else(|| CliError::Arguments("the demo has no address to listen on".into()))?;
    writeln!(
        out,
        "A helpline on {server}, {} operators and {} callers, all on this machine.\n",
        asked.operators, asked.callers
    )?;
    let mut people = People::start(server)?;
    people.come_on_shift(passwords)?;
    let began = clock.now().at;
    let (mut called, mut next_call) = (0, began);
    let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
    while clock.now().at.since(began) < LONGEST {
        let now = clock.now().at;
        let ready = people.are_on_shift() || now.since(began) > SHIFT;
        if ready && called < asked.callers && now >= next_call {
            called += 1;
            next_call = now + people.call(called)?;
        }
        tokio::select! {
            Some(event) = events.recv() => say(out, &event)?,
            Some(told) = people.told() => people.react(&told),
            // Also then the records are shown and nothing is left behind.
            _ = &mut interrupt => break,
            () = tokio::time::sleep(Duration::from_millis(50)) => {}
        }
        if called == asked.callers && people.all_calls_are_over() {
            break;
        }
    }
    stop(&mut running, &mut events, out).await
}

/// Ends the server, and says what is still to be said.
async fn stop(
    running: &mut Running,
    events: &mut mpsc::UnboundedReceiver<Event>,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    for command in [Command::Drain, Command::ShutDown] {
        // The server has ended already where nobody takes it.
        let _ = running.inputs.send(Input::Command(command)).await;
    }
    let _ = (&mut running.done).await;
    while let Ok(event) = events.try_recv() {
        say(out, &event)?;
    }
    Ok(())
}

fn say(out: &mut dyn Write, event: &Event) -> Result<(), CliError> {
    if let Some(line) = super::words::line(event) {
        writeln!(out, "{line}")?;
        out.flush()?;
    }
    Ok(())
}
