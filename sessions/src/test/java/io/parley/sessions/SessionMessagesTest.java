package io.parley.sessions;

import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import akka.cluster.sharding.typed.javadsl.ClusterSharding;
import akka.persistence.testkit.javadsl.EventSourcedBehaviorTestKit;
import com.typesafe.config.ConfigFactory;
import io.parley.persistence.chain.Checkpoints;
import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.AttemptReport;
import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.SessionInbox;
import io.parley.routing.protocol.TenantId;
import io.parley.routing.protocol.WorkerMessage;
import io.parley.sessions.SessionCommand.Reply;
import io.parley.sessions.domain.Generating;
import io.parley.sessions.domain.Idle;
import io.parley.sessions.journal.ChainedEvent;
import io.parley.sessions.journal.ChainedSession;
import io.parley.sessions.journal.Sealer;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

/** Every command, answer, event and state survives its serializer, and equals itself after it. */
class SessionMessagesTest {
  private static final ActorTestKit KIT =
      ActorTestKit.create(
          "messages", EventSourcedBehaviorTestKit.config().withFallback(ConfigFactory.load()));

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  @Test
  void aSessionsLifeInMessages() {
    SessionId id = new SessionId(TenantId.DEFAULT, "messages");
    SessionFixture.FakeDispatcher dispatcher = new SessionFixture.FakeDispatcher();
    TestProbe<WorkerMessage> worker = KIT.createTestProbe();
    EventSourcedBehaviorTestKit<SessionInbox, ChainedEvent, ChainedSession> session =
        EventSourcedBehaviorTestKit.create(
            KIT.system(),
            SessionEntity.create(
                id,
                new SessionEntity.Surroundings(
                    SessionSettings.from(KIT.system().settings().config()),
                    dispatcher,
                    new ListedTurns(),
                    new LiveSessions<>(1 << 20, idle -> {}),
                    KIT.<ClusterSharding.ShardCommand>createTestProbe().ref(),
                    () -> true,
                    new Sealer(),
                    Checkpoints.NONE,
                    InstantSource.system())),
            EventSourcedBehaviorTestKit.enabledSerializationSettings().withVerifyEquality(true));

    ask(session, to -> new SessionCommand.Create("f", List.of(), Map.of("a", "b"), to));
    ask(session, to -> new SessionCommand.AppendMessages("m", List.of(), to));
    ask(session, to -> new SessionCommand.SetMetadata(Map.of(), to));
    ask(
        session,
        to ->
            new SessionCommand.StartTurn(
                "k", "f", false, Optional.of(0), Samples.request("hello"), to));
    AttemptId attempt = new AttemptId(id, 1, 1);
    session.runCommand(new AttemptReport.Dispatched(attempt, worker.ref()));
    session.runCommand(new AttemptReport.Admitted(attempt, Samples.PROMPT, worker.ref()));
    ask(session, to -> new SessionCommand.ReadTurn(1, 0, false, to));
    var running =
        session.runCommand(
            new AttemptReport.TokenGroup(
                attempt,
                Samples.PROMPT,
                0,
                Samples.tokens(0, "a", "b"),
                Optional.empty(),
                worker.ref()));
    assertThat(running.state().session()).isInstanceOf(Generating.class);
    ask(session, to -> new SessionCommand.GetTurn(1, to));
    var ended =
        session.runCommand(
            new AttemptReport.TokenGroup(
                attempt,
                Samples.PROMPT,
                2,
                List.of(),
                Optional.of(new Finish(FinishReason.LENGTH, "!")),
                worker.ref()));
    assertThat(ended.state().session()).isInstanceOf(Idle.class);
    ask(session, to -> new SessionCommand.ReadTurn(1, 0, true, to));
    ask(session, to -> new SessionCommand.Resume(1, to));
    ask(session, to -> new SessionCommand.CancelTurn(1, to));
    Reply view = ask(session, SessionCommand.Get::new);
    assertThat(((Reply.SessionView) view).turns().get(0).answer()).isEqualTo("ab!");
    ask(session, to -> new SessionCommand.DeleteTurn(1, to));
    ask(session, to -> new SessionCommand.GetTurn(1, to));
    ask(session, SessionCommand.Delete::new);
  }

  private static Reply ask(
      EventSourcedBehaviorTestKit<SessionInbox, ChainedEvent, ChainedSession> session,
      Function<ActorRef<Reply>, SessionInbox> command) {
    return session.runCommand(command).reply();
  }
}
