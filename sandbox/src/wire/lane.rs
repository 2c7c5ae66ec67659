//! One connection's socket, and where its present request stands.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::End;
use crate::fault::{Effect, Ending, Fault, Offset};
use crate::route;
use crate::state::State;

/// What is read at a time where bytes are counted.
const STEP: usize = 8 * 1024;

/// A head beyond this is left to hyper.
const MAX_HEAD: usize = 64 * 1024;

pub(super) struct Lane {
    /// `None` once it has been taken.
    stream: Option<TcpStream>,
    /// Whether anything has come in yet.
    begun: bool,
    phase: Phase,
    /// Read, and not handed over yet.
    held: BytesMut,
    /// Bytes of the request that have been handed over.
    received: u64,
    /// The fault of the present request, once that is known, until its endpoint takes it.
    decision: Option<Option<Fault>>,
    /// The nearest first.
    stops: VecDeque<Stop>,
    pace: Option<Pace>,
    wait: Option<Pin<Box<Sleep>>>,
    body_read: bool,
    answered: bool,
    cut_answer: Option<(u64, Ending)>,
    at_close: Option<Ending>,
    end: Ended,
}

/// What is known of the request that is being read.
enum Phase {
    /// Its first line is not complete.
    Line,
    /// It is, but a fault has to know where the head ends.
    Head(Vec<Stop>),
    /// All that is needed.
    Open,
}

/// Where reading stops, in bytes of the request, or for a while of its body.
#[derive(Clone, Copy)]
struct Stop {
    at: u64,
    what: Halt,
}

#[derive(Clone, Copy)]
enum Halt {
    Cut(Ending),
    Stall(Option<Duration>),
}

enum Ended {
    No,
    By(End),
    /// The connection's task knows.
    Told,
}

