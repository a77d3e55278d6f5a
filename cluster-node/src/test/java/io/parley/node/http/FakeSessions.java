package io.parley.node.http;

import akka.actor.typed.ActorRef;
import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.Role;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.Token;
import io.parley.sessions.SessionCommand;
import io.parley.sessions.SessionCommand.Failure;
import io.parley.sessions.SessionCommand.Item;
import io.parley.sessions.SessionCommand.Origin;
import io.parley.sessions.SessionCommand.RefusalReason;
import io.parley.sessions.SessionCommand.Reply;
import io.parley.sessions.SessionCommand.TurnProgress;
import io.parley.sessions.SessionCommand.TurnRequest;
import io.parley.sessions.SessionCommand.TurnStatus;
import io.parley.sessions.SessionCommand.TurnView;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;

/** Sessions in memory, whose turns go on when a test says so (or at once). */
public final class FakeSessions implements SessionGateway {
  /** What a turn will generate. */
  public record Script(List<Token> tokens, Finish finish, Optional<Failure> failure) {
    public static Script of(String... texts) {
      List<Token> tokens = new ArrayList<>();
      for (String text : texts) {
        tokens.add(new Token(100 + tokens.size(), text));
      }
      return new Script(tokens, new Finish(FinishReason.STOP, ""), Optional.empty());
    }

    Script withFinish(FinishReason reason, String tail) {
      return new Script(tokens, new Finish(reason, tail), failure);
    }

    public Script failing(Failure why) {
      return new Script(tokens, finish, Optional.of(why));
    }
  }

  private static final class Turn {
    final int number;
    final TurnRequest request;
    final Script script;
    TurnStatus status = TurnStatus.QUEUED;
    int count;
    boolean deleted;
    final List<Runnable> waiters = new ArrayList<>();

    Turn(int number, TurnRequest request, Script script) {
      this.number = number;
      this.request = request;
      this.script = script;
    }
  }

  private static final class Session {
    Map<String, String> metadata = Map.of();
    String madeBy = "";
    final List<Item> items = new ArrayList<>();
    final List<Turn> turns = new ArrayList<>();
    final Map<String, List<Message>> added = new LinkedHashMap<>();
    final Map<String, Turn> byKey = new HashMap<>();
    final Map<String, String> fingerprints = new HashMap<>();
  }

  private final Map<SessionId, Session> sessions = new LinkedHashMap<>();
  private final Deque<Reply.Refused> refusals = new ArrayDeque<>();
  private Function<TurnRequest, Script> scripts =
      request -> Script.of("Hel", "lo", "", " wörld", " 😀");
  private boolean instant = true;
  private int sliceMax = Integer.MAX_VALUE;
  private Class<? extends SessionCommand> interruptedKind;
  private Runnable interruption = () -> {};
  private int lostAnswers;
  private int started;
  private int cancelled;
  private int reads;

  public synchronized FakeSessions answering(Script script) {
    scripts = request -> script;
    return this;
  }

  /** The first turns go by these, one each, and all that follow by the last of them. */
  public synchronized FakeSessions answeringInTurn(Script... inTurn) {
    Deque<Script> left = new ArrayDeque<>(List.of(inTurn));
    scripts = request -> left.size() > 1 ? left.poll() : left.peek();
    return this;
  }

  /** Turns wait for {@link #admit} and {@link #advance}. */
  public synchronized FakeSessions manual() {
    instant = false;
    return this;
  }

  /** The most tokens that one read gets. */
  synchronized FakeSessions slicesOf(int tokens) {
    sliceMax = tokens;
    return this;
  }

  /** The next asks are refused so. */
  public synchronized FakeSessions refuseNext(int times, RefusalReason reason) {
    for (int i = 0; i < times; i++) {
      refusals.add(refused(reason));
    }
    return this;
  }

  /** The next asks take effect, but their answers are lost. */
  synchronized FakeSessions loseNextAnswers(int times) {
    lostAnswers = times;
    return this;
  }

  /** Something else happens just before the next command of this kind. */
  synchronized FakeSessions beforeNext(Class<? extends SessionCommand> kind, Runnable action) {
    interruptedKind = kind;
    interruption = action;
    return this;
  }

  public synchronized int started() {
    return started;
  }

  public synchronized int cancelled() {
    return cancelled;
  }

  synchronized long completed() {
    return sessions.values().stream()
        .flatMap(session -> session.turns.stream())
        .filter(turn -> turn.status == TurnStatus.COMPLETED)
        .count();
  }

  synchronized int reads() {
    return reads;
  }

  public synchronized TurnRequest lastRequest() {
    TurnRequest last = null;
    for (Session session : sessions.values()) {
      for (Turn turn : session.turns) {
        last = turn.request;
      }
    }
    return last;
  }

