//! Counts instructions with valgrind's callgrind, in a process of its own.

use std::process::Command;

/// Counts the instructions of the functions whose name matches `function`, with what they call, while the test `child`
/// of this binary runs with one more variable in its environment. The child is ignored otherwise.
pub(crate) fn instructions(child: &str, function: &str, (name, value): (&str, &str)) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(format!("--toggle-collect=*{function}*"))
        .arg(std::env::current_exe().expect("this process has a file"))
        .args([child, "--exact", "--ignored", "--nocapture"])
        .env(name, value)
        .output()
        .expect("valgrind is installed");
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}\n{}", String::from_utf8_lossy(&output.stdout));
    let line = err.lines().find_map(|line| line.split_once("Collected :")).expect("callgrind says so");
    line.1.trim().parse().expect("it is a number")
}
