package io.parley.sessions.journal;

import io.parley.persistence.chain.ChainHead;
import io.parley.sessions.domain.Absent;
import io.parley.sessions.domain.Session;

/**
 * A session and the head of its journal's chain, which the next event follows.
 *
 * <p>Whether the chain holds is not asked here: who goes on with a conversation is not helped by a
 * refusal, and what is wrong stays to be found where it is. So a sealed event's own hash is taken
 * as it is stored.
 */
public record ChainedSession(Session session, ChainHead head) {
  /** A session without events. */
  public static ChainedSession absent(String persistenceId) {
    return new ChainedSession(new Absent(), ChainHead.begin(persistenceId));
  }

  public ChainedSession apply(ChainedEvent next) {
    ChainHead behind =
        next.isSealed()
            ? head.behind(next.seal())
            : head.behindUnsealed(next.serializer(), next.manifest(), next.bytes());
    return new ChainedSession(session.apply(next.event()), behind);
  }
}
