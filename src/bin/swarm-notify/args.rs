//! The command line: its commands, their options, its help, and the errors for a wrong command line.

// The paths are given, since `tests/attacks/attacked.rs` includes this file from another folder.
#[path = "args/address.rs"]
mod address;
#[path = "args/size.rs"]
mod size;

use crate::error::WRONG;
use crate::output;
use crate::report::{LogForm, seen};
use crate::terminal::{self, wrap_words};
use crate::topic_router::JoinedTopic;
use address::{to_dial, to_listen_on};
use clap::builder::{PathBufValueParser, TypedValueParser as _};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use size::size;
use std::io::{self, Write as _};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::swarm::Multiaddr;

/// The heading in the help above the options that every command has.
const EVERY: &str = "Options of every command";

/// A libp2p node to try things with: it prints each listener, connection and stream as it opens and as it ends.
#[derive(Parser)]
#[command(version, max_term_width = HELP_COLUMNS)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Print each line of the log as a JSON object, for programs.
    #[arg(long, global = true, help_heading = EVERY)]
    pub(crate) json: bool,
    /// Show peer ids and long values whole at a terminal. Without this option a terminal shows them shortened. Files, pipes
    /// and JSON always contain them whole.
    #[arg(long, global = true, help_heading = EVERY)]
    pub(crate) long: bool,
    /// Do not print the lines of events. stdout still gets the addresses of `listen`, the messages of a topic, the answer to
    /// --identify, and the summary. stderr still gets errors and, at a terminal, the progress bar of a long `dial`.
    #[arg(long, short, global = true, help_heading = EVERY)]
    pub(crate) quiet: bool,
}

impl Args {
    /// Parses the command line of the process. If the command line is wrong or asks for the help, this function prints the
    /// error or the help and ends the process. If the help cannot be written, the exit code is 1.
    pub(crate) fn read() -> Self {
        let columns = help_columns();
        let command = Self::command().term_width(columns).after_help(after_help(columns));
        let matches = command.clone().try_get_matches();
        let args = matches
            .and_then(|matches| Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command.clone())));
        args.unwrap_or_else(|error| {
            let error = with_tips(seen_only(error));
            let is_help = !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
            let terminal = if error.use_stderr() { terminal::stderr() } else { terminal::stdout() };
            let styled = error.render();
            let text = if terminal.has_colour { styled.ansi().to_string() } else { styled.to_string() };
            let text = match terminal.columns().filter(|_| !is_help) {
                Some(columns) => wrap_words(&text, columns),
                None => text,
            };
            std::process::exit(match (error.use_stderr(), text.as_bytes()) {
                (true, text) => {
                    // An error here has no output left to be reported on.
                    let _ = io::stderr().write_all(text);
                    error.exit_code()
                }
                (false, text) => match io::stdout().write_all(text).and_then(|()| io::stdout().flush()) {
                    // If the reader of the help has left, as `head` does, nothing more is wanted, so that this error is
                    // ignored.
                    Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                        output::say_last(format_args!("the help cannot be written to stdout: {error}"), false);
                        output::finish(None);
                        WRONG.into()
                    }
                    Ok(()) | Err(_) => error.exit_code(),
                },
            })
        })
    }

    /// Returns the form of the log for these options: JSON or text.
    pub(crate) fn form(&self) -> LogForm {
        if self.json { LogForm::Json } else { LogForm::Text { is_long: self.long } }
    }
}

/// Returns the error with the invisible characters in its quoted arguments escaped, since invisible characters could control
/// a terminal.
fn seen_only(mut error: clap::Error) -> clap::Error {
    let typed = error.context().filter_map(|(kind, value)| {
        let ContextValue::String(text) = value else { return None };
        Some((kind, text.as_str(), seen(text)))
    });
    let typed: Vec<_> = typed.filter(|(_, text, seen)| text != seen).map(|(kind, _, seen)| (kind, seen)).collect();
    if !typed.is_empty() {
        // A tip is removed, since it may quote the invisible characters, too.
        error.remove(ContextKind::Suggested);
    }
    for (kind, seen) in typed {
        error.insert(kind, ContextValue::String(seen));
    }
    error
}

