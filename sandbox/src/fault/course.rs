//! What a fault means to the endpoint that carries out its request.

use std::time::Duration;

use super::{Effect, Ending, Fault, Hide, Reply, ReplyTime};

/// A fault's effects behind the head of its request; what stops or slows its bytes is the wire's.
#[derive(Debug, Default)]
pub(crate) struct Course {
    pub(crate) expire_tokens: bool,
    /// Instead of carrying out the request.
    pub(crate) refusal: Option<Reply>,
    /// Instead of the answer to a request that was carried out.
    pub(crate) reply: Option<Reply>,
    pub(crate) delay: Option<Duration>,
    pub(crate) cut: Option<(u64, Ending)>,
    pub(crate) hold: bool,
    pub(crate) hide: Option<Hide>,
}

impl Course {
    pub(crate) fn of(fault: Option<Fault>) -> Self {
        let mut course = Self::default();
        for effect in fault.into_iter().flat_map(|fault| fault.effects) {
            match effect {
                Effect::ExpireTokens => course.expire_tokens = true,
                Effect::Answer(reply) if reply.time() == ReplyTime::Accepted => {
                    course.reply.get_or_insert(reply);
                }
                Effect::Answer(reply) => {
                    course.refusal.get_or_insert(reply);
                }
                Effect::DelayAnswer(delay) => {
                    course.delay.get_or_insert(delay);
                }
                Effect::CutAnswer { after, ending } => {
                    course.cut.get_or_insert((after, ending));
                }
                Effect::HoldAnswer => course.hold = true,
                Effect::Hide(hide) => {
                    course.hide.get_or_insert(hide);
                }
                Effect::CutRequest { .. } | Effect::Stall { .. } | Effect::Slow { .. } => {}
            }
        }
        course
    }
}
