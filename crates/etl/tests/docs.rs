//! What the documents tell people to type is what the command line takes.

use clap::Parser;
use etl::cli::Cli;

fn commands(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| line.starts_with("    "))
        .map(str::trim)
        .filter(|line| line.starts_with("etl "))
}

#[test]
fn every_command_of_the_runbook_and_of_the_manual_can_be_meant() {
    let documents = [
        ("runbook.md", include_str!("../../../docs/runbook.md"), 10),
        ("etl.md", include_str!("../../../docs/etl.md"), 5),
    ];
    for (name, text, at_least) in documents {
        let mut tried = 0;
        for command in commands(text) {
            let words = shlex::split(&command.replace("<request id>", "id"))
                .unwrap_or_else(|| panic!("{name}: {command} is no line for a shell"));
            let words: Vec<_> = words.into_iter().take_while(|word| word != "#").collect();
            if let Err(error) = Cli::try_parse_from(words) {
                panic!("{name}: {command}\n{error}");
            }
            tried += 1;
        }
        assert!(tried >= at_least, "{name} has {tried} commands");
    }
}
