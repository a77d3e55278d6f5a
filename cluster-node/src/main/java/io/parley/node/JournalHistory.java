package io.parley.node;

import akka.NotUsed;
import akka.actor.typed.ActorSystem;
import akka.stream.javadsl.Source;
import io.parley.node.http.EventHistory;
import io.parley.persistence.JournaledEvent;
import io.parley.persistence.SessionEvents;
import io.parley.routing.protocol.SessionId;
import io.parley.sessions.SessionEntity;
import io.parley.sessions.domain.SessionEvent;
import io.parley.sessions.journal.ChainedEvent;
import io.parley.sessions.journal.SessionSerializer;

/** The edge's view of the journal: each event in its stored form, as JSON. */
final class JournalHistory implements EventHistory {
  private final SessionEvents events;
  private final SessionSerializer serializer = new SessionSerializer();

  JournalHistory(ActorSystem<?> system) {
    this.events = new SessionEvents(system);
  }

  @Override
  public Source<HistoryEvent, NotUsed> events(SessionId session, long afterSequence) {
    return events
        .events(SessionEntity.persistenceId(session).id(), afterSequence + 1, Long.MAX_VALUE)
        .map(this::readable);
  }

  private HistoryEvent readable(JournaledEvent journaled) {
    SessionEvent event = ((ChainedEvent) journaled.event()).event();
    return new HistoryEvent(
        journaled.sequenceNr(),
        journaled.storedAtMillis(),
        serializer.manifest(event),
        serializer.readable(event));
  }
}
