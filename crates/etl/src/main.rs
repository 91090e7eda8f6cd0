//! Reads the command line, has it done, prints the answer.

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = etl::cli::Cli::parse();
    let as_json = cli.global.json;
    match etl::print(etl::run(cli).await, as_json) {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(_) => ExitCode::FAILURE,
    }
}