  public synchronized List<SessionId> ids() {
    return List.copyOf(sessions.keySet());
  }

  private Turn running() {
    for (Session session : sessions.values()) {
      for (Turn turn : session.turns) {
        if (!turn.status.ended()) {
          return turn;
        }
      }
    }
    throw new IllegalStateException("no turn runs");
  }

  public synchronized boolean isRunning() {
    return sessions.values().stream()
        .flatMap(session -> session.turns.stream())
        .anyMatch(turn -> !turn.status.ended());
  }

  synchronized void admit() {
    Turn turn = running();
    turn.status = TurnStatus.RUNNING;
    wake(turn);
  }

  /** Journals some more tokens of the running turn; after the last it ends. */
  public synchronized void advance(int tokens) {
    advance(running(), tokens);
  }

  private void advance(Turn turn, int tokens) {
    turn.status = TurnStatus.RUNNING;
    turn.count = Math.min(turn.script.tokens().size(), turn.count + tokens);
    if (turn.count == turn.script.tokens().size()) {
      end(turn, turn.script.failure().isPresent() ? TurnStatus.FAILED : TurnStatus.COMPLETED);
    }
    wake(turn);
  }

  private void end(Turn turn, TurnStatus status) {
    turn.status = status;
    boolean speaks =
        status == TurnStatus.COMPLETED || (status == TurnStatus.CANCELLED && turn.count > 0);
    for (Session session : sessions.values()) {
      if (speaks && session.turns.contains(turn)) {
        session.items.addAll(Item.of(Origin.INPUT, turn.number, turn.request.input()));
        Message answer = new Message(Role.ASSISTANT, view(turn).answer());
        session.items.add(new Item(Origin.OUTPUT, turn.number, 0, answer));
      }
    }
  }

  private static void wake(Turn turn) {
    List<Runnable> waiters = List.copyOf(turn.waiters);
    turn.waiters.clear();
    waiters.forEach(Runnable::run);
  }

  @Override
  public synchronized CompletionStage<Reply> ask(
      SessionId id, Function<ActorRef<Reply>, SessionCommand> command) {
    if (!refusals.isEmpty()) {
      return CompletableFuture.completedFuture(refusals.poll());
    }
    SessionCommand asked = command.apply(null);
    if (asked.getClass() == interruptedKind) {
      interruptedKind = null;
      interruption.run();
    }
    if (asked instanceof SessionCommand.ReadTurn read) {
      return read(id, read);
    }
    Reply answer = answer(id, asked);
    if (lostAnswers > 0) {
      lostAnswers--;
      answer = refused(RefusalReason.JOURNAL_UNAVAILABLE);
    }
    return CompletableFuture.completedFuture(answer);
  }

  private Reply answer(SessionId id, SessionCommand asked) {
    Session session = sessions.get(id);
    if (asked instanceof SessionCommand.Create create) {
      if (session == null) {
        session = new Session();
        session.items.addAll(Item.of(Origin.HISTORY, 0, create.history()));
        session.metadata = create.metadata();
        session.madeBy = create.fingerprint();
        sessions.put(id, session);
      }
      return session.madeBy.equals(create.fingerprint())
          ? new Reply.Done()
          : refused(RefusalReason.KEY_REUSED);
    }
    if (asked instanceof SessionCommand.StartTurn start) {
      return start(id, session, start);
    }
    if (session == null) {
      return refused(RefusalReason.NOT_FOUND);
    }
    if (asked instanceof SessionCommand.GetTurn get) {
      return get.turn() > session.turns.size() || session.turns.get(get.turn() - 1).deleted
          ? refused(RefusalReason.NOT_FOUND)
          : new Reply.TurnFound(view(session.turns.get(get.turn() - 1)));
    }
    if (asked instanceof SessionCommand.Get) {
      return new Reply.SessionView(
          1_700_000_000_000L,
          session.metadata,
          List.copyOf(session.items),
          session.turns.stream().map(FakeSessions::view).toList());
    } else if (asked instanceof SessionCommand.AppendMessages append) {
      List<Message> known = session.added.putIfAbsent(append.key(), append.messages());
      if (known == null) {
        session.items.addAll(Item.of(Origin.ADDITION, session.added.size(), append.messages()));
      } else if (!known.equals(append.messages())) {
        return refused(RefusalReason.KEY_REUSED);
      }
      return new Reply.Appended(List.copyOf(session.added.keySet()).indexOf(append.key()) + 1);
    } else if (asked instanceof SessionCommand.SetMetadata set) {
      session.metadata = set.metadata();
    } else if (asked instanceof SessionCommand.Delete) {
      sessions.remove(id);
    } else if (asked instanceof SessionCommand.CancelTurn cancel) {
      Turn turn = session.turns.get(cancel.turn() - 1);
      if (!turn.status.ended()) {
        cancelled++;
        end(turn, TurnStatus.CANCELLED);
        wake(turn);
      }
    } else if (asked instanceof SessionCommand.DeleteTurn delete) {
      session.turns.get(delete.turn() - 1).deleted = true;
    }
    return new Reply.Done();
  }

