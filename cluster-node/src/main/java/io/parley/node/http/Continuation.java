package io.parley.node.http;

import io.parley.node.http.Turns.Start;
import io.parley.node.http.Turns.Started;
import io.parley.node.http.openai.ResponsesJson;
import io.parley.node.http.openai.ResponsesRequest;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.SessionId;
import io.parley.sessions.SessionCommand.Item;
import io.parley.sessions.SessionCommand.Origin;
import io.parley.sessions.SessionCommand.Reply.SessionView;
import io.parley.sessions.SessionCommand.TurnRequest;
import io.parley.sessions.SessionCommand.TurnView;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/**
 * {@code previous_response_id}: behind the last turn of a session the same session goes on; behind
 * an earlier one a new session begins with a copy of the history up to that turn.
 *
 * <p>Which of the two it is, the session decides when it takes the turn. Once a turn is not the
 * last it never is again, so a request that is repeated with its key finds the session in which it
 * began the first time.
 */
final class Continuation {
  private final Turns turns;
  private final Sessions sessions;

  Continuation(Turns turns, Sessions sessions) {
    this.turns = turns;
    this.sessions = sessions;
  }

  /**
   * @param fresh the session to begin when the previous turn is not the last
   */
  CompletionStage<Started> start(
      Ids.TurnId previous, SessionId fresh, String key, String fingerprint, TurnRequest request) {
    Start onward =
        new Start(
            previous.session(), key, fingerprint, false, Optional.of(previous.turn()), request);
    return view(previous)
        .thenCompose(view -> turns.start(onward))
        .handle(
            (started, failure) -> {
              if (failure == null) {
                return CompletableFuture.completedFuture(started);
              }
              ApiException error = Errors.from(failure);
              return error.code().equals("turn_not_last")
                  ? branch(previous, new Start(fresh, key, fingerprint, true, request))
                  : CompletableFuture.<Started>failedFuture(failure);
            })
        .thenCompose(stage -> stage);
  }

  /** Begins a session with what was said up to the previous turn, which has ended by now. */
  private CompletionStage<Started> branch(Ids.TurnId previous, Start fresh) {
    return view(previous)
        .thenCompose(
            view -> {
              List<Message> history = historyUpTo(previous.session(), view, previous.turn());
              return turns.start(
                  new Start(
                      fresh.session(),
                      fresh.key(),
                      fresh.fingerprint(),
                      true,
                      fresh.request().withHistory(history)));
            });
  }

  /** The session of a turn that can be gone on from. */
  private CompletionStage<SessionView> view(Ids.TurnId previous) {
    return sessions
        .view(previous.session())
        .exceptionally(
            failure -> {
              ApiException error = Errors.from(failure);
              throw error.status() == 404 ? ResponsesRequest.previousNotFound() : error;
            })
        .thenApply(
            view -> {
              requireTurn(view, previous.turn());
              return view;
            });
  }

  private static void requireTurn(SessionView view, int number) {
    Optional<TurnView> turn = view.turns().stream().filter(t -> t.number() == number).findFirst();
    if (turn.filter(t -> !t.deleted() && t.request().stored()).isEmpty()) {
      throw ResponsesRequest.previousNotFound();
    }
  }

  /** The conversation's messages without the later turns and what follows them. */
  private static List<Message> historyUpTo(SessionId session, SessionView view, int lastKept) {
    return items(session, view).stream()
        .takeWhile(item -> !isOfTurn(item) || item.number() <= lastKept)
        .map(Item::message)
        .toList();
  }

  /** The conversation's messages, with names for the calls of tools that turns generated. */
  static List<Item> items(SessionId session, SessionView view) {
    Map<Integer, TurnRequest> requests = new HashMap<>();
    view.turns().forEach(turn -> requests.put(turn.number(), turn.request()));
    return view.items().stream()
        .map(
            item ->
                item.origin() == Origin.OUTPUT && requests.containsKey(item.number())
                    ? new Item(
                        item.origin(),
                        item.number(),
                        item.index(),
                        ResponsesJson.answer(
                            session, item.number(), requests.get(item.number()), item.message()))
                    : item)
        .toList();
  }

  private static boolean isOfTurn(Item item) {
    return item.origin() == Origin.INPUT || item.origin() == Origin.OUTPUT;
  }
}
