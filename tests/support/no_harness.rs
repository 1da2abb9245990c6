//! Runs the tests of a binary without a harness, and reads and writes what libtest would. Such a binary starts itself again
//! for its processes. Those who need it include this file alone, so that they build nothing else.

use std::error::Error;
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A test and its name.
pub(crate) type Test = (&'static str, Box<dyn FnOnce() -> Result<()> + Send>);

/// Runs those tests, all at once, that the words among the arguments choose.
pub(crate) fn run(args: &[String], tests: Vec<Test>) -> ExitCode {
    if args.iter().any(|arg| arg == "--list") {
        tests.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    // As with libtest: words choose tests by their names, and none of these is ignored.
    let mut words = Vec::new();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match arg.as_str() {
            "--test-threads" | "--format" | "--color" | "--logfile" | "--skip" => drop(rest.next()),
            option if option.starts_with('-') => {}
            word => words.push(word),
        }
    }
    let is_chosen = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word));
    let none = args.iter().any(|arg| arg == "--ignored");
    let all = tests.len();
    let chosen: Vec<_> = tests.into_iter().filter(|(name, _)| !none && is_chosen(name)).collect();
    let (filtered, began) = (all - chosen.len(), Instant::now());
    println!("\nrunning {} tests", chosen.len());
    let running: Vec<_> = chosen.into_iter().map(|(name, test)| (name, thread::spawn(test))).collect();
    let (mut passed, mut failed) = (0, 0);
    for (name, test) in running {
        match test.join().unwrap_or_else(|_| Err("it panicked".into())) {
            Ok(()) => {
                println!("test {name} ... ok");
                passed += 1;
            }
            Err(error) => {
                println!("test {name} ... FAILED\n    {name}: {error}");
                failed += 1;
            }
        }
    }
    let (result, time) = (if failed == 0 { "ok" } else { "FAILED" }, began.elapsed().as_secs_f64());
    println!(
        "\ntest result: {result}. {passed} passed; {failed} failed; 0 ignored; 0 measured; {filtered} filtered out; \
         finished in {time:.2}s\n"
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
