package io.parley.node.http;

import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.ManualTime;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.TenantId;
import io.parley.routing.protocol.Token;
import io.parley.sessions.SessionCommand.Reply.TurnSlice;
import io.parley.sessions.SessionCommand.TurnProgress;
import io.parley.sessions.SessionCommand.TurnStatus;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class TurnReaderTest {
  private static final SessionId SESSION = new SessionId(TenantId.DEFAULT, "s");

  private final Config config =
      ManualTime.config()
          .withFallback(
              ConfigFactory.parseString(
                  "parley.http.ask-backoff = 1m, akka.actor.provider = local, akka.loglevel = OFF"))
          .withFallback(ConfigFactory.load());
  private final ActorTestKit kit = ActorTestKit.create("reader", config);
  private final ManualTime time = ManualTime.get(kit.system());

  @AfterEach
  void stop() {
    kit.shutdownTestKit();
  }

  private CompletableFuture<TurnSlice> read(
      TurnStatus status, boolean seenAdmitted, Token... tokens) {
    TurnProgress turn =
        new TurnProgress(
            1,
            status,
            Optional.empty(),
            tokens.length,
            "",
            Optional.empty(),
            Optional.empty(),
            1,
            1,
            Optional.empty());
    SessionGateway sessions =
        (session, command) ->
            CompletableFuture.completedFuture(new TurnSlice(turn, 0, List.of(tokens)));
    return new TurnReader(sessions, HttpSettings.of(config), kit.system())
        .read(SESSION, 1, 0, seenAdmitted)
        .toCompletableFuture();
  }

  @Test
  void waitsBehindAnAnswerWithNothingNew() throws Exception {
    List<CompletableFuture<TurnSlice>> slices =
        List.of(read(TurnStatus.RUNNING, true), read(TurnStatus.QUEUED, false));
    assertThat(slices).allSatisfy(slice -> assertThat(slice).isNotDone());

    time.timePasses(Duration.ofMinutes(1));

    for (CompletableFuture<TurnSlice> slice : slices) {
      assertThat(slice.get(20, TimeUnit.SECONDS).tokens()).isEmpty();
    }
  }

  @Test
  void handsOnWhatIsNewAtOnce() {
    assertThat(read(TurnStatus.RUNNING, true, new Token(1, "a"))).isDone();
    assertThat(read(TurnStatus.RUNNING, false)).isDone();
    assertThat(read(TurnStatus.CANCELLED, true)).isDone();
  }
}
