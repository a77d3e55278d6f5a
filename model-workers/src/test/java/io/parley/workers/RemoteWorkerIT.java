package io.parley.workers;

import static io.parley.workers.WorkerNode.PATIENCE;
import static io.parley.workers.WorkerNode.newModel;
import static io.parley.workers.WorkerNode.newSession;
import static io.parley.workers.WorkerNode.work;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import akka.actor.Address;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.cluster.typed.Cluster;
import akka.cluster.typed.Down;
import io.parley.routing.Dispatcher.Full;
import io.parley.routing.Dispatcher.Queued;
import io.parley.routing.WorkerDirectory;
import io.parley.routing.protocol.AttemptReport.Admitted;
import io.parley.routing.protocol.AttemptReport.Dispatched;
import io.parley.routing.protocol.AttemptReport.TokenGroup;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.SessionInbox;
import io.parley.routing.protocol.Work;
import io.parley.routing.protocol.WorkerMessage.GroupAccepted;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Dispatcher and sessions on one node, the worker on another, and the wire in between. */
class RemoteWorkerIT {
  private static final int QUEUE = 5;

  private final ModelInfo model = newModel();
  private final SessionId sessionId = newSession();
  private final ScriptedReplica replica = new ScriptedReplica(model, 2);

  @Test
  void worksGoToAWorkerOnAnotherNodeAndItsDeathIsSeen() {
    try (WorkerNode front = new WorkerNode("session", "parley.routing.queue-capacity = " + QUEUE)) {
      front.join(front);
      TestProbe<SessionInbox> session = front.session(sessionId);
      Work work = work(model, sessionId, 1, List.of());
      WorkerNode back = new WorkerNode("worker", "").join(front);
      try {
        back.kit.spawn(ModelWorker.create(() -> replica));
        WorkerDirectory directory = WorkerDirectory.get(front.kit.system());
        await().atMost(PATIENCE).until(() -> directory.serves(model.id()));
        assertThat(front.submit(work)).isInstanceOf(Queued.class);
        replica.admit(work.id(), 1, 2);

        TokenGroup group = expect(session, TokenGroup.class);
        assertThat(group.tokens()).isNotEmpty();
        group.worker().tell(new GroupAccepted(work.id(), group.tokens().size(), false));

        // over the wire too, works wait with the dispatcher and not on the way
        front.submit(work(model, sessionId, 2, List.of()));
        await().atMost(PATIENCE).until(() -> replica.started.size() == 2);
        for (int turn = 3; turn < 3 + QUEUE; turn++) {
          assertThat(front.submit(work(model, sessionId, turn, List.of())))
              .isInstanceOf(Queued.class);
        }
        assertThat(front.submit(work(model, sessionId, 99, List.of()))).isInstanceOf(Full.class);

        TestProbe<SessionInbox> watcher = front.kit.createTestProbe(SessionInbox.class);
        Address gone = Cluster.get(back.kit.system()).selfMember().address();
        back.close();
        // what the split brain resolver does some seconds after a crash
        Cluster.get(front.kit.system()).manager().tell(new Down(gone));
        watcher.expectTerminated(group.worker(), PATIENCE);
      } finally {
        back.close();
      }

      // another worker takes what waited, as soon as it is there
      ScriptedReplica other = new ScriptedReplica(model, 2);
      front.kit.spawn(ModelWorker.create(() -> other));
      await().atMost(PATIENCE).until(() -> other.started.size() == 2);
      assertThat(other.started).extracting(id -> id.turn()).containsExactly(3, 4);
    }
  }

  private static <T extends SessionInbox> T expect(TestProbe<SessionInbox> session, Class<T> kind) {
    while (true) {
      SessionInbox message = session.receiveMessage(PATIENCE);
      if (kind.isInstance(message)) {
        return kind.cast(message);
      }
      assertThat(message).isInstanceOfAny(Dispatched.class, Admitted.class, TokenGroup.class);
    }
  }
}
