use std::os::unix::net::UnixStream;

use super::*;

/// A console and the guest's end of the line.
fn connected() -> (Console, UnixStream) {
    let (ours, guest) = UnixStream::pair().unwrap();
    let directory = Arc::new(RunDirectory::create(None).unwrap());
    let input = ours.try_clone().unwrap();
    (Console::new(ours, input, directory).unwrap(), guest)
}

const SOON: Duration = Duration::from_secs(10);
const AT_ONCE: Duration = Duration::from_millis(50);

#[test]
fn matches_come_in_order_and_once() {
    let (console, mut guest) = connected();
    guest.write_all(b"one \x1b[1mtwo\x1b[0m three two").unwrap();
    assert_eq!(console.expect("two", SOON).unwrap(), "one ");
    assert_eq!(console.expect("two", SOON).unwrap(), " three ");
    assert!(!console.comes("two", AT_ONCE).unwrap());
}

#[test]
fn what_may_stay_away_leaves_nothing_behind() {
    let (console, guest) = connected();
    let directory = console.directory.path().to_owned();
    assert!(!console.comes("login:", AT_ONCE).unwrap());
    drop((console, guest));
    assert!(!directory.exists());
}

#[test]
fn a_pattern_that_comes_in_pieces_is_found() {
    let (console, mut guest) = connected();
    let writer = thread::spawn(move || {
        for piece in ["log", "in", ": "] {
            guest.write_all(piece.as_bytes()).unwrap();
            thread::sleep(Duration::from_millis(20));
        }
        guest
    });
    assert_eq!(console.expect("login:", SOON).unwrap(), "");
    writer.join().unwrap();
}

#[test]
fn the_earliest_of_several_patterns_wins() {
    let (console, mut guest) = connected();
    guest.write_all(b"panic then login").unwrap();
    assert_eq!(console.expect_any(&["login", "panic"], SOON).unwrap(), (1, String::new()));
    assert_eq!(console.expect_any(&["log", "login"], SOON).unwrap(), (1, " then ".to_owned()));
}

#[test]
fn a_timeout_says_what_was_expected_and_keeps_the_evidence() {
    let (console, mut guest) = connected();
    guest.write_all(b"first\r\nKernel panic\r\n").unwrap();
    console.expect("first", SOON).unwrap();
    let error = console.expect("login:", AT_ONCE).unwrap_err();
    let evidence = error.evidence().unwrap().clone();
    let directory = evidence.directory.clone();
    assert!(error.to_string().starts_with("waited 0 s in vain for `login:` on the console"), "{error}");
    assert_eq!(evidence.last_lines, ["first", "Kernel panic"]);
    drop((console, guest));
    assert_eq!(std::fs::read(evidence.transcript).unwrap(), b"first\r\nKernel panic\r\n");
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_machine_that_ends_is_not_waited_for() {
    let (console, guest) = connected();
    drop(guest);
    for error in [
        console.expect("login:", Duration::from_secs(3600)).unwrap_err(),
        console.comes("login:", Duration::from_secs(3600)).unwrap_err(),
    ] {
        assert!(matches!(error, Error::Ended { .. }), "{error}");
    }
    std::fs::remove_dir_all(console.directory.path()).unwrap();
}

#[test]
fn enter_is_a_carriage_return() {
    let (console, mut guest) = connected();
    console.send_line("reboot").unwrap();
    let mut typed = [0; 7];
    guest.read_exact(&mut typed).unwrap();
    assert_eq!(&typed, b"reboot\r");
}

#[test]
fn a_flood_does_not_grow_the_memory() {
    let (console, mut guest) = connected();
    let writer = thread::spawn(move || {
        let line = [b'x'; 4096];
        for _ in 0..1024 {
            guest.write_all(&line).unwrap();
            guest.write_all(b"mark").unwrap();
        }
        guest
    });
    for _ in 0..1024 {
        console.expect("mark", SOON).unwrap();
    }
    let guest = writer.join().unwrap();
    assert!(console.text().len() < 2 * REMEMBERED, "{}", console.text().len());
    drop(guest);
}