  private Reply start(SessionId id, Session existing, SessionCommand.StartTurn start) {
    Session session = existing;
    if (session == null) {
      if (!start.createIfAbsent()) {
        return refused(RefusalReason.NOT_FOUND);
      }
      session = new Session();
      session.items.addAll(Item.of(Origin.HISTORY, 0, start.request().history()));
      session.madeBy = start.fingerprint();
      sessions.put(id, session);
    }
    Turn known = session.byKey.get(start.key());
    if (known != null) {
      return start.fingerprint().equals(session.fingerprints.get(start.key()))
          ? new Reply.TurnAccepted(known.number, true)
          : refused(RefusalReason.KEY_REUSED);
    }
    if (start.createIfAbsent() && !session.madeBy.equals(start.fingerprint())) {
      return refused(RefusalReason.KEY_REUSED);
    }
    if (start.afterTurn().orElse(Integer.MAX_VALUE) < session.turns.size()) {
      return refused(RefusalReason.TURN_NOT_LAST);
    }
    for (Turn turn : session.turns) {
      if (!turn.status.ended()) {
        return new Reply.Refused(
            RefusalReason.TURN_RUNNING, "", Optional.of(turn.number), Optional.empty());
      }
    }
    Turn turn = new Turn(session.turns.size() + 1, start.request(), scripts.apply(start.request()));
    session.turns.add(turn);
    session.byKey.put(start.key(), turn);
    session.fingerprints.put(start.key(), start.fingerprint());
    started++;
    if (instant) {
      advance(turn, turn.script.tokens().size());
    }
    return new Reply.TurnAccepted(turn.number, false);
  }

  private CompletionStage<Reply> read(SessionId id, SessionCommand.ReadTurn read) {
    reads++;
    Session session = sessions.get(id);
    if (session == null || read.turn() > session.turns.size()) {
      return CompletableFuture.completedFuture(refused(RefusalReason.NOT_FOUND));
    }
    Turn turn = session.turns.get(read.turn() - 1);
    boolean news =
        turn.count > read.fromIndex()
            || turn.status.ended()
            || (turn.status == TurnStatus.RUNNING && !read.seenAdmitted());
    if (news) {
      int from = read.fromIndex();
      int to = (int) Math.min(turn.count, (long) from + sliceMax);
      List<Token> tokens = from < to ? turn.script.tokens().subList(from, to) : List.of();
      return CompletableFuture.completedFuture(
          new Reply.TurnSlice(progress(view(turn)), from, tokens));
    }
    CompletableFuture<Reply> later = new CompletableFuture<>();
    turn.waiters.add(() -> read(id, read).thenAccept(later::complete));
    return later;
  }

  private static TurnProgress progress(TurnView turn) {
    return new TurnProgress(
        turn.number(),
        turn.status(),
        turn.prompt(),
        turn.tokenCount(),
        turn.tail(),
        turn.finishReason(),
        turn.failure(),
        turn.attempts(),
        turn.startedEpochMillis(),
        turn.endedEpochMillis());
  }

  private static TurnView view(Turn turn) {
    StringBuilder answer = new StringBuilder();
    turn.script.tokens().subList(0, turn.count).forEach(token -> answer.append(token.text()));
    boolean completed = turn.status == TurnStatus.COMPLETED;
    String tail = completed ? turn.script.finish().tail() : "";
    boolean ran = turn.count > 0 || completed || turn.status == TurnStatus.RUNNING;
    return new TurnView(
        turn.number,
        turn.status,
        turn.request,
        ran ? Optional.of(new PromptInfo(7, 2, 0, turn.request.model(), "fake")) : Optional.empty(),
        turn.count,
        answer + tail,
        tail,
        completed ? Optional.of(turn.script.finish().reason()) : Optional.empty(),
        turn.status == TurnStatus.FAILED ? turn.script.failure() : Optional.empty(),
        1,
        turn.deleted,
        1_700_000_000_000L + turn.number,
        turn.status.ended() ? Optional.of(1_700_000_001_000L) : Optional.empty());
  }

  private static Reply.Refused refused(RefusalReason reason) {
    return new Reply.Refused(reason, "", Optional.empty(), Optional.empty());
  }
}
