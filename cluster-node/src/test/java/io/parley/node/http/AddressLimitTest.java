package io.parley.node.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.InputStream;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

class AddressLimitTest {
  private static final String HI =
      "{\"model\":\"fake\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}";

  @Test
  void countsEachAddressByItself() {
    AddressLimit limit = new AddressLimit(2);
    assertThat(limit.enter("a")).isTrue();
    assertThat(limit.enter("a")).isTrue();
    assertThat(limit.enter("a")).isFalse();
    assertThat(limit.enter("b")).isTrue();
    assertThat(limit.total()).isEqualTo(3);

    limit.leave("a");
    assertThat(limit.enter("a")).isTrue();
    limit.leave("a");
    limit.leave("a");
    limit.leave("b");
    assertThat(limit.total()).isZero();
  }

  @Test
  void holdsWhenManyComeAtOnce() throws Exception {
    AddressLimit limit = new AddressLimit(10);
    AtomicInteger admitted = new AtomicInteger();
    ExecutorService threads = Executors.newFixedThreadPool(4);
    for (int i = 0; i < 400; i++) {
      threads.execute(
          () -> {
            if (limit.enter("a")) {
              admitted.incrementAndGet();
            }
          });
    }
    threads.shutdown();
    assertThat(threads.awaitTermination(30, TimeUnit.SECONDS)).isTrue();
    assertThat(admitted).hasValue(10);
  }

  @Test
  void anOpenStreamCountsUntilItsEnd() throws Exception {
    try (RunningEdge edge =
        RunningEdge.start(
            new FakeSessions().manual(), "parley.http.max-requests-per-address = 1")) {
      InputStream stream = edge.open("/v1/chat/completions", HI).body();

      assertThat(edge.get("/health/live").code()).isEqualTo("too_many_requests");

      edge.sessions.advance(100);
      stream.readAllBytes();
      Awaitility.await().until(() -> edge.get("/health/live").status() == 200);
    }
  }
}
