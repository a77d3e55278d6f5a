package io.parley.routing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import io.parley.routing.protocol.WorkerMessage;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

/** A plain socket stands for the process of a worker's node. */
class SentinelBehaviorTest {
  private static final ActorTestKit KIT = ActorTestKit.create();
  private static final Duration PATIENCE = Duration.ofMinutes(1);

  private final AtomicInteger stops = new AtomicInteger();
  private final TestProbe<WorkerMessage> worker = KIT.createTestProbe();

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  private ActorRef<?> sentinel(ServerSocket process) {
    InetSocketAddress address =
        new InetSocketAddress(InetAddress.getLoopbackAddress(), process.getLocalPort());
    return KIT.spawn(
        SentinelBehavior.create(() -> address, worker.ref(), stops::incrementAndGet).unsafeCast());
  }

  private static ServerSocket process() throws IOException {
    return new ServerSocket(0, 8, InetAddress.getLoopbackAddress());
  }

  @Test
  void stopsWhenTheProcessIsGone() throws IOException {
    TestProbe<Object> watcher = KIT.createTestProbe();
    ServerSocket process = process();
    ActorRef<?> sentinel = sentinel(process);
    Socket held = process.accept();
    process.close();
    held.close();

    watcher.expectTerminated(sentinel, PATIENCE);
    await().atMost(PATIENCE).untilAsserted(() -> assertThat(stops).hasValue(1));
  }

  @Test
  void connectsAgainWhenOnlyTheConnectionIsLost() throws IOException {
    TestProbe<Object> watcher = KIT.createTestProbe();
    try (ServerSocket process = process()) {
      ActorRef<?> sentinel = sentinel(process);
      process.accept().close();
      try (Socket again = process.accept()) {
        assertThat(again.isConnected()).isTrue();
        assertThat(stops).hasValue(0);
        worker.stop(); // its node left the cluster
        watcher.expectTerminated(sentinel, PATIENCE);
      }
    }
    await().atMost(PATIENCE).untilAsserted(() -> assertThat(stops).hasValue(1));
  }

  @Test
  void aWorkerOfThisNodeNeedsNone() {
    WorkerSentinels sentinels = WorkerSentinels.get(KIT.system());

    assertThat(sentinels.of(worker.ref())).isEqualTo(Optional.empty());
    assertThat(sentinels.known(worker.ref())).isEqualTo(Optional.empty());
  }
}
