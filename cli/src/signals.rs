//! Ctrl-C, SIGTERM and a terminal that hangs up: the first one asks to stop, the second one quits.

use std::future::pending;
use std::io;
use std::process;
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use crate::exit::Exit;
use crate::terminal;

/// How long the last things may take: they may be told to somebody who does not read, or saved to a disk that does not
/// answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// How the process ends whose work is done, but not told yet.
static ENDED: OnceLock<Exit> = OnceLock::new();

/// There is nothing left to stop: who quits from now on ends the process as it would have ended.
pub(crate) fn ended(exit: Exit) {
    let _ = ENDED.set(exit);
}

/// Whether somebody asked to stop.
#[derive(Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Listens from now on. A second signal ends the process, after it was told what there is to `tell`, as far as
    /// somebody takes it.
    ///
    /// # Errors
    /// If the operating system does not let it listen.
    pub(crate) fn listen(tell: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        Self::listen_saving(|| (), tell)
    }

    /// The same, and meanwhile this is saved.
    ///
    /// # Errors
    /// As [`listen`](Self::listen).
    pub(crate) fn listen_saving(
        save: impl FnOnce() + Send + 'static,
        tell: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let (asked, stop) = watch::channel(false);
        on_thread(|mut signals| async move {
            signals.next().await;
            let stopping = async {
                // Before it stops, so that it stands above what comes of it.
                let what = match ENDED.get() {
                    Some(_) => "the run has ended",
                    None => "stopping",
                };
                let line = format!("batchcast: {what}; once more quits at once");
                soon(move || terminal::note(&line)).await;
                let _ = asked.send(true);
                pending::<()>().await;
            };
            tokio::select! {
                () = stopping => {}
                () = signals.next() => {}
            }
            leave(save, tell).await;
        })?;
        Ok(Self(stop))
    }

    /// Whether there was a signal.
    pub(crate) fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for the first signal.
    pub(crate) async fn asked(mut self) {
        if self.0.wait_for(|&asked| asked).await.is_err() {
            // Nobody listens any more, so nobody asks.
            pending::<()>().await;
        }
    }
}

/// Saves this at the first signal, and ends the process. For what has nothing to wait for.
///
/// # Errors
/// If the operating system does not let it listen.
pub(crate) fn quit_after(save: impl FnOnce() + Send + 'static) -> io::Result<()> {
    on_thread(|mut signals| async move {
        signals.next().await;
        leave(save, || ()).await;
    })
}

/// Saves and tells what is left to be, neither of which waits for the other.
async fn leave(save: impl FnOnce() + Send + 'static, tell: impl FnOnce() + Send + 'static) {
    let told = soon(|| {
        if ENDED.get().is_none() {
            terminal::error("batchcast: interrupted");
        }
        tell();
    });
    tokio::join!(soon(save), told);
}

/// Does this, and goes on without it when it takes too long.
async fn soon(what: impl FnOnce() + Send + 'static) {
    let (done, is_done) = oneshot::channel();
    // Where there can be no thread for it, nothing is waited for.
    let _ = thread::Builder::new().spawn(move || {
        what();
        let _ = done.send(());
    });
    let _ = tokio::time::timeout(PATIENCE, is_done).await;
}

/// Ends the process behind this, which waits for signals. On a thread of its own, because all others may be writing to
/// somebody who does not read.
fn on_thread<F: Future<Output = ()>>(
    until: impl FnOnce(Signals) -> F + Send + 'static,
) -> io::Result<()> {
    let (listening, is_listening) = mpsc::channel();
    thread::Builder::new().spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build();
        let ended = runtime.and_then(|runtime| {
            runtime.block_on(async {
                let signals = Signals::listen()?;
                let _ = listening.send(Ok(()));
                until(signals).await;
                let exit = ENDED.get().copied().unwrap_or(Exit::Interrupted);
                process::exit(exit as i32)
            })
        });
        let _ = listening.send(ended);
    })?;
    is_listening.recv().map_err(io::Error::other)?
}

/// Waits for one signal of those that ask to stop.
///
/// # Errors
/// If the operating system does not let it listen.
pub(crate) fn one() -> io::Result<impl Future<Output = ()>> {
    let mut signals = Signals::listen()?;
    Ok(async move { signals.next().await })
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    /// Until it came once: a lost connection is told by the system and by the shell.
    hangup: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: is_hangup_heeded()
                .then(|| signal(SignalKind::hangup()))
                .transpose()?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            () = hung_up(&mut self.hangup) => {}
        }
    }
}

#[cfg(unix)]
async fn hung_up(hangup: &mut Option<tokio::signal::unix::Signal>) {
    match hangup {
        Some(signal) => {
            signal.recv().await;
            *hangup = None;
        }
        None => std::future::pending().await,
    }
}

/// Whether the program was not begun to go on without its terminal, as by `nohup`: to listen would undo that. Where the
/// system does not say, nobody listens.
#[cfg(unix)]
pub(crate) fn is_hangup_heeded() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Bit 0 is signal 1, which SIGHUP is everywhere.
    ignored.is_some_and(|ignored| ignored & 1 == 0)
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self(tokio::signal::windows::ctrl_c()?))
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
}
