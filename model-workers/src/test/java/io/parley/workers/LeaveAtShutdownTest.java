package io.parley.workers;

import static io.parley.workers.ScriptedReplica.give;
import static io.parley.workers.WorkerNode.PATIENCE;
import static io.parley.workers.WorkerNode.newModel;
import static io.parley.workers.WorkerNode.newSession;
import static io.parley.workers.WorkerNode.work;
import static org.assertj.core.api.Assertions.assertThat;

import akka.Done;
import akka.actor.CoordinatedShutdown;
import akka.actor.testkit.typed.javadsl.TestProbe;
import io.parley.routing.protocol.AttemptReport.TokenGroup;
import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.SessionInbox;
import io.parley.routing.protocol.Work;
import io.parley.routing.protocol.WorkerMessage.GroupAccepted;
import io.parley.workers.replica.Replica.Listener;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** When a stopping node's workers leave. */
class LeaveAtShutdownTest {
  @Test
  void answersGoOnWhileRequestsMayEnd() throws Exception {
    try (WorkerNode node =
        new WorkerNode("session", "akka.coordinated-shutdown.default-phase-timeout = 20s")) {
      node.join(node);
      ModelInfo model = newModel();
      SessionId id = newSession();
      TestProbe<SessionInbox> session = node.session(id);
      ScriptedReplica replica = new ScriptedReplica(model, 2);
      node.kit.spawn(ModelWorker.create(() -> replica));
      Work work = work(model, id, 1, List.of());
      node.submit(work);
      Listener listener = replica.admit(work.id(), 1);
      CompletableFuture<Void> draining = new CompletableFuture<>();
      CompletableFuture<Done> drained = new CompletableFuture<>();
      CoordinatedShutdown shutdown = CoordinatedShutdown.get(node.kit.system());
      shutdown.addTask(
          CoordinatedShutdown.PhaseServiceRequestsDone(),
          "requests",
          () -> {
            draining.complete(null);
            return drained;
          });

      CompletionStage<Done> stopped = shutdown.runAll(CoordinatedShutdown.unknownReason());
      draining.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
      assertThat(replica.cancelled).isEmpty();
      give(listener, 2);
      listener.finished(new Finish(FinishReason.STOP, ""));

      boolean ended = false;
      while (!ended) {
        if (session.receiveMessage(PATIENCE) instanceof TokenGroup group) {
          ended = group.finish().isPresent();
          int next = group.firstIndex() + group.tokens().size();
          group.worker().tell(new GroupAccepted(work.id(), next, ended));
        }
      }
      drained.complete(Done.getInstance());
      stopped.toCompletableFuture().get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
      assertThat(replica.cancelled).isEmpty();
      assertThat(replica.closed).isTrue();
    }
  }
}
