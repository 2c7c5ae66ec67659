//! A batch of which it is unknown whether it was accepted.

use std::time::SystemTime;

use super::{Delivery, Ended, Item, accepted_entry};
use crate::journal::{Decision, Entry};
use crate::send::Event;
use crate::send::coverage::Fate;
use crate::send::outcome::{Failure, FailureKind, Receipt};
use crate::send::policy::DoubtPolicy;
use crate::send::reconcile::{self, Finding, Sought};

impl Delivery<'_> {
    /// Looks for a batch in doubt, and does what the policy says if it is not found. `None`: it is to be sent again.
    pub(super) async fn settle_doubt(
        &mut self,
        item: &mut Item,
        began: SystemTime,
        committed: SystemTime,
        failure: Failure,
    ) -> Option<Ended> {
        let shared = self.shared;
        let batch = item.number;
        let (end, missing) = match item.source.complete_if_it_can().await {
            Ok(known) => known,
            Err(failure) => return Some(Ended::failed(Fate::InDoubt, failure)),
        };
        if let Err(failure) = shared.handler.call(Event::InDoubt {
            batch,
            failure: &failure,
        }) {
            return Some(Ended::failed(Fate::InDoubt, failure));
        }
        let sure_since = if item.committed.is_some() {
            committed
        } else {
            began
        };
        let finding = {
            let body = || item.source.reader(&end);
            let sought = Sought {
                batch: end.batch,
                since: began,
                sure_since,
                committed,
                body: &body,
                missing: missing.as_ref(),
                tail: shared.dialect.tail(),
            };
            tokio::select! {
                biased;
                () = shared.halted() => return Some(Ended::failed(Fate::InDoubt, failure)),
                finding = reconcile::reconcile(shared, &sought) => finding,
            }
        };
        match finding {
            Finding::Found(mut receipt) => {
                receipt.rejected = item.rejects.rejected;
                receipt.unplaced = item.rejects.unplaced;
                Some(self.found(receipt, failure).await)
            }
            Finding::Unclear(why) => {
                let policy = match item.committed {
                    Some(_) => shared.reconciliation.if_unclear(),
                    None => DoubtPolicy::Stop,
                };
                let unclear = FailureKind::Unclear {
                    failure: failure.to_string(),
                    why: why.to_string(),
                };
                self.decide(item, policy, unclear.into()).await
            }
            Finding::Absent => {
                let policy = shared.reconciliation.if_absent();
                let told = shared.handler.call(Event::NotFound { batch, policy });
                match told {
                    Ok(()) => self.decide(item, policy, failure).await,
                    Err(failure) => Some(Ended::failed(Fate::InDoubt, failure)),
                }
            }
        }
    }

    /// Does what the policy says with a batch that stays in doubt.
    async fn decide(
        &mut self,
        item: &Item,
        policy: DoubtPolicy,
        failure: Failure,
    ) -> Option<Ended> {
        let shared = self.shared;
        let batch = item.number;
        // A server that never answers, and shows what it has later than it is waited for, would get it without end.
        let is_enough = policy == DoubtPolicy::Resend && self.resends >= shared.retry.most();
        let policy = if is_enough { DoubtPolicy::Stop } else { policy };
        match policy {
            DoubtPolicy::Stop => Some(Ended::failed(Fate::InDoubt, failure)),
            DoubtPolicy::Skip => {
                let decision = Decision::Skip;
                let written = shared.ledger.sync(Entry::Decided { batch, decision }).await;
                Some(match written {
                    Ok(()) => Ended::Settled(Fate::Skipped, None),
                    Err(failure) => Ended::failed(Fate::InDoubt, failure),
                })
            }
            DoubtPolicy::Resend => {
                self.resends += 1;
                let decision = Decision::Resend;
                let written = shared.ledger.sync(Entry::Decided { batch, decision }).await;
                match written {
                    Err(failure) => Some(Ended::failed(Fate::InDoubt, failure)),
                    // A further process sends it, as the journal says now.
                    Ok(()) if !item.source.can_rewind() => {
                        Some(Ended::failed(Fate::NotSent, failure))
                    }
                    Ok(()) => None,
                }
            }
        }
    }

    /// A batch in doubt is in the API's list.
    async fn found(&self, receipt: Receipt, failure: Failure) -> Ended {
        let shared = self.shared;
        // Another delivery may have looked at the same time.
        if !shared.ids().insert(receipt.id.clone()) {
            let unclear = FailureKind::Unclear {
                failure: failure.to_string(),
                why: format!(
                    "batch {} of the server's list has its recipients, and is another one",
                    receipt.id
                ),
            };
            return Ended::failed(Fate::InDoubt, unclear.into());
        }
        let written = shared.ledger.sync(accepted_entry(&receipt)).await;
        let told = written.and_then(|()| shared.handler.call(Event::Accepted(&receipt)));
        let receipt = Some(Box::new(receipt));
        match told {
            Ok(()) => Ended::Settled(Fate::Accepted, receipt),
            Err(failure) => Ended::Failed(Fate::Accepted, receipt, failure),
        }
    }
}
