package io.parley.node.audit.reproduce;

import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.Work;
import io.parley.sessions.domain.Absent;
import io.parley.sessions.domain.Generating;
import io.parley.sessions.domain.Session;
import io.parley.sessions.domain.SessionEvent;
import io.parley.sessions.domain.SessionEvent.TokensAppended;
import io.parley.sessions.domain.SessionEvent.TurnAdmitted;
import io.parley.sessions.domain.SessionEvent.TurnCompleted;
import io.parley.sessions.domain.TurnSpec;
import io.parley.workers.reproduce.RecordedAttempt;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Replays a history, and makes each turn's attempts again as they were dispatched: the session
 * itself says what of the conversation each of them had.
 */
final class RecordedTurns {
  private final SessionId id;
  private final List<RecordedTurn> turns = new ArrayList<>();
  private final List<Long> unfit = new ArrayList<>();
  private Session state = new Absent();

  // of the turn that runs
  private TurnSpec spec;
  private List<Message> messages = List.of();
  private final List<RecordedAttempt> attempts = new ArrayList<>();
  private final List<Integer> answer = new ArrayList<>();
  private Open attempt;

  /** An attempt in the making. */
  private static final class Open {
    private final int number;
    private final List<Integer> prefix;
    private final List<Token> tokens = new ArrayList<>();
    private Optional<PromptInfo> prompt = Optional.empty();

    Open(int number, List<Integer> prefix) {
      this.number = number;
      this.prefix = List.copyOf(prefix);
    }
  }

  private RecordedTurns(SessionId id) {
    this.id = id;
  }

  /**
   * A history, replayed.
   *
   * @param turns all of them, the one that runs included
   * @param unfit numbers of events that do not fit into it, and change nothing in it
   */
  record Replay(List<RecordedTurn> turns, List<Long> unfit) {}

  static Replay of(SessionHistory history) {
    RecordedTurns replay = new RecordedTurns(history.id());
    history.events().forEach(replay::apply);
    if (replay.state instanceof Generating) {
      replay.endTurn(Optional.empty());
    }
    return new Replay(replay.turns, replay.unfit);
  }

  private void apply(SessionHistory.Event recorded) {
    SessionEvent event = recorded.event();
    Session before = state;
    state = state.apply(event);
    if (state == before) {
      unfit.add(recorded.sequence());
    } else if (state instanceof Generating now && !(before instanceof Generating)) {
      spec = now.turn().spec();
      messages = now.prompt();
    } else if (before instanceof Generating && state instanceof Generating now) {
      applyToRunning(now, event);
    } else if (before instanceof Generating) {
      endTurn(
          event instanceof TurnCompleted completed
              ? Optional.of(new Finish(completed.reason(), completed.tail()))
              : Optional.empty());
    }
  }

  private void applyToRunning(Generating now, SessionEvent event) {
    if (event instanceof SessionEvent.AttemptStarted) {
      endAttempt(Optional.empty());
      attempt = new Open(now.turn().attempt(), answer);
    } else if (attempt != null && event instanceof TurnAdmitted admitted) {
      attempt.prompt = Optional.of(admitted.prompt());
    } else if (attempt != null && event instanceof TokensAppended appended) {
      attempt.tokens.addAll(appended.tokens());
      appended.tokens().forEach(token -> answer.add(token.id()));
    }
  }

  private void endAttempt(Optional<Finish> finish) {
    if (attempt != null && (!attempt.tokens.isEmpty() || finish.isPresent())) {
      PromptInfo prompt =
          attempt.prompt.orElse(new PromptInfo(0, 0, 0, spec.request().model(), ""));
      Work work =
          new Work(
              new AttemptId(id, spec.number(), attempt.number),
              spec.request().model(),
              messages,
              attempt.prefix,
              spec.request().sampling(),
              spec.request().contextPolicy(),
              spec.request().priority(),
              spec.startedAt(),
              Long.MAX_VALUE);
      attempts.add(new RecordedAttempt(work, prompt, attempt.tokens, finish));
    }
    attempt = null;
  }

  private void endTurn(Optional<Finish> finish) {
    endAttempt(finish);
    turns.add(new RecordedTurn(id, spec.number(), attempts));
    attempts.clear();
    answer.clear();
  }
}
