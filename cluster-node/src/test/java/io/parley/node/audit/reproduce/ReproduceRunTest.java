package io.parley.node.audit.reproduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.typesafe.config.ConfigFactory;
import io.parley.node.StartupException;
import io.parley.routing.protocol.ContextPolicy;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.Role;
import io.parley.routing.protocol.SamplingParams;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.TenantId;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.TokenLogProb;
import io.parley.routing.protocol.TokenLogProb.Alternative;
import io.parley.sessions.SessionCommand.Failure;
import io.parley.sessions.SessionCommand.TurnRequest;
import io.parley.sessions.domain.SessionEvent;
import io.parley.sessions.domain.SessionEvent.AttemptStarted;
import io.parley.sessions.domain.SessionEvent.SessionCreated;
import io.parley.sessions.domain.SessionEvent.TokensAppended;
import io.parley.sessions.domain.SessionEvent.TurnAdmitted;
import io.parley.sessions.domain.SessionEvent.TurnCancelled;
import io.parley.sessions.domain.SessionEvent.TurnCompleted;
import io.parley.sessions.domain.SessionEvent.TurnStarted;
import io.parley.sessions.journal.SessionSerializer;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.model.ModelStore;
import io.parley.workers.reproduce.RecordedAttempt;
import io.parley.workers.reproduce.TokenReport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** From exported lines to attempts, and what is said where no model is needed to say it. */
class ReproduceRunTest {
  private static final ModelId MODEL = new ModelId("lighthouse", "0123456789ab");
  private static final SessionId ONE = new SessionId(TenantId.DEFAULT, "one");
  private static final SessionId TWO = new SessionId(new TenantId("other"), "two");
  private static final Failure LOST = new Failure(FailureCode.WORKER_LOST, "gone");

  private final SessionSerializer serializer = new SessionSerializer();
  private final List<String> heard = new ArrayList<>();

  @TempDir private Path folder;

  private static TurnRequest request(String input) {
    return new TurnRequest(
        MODEL,
        List.of(),
        List.of(new Message(Role.USER, input)),
        Optional.of("Be brief."),
        SamplingParams.greedy(9),
        ContextPolicy.DROP_OLDEST,
        Priority.BULK,
        true,
        false,
        Map.of());
  }

  private static Token token(int id) {
    return new Token(
        id,
        "t" + id,
        Optional.of(
            new TokenLogProb(
                -0.1f * id, "t" + id, List.of(new Alternative(id, "t" + id, -1f / id)))));
  }

  private static PromptInfo prompt(int dropped, String variant) {
    return new PromptInfo(7, 0, dropped, MODEL, variant);
  }

  /** A turn of two attempts, one that left nothing, and a third of one attempt. */
  private static List<SessionEvent> events(String variant) {
    return List.of(
        new SessionCreated(
            1, Optional.empty(), List.of(new Message(Role.SYSTEM, "Hello.")), Map.of()),
        new TurnStarted(2, 1, "k1", "f", request("first")),
        new AttemptStarted(2, 1, 1, Optional.empty()),
        new TurnAdmitted(3, 1, 1, prompt(0, variant)),
        new TokensAppended(3, 1, 1, 0, List.of(token(1), token(2))),
        new TokensAppended(4, 1, 1, 2, List.of(token(3))),
        new AttemptStarted(5, 1, 2, Optional.of(LOST)),
        new AttemptStarted(6, 1, 3, Optional.of(LOST)),
        new TurnAdmitted(7, 1, 3, prompt(1, variant)),
        new TokensAppended(7, 1, 3, 3, List.of(token(4))),
        new TurnCompleted(8, 1, 3, FinishReason.STOP, "!"),
        new TurnStarted(9, 2, "k2", "f", request("second")),
        new AttemptStarted(9, 2, 1, Optional.empty()),
        new TurnCancelled(10, 2),
        new TurnStarted(11, 3, "k3", "f", request("third")),
        new AttemptStarted(11, 3, 1, Optional.empty()),
        new TurnAdmitted(12, 3, 1, prompt(0, variant)),
        new TokensAppended(12, 3, 1, 0, List.of(token(5))));
  }

  private ObjectNode line(SessionId session, long sequence, SessionEvent event) {
    ObjectNode line = new ObjectMapper().createObjectNode().put("object", "session.event");
    line.put("tenant", session.tenant().value()).put("session_id", "sess_" + session.value());
    line.put("sequence", sequence).put("type", serializer.manifest(event));
    line.set("payload", serializer.readable(event));
    return line;
  }

  private List<String> lines(SessionId session, List<SessionEvent> events) {
    List<String> lines = new ArrayList<>();
    for (SessionEvent event : events) {
      lines.add(line(session, lines.size() + 1, event).toString());
    }
    return lines;
  }

  private Path file(List<String> lines) throws IOException {
    return Files.write(folder.resolve("events.ndjson"), lines);
  }

  private static List<SessionHistory> all(HistorySource source) {
    List<SessionHistory> all = new ArrayList<>();
    for (Iterator<SessionHistory> each = source.histories(); each.hasNext(); ) {
      all.add(each.next());
    }
    return all;
  }

  private Summary run(HistorySource source, OptionalInt turn) {
    heard.clear();
    ReproduceRun.Listener listener =
        new ReproduceRun.Listener() {
          @Override
          public void turn(TurnReport report) {
            heard.add(report.turn() + " " + report.outcome().label());
          }

          @Override
          public void problem(SessionId session, String message) {
            heard.add(session.value() + ": " + message);
          }

          @Override
          public void model(ModelId model, String recordedVariant, String variantHere) {
            throw new AssertionError("no model is here");
          }

          @Override
          public void token(TokenReport report) {
            throw new AssertionError("no token is computed");
          }
        };
    EngineSettings settings = EngineSettings.from(ConfigFactory.load());
    ModelsHere none = new ModelsHere(ModelStore.in(folder), List.of());
    return new ReproduceRun(source, none, settings, turn, true, listener).run();
  }

