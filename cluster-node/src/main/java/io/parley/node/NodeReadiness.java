package io.parley.node;

import akka.actor.typed.ActorSystem;
import akka.cluster.MemberStatus;
import akka.cluster.typed.Cluster;
import akka.stream.javadsl.Sink;
import io.parley.node.http.BulkView;
import io.parley.node.http.EventHistory;
import io.parley.node.http.Readiness;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.TenantId;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * Whether this node can serve: it is a member of its cluster, the journal answers a read, and
 * somebody serves a model.
 */
final class NodeReadiness implements Readiness {
  private static final Duration JOURNAL_TIMEOUT = Duration.ofSeconds(3);

  /** A history that is always empty. */
  private static final SessionId NOBODY = new SessionId(TenantId.DEFAULT, "readiness");

  private final ActorSystem<?> system;
  private final EventHistory history;
  private final Supplier<List<ModelInfo>> served;
  private final Optional<BulkView> bulk;

  NodeReadiness(
      ActorSystem<?> system,
      EventHistory history,
      Supplier<List<ModelInfo>> served,
      Optional<BulkView> bulk) {
    this.system = system;
    this.history = history;
    this.served = served;
    this.bulk = bulk;
  }

  @Override
  public CompletionStage<List<Check>> check() {
    boolean member = Cluster.get(system).selfMember().status() == MemberStatus.up();
    List<String> models = served.get().stream().map(model -> model.id().toString()).toList();
    return history
        .events(NOBODY, 0)
        .completionTimeout(JOURNAL_TIMEOUT)
        .runWith(Sink.ignore(), system)
        .handle(
            (done, failure) ->
                Stream.concat(
                        Stream.of(
                            new Check("cluster", member, true, member ? "up" : "not a member"),
                            new Check(
                                "journal",
                                failure == null,
                                true,
                                failure == null ? "answers" : "silent"),
                            new Check(
                                "models", !models.isEmpty(), false, String.join(", ", models))),
                        bulk.stream().map(view -> bulk(view.state())))
                    .toList());
  }

  /** The edge serves without a broker. */
  private static Check bulk(BulkView.State state) {
    return new Check(
        "bulk",
        state.problem().isEmpty(),
        false,
        state.problem().isEmpty() ? state.state() : state.problem());
  }
}