/// Groups of option names that users know from other programs, but that this command does not have. Each group has the tip
/// to print when a user types one of its names.
const NEAR: &[(&[&str], &str)] = &[
    (&["--size", "--length", "--len", "-s"], "--bytes of `dial` is the size of what each stream sends"),
    (&["--count", "--number", "--num", "-n"], "--streams of `dial` is the number of streams, and --ping that of pings"),
    (&["--parallel", "--jobs", "-j", "-P", "-c"], "--concurrency of `dial` is the number of streams at the same time"),
    (
        &["--topic", "--pubsub", "--subscribe", "--publish"],
        "--gossipsub or --floodsub of `listen` and `dial` joins a topic",
    ),
    (&["--wait", "--keep", "--duration"], "--hold of `dial` keeps the connection for so many seconds"),
    (
        &["--identity", "--keyfile", "--key-file", "-i"],
        "--key of `listen` and `dial` names the file of the identity key",
    ),
    (&["--silent"], "--quiet leaves out the lines of events"),
    (&["--port", "--host", "--address", "-p"], "the port is a part of the address, such as /ip4/127.0.0.1/tcp/4001"),
    (
        &["--color", "--colour", "--no-color", "--no-colour"],
        "set NO_COLOR=1 for no colours, or CLICOLOR_FORCE=1 for some",
    ),
    (
        &["--verbose", "-v", "-vv", "--debug", "--log-level", "--trace"],
        "set RUST_LOG=debug for the library's own log on stderr; the lines of events are all there already",
    ),
];

/// Adds a tip to an error about an unknown option. The tip names the commands that have this option, or, if no command has
/// it, is the tip in [`NEAR`]. The crate clap's tip to pass the option as a value is removed, since no value of this command
/// begins with a dash.
fn with_tips(mut error: clap::Error) -> clap::Error {
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg).cloned() else { return error };
    if error.kind() != ErrorKind::UnknownArgument {
        return error;
    }
    let has_it = |command: &&clap::Command| {
        let name = option.strip_prefix("--");
        command.get_arguments().any(|of_it| name.is_some() && of_it.get_long() == name)
    };
    let commands = Args::command();
    let having: Vec<_> = commands.get_subcommands().filter(has_it).map(clap::Command::get_name).collect();
    let is_about_values = match error.get(ContextKind::Suggested) {
        Some(ContextValue::StyledStrs(tips)) => tips.iter().any(|tip| tip.to_string().contains("as a value")),
        _ => false,
    };
    let meant = NEAR.iter().find(|(names, _)| names.contains(&option.as_str())).map(|(_, tip)| *tip);
    if let Some(tip) = meant.filter(|_| having.is_empty()) {
        // clap suggests an option with a similar name, which would mislead here.
        error.remove(ContextKind::SuggestedArg);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    } else if !having.is_empty() {
        let tip = format!("{option} is an option of `{}`", having.join("` and `"));
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    } else if is_about_values {
        error.remove(ContextKind::Suggested);
    }
    error
}

/// Returns the width of the help, in columns: the width of the terminal, or otherwise the value of `COLUMNS`, and at most
/// 100. The crate clap chooses the same width.
fn help_columns() -> usize {
    let said = || std::env::var("COLUMNS").ok()?.parse().ok().filter(|columns| *columns > 0);
    let columns = terminal_size::terminal_size().map(|(width, _)| width.0.into()).or_else(said);
    columns.unwrap_or(HELP_COLUMNS).min(HELP_COLUMNS)
}

const HELP_COLUMNS: usize = 100;

const EXAMPLES: &str = "\
Two terminals to try it in:
  swarm-notify listen /ip4/127.0.0.1/tcp/4001
  swarm-notify dial /ip4/127.0.0.1/tcp/4001";

const EXIT_CODES: [(&str, &str); 4] = [
    ("0", "All was right."),
    (
        "1",
        "The peer, the network or what came back was wrong, or output or input was lost, or `dial` had more to do when the \
         reader of its output left.",
    ),
    ("2", "The command line, the key file or the topic was wrong. Nothing was started."),
    ("130", "Ctrl-C ended `dial` before all was done. If SIGTERM did, it is 143; if SIGHUP did, 129."),
];

const ENDS: [&str; 2] = [
    "The first signal closes all in good order: what was printed before has 5 s to be read, and the rest is lost. A second \
     signal ends the command at once. A signal that comes twice within 0.1 s is one signal.",
    "A reader of stdout that leaves early, such as `head`, ends every command. `demo` and `listen` end with 0. \
     `dial` ends with 0 if it had nothing left to do but --hold; if not, stderr says what was not done.",
];

/// Returns the text at the end of the help: examples, exit codes, and how commands end. Its lines have at most `columns`
/// columns.
fn after_help(columns: usize) -> String {
    let mut text = EXAMPLES.to_owned() + "\n\nExit codes:";
    for (code, meaning) in EXIT_CODES {
        // In a meaning with several lines, each line after the first is indented to the column of the first line.
        let meaning = wrap_words(&format!("{:CODE_COLUMNS$}{meaning}", ""), columns + 1);
        text += &format!("\n  {code:<5}{}", &meaning[CODE_COLUMNS..]);
    }
    for sentences in ENDS {
        text += &format!("\n\n{}", wrap_words(sentences, columns + 1));
    }
    text
}

