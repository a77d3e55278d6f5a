package io.parley.node.audit;

import akka.NotUsed;
import akka.actor.typed.ActorSystem;
import akka.stream.javadsl.Sink;
import akka.stream.javadsl.Source;
import io.parley.node.http.Audit;
import io.parley.persistence.AuditAccesses;
import io.parley.persistence.AuditAccesses.Access;
import io.parley.persistence.JournalVerifier;
import io.parley.persistence.JournaledEvent;
import io.parley.persistence.SessionEvents;
import io.parley.persistence.chain.ChainReport;
import io.parley.persistence.chain.CheckpointKeys;
import io.parley.persistence.chain.Hash;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.TenantId;
import io.parley.sessions.SessionEntity;
import io.parley.sessions.domain.SessionEvent;
import io.parley.sessions.journal.ChainedEvent;
import io.parley.sessions.journal.ChainedSession;
import io.parley.sessions.journal.SessionSerializer;
import java.io.NotSerializableException;
import java.time.Duration;
import java.time.LocalDate;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The edge's and the management listener's view of the journal. */
public final class JournalAudit implements Audit {
  private static final Logger LOG = LoggerFactory.getLogger(JournalAudit.class);

  private final ActorSystem<?> system;
  private final JournalVerifier verifier;
  private final SessionEvents events;
  private final AuditAccesses accesses;
  private final SessionSerializer serializer = new SessionSerializer();

  /**
   * Reads by the connections of the journal's plugin.
   *
   * @param accessesKept how long it is known who audited what
   */
  public JournalAudit(ActorSystem<?> system, CheckpointKeys keys, Duration accessesKept) {
    this.system = system;
    this.verifier = new JournalVerifier(system, keys);
    this.events = new SessionEvents(system);
    this.accesses = new AuditAccesses(system, accessesKept);
  }

  @Override
  public CompletionStage<ChainReport> verify(SessionId session) {
    return verifier.verify(id(session));
  }

  private static String id(SessionId session) {
    return SessionEntity.persistenceId(session).id();
  }

  @Override
  public Source<ChainReport, NotUsed> verifyAll() {
    return verifier.verifyAll();
  }

  @Override
  public Source<Line, NotUsed> events(SessionId session, Range range) {
    return events
        .events(id(session), range.from(), range.to())
        .filter(event -> range.holds(event(event).at()))
        .<Line>map(event -> line(session, event))
        .recoverWithRetries(
            1, NotSerializableException.class, () -> Source.single(unreadable(session)));
  }

  private static Line unreadable(SessionId session) {
    LOG.warn("an event of {} cannot be read", session);
    return new Line.Unreadable(session);
  }

  private Line line(SessionId session, JournaledEvent journaled) {
    ChainedEvent chained = (ChainedEvent) journaled.event();
    return new Line.Event(
        session,
        journaled.sequenceNr(),
        chained.event().at(),
        journaled.storedAtMillis(),
        chained.manifest(),
        chained.hash().map(Hash::toString),
        serializer.readable(chained.event()));
  }

  private static SessionEvent event(JournaledEvent journaled) {
    return ((ChainedEvent) journaled.event()).event();
  }

  @Override
  public Source<Line, NotUsed> export(Optional<TenantId> tenant, Range range) {
    return verifier
        .persistenceIds()
        .mapConcat(id -> SessionEntity.sessionOf(id).map(List::of).orElseGet(List::of))
        .filter(session -> tenant.isEmpty() || tenant.get().equals(session.tenant()))
        .flatMapConcat(session -> events(session, range));
  }

  private record Replayed(ChainedSession session, long sequence, long atMillis) {}

  @Override
  public CompletionStage<Optional<State>> replay(SessionId session, Range range) {
    Replayed nothing = new Replayed(ChainedSession.absent(id(session)), 0, 0);
    return events
        .events(id(session), 1, range.to())
        .takeWhile(event -> range.holds(event(event).at()))
        .runWith(
            Sink.fold(
                nothing,
                (before, event) ->
                    new Replayed(
                        before.session().apply((ChainedEvent) event.event()),
                        event.sequenceNr(),
                        event(event).at())),
            system)
        .thenApply(
            last ->
                last.sequence() == 0
                    ? Optional.empty()
                    : Optional.of(
                        new State(
                            last.sequence(),
                            last.atMillis(),
                            serializer.readable(last.session().session()))));
  }

  @Override
  public CompletionStage<?> accessed(
      String listener, String caller, String address, String request) {
    return accesses.add(listener, caller, address, request);
  }

  @Override
  public Source<Access, NotUsed> accesses(LocalDate day) {
    return accesses.on(day);
  }
}
