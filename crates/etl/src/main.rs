//! Reads the command line, has it done, prints the answer.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let (result, as_json) = match etl::cli::Cli::try_parse_from(&arguments) {
        Ok(cli) => {
            let as_json = cli.global.json;
            (etl::run(cli).await, as_json)
        }
        Err(error) if error.use_stderr() && etl::usage::wants_json(&arguments) => {
            (Err(etl::usage::stop(&error)), true)
        }
        // For people, clap says it best: with how the command is used, or the help that was asked for.
        Err(error) => error.exit(),
    };
    match etl::print(result, as_json) {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(_) => ExitCode::FAILURE,
    }
}
