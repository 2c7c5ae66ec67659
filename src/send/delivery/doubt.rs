//! A batch of which it is unknown whether it was accepted.

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
        failure: Failure,
    ) -> Option<Ended> {
        let shared = self.shared;
        let batch = item.number;
        if let Err(failure) = shared.handler.call(Event::InDoubt {
            batch,
            failure: &failure,
        }) {
            return Some(Ended::failed(Fate::InDoubt, failure));
        }
        match self.look(item).await {
            Err(why) => Some(Ended::failed(Fate::InDoubt, why.unwrap_or(failure))),
            Ok(Finding::Found(receipt)) => Some(self.found(item, receipt, failure).await),
            Ok(Finding::Unclear(why)) => {
                let policy = match item.unseen {
                    Some(_) => shared.reconciliation.if_unclear(),
                    None => DoubtPolicy::Stop,
                };
                self.decide(item, policy, unclear(failure, why)).await
            }
            Ok(Finding::Absent) => {
                let is_decided = item.unseen.is_some_and(|doubt| doubt.is_decided);
                let policy = match shared.reconciliation.if_absent() {
                    // Somebody has decided it, and it was not done.
                    DoubtPolicy::Stop if is_decided => DoubtPolicy::Resend,
                    policy => policy,
                };
                let told = shared.handler.call(Event::NotFound { batch, policy });
                match told {
                    Ok(()) => self.decide(item, policy, failure).await,
                    Err(failure) => Some(Ended::failed(Fate::InDoubt, failure)),
                }
            }
        }
    }

    /// Before another attempt: one that may have been accepted may be in the list by now. `None`: it is not.
    pub(super) async fn look_again(&mut self, item: &mut Item, failure: Failure) -> Option<Ended> {
        match self.look(item).await {
            Err(why) => Some(Ended::failed(Fate::InDoubt, why.unwrap_or(failure))),
            Ok(Finding::Found(receipt)) => Some(self.found(item, receipt, failure).await),
            Ok(Finding::Unclear(why)) => Some(Ended::failed(Fate::InDoubt, unclear(failure, why))),
            // It was decided already that it is sent again then.
            Ok(Finding::Absent) => None,
        }
    }

    /// Looks for the attempts that may have been accepted. An error says why that cannot be done, unless it is only that
    /// the run is to end.
    async fn look(&self, item: &mut Item) -> Result<Finding, Option<Failure>> {
        let shared = self.shared;
        let Some(suspects) = item.suspects else {
            return Ok(Finding::Absent);
        };
        let (end, missing) = item.source.complete_if_it_can().await?;
        let body = || item.source.reader(&end);
        let sought = Sought {
            batch: end.batch,
            began: suspects.began,
            committed: suspects.committed,
            body: &body,
            missing: missing.as_ref(),
            tail: shared.dialect.tail(),
        };
        tokio::select! {
            biased;
            () = shared.halted() => Err(None),
            finding = reconcile::reconcile(shared, &sought) => Ok(finding),
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
                    // A further process looks for it once more, and sends it, as the journal says now.
                    Ok(()) if !item.source.can_rewind() => {
                        Some(Ended::failed(Fate::InDoubt, failure))
                    }
                    Ok(()) => None,
                }
            }
        }
    }

    /// A batch in doubt is in the API's list.
    async fn found(&self, item: &Item, mut receipt: Receipt, failure: Failure) -> Ended {
        let shared = self.shared;
        receipt.rejected = item.rejects.rejected;
        receipt.unplaced = item.rejects.unplaced;
        // Another delivery may have looked at the same time.
        if !shared.ids.insert(receipt.id.clone()) {
            let why = FailureKind::Transport {
                step: "looking for the batch",
                reason: format!(
                    "batch {} of the server's list has its recipients, and is another one",
                    receipt.id
                ),
            };
            return Ended::failed(Fate::InDoubt, unclear(failure, why.into()));
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

/// The list does not tell what became of a batch that is in doubt for this reason.
pub(super) fn unclear(failure: Failure, why: Failure) -> Failure {
    FailureKind::Unclear { failure, why }.into()
}
