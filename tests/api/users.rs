//! Users and tokens, as an administrator makes them.

use serde_json::Value;

use crate::client::{house, token};
use crate::house::House;

fn told(house: &House, arguments: &[&str], input: &str) -> Result<String, String> {
    let done = house.run(arguments, input);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    match done.status.success() {
        true => Ok(text(done.stdout)),
        false => Err(text(done.stderr)),
    }
}

#[test]
fn a_user_has_a_role_and_permissions_that_can_be_changed() {
    let house = house("");
    house.operator("201", "secret-201-99");
    let add = [
        "user",
        "add",
        "leyla",
        "--role",
        "supervisor",
        "--operator",
        "201",
    ];
    let text = told(&house, &add, "").unwrap();
    assert!(
        text.starts_with("leyla  supervisor, operator 201; may reveal, review\n"),
        "{text}"
    );
    assert!(text.contains("password  "), "{text}");
    let again = told(&house, &add, "").unwrap_err();
    assert!(again.contains("qaynar user set leyla"), "{again}");
    let with = ["user", "add", "root", "--role", "admin", "--password-stdin"];
    let short = told(&house, &with, "short\n").unwrap_err();
    assert!(short.contains("12 to 128 characters"), "{short}");
    told(&house, &with, "a long enough word\n").unwrap();
    let set = ["user", "set", "leyla", "--may", "review", "--operator", ""];
    assert_eq!(
        told(&house, &set, "").unwrap(),
        "leyla  supervisor; may review\n"
    );
    let nobody = ["user", "set", "leyla", "--operator", "299"];
    assert!(
        told(&house, &nobody, "")
            .unwrap_err()
            .contains("no operator 299")
    );
    let last = told(&house, &["user", "remove", "root"], "").unwrap_err();
    assert!(last.contains("last admin"), "{last}");
    told(&house, &["user", "remove", "leyla"], "").unwrap();
    let listed = told(&house, &["user", "list", "--json"], "").unwrap();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert!(!listed.to_string().contains("argon2"), "{listed}");
}

#[test]
fn tokens_are_listed_without_their_secrets() {
    let house = house("");
    let text = token(&house, "crm", &["calls:read", "contacts:read"]);
    let listed = told(&house, &["token", "list"], "").unwrap();
    assert!(listed.contains("crm") && listed.contains("calls:read contacts:read; never used"));
    assert!(!listed.contains(&text), "{listed}");
    let long = [
        "token",
        "add",
        "old",
        "--scope",
        "calls:read",
        "--for",
        "20000d",
    ];
    assert!(told(&house, &long, "").unwrap_err().contains("ten years"));
    let strange = ["token", "add", "old", "--scope", "everything"];
    assert!(told(&house, &strange, "").is_err());
}