const CODE_COLUMNS: usize = 7;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show all nine kinds of events, including failures, with two nodes in this process that connect to each other over TCP
    /// on this machine.
    Demo,
    /// Wait for peers until Ctrl-C or SIGTERM. Serve /echo/1.0.0, which sends all bytes back, and /sink/1.0.0, which drops
    /// them. A peer may open 4000 streams at once and 1000 a second on one connection; further streams wait.
    Listen(Listen),
    /// Connect to a peer, open streams to it, and check the bytes that come back.
    Dial(Dial),
}

#[derive(clap::Args)]
pub(crate) struct Listen {
    /// The addresses to listen on: /ip4/…/tcp/… or /ip6/…/tcp/…. 0.0.0.0 or :: stands for every address of this
    /// machine, and port 0 for any free port.
    #[arg(value_name = "ADDRESS", default_value = "/ip4/127.0.0.1/tcp/0", value_parser = to_listen_on)]
    pub(crate) addresses: Vec<Multiaddr>,
    /// Use the identity key in this file, and so the same peer id each time. The file is in libp2p's protobuf form; it is
    /// made if it does not exist. Without this option each run has a new peer id.
    #[arg(long, value_name = "FILE", value_parser = PathBufValueParser::new().try_map(key_file))]
    pub(crate) key: Option<PathBuf>,
    /// Join this topic of floodsub (publish/subscribe). Print each message that others publish on it, at most 1000 a second
    /// from one peer, and publish each line of stdin. Lines wait until a peer has joined the topic. Lines that still wait at
    /// the end are no error, and stderr says how many there are. The end of stdin does not end the command. A peer that
    /// reads messages too slowly misses some, and the other peers miss none.
    #[arg(long, value_name = "TOPIC", value_parser = topic)]
    pub(crate) floodsub: Option<String>,
    /// Join this topic of gossipsub (publish/subscribe with a mesh), as --floodsub does. Peers that speak only floodsub can
    /// join, too. The log tells who enters and leaves the mesh.
    #[arg(long, value_name = "TOPIC", value_parser = topic, conflicts_with = "floodsub")]
    pub(crate) gossipsub: Option<String>,
}

impl Listen {
    /// Returns the topic to join.
    pub(crate) fn topic(&self) -> Option<JoinedTopic<'_>> {
        JoinedTopic::of(self.floodsub.as_ref(), self.gossipsub.as_ref())
    }
}

#[derive(clap::Args, Clone)]
pub(crate) struct Dial {
    /// The address to dial: /ip4/…/tcp/…, /ip6/…/tcp/… or /dns/…/tcp/…, with /p2p/… at its end to accept no other peer.
    #[arg(value_parser = to_dial)]
    pub(crate) address: Multiaddr,
    /// The protocol of the streams. The peer has to send back all bytes that it receives, or none if the protocol is
    /// /sink/1.0.0.
    #[arg(long, value_name = "NAME", default_value = "/echo/1.0.0", value_parser = protocol)]
    pub(crate) protocol: Protocol,
    /// The number of streams to open. Without this option, 1 stream is opened, or none if --ping, --identify, --floodsub
    /// or --gossipsub is given.
    #[arg(long, value_name = "COUNT", value_parser = number(0..=MAX_COUNT), allow_negative_numbers = true)]
    pub(crate) streams: Option<u64>,
    /// The maximum number of streams that are open at the same time, at most 65536. A peer may allow fewer: `listen` takes
    /// 1024.
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = number(1..=MAX_CONCURRENCY))]
    #[arg(allow_negative_numbers = true)]
    pub(crate) concurrency: u64,
    /// The number of bytes to send on each stream: 1500, 64k, 1M (1000000) or 1MiB (1048576).
    #[arg(long, value_name = "SIZE", default_value_t = 1024, value_parser = size(0..=MAX_BYTES))]
    #[arg(allow_negative_numbers = true)]
    pub(crate) bytes: u64,
    /// Give up a stream that waits too long for the peer. The peer has this time to agree on the protocol, and again this
    /// time for each 1024 bytes, sent and received together, or for the rest if that is less. Each ping and the answer to
    /// --identify have this time, too. If anything was given up, the exit code is 1. The connection itself always has 10 s
    /// to open.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = time, allow_negative_numbers = true)]
    pub(crate) timeout: Duration,
    /// End our side of each stream as soon as all bytes are sent, and read the echo after that.
    #[arg(long, conflicts_with = "reset")]
    pub(crate) half_close: bool,
    /// Reset each stream once its echo is complete, instead of ending it.
    #[arg(long)]
    pub(crate) reset: bool,
    /// Ping the peer this number of times, one ping after the other.
    #[arg(long, value_name = "COUNT", default_value_t = 0, value_parser = number(0..=MAX_COUNT))]
    #[arg(allow_negative_numbers = true)]
    pub(crate) ping: u64,
    /// Ask the peer who it is: its implementation, its protocols and its addresses.
    #[arg(long)]
    pub(crate) identify: bool,
    /// Join this topic of floodsub (publish/subscribe). Print each message that others publish on it, and publish each line
    /// of stdin, until stdin ends. Lines wait until the peer has joined the topic. If the peer does not join within
    /// --timeout, or accepts less than 64 KiB of the lines in that time, the rest of the lines is lost, and the exit code is
    /// 1.
    #[arg(long, value_name = "TOPIC", value_parser = topic)]
    pub(crate) floodsub: Option<String>,
    /// Join this topic of gossipsub (publish/subscribe with a mesh), as --floodsub does. A peer that speaks only floodsub can
    /// join, too.
    #[arg(long, value_name = "TOPIC", value_parser = topic, conflicts_with = "floodsub")]
    pub(crate) gossipsub: Option<String>,
    /// Use the identity key in this file, and so the same peer id each time. The file is in libp2p's protobuf form; it is
    /// made if it does not exist. Without this option each run has a new peer id.
    #[arg(long, value_name = "FILE", value_parser = PathBufValueParser::new().try_map(key_file))]
    pub(crate) key: Option<PathBuf>,
    /// Keep the connection open for this time after everything else is done.
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0, value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) hold: f64,
}

