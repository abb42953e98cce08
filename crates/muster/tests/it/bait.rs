//! What lies around and is not believed: somebody else's data directory or settings, links, files that others may write,
//! text that a terminal would obey.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::json;

use crate::operators::run;
use crate::server::{Launch, Workspace};

/// A user that runs nothing and owns nothing here.
const NOBODY: u32 = 65_534;

fn is_root() -> bool {
    let folder = tempfile::tempdir().unwrap();
    fs::metadata(folder.path()).unwrap().uid() == 0
}

/// The program in a directory, with nothing said about where its data is.
fn muster(launch: &Launch, inside: &Path, arguments: &[&str]) -> Output {
    let mut command = launch.command(arguments[0]);
    command.env_remove("MUSTER_DATA_DIR").current_dir(inside).args(&arguments[1..]);
    command.output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

// Fails when `client` does not call `check_owner`, or `File::read` does not call `owner::check`.
#[test]
fn a_data_directory_and_settings_of_another_user_are_not_used() {
    if !is_root() {
        println!("skipped: only root can give a file to another user");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let launch = Launch::new(&folder.path().join("elsewhere"));
    let bait = folder.path().join("muster-data");
    fs::create_dir(&bait).unwrap();
    fs::write(bait.join("format"), "muster 6\n").unwrap();
    fs::write(bait.join("url"), "http://192.0.2.1:1").unwrap();
    chown(&bait, Some(NOBODY), None).unwrap();
    for arguments in [&["workspace", "list"][..], &["workspace", "adopt", "X1"], &["serve", "--listen", "127.0.0.1:0"]]
    {
        let output = muster(&launch, folder.path(), arguments);
        assert!(!output.status.success() && stderr(&output).contains("belongs to another user"), "{}", stderr(&output));
    }
    fs::remove_dir_all(&bait).unwrap();
    let settings = folder.path().join("muster.toml");
    fs::write(&settings, "listen = \"127.0.0.1:0\"\nadmin_token = \"of-somebody-else-0123456789\"\n").unwrap();
    chown(&settings, Some(NOBODY), None).unwrap();
    let output = muster(&launch, folder.path(), &["serve"]);
    assert!(!output.status.success() && stderr(&output).contains("belongs to another user"), "{}", stderr(&output));
    assert!(!bait.exists(), "nothing was begun");
}

// Fails when `say` writes input as it is, or `client` does not say where it goes.
#[test]
fn the_command_line_says_where_it_goes_and_prints_nothing_that_a_terminal_obeys() {
    let folder = tempfile::tempdir().unwrap();
    let launch = Launch::new(&folder.path().join("data"));
    let server = launch.start();
    let name = "a\u{9b}31m\u{202e}gpj";
    run(&launch, "workspace", &["create", "SHOP", "--name", name]).unwrap();
    let output = launch.command("workspace").arg("list").output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(!out.contains('\u{9b}') && !out.contains('\u{202e}'), "{out}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&out).unwrap()[0]["name"], json!(name));
    let url = format!("muster: using http://{}, as ", server.address);
    assert!(err.starts_with(&url) && err.contains("data/url says"), "{err}");
}

// Fails when `write_private` opens the path itself, or `admin_token` takes a file that others may write.
#[test]
fn links_are_not_followed_and_a_token_that_others_may_write_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let launch = Launch::new(&data);
    let (mut server, _) = launch.start_with(&["--listen", "127.0.0.1:0"], 0).unwrap();
    assert_eq!(server.terminate(), Some(0));
    let precious = folder.path().join("precious");
    fs::write(&precious, "text").unwrap();
    for name in ["url", "clock"] {
        let _none = fs::remove_file(data.join(name));
        symlink(&precious, data.join(name)).unwrap();
    }
    let (mut server, _) = launch.start_with(&["--listen", "127.0.0.1:0"], 0).unwrap();
    assert_eq!(server.terminate(), Some(0));
    assert_eq!(fs::read_to_string(&precious).unwrap(), "text");
    fs::set_permissions(data.join("admin-token"), fs::Permissions::from_mode(0o622)).unwrap();
    assert!(launch.start_with(&["--listen", "127.0.0.1:0"], 0).is_none());
    assert!(launch.logs("other users may write"), "{}", launch.logged());
    fs::set_permissions(data.join("admin-token"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
    let (mut server, _) = launch.start_with(&["--listen", "127.0.0.1:0"], 0).unwrap();
    assert_eq!(server.terminate(), Some(0));
    let logged = launch.logged();
    assert!(
        logged.contains("other users may read the admin token") && logged.contains("other users may read"),
        "{logged}"
    );
}

/// Takes the right to write from everything below a directory, and gives that to read.
fn only_to_read(path: &Path) {
    let is_folder = path.is_dir();
    if is_folder {
        fs::read_dir(path).unwrap().for_each(|entry| only_to_read(&entry.unwrap().path()));
    }
    fs::set_permissions(path, fs::Permissions::from_mode(if is_folder { 0o555 } else { 0o444 })).unwrap();
}

// Fails when `verify` opens the directory with `open_existing`, or a workspace with `settings::reader`.
#[test]
fn a_copy_that_cannot_be_written_is_verified() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let launch = Launch::new(&data);
    let mut server = launch.start();
    let workspace = Workspace::create(&server);
    let body = json!({"type": "transition", "elements": [{"type": "customer", "customer_id": "a"}]});
    assert_eq!(workspace.import(&mut server.connect(), &body, None).unwrap().status, 200);
    assert_eq!(server.terminate(), Some(0));
    only_to_read(&data);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = launch.command("verify");
    if is_root() {
        // Root may write everywhere. Somebody else must find the program where everybody may look.
        let copy = folder.path().join("muster");
        fs::copy(command.get_program(), &copy).unwrap();
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
        command = Command::new(copy);
        command.arg("verify").env("MUSTER_DATA_DIR", &data).uid(NOBODY);
    }
    let output = command.output().unwrap();
    assert!(output.status.success() && stderr(&output).contains(": sound"), "{}", stderr(&output));
}
