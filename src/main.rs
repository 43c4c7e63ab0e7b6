//! The `qaynar` command.

fn main() -> std::process::ExitCode {
    qaynar::cli::main()
}