impl Dial {
    /// Returns the topic to join.
    pub(crate) fn topic(&self) -> Option<JoinedTopic<'_>> {
        JoinedTopic::of(self.floodsub.as_ref(), self.gossipsub.as_ref())
    }

    /// Returns the number of streams to open: `--streams`, or, without this option, 0 if the command asks for something else
    /// and 1 otherwise.
    pub(crate) fn streams(&self) -> u64 {
        let is_asked_else = self.ping > 0 || self.identify || self.topic().is_some();
        self.streams.unwrap_or(if is_asked_else { 0 } else { 1 })
    }
}

/// The maximum value of `--streams` and of `--ping`.
const MAX_COUNT: u64 = u32::MAX as u64;
/// The maximum value of `--concurrency`. Each open stream needs memory.
const MAX_CONCURRENCY: u64 = 65_536;
/// The maximum value of `--bytes`. JavaScript can represent all whole numbers up to this value exactly.
const MAX_BYTES: u64 = (1 << 53) - 1;

fn protocol(name: &str) -> Result<Protocol, String> {
    Protocol::new(name).map_err(|error| format!("{error}; give one such as /echo/1.0.0"))
}

fn topic(name: &str) -> Result<String, String> {
    match name {
        "" => Err("a topic cannot be empty; give it a name, such as news".to_owned()),
        name => Ok(name.to_owned()),
    }
}

/// Returns the path of a key file, or an error if the path is `-`, which means standard input in other programs.
fn key_file(path: PathBuf) -> Result<PathBuf, String> {
    match path.as_os_str() == "-" {
        true => Err("standard input is not read for it; give a file, or ./- for one of that name".to_owned()),
        false => Ok(path),
    }
}

/// Returns a parser for whole numbers in a range. An error of the parser is a text for the user.
fn number(range: RangeInclusive<u64>) -> impl Fn(&str) -> Result<u64, String> + Clone + Send + Sync + 'static {
    move |text| match text.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        Ok(_) | Err(_) => Err(format!("give a whole number from {} to {}", range.start(), range.end())),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=1e9).contains(&seconds) => Ok(seconds),
        Ok(_) | Err(_) => Err("give a number of seconds from 0 to 1000000000, such as 2.5".to_owned()),
    }
}

/// Parses a time in seconds. The time is at least a millisecond. An error is a text for the user.
fn time(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.001..=1e9).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        Ok(_) | Err(_) => Err("give a number of seconds from 0.001 to 1000000000, such as 2.5".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tips_name_existing_options_for_names_that_do_not_exist() {
        let commands = Args::command();
        let all: Vec<_> =
            commands.get_subcommands().chain([&commands]).flat_map(clap::Command::get_arguments).collect();
        let is_ours = |name: &str| match name.strip_prefix("--") {
            Some(long) => all.iter().any(|option| option.get_long() == Some(long)),
            None => all.iter().any(|option| option.get_short().is_some_and(|short| name == format!("-{short}"))),
        };
        for (names, tip) in NEAR {
            assert!(!names.iter().any(|name| is_ours(name)), "{names:?}");
            let mut words = tip.split([' ', ',']).filter(|word| word.starts_with('-'));
            assert!(words.all(is_ours), "{tip}");
        }
    }
}
