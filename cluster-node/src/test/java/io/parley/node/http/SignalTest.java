package io.parley.node.http;

import static org.assertj.core.api.Assertions.assertThat;

import akka.http.javadsl.model.ContentTypes;
import akka.http.javadsl.model.HttpEntities;
import akka.http.javadsl.model.HttpResponse;
import akka.stream.javadsl.Sink;
import akka.stream.javadsl.Source;
import akka.util.ByteString;
import io.parley.node.http.Turns.OnDisconnect;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** A connection that serves many requests must not remember them. */
class SignalTest {
  private final Connection connection = Connection.open();
  private final AtomicInteger times = new AtomicInteger();

  @Test
  void isGivenOnceAndRemembered() {
    connection.closed().listen(times::incrementAndGet);
    connection.closed().give();
    connection.closed().give();
    assertThat(times).hasValue(1);
    connection.closed().listen(times::incrementAndGet);
    assertThat(times).hasValue(2);
  }

  @Test
  void forgetsReadersThatCameToTheirEnd() {
    OnDisconnect ended = new OnDisconnect(false, times::incrementAndGet);
    ended.watch(connection.closed());
    OnDisconnect gone = new OnDisconnect(false, times::incrementAndGet);
    gone.watch(connection.closed());
    assertThat(connection.closed().waiting()).isEqualTo(2);

    ended.ended();
    gone.gone();

    assertThat(connection.closed().waiting()).isZero();
    assertThat(times).hasValue(1);
  }

  @Test
  void forgetsResponsesThatWereSent() throws Exception {
    try (RunningEdge edge = RunningEdge.start(new FakeSessions())) {
      HttpResponse response =
          Replies.whenEnded(
              HttpResponse.create()
                  .withEntity(
                      HttpEntities.create(
                          ContentTypes.APPLICATION_OCTET_STREAM,
                          Source.single(ByteString.fromString("x")))),
              connection,
              times::incrementAndGet);
      assertThat(connection.terminated().waiting()).isEqualTo(1);

      response
          .entity()
          .getDataBytes()
          .runWith(Sink.ignore(), edge.system())
          .toCompletableFuture()
          .get(20, TimeUnit.SECONDS);
      org.awaitility.Awaitility.await().until(() -> times.get() == 1);
      assertThat(connection.terminated().waiting()).isZero();
    }
  }
}