impl Lane {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream: Some(stream),
            begun: false,
            phase: Phase::Line,
            held: BytesMut::new(),
            received: 0,
            decision: None,
            stops: VecDeque::new(),
            pace: None,
            wait: None,
            body_read: false,
            answered: false,
            cut_answer: None,
            at_close: None,
            end: Ended::No,
        }
    }

    pub(super) fn take_decision(&mut self) -> Option<Option<Fault>> {
        self.decision.take()
    }

    pub(super) fn body_is_read(&mut self) {
        self.body_read = true;
        self.next_request();
    }

    pub(super) fn answers(&mut self, cut: Option<(u64, Ending)>, at_close: Option<Ending>) {
        self.cut_answer = cut;
        self.at_close = at_close;
        self.answered = true;
        self.next_request();
    }

    pub(super) fn end(&mut self, end: End) {
        self.end = Ended::By(end);
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self.end, Ended::By(_))
    }

    pub(super) fn take_end(&mut self) -> Option<End> {
        match std::mem::replace(&mut self.end, Ended::Told) {
            Ended::By(end) => Some(end),
            other => {
                self.end = other;
                None
            }
        }
    }

    pub(super) fn is_slowed(&self) -> bool {
        self.wait.is_some() || self.pace.is_some()
    }

    pub(super) fn take_stream(&mut self) -> Option<TcpStream> {
        self.end = Ended::Told;
        self.stream.take()
    }

    /// What comes in when a request has been read and answered is the next one.
    fn next_request(&mut self) {
        if self.body_read && self.answered {
            self.phase = Phase::Line;
            self.received = 0;
            self.decision = None;
            self.stops.clear();
            self.pace = None;
            self.wait = None;
            self.body_read = false;
            self.answered = false;
        }
    }

    pub(super) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
        state: &State,
    ) -> Poll<io::Result<()>> {
        if !matches!(self.phase, Phase::Open) {
            ready!(self.poll_open(context, state))?;
        }
        loop {
            if !matches!(self.end, Ended::No) {
                return Poll::Pending;
            }
            if let Some(wait) = &mut self.wait {
                ready!(wait.as_mut().poll(context));
                self.wait = None;
            }
            if !self.stops.is_empty() && ready!(self.poll_halt(context, state))? {
                continue;
            }
            if self.held.is_empty() {
                if self.stops.is_empty() && self.pace.is_none() {
                    let before = buffer.filled().len();
                    ready!(Pin::new(self.stream()?).poll_read(context, buffer))?;
                    self.received += (buffer.filled().len() - before) as u64;
                    return Poll::Ready(Ok(()));
                }
                if ready!(self.poll_fill(context, self.allowed()))? == 0 {
                    return Poll::Ready(Ok(()));
                }
                continue;
            }
            let some = self.held.len().min(buffer.remaining()).min(self.allowed());
            buffer.put_slice(&self.held[..some]);
            self.held.advance(some);
            self.received += some as u64;
            if let Some(pace) = &mut self.pace {
                let until = pace.after(some, Instant::now());
                self.wait = Some(Box::pin(tokio::time::sleep_until(until)));
            }
            return Poll::Ready(Ok(()));
        }
    }

    pub(super) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
        state: &State,
    ) -> Poll<io::Result<usize>> {
        if !matches!(self.end, Ended::No) {
            return Poll::Pending;
        }
        let Some((left, ending)) = self.cut_answer else {
            return Pin::new(self.stream()?).poll_write_vectored(context, slices);
        };
        let bytes = slices.iter().find(|slice| !slice.is_empty());
        let bytes = bytes.map_or(&[][..], |slice| &slice[..]);
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let written = ready!(Pin::new(self.stream()?).poll_write(context, &bytes[..most]))?;
        let left = left - written as u64;
        self.cut_answer = Some((left, ending));
        if left == 0 {
            state.felt();
            self.end = Ended::By(End::Cut(ending));
        }
        Poll::Ready(Ok(written))
    }

    pub(super) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !matches!(self.end, Ended::No) {
            return Poll::Pending;
        }
        if let Some(ending) = self.at_close {
            self.end = Ended::By(End::Cut(ending));
            return Poll::Pending;
        }
        Pin::new(self.stream()?).poll_shutdown(context)
    }

    /// Reads until it is known what happens to the request.
    fn poll_open(&mut self, context: &mut Context<'_>, state: &State) -> Poll<io::Result<()>> {
        loop {
            match &mut self.phase {
                Phase::Line => {
                    if let Some(length) = find(&self.held, b"\n") {
                        self.decide(length, state);
                        continue;
                    }
                }
                Phase::Head(stops) => {
                    if let Some(start) = find(&self.held, b"\r\n\r\n") {
                        let body = start as u64 + 4;
                        let stops = std::mem::take(stops);
                        self.phase = Phase::Open;
                        for Stop { at, what } in stops {
                            self.stop(at.saturating_add(body), what);
                        }
                    }
                }
                Phase::Open => {}
            }
            if matches!(self.phase, Phase::Open) {
                return Poll::Ready(Ok(()));
            }
            let some = ready!(self.poll_fill(context, STEP))?;
            if some > 0 && !self.begun {
                self.begun = true;
                state.counters.connections.fetch_add(1, Relaxed);
            }
            if some == 0 || self.held.len() > MAX_HEAD {
                self.phase = Phase::Open;
            }
        }
    }

    fn decide(&mut self, line: usize, state: &State) {
        let route = route::of_line(&self.held[..line]);
        let fault = state.faults.take(route);
        // That of the answer before.
        self.cut_answer = None;
        let mut in_body = Vec::new();
        for effect in fault.iter().flat_map(Fault::effects) {
            let (after, what) = match *effect {
                Effect::CutRequest { after, ending } => (after, Halt::Cut(ending)),
                Effect::Stall { after, pause } => (after, Halt::Stall(pause)),
                Effect::Slow { bytes_per_second } => {
                    state.felt();
                    self.pace = Some(Pace::new(bytes_per_second.get(), Instant::now()));
                    continue;
                }
                _ => continue,
            };
            match after {
                Offset::Wire(at) => self.stop(at, what),
                Offset::Body(at) => in_body.push(Stop { at, what }),
            }
        }
        self.decision = Some(fault);
        self.phase = if in_body.is_empty() {
            Phase::Open
        } else {
            Phase::Head(in_body)
        };
    }

    fn stop(&mut self, at: u64, what: Halt) {
        let place = self.stops.partition_point(|stop| stop.at <= at);
        self.stops.insert(place, Stop { at, what });
    }

    /// Stops where reading is to stop; says whether anything has changed by that.
    fn poll_halt(&mut self, context: &mut Context<'_>, state: &State) -> Poll<io::Result<bool>> {
        let Some(&Stop { at, what }) = self.stops.front() else {
            return Poll::Ready(Ok(false));
        };
        match what {
            // Its last byte is not handed over: a request that is whole by then is not carried out either.
            Halt::Cut(ending) if self.received + self.held.len() as u64 >= at => {
                self.end = Ended::By(End::Cut(ending));
            }
            Halt::Stall(pause) if self.received >= at => {
                // Not before there is something to be kept waiting.
                if self.held.is_empty() {
                    let mut byte = [0];
                    let mut byte = ReadBuf::new(&mut byte);
                    if ready!(self.stream()?.poll_peek(context, &mut byte))? == 0 {
                        self.stops.clear();
                        return Poll::Ready(Ok(true));
                    }
                }
                match pause {
                    Some(pause) => self.wait = Some(Box::pin(tokio::time::sleep(pause))),
                    None => self.end = Ended::By(End::Stall),
                }
            }
            Halt::Cut(_) | Halt::Stall(_) => return Poll::Ready(Ok(false)),
        }
        self.stops.pop_front();
        state.felt();
        Poll::Ready(Ok(true))
    }

    /// Reads at most `limit` bytes behind those that are held.
    fn poll_fill(&mut self, context: &mut Context<'_>, limit: usize) -> Poll<io::Result<usize>> {
        let mut space = [0; STEP];
        let mut space = ReadBuf::new(&mut space[..limit.min(STEP)]);
        ready!(Pin::new(self.stream()?).poll_read(context, &mut space))?;
        self.held.extend_from_slice(space.filled());
        Poll::Ready(Ok(space.filled().len()))
    }

    /// How many bytes may be read or handed over next; not 0.
    fn allowed(&self) -> usize {
        let stop = self.stops.front();
        let stop = stop.map_or(u64::MAX, |stop| stop.at - self.received);
        // A hundred steps a second.
        let pace = self.pace.as_ref();
        let pace = pace.map_or(u64::MAX, |pace| (pace.bytes_per_second / 100).max(1));
        usize::try_from(stop.min(pace)).unwrap_or(usize::MAX)
    }

    fn stream(&mut self) -> io::Result<&mut TcpStream> {
        self.stream
            .as_mut()
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

/// So many bytes a second, over any time: a timer's ticks are coarse, and what it slept too long is made up for.
#[derive(Debug)]
struct Pace {
    bytes_per_second: u64,
    /// When the next byte is due.
    due: Instant,
}

impl Pace {
    /// How far behind it may be and still catch up.
    const LAG: Duration = Duration::from_millis(20);

    const fn new(bytes_per_second: u64, now: Instant) -> Self {
        let due = now;
        Self {
            bytes_per_second,
            due,
        }
    }

    /// When to go on behind so many bytes.
    fn after(&mut self, bytes: usize, now: Instant) -> Instant {
        let earliest = now.checked_sub(Self::LAG).unwrap_or(now);
        let time = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second as f64);
        self.due = self.due.max(earliest) + time;
        self.due
    }
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_makes_up_for_what_a_timer_slept_too_long() {
        let begin = Instant::now();
        let mut pace = Pace::new(1_000_000, begin);
        let mut now = begin;
        for _ in 0..1_000 {
            // Ticks of a millisecond, for steps of half of one.
            now = pace.after(500, now).max(now) + Duration::from_micros(400);
        }
        assert!(pace.due - begin <= Duration::from_millis(501));
        // A long pause is not made up for.
        now += Duration::from_secs(60);
        assert!(pace.after(500, now) + Pace::LAG >= now);
    }
}
