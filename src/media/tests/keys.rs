//! Whose keys cross a bridge.

use super::*;

#[test]
fn keys_of_whoever_keeps_them_do_not_cross_the_bridge() {
    let mut world = bridged(FRAME);
    let (a, b) = (A, B);
    let keeps_keys = Some(A);
    world.tell(Command::Bridge { a, b, keeps_keys });
    for number in 0..10_u16 {
        let stamp = u32::from(number) * 160;
        match number {
            3..6 => {
                let event = pressed(number, 480, (number == 5, 160 * (number - 2)));
                world.arrives(A, Channel::Rtp, PEER, &event);
            }
            _ => world.speak(A, PEER, 1, (number, stamp)),
        }
        world.pass(FRAME);
    }
    let digits = world.events.iter();
    let digits = digits.filter(|event| matches!(event, Event::Digit { leg: A, .. }));
    assert_eq!(digits.count(), 1, "the switch knows of it");
    let heard = world.heard_by(B);
    assert_in_sequence(&heard);
    assert_eq!(events_of(&heard), []);
    let audio = heard.iter().filter(|one| one.header().payload_type != 101);
    assert!(audio.count() >= 7, "and what was said crosses");
}
