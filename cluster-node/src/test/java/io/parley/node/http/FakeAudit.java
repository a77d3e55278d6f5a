package io.parley.node.http;

import akka.NotUsed;
import akka.stream.javadsl.Source;
import io.parley.persistence.chain.ChainReport;
import io.parley.persistence.chain.Finding;
import io.parley.routing.protocol.SessionId;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** A journal with one session that is whole, one that is not, and none else. */
final class FakeAudit implements Audit {
  @Override
  public CompletionStage<ChainReport> verify(SessionId session) {
    return CompletableFuture.completedFuture(
        switch (session.value()) {
          case "whole" -> report(session, 5, List.of());
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
        .mapAsync(
            1, value -> verify(new SessionId(io.parley.routing.protocol.TenantId.DEFAULT, value)));
  }
}
