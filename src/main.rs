//! The `qaynar` command.
fn main() {}
