package io.parley.persistence;

import akka.NotUsed;
import akka.actor.typed.ActorSystem;
import akka.persistence.cassandra.query.javadsl.CassandraReadJournal;
import akka.persistence.query.EventEnvelope;
import akka.persistence.query.PersistenceQuery;
import akka.stream.javadsl.Source;

/**
 * Reads an entity's history straight from the journal, without waking the entity: for event
 * histories, exports and audits.
 */
public final class SessionEvents {
  private final CassandraReadJournal journal;

  public SessionEvents(ActorSystem<?> system) {
    this.journal =
        PersistenceQuery.get(system)
            .getReadJournalFor(CassandraReadJournal.class, CassandraReadJournal.Identifier());
  }

  /**
   * The events that are stored now, in order; the stream ends with the last of them. It reads page
   * by page as it is drained, and fails if the journal is away or an event cannot be decoded.
   *
   * @param fromSequenceNr first one wanted, from 1
   * @param toSequenceNr last one wanted; {@link Long#MAX_VALUE} for all
   */
  public Source<JournaledEvent, NotUsed> events(
      String persistenceId, long fromSequenceNr, long toSequenceNr) {
    return journal
        .currentEventsByPersistenceId(persistenceId, fromSequenceNr, toSequenceNr)
        .map(SessionEvents::journaled);
  }

  private static JournaledEvent journaled(EventEnvelope envelope) {
    return new JournaledEvent(
        envelope.persistenceId(), envelope.sequenceNr(), envelope.timestamp(), envelope.event());
  }
}