  @Test
  void attemptsAreThoseThatWereDispatched() throws IOException {
    Path file = file(lines(ONE, events("parley-avx2")));
    SessionHistory history = all(new FileSource(file, Optional.empty(), List.of())).get(0);
    assertThat(history.lacking()).isEmpty();
    assertThat(history.events().stream().map(SessionHistory.Event::event).toList())
        .isEqualTo(events("parley-avx2")); // to the last bit of each log-probability

    RecordedTurns.Replay replay = RecordedTurns.of(history);
    assertThat(replay.unfit()).isEmpty();
    assertThat(replay.turns()).extracting(RecordedTurn::number).containsExactly(1, 2, 3);
    List<RecordedAttempt> first = replay.turns().get(0).attempts();
    assertThat(first).hasSize(2);
    assertThat(first.get(0).work().prefix()).isEmpty();
    assertThat(first.get(0).tokens()).containsExactly(token(1), token(2), token(3));
    assertThat(first.get(0).finish()).isEmpty();
    assertThat(first.get(1).work().id().attempt()).isEqualTo(3);
    assertThat(first.get(1).work().prefix()).containsExactly(1, 2, 3);
    assertThat(first.get(1).prompt()).isEqualTo(prompt(1, "parley-avx2"));
    assertThat(first.get(1).finish()).contains(new Finish(FinishReason.STOP, "!"));
    assertThat(first.get(1).work().startedAtEpochMillis()).isEqualTo(2);
    assertThat(replay.turns().get(1).attempts()).isEmpty();
    RecordedAttempt third = replay.turns().get(2).attempts().get(0);
    assertThat(third.work().messages())
        .extracting(Message::content)
        .containsExactly("Be brief.", "Hello.", "first", "t1t2t3t4!", "third");
    assertThat(third.work().sampling()).isEqualTo(SamplingParams.greedy(9));
    assertThat(third.work().contextPolicy()).isEqualTo(ContextPolicy.DROP_OLDEST);
  }

  @Test
  void aFileHoldsManySessionsAndPages() throws IOException {
    List<String> lines = new ArrayList<>(lines(ONE, events("upstream")));
    lines.add("{\"object\": \"checkpoint\"}");
    lines.add("");
    lines.add("{\"data\": [" + String.join(", ", lines(TWO, events("upstream"))) + "]}");
    Path file = file(lines);

    assertThat(all(new FileSource(file, Optional.empty(), List.of())))
        .extracting(SessionHistory::id)
        .containsExactly(ONE, TWO);
    assertThat(all(new FileSource(file, Optional.of(TWO), List.of(TWO))))
        .extracting(SessionHistory::id)
        .containsExactly(TWO);
    Summary summary = run(new FileSource(file, Optional.empty(), List.of()), OptionalInt.empty());
    assertThat(summary.turns()).isEqualTo(6);
    assertThat(summary.turns(TurnReport.Outcome.UNKNOWN)).isEqualTo(4);
    assertThat(summary.turns(TurnReport.Outcome.NOTHING)).isEqualTo(2);
    assertThat(summary.confirmed()).isFalse();
  }

  @Test
  void whatIsMissingIsNamed() throws IOException {
    List<String> lines = lines(ONE, events("parley-avx2"));
    lines.remove(4);
    HistorySource gap = new FileSource(file(lines), Optional.empty(), List.of());
    assertThat(run(gap, OptionalInt.empty()).confirmed()).isFalse();
    assertThat(heard).containsExactly("one: event 6 follows on event 4 in its history");

    lines = lines(ONE, events("parley-avx2"));
    lines.set(9, line(ONE, 10, new TokensAppended(7, 1, 2, 3, List.of(token(4)))).toString());
    HistorySource unfit = new FileSource(file(lines), Optional.empty(), List.of());
    assertThat(run(unfit, OptionalInt.empty()).confirmed()).isFalse();
    assertThat(heard).contains("one: event 10 does not fit into its history");
    // the models are not here
    assertThat(heard).contains("2 nothing", "1 unknown", "3 unknown");

    lines.set(3, lines.get(3).replace("turn-admitted.v1", "turn-admitted.v9"));
    HistorySource newer = new FileSource(file(lines), Optional.empty(), List.of());
    assertThat(run(newer, OptionalInt.empty()).confirmed()).isFalse();
    assertThat(heard).hasSize(1).first().asString().contains("event 4 cannot be read");

    HistorySource broken = new FileSource(file(List.of("{")), Optional.empty(), List.of());
    assertThatThrownBy(broken::histories).isInstanceOf(StartupException.class);
    HistorySource empty = new FileSource(file(List.of()), Optional.empty(), List.of());
    assertThat(run(empty, OptionalInt.empty()).confirmed()).isFalse();
  }

  @Test
  void oneTurnCanBeChosen() throws IOException {
    HistorySource source =
        new FileSource(file(lines(ONE, events("simulated-1"))), Optional.empty(), List.of());
    run(source, OptionalInt.of(3));
    assertThat(heard).containsExactly("3 unknown");
    assertThat(run(source, OptionalInt.of(2)).confirmed()).isTrue();
    assertThat(run(source, OptionalInt.of(4)).confirmed()).isFalse();
    assertThat(heard).containsExactly("one: it has no turn 4");
  }
}
