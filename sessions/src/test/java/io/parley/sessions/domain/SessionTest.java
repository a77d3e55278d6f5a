package io.parley.sessions.domain;

import static io.parley.sessions.domain.Sessions.LIMITS;
import static io.parley.sessions.domain.Sessions.after;
import static io.parley.sessions.domain.Sessions.append;
import static io.parley.sessions.domain.Sessions.assistant;
import static io.parley.sessions.domain.Sessions.deleted;
import static io.parley.sessions.domain.Sessions.ended;
import static io.parley.sessions.domain.Sessions.events;
import static io.parley.sessions.domain.Sessions.finish;
import static io.parley.sessions.domain.Sessions.generating;
import static io.parley.sessions.domain.Sessions.idle;
import static io.parley.sessions.domain.Sessions.start;
import static io.parley.sessions.domain.Sessions.startAfter;
import static io.parley.sessions.domain.Sessions.user;
import static org.assertj.core.api.Assertions.assertThat;

import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.Role;
import io.parley.sessions.Samples;
import io.parley.sessions.SessionCommand.Failure;
import io.parley.sessions.SessionCommand.RefusalReason;
import io.parley.sessions.domain.Decision.AnswerAgain;
import io.parley.sessions.domain.Decision.Outcome;
import io.parley.sessions.domain.Decision.Refuse;
import io.parley.sessions.domain.SessionAction.Admit;
import io.parley.sessions.domain.SessionAction.AppendMessages;
import io.parley.sessions.domain.SessionAction.CancelTurn;
import io.parley.sessions.domain.SessionAction.Create;
import io.parley.sessions.domain.SessionAction.Delete;
import io.parley.sessions.domain.SessionAction.DeleteTurn;
import io.parley.sessions.domain.SessionAction.FailTurn;
import io.parley.sessions.domain.SessionAction.LoseAttempt;
import io.parley.sessions.domain.SessionAction.SetMetadata;
import io.parley.sessions.domain.SessionAction.StartTurn;
import io.parley.sessions.domain.SessionEvent.TurnCompleted;
import io.parley.sessions.domain.SessionEvent.TurnStarted;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class SessionTest {
  private static final String NOT_FOUND = "NOT_FOUND";
  private static final String RUNNING = "TURN_RUNNING";
  private static final String NOT_LAST = "TURN_NOT_LAST";

  /** State, action, and what is decided: event names, a refusal, or the answer given again. */
  static Stream<Arguments> transitions() {
    var create = new Create("f", List.of(user("before")), Map.of());
    var otherCreate = new Create("another", List.of(user("before")), Map.of());
    var add = new AppendMessages("m", List.of(user("more")));
    var otherAdd = new AppendMessages("m", List.of(user("less")));
    var metadata = new SetMetadata(Map.of("a", "b"));
    var lose = new LoseAttempt(1, 1, Sessions.LOST);
    var fail = new FailTurn(1, 1, new Failure(FailureCode.QUEUE_TIMEOUT, "late"));
    var admit = new SessionAction.Admit(1, 1, Samples.PROMPT);
    var otherRequest =
        new StartTurn("k1", "another", true, Optional.empty(), Samples.request("bye"));
    var elsewhere = new StartTurn("k1", "another", false, Optional.empty(), Samples.request("bye"));
    var onlyExisting = new StartTurn("k1", "f", false, Optional.empty(), Samples.request("hello"));
    Session absent = new Absent();
    return Stream.of(
        row(absent, create, "SessionCreated"),
        row(absent, start("k1"), "SessionCreated TurnStarted AttemptStarted"),
        row(absent, onlyExisting, NOT_FOUND),
        row(absent, add, NOT_FOUND),
        row(absent, metadata, NOT_FOUND),
        row(absent, new CancelTurn(1), NOT_FOUND),
        row(absent, new DeleteTurn(1), NOT_FOUND),
        row(absent, new Delete(), NOT_FOUND),
        row(absent, append(1, 1, 0, "a"), "Drop"),
        row(idle(), create, "Done"),
        row(idle(), otherCreate, "KEY_REUSED"),
        row(after(idle(), metadata), create, "Done"),
        row(idle(), start("k1"), "TurnStarted AttemptStarted"),
        row(idle(), otherRequest, "KEY_REUSED"),
        row(idle(), elsewhere, "TurnStarted AttemptStarted"),
        row(after(idle(), add), add, "Done"),
        row(after(idle(), add), otherAdd, "KEY_REUSED"),
        row(idle(), add, "MessagesAppended"),
        row(idle(), metadata, "MetadataSet"),
        row(idle(), new CancelTurn(1), NOT_FOUND),
        row(idle(), new DeleteTurn(1), NOT_FOUND),
        row(idle(), new Delete(), "SessionDeleted"),
        row(idle(), admit, "Drop"),
        row(ended(), start("k1"), "Turn 1 repeated"),
        row(ended(), otherRequest, "KEY_REUSED"),
        row(ended(), start("k2"), "TurnStarted AttemptStarted"),
        row(ended(), startAfter(1, "k2"), "TurnStarted AttemptStarted"),
        row(after(ended(), start("k2"), finish(2, 1, 0, "c")), startAfter(1, "k3"), NOT_LAST),
        row(after(ended(), start("k2"), new CancelTurn(2)), startAfter(1, "k3"), NOT_LAST),
        row(after(ended(), start("k2"), finish(2, 1, 0)), startAfter(1, "k2"), "Turn 2 repeated"),
        row(after(ended(), start("k2")), startAfter(1, "k2"), "Turn 2 repeated"),
        row(after(ended(), start("k2")), startAfter(1, "k3"), NOT_LAST),
        row(after(ended(), start("k2")), startAfter(2, "k3"), RUNNING),
        row(ended(), create, "Done"),
        row(ended(), otherCreate, "KEY_REUSED"),
        row(ended(), new CancelTurn(1), "Done"),
        row(ended(), new DeleteTurn(1), "TurnDeleted"),
        row(after(ended(), new DeleteTurn(1)), new DeleteTurn(1), "Done"),
        row(ended(), finish(1, 1, 0, "a", "b"), "Next 2 ended"),
        row(ended(), append(1, 2, 0, "a"), "Drop"),
        row(ended(), lose, "Drop"),
        row(ended(), fail, "Drop"),
        row(generating(), create, "Done"),
        row(generating(), start("k1"), "Turn 1 repeated"),
        row(generating(), otherRequest, "KEY_REUSED"),
        row(generating(), start("k2"), RUNNING),
        row(generating(), add, RUNNING),
        row(generating(), metadata, "MetadataSet"),
        row(generating(), admit, "Done"),
        row(generating(), append(1, 1, 2, "c"), "TokensAppended"),
        row(generating(), append(1, 1, 1, "b", "c"), "TokensAppended"),
        row(generating(), append(1, 1, 0, "a", "b"), "Next 2"),
        row(generating(), append(1, 1, 0, "a"), "Next 2"),
        row(generating(), append(1, 1, 3, "d"), "Next 2"),
        row(generating(), finish(1, 1, 3, "d"), "Next 2"),
        row(generating(), finish(1, 1, 2, "c"), "TokensAppended TurnCompleted"),
        row(generating(), finish(1, 1, 1, "b", "c"), "TokensAppended TurnCompleted"),
        row(generating(), finish(1, 1, 2), "TurnCompleted"),
        row(generating(), append(1, 2, 2, "c"), "Drop"),
        row(generating(), append(2, 1, 2, "c"), "Drop"),
        row(generating(), lose, "AttemptStarted"),
        row(generating(), new LoseAttempt(1, 2, Sessions.LOST), "Drop"),
        row(generating(), fail, "TurnFailed"),
        row(generating(), new FailTurn(1, 2, Sessions.LOST), "Drop"),
        row(generating(), new CancelTurn(1), "TurnCancelled"),
        row(generating(), new CancelTurn(2), NOT_FOUND),
        row(generating(), new DeleteTurn(1), "TurnCancelled TurnDeleted"),
        row(generating(), new Delete(), "TurnCancelled SessionDeleted"),
        row(after(generating(), lose), append(1, 1, 2, "c"), "Drop"),
        row(after(generating(), lose), append(1, 2, 2, "c"), "TurnAdmitted TokensAppended"),
        row(deleted(), new Delete(), "Done"),
        row(deleted(), create, NOT_FOUND),
        row(deleted(), start("k1"), NOT_FOUND),
        row(deleted(), append(1, 1, 0, "a"), "Drop"));
  }

  private static Arguments row(Session state, SessionAction action, String expected) {
    return Arguments.of(state, action, expected);
  }

  @ParameterizedTest(name = "[{index}] {2}")
  @MethodSource("transitions")
  void decidesByTheTable(Session state, SessionAction action, String expected) {
    assertThat(describe(state.decide(action, 7, LIMITS))).isEqualTo(expected);
  }

  private static String describe(Decision decision) {
    if (decision instanceof Refuse refuse) {
      return refuse.reason().name();
    }
    if (decision instanceof AnswerAgain again) {
      if (again.outcome() instanceof Outcome.Turn turn) {
        return "Turn " + turn.number() + (turn.repeated() ? " repeated" : "");
      }
      if (again.outcome() instanceof Outcome.Next next) {
        return "Next " + next.index() + (next.ended() ? " ended" : "");
      }
      return again.outcome().getClass().getSimpleName();
    }
    return String.join(" ", events(decision));
  }

  @Test
  void anOverlappingGroupAddsOnlyItsNewTokens() {
    Generating session = (Generating) after(generating(), append(1, 1, 1, "b", "c"));
    assertThat(session.turn().answer().tokens()).isEqualTo(Samples.tokens(0, "a", "b", "c"));
  }

  @Test
  void aCompletedTurnIsPartOfTheNextPrompt() {
    Generating session = (Generating) after(ended(), start("k2"));
    assertThat(session.prompt()).containsExactly(user("hello"), assistant("ab!"), user("hello"));
  }

  @Test
  void instructionsComeFirstAndForTheirTurnAlone() {
    var request =
        Samples.request(List.of(user("history")), "hello", Optional.of("Answer in French"));
    Generating session =
        (Generating) after(new Absent(), new StartTurn("k1", "f", true, Optional.empty(), request));
    assertThat(session.prompt())
        .containsExactly(
            new Message(Role.SYSTEM, "Answer in French"), user("history"), user("hello"));
    Generating next = (Generating) after(session, finish(1, 1, 0, "a"), start("k2"));
    assertThat(next.prompt())
        .containsExactly(user("history"), user("hello"), assistant("a!"), user("hello"));
  }

  @Test
  void aFailedTurnAddsNothingToTheConversation() {
    Session session = after(generating(), new FailTurn(1, 1, Sessions.LOST), start("k2"));
    assertThat(((Generating) session).prompt()).containsExactly(user("hello"));
  }

  @Test
  void aCancelledTurnAddsItsPartialAnswerIfThereIsOne() {
    Session partial = after(generating(), new CancelTurn(1), start("k2"));
    assertThat(((Generating) partial).prompt())
        .containsExactly(user("hello"), assistant("ab"), user("hello"));
    Session nothing = after(new Absent(), start("k1"), new CancelTurn(1), start("k2"));
    assertThat(((Generating) nothing).prompt()).containsExactly(user("hello"));
  }

  @Test
  void attemptsThatBringTokensDoNotCountAsFruitless() {
    Session session = after(new Absent(), start("k1"));
    for (int attempt = 1; attempt <= 20; attempt++) {
      session =
          after(
              session,
              append(1, attempt, attempt - 1, "x"),
              new LoseAttempt(1, attempt, Sessions.LOST));
    }
    assertThat(((Generating) session).turn().attempt()).isEqualTo(21);
  }

  @Test
  void fruitlessAttemptsAreBounded() {
    Session session = after(new Absent(), start("k1"));
    for (int attempt = 1; attempt <= 3; attempt++) {
      assertThat(session).isInstanceOf(Generating.class);
      session = after(session, new LoseAttempt(1, attempt, Sessions.LOST));
    }
    TurnEnd end = ((Idle) session).conversation().turn(1).orElseThrow().end();
    assertThat(((TurnEnd.Failed) end).failure().code()).isEqualTo(FailureCode.ATTEMPTS_EXHAUSTED);
  }

  @Test
  void workersThatLeaveOrAreLostBeforeTheyAdmittedATurnAreNotItsFault() {
    Failure left = new Failure(FailureCode.WORKER_LEFT, "leaves");
    Session session =
        after(
            new Absent(),
            start("k1"),
            new Admit(1, 1, Samples.PROMPT),
            new LoseAttempt(1, 1, left),
            new Admit(1, 2, Samples.PROMPT),
            new LoseAttempt(1, 2, Sessions.LOST));
    assertThat(((Generating) session).turn().strikes()).isEqualTo(1);
    assertThat(((Generating) session).turn().fruitless()).isEqualTo(2);

    session =
        after(session, new LoseAttempt(1, 3, Sessions.LOST), new LoseAttempt(1, 4, Sessions.LOST));
    TurnEnd end = ((Idle) session).conversation().turn(1).orElseThrow().end();
    assertThat(((TurnEnd.Failed) end).failure().code()).isEqualTo(FailureCode.ATTEMPTS_EXHAUSTED);
  }

  @Test
  void aTurnMayBeHandedOnAsOftenAsNodesLeave() {
    Session session = after(new Absent(), start("k1"));
    for (int attempt = 1; attempt <= 20; attempt++) {
      session =
          after(session, new LoseAttempt(1, attempt, new Failure(FailureCode.WORKER_LEFT, "left")));
    }
    assertThat(((Generating) session).turn().attempt()).isEqualTo(21);
    assertThat(((Generating) session).turn().fruitless()).isEqualTo(1);
  }

  @Test
  void aTokenClearsATurnOfSuspicion() {
    Session session =
        after(
            new Absent(),
            start("k1"),
            new Admit(1, 1, Samples.PROMPT),
            new LoseAttempt(1, 1, Sessions.LOST),
            append(1, 2, 0, "x"),
            new LoseAttempt(1, 2, Sessions.LOST),
            new Admit(1, 3, Samples.PROMPT),
            new LoseAttempt(1, 3, Sessions.LOST));
    assertThat(((Generating) session).turn().strikes()).isEqualTo(1);

    session = after(session, new Admit(1, 4, Samples.PROMPT), new LoseAttempt(1, 4, Sessions.LOST));
    TurnEnd end = ((Idle) session).conversation().turn(1).orElseThrow().end();
    assertThat(((TurnEnd.Failed) end).failure().code()).isEqualTo(FailureCode.POISON_WORK);
  }

  @Test
  void aSessionTakesOnlySoManyTurns() {
    var limits = new SessionLimits(1, 1 << 20, 1 << 20, 3);
    Decision decision = ended().decide(start("k2"), 7, limits);
    assertThat(((Refuse) decision).reason()).isEqualTo(RefusalReason.SESSION_FULL);
  }

  @Test
  void aSessionTakesOnlySoMuchText() {
    var limits = new SessionLimits(10, 2000, 1 << 20, 3);
    var long1 = new StartTurn("k", "f", true, Optional.empty(), Samples.request("x".repeat(2000)));
    Decision decision = new Absent().decide(long1, 7, limits);
    assertThat(((Refuse) decision).reason()).isEqualTo(RefusalReason.SESSION_FULL);
  }

  @Test
  void anAnswerThatFillsTheSessionEndsAsAtItsTokenLimit() {
    var limits = new SessionLimits(10, 2000, 1 << 20, 3);
    Session session = after(new Absent(), start("k1"));
    Decision decision = session.decide(append(1, 1, 0, "y".repeat(2000)), 7, limits);
    assertThat(((Decision.Accept) decision).outcome()).isEqualTo(new Outcome.Next(1, true));
    assertThat(((Decision.Accept) decision).events())
        .contains(new TurnCompleted(7, 1, 1, FinishReason.LENGTH, ""));
  }

  @Test
  void theHistoryIsKeptOnce() {
    var request = Samples.request(List.of(user("history")), "hello", Optional.empty());
    Decision decision =
        new Absent().decide(new StartTurn("k1", "f", true, Optional.empty(), request), 7, LIMITS);
    TurnStarted started = (TurnStarted) ((Decision.Accept) decision).events().get(1);
    assertThat(started.request().history()).isEmpty();
    assertThat(started.request().input()).isEqualTo(request.input());
  }

  @Test
  void addingMessagesTwiceWithTheSameKeyAddsThemOnce() {
    var add = new AppendMessages("m", List.of(user("more")));
    Idle session = (Idle) after(idle(), add, add);
    assertThat(session.conversation().messages()).containsExactly(user("before"), user("more"));
  }
}
