//! The table of attacks: what each does to honest peers and to the node, beside what it did to an older commit.
//! `tests/attacks.sh` builds and runs it.

mod attackers;
#[allow(dead_code, reason = "the tests look at more of it")]
mod node;
#[allow(dead_code, reason = "the tests say why a probe was cut")]
mod probe;
mod report;
mod whole;

use crate::attackers::catalogue::ATTACKS;
use crate::attackers::listeners::FORMS;
use crate::probe::Origin;
use crate::report::{Kept, Row, heading};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// What the command line says.
pub(crate) struct Settings {
    /// The time for which each attack goes on.
    pub(crate) time: Duration,
    /// The command under attack.
    pub(crate) command: PathBuf,
    /// Where honest peers come from.
    pub(crate) origin: Origin,
    /// An attack ends early once the node has more bytes resident than this: the machine has other uses for them.
    pub(crate) most_resident: u64,
    /// The file to keep the rows in.
    keep: Option<PathBuf>,
    /// What the names of the attacks have in them; all, if it is empty.
    names: Vec<String>,
}

const USAGE: &str = "\
attacks [--seconds N] [--command PATH] [--from same|other|both] [--most-resident MB] [--keep FILE] [--list] [NAME…]

Attacks the command, once in each way whose name is given (NAME* for all that begin so), or in all ways.
  --seconds N         go on for so long each time (default 10)
  --command PATH      attack another command than the one with an allocator that counts
  --from WHERE        let honest peers come from the attackers' address, from another, or from both in turn (default)
  --most-resident MB  end an attack once the node has grown so far (default 3000)
  --keep FILE         keep the rows in a file, as tests/attacks/285d616.txt has those of that commit
  --list              print the names";

fn main() -> ExitCode {
    let settings = match settings(std::env::args().skip(1)) {
        Ok(Some(settings)) => settings,
        Ok(None) => return ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("attacks: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let kept = Kept::of_285d616();
    let mut rows = Vec::new();
    println!("{}", heading());
    for attack in ATTACKS.iter().filter(|attack| settings.has(attack.name)) {
        if attack.is_ipv6 && std::net::TcpListener::bind("[::1]:0").is_err() {
            println!("{:<20} skipped: there is no ::1 here", attack.name);
            continue;
        }
        print_row(&kept, whole::attack(attack, &settings), &mut rows);
    }
    for (name, form) in FORMS.iter().filter(|(name, _)| settings.has(name)) {
        print_row(&kept, whole::dialing(name, *form, &settings), &mut rows);
    }
    if let Some(path) = &settings.keep
        && let Err(error) = std::fs::write(path, rows.concat())
    {
        eprintln!("attacks: {}: {error}", path.display());
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn print_row(kept: &Kept, row: Row, rows: &mut Vec<String>) {
    println!("{row}");
    if let Some(old) = kept.row(row.name) {
        println!("{old}");
    }
    // What has been measured is there, whatever comes next.
    let _ = std::io::stdout().flush();
    rows.push(format!("{row}\n"));
}

impl Settings {
    fn has(&self, name: &str) -> bool {
        let is_meant = |given: &String| match given.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == given,
        };
        self.names.is_empty() || self.names.iter().any(is_meant)
    }
}

/// Reads the command line. `None`: it asked for the names only.
fn settings(mut args: impl Iterator<Item = String>) -> Result<Option<Settings>, String> {
    let mut settings = Settings {
        time: Duration::from_secs(10),
        // It is built beside this one.
        command: std::env::current_exe().map_err(|error| error.to_string())?.with_file_name("attacked"),
        origin: Origin::Both,
        most_resident: 3_000_000_000,
        keep: None,
        names: Vec::new(),
    };
    let known: Vec<_> = ATTACKS.iter().map(|attack| attack.name).chain(FORMS.iter().map(|(name, _)| *name)).collect();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg}: give a value"));
        match arg.as_str() {
            "--seconds" => settings.time = Duration::from_secs(number(&value()?)?),
            "--command" => settings.command = value()?.into(),
            "--most-resident" => settings.most_resident = 1_000_000 * number(&value()?)?,
            "--keep" => settings.keep = Some(value()?.into()),
            "--from" => {
                settings.origin = match value()?.as_str() {
                    "same" => Origin::Same,
                    "other" => Origin::Other,
                    "both" => Origin::Both,
                    other => return Err(format!("{other}: give same, other or both")),
                }
            }
            "--list" => {
                for attack in ATTACKS {
                    println!("{:<20} {}", attack.name, attack.about);
                }
                for (name, form) in FORMS {
                    println!("{name:<20} {}", form.about());
                }
                return Ok(None);
            }
            name if name.starts_with("--") => return Err(format!("{name}: there is no such option")),
            name => settings.names.push(name.to_owned()),
        }
    }
    let unknown = settings.names.iter().find(|name| !name.ends_with('*') && !known.contains(&name.as_str()));
    match unknown {
        Some(name) => Err(format!("{name}: there is no such attack")),
        None => Ok(Some(settings)),
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|error| format!("{text}: {error}"))
}
