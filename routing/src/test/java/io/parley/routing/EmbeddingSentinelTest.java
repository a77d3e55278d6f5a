package io.parley.routing;

import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorRefResolver;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.parley.routing.EmbeddingDispatcher.Handed;
import io.parley.routing.EmbeddingDispatcher.Pull;
import io.parley.routing.EmbeddingDispatcher.Submit;
import io.parley.routing.protocol.EmbeddingReply;
import io.parley.routing.protocol.EmbeddingRequest;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.TenantId;
import io.parley.routing.protocol.WorkerMessage;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

/** A plain socket stands for the process of an encoder's node, which the cluster never gives up. */
class EmbeddingSentinelTest {
  private static final ModelInfo ENCODER =
      new ModelInfo(ModelId.parse("encoder@1"), 8, 0, "tests", "Apache-2.0", 4);
  private static final Config CONFIG =
      ConfigFactory.parseString(
              "akka.remote.watch-failure-detector.acceptable-heartbeat-pause = 1h")
          .withFallback(Fixtures.node());
  private static final ActorTestKit KIT = ActorTestKit.create("embedding-sentinel", CONFIG);
  private static final Duration PATIENCE = Duration.ofMinutes(1);

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  @Test
  void whatAWorkerWhoseProcessDiedHeldGoesToAnother() throws Exception {
    ActorRef<EmbeddingDispatcher.Command> dispatcher =
        KIT.spawn(
            EmbeddingDispatcherBehavior.create(
                EmbeddingQueueSettings.from(CONFIG), model -> true, () -> Instant.EPOCH));
    TestProbe<EmbeddingReply> edge = KIT.createTestProbe();
    TestProbe<WorkerMessage> other = KIT.createTestProbe();
    ServerSocket process = new ServerSocket(0, 8, InetAddress.getLoopbackAddress());
    List<Socket> held = new ArrayList<>();
    Thread accepting = new Thread(() -> accept(process, held), "process");
    accepting.start();
    ActorRef<WorkerMessage> dying =
        ActorRefResolver.get(KIT.system())
            .resolveActorRef("akka://there@127.0.0.1:" + process.getLocalPort() + "/user/worker");
    dispatcher.tell(new Pull(dying, ENCODER.id(), 1, 8));
    dispatcher.tell(
        new Submit(
            ENCODER,
            new EmbeddingRequest.Texts("a", TenantId.DEFAULT, List.of("x"), 60_000),
            edge.ref()));
    dispatcher.tell(new Pull(other.ref(), ENCODER.id(), 1, 8));
    other.expectNoMessage(); // the first one has it

    process.close();
    accepting.join();
    for (Socket socket : held) {
      socket.close();
    }

    Handed handed = other.expectMessageClass(Handed.class, PATIENCE);
    assertThat(handed.requests()).extracting(EmbeddingRequest::id).containsExactly("a");
  }

  private static void accept(ServerSocket process, List<Socket> held) {
    try {
      while (true) {
        held.add(process.accept());
      }
    } catch (IOException e) {
      // it is closed
    }
  }
}
