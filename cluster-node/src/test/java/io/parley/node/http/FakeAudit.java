package io.parley.node.http;

import akka.NotUsed;
import akka.stream.javadsl.Source;
import io.parley.persistence.AuditAccesses.Access;
import io.parley.persistence.chain.ChainReport;
import io.parley.persistence.chain.Finding;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.TenantId;
import java.time.LocalDate;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;

/** A journal with one session that is whole, one that is not, and none else. */
final class FakeAudit implements Audit {
  private static final int EVENTS = 5;

  final List<Access> noted = new CopyOnWriteArrayList<>();
  volatile boolean canNote = true;

  @Override
  public CompletionStage<ChainReport> verify(SessionId session) {
    return CompletableFuture.completedFuture(
        switch (session.value()) {
          case "whole" -> report(session, EVENTS, List.of());
          case "altered" ->
              report(
                  session,
                  7,
                  List.of(new Finding(Finding.Kind.ALTERED, 3, 3, "it is not what it was")));
          default -> report(session, 0, List.of());
        });
  }

  private static ChainReport report(SessionId session, long events, List<Finding> findings) {
    return new ChainReport(
        "session|" + session.entityId(), events, events, 0, 1, 2, Math.min(4, events), findings, 0);
  }

  @Override
  public Source<ChainReport, NotUsed> verifyAll() {
    return Source.from(List.of("whole", "altered"))
        .mapAsync(1, value -> verify(new SessionId(TenantId.DEFAULT, value)));
  }

  /** Event n happened at n * 100. */
  @Override
  public Source<Line, NotUsed> events(SessionId session, Range range) {
    return Source.range(1, EVENTS)
        .mapMaterializedValue(ignored -> NotUsed.getInstance())
        .filter(n -> n >= range.from() && n <= range.to() && range.holds(n * 100L))
        .map(
            n ->
                new Line.Event(
                    session,
                    n,
                    n * 100L,
                    n * 100L + 1,
                    "m.v1",
                    Optional.of("ab"),
                    Json.object().put("n", n)));
  }

  @Override
  public Source<Line, NotUsed> export(Optional<TenantId> tenant, Range range) {
    SessionId session = new SessionId(tenant.orElse(TenantId.DEFAULT), "whole");
    return events(session, range).concat(Source.single(new Line.Unreadable(session)));
  }

  @Override
  public CompletionStage<Optional<State>> replay(SessionId session, Range range) {
    long last = Math.min(EVENTS, Math.min(range.to(), range.untilMillis() / 100));
    return CompletableFuture.completedFuture(
        session.value().equals("whole") && last > 0
            ? Optional.of(new State(last, last * 100, Json.object().put("n", last).put("same", 1)))
            : Optional.empty());
  }

  @Override
  public CompletionStage<?> accessed(
      String listener, String caller, String address, String request) {
    if (!canNote) {
      return CompletableFuture.failedFuture(new IllegalStateException("no journal"));
    }
    noted.add(new Access(0, listener, caller, address, request));
    return CompletableFuture.completedFuture("noted");
  }

  @Override
  public Source<Access, NotUsed> accesses(LocalDate day) {
    return Source.from(List.copyOf(noted));
  }
}
