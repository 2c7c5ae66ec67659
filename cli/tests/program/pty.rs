//! The program on a terminal: what somebody sees there, and what they type.

use std::io::{Read as _, Write};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::support::{PATIENCE, Run};

const ROWS: u16 = 50;

/// A run on a terminal.
pub(crate) struct OnScreen {
    child: Box<dyn Child + Send + Sync>,
    keyboard: Box<dyn Write + Send>,
    screen: Arc<Mutex<vt100::Parser>>,
    reader: Option<JoinHandle<()>>,
    // Holds the terminal open.
    _terminal: Box<dyn MasterPty + Send>,
}

impl Run {
    /// Begins it on a terminal of so many columns.
    pub(crate) fn on_screen(self, columns: u16) -> OnScreen {
        self.on_screen_of(ROWS, columns)
    }

    /// Begins it on a terminal of this size.
    pub(crate) fn on_screen_of(self, rows: u16, columns: u16) -> OnScreen {
        let command = self.into_command();
        let mut builder = CommandBuilder::new(command.get_program());
        builder.args(command.get_args());
        for name in ["CI", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            builder.env_remove(name);
        }
        builder.env("TERM", "xterm-256color");
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => builder.env(name, value),
                None => builder.env_remove(name),
            }
        }
        let size = PtySize {
            rows,
            cols: columns,
            ..PtySize::default()
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let child = pair.slave.spawn_command(builder).unwrap();
        drop(pair.slave);
        let screen = Arc::new(Mutex::new(vt100::Parser::new(rows, columns, 1_000)));
        let mut output = pair.master.try_clone_reader().unwrap();
        let seen = Arc::clone(&screen);
        let reader = std::thread::spawn(move || {
            let mut block = [0; 4096];
            while let Ok(read @ 1..) = output.read(&mut block) {
                seen.lock().unwrap().process(&block[..read]);
            }
        });
        OnScreen {
            child,
            keyboard: pair.master.take_writer().unwrap(),
            screen,
            reader: Some(reader),
            _terminal: pair.master,
        }
    }
}

impl OnScreen {
    /// What is on the screen now.
    pub(crate) fn shows(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Whether anything on the screen is in colour, or bold.
    pub(crate) fn is_colourful(&self) -> bool {
        let screen = self.screen.lock().unwrap();
        let screen = screen.screen();
        let (rows, columns) = screen.size();
        let cells = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        let mut cells = cells.filter_map(|(row, column)| screen.cell(row, column));
        cells.any(|cell| cell.bold() || cell.fgcolor() != vt100::Color::Default)
    }

    /// Waits until this is on the screen.
    #[track_caller]
    pub(crate) fn until(&self, part: &str) {
        self.until_it(|shown| shown.contains(part), part);
    }

    #[track_caller]
    pub(crate) fn until_it(&self, is_there: impl Fn(&str) -> bool, what: &str) {
        let started = Instant::now();
        while !is_there(&self.shows()) {
            assert!(
                started.elapsed() < PATIENCE,
                "no {what:?} in\n{}",
                self.shows()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Types it.
    pub(crate) fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Waits for its end, and gives what is on the screen then.
    #[track_caller]
    pub(crate) fn code(mut self, code: u32) -> String {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(started.elapsed() < PATIENCE, "it hangs:\n{}", self.shows());
            std::thread::sleep(Duration::from_millis(2));
        };
        // The terminal has no more to give.
        self.reader.take().map(JoinHandle::join);
        let shown = self.shows();
        assert_eq!(status.exit_code(), code, "{status:?}\n{shown}");
        shown
    }
}

impl Drop for OnScreen {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
