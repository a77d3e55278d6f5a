package io.parley.node.http;

import io.parley.node.http.Turns.Start;
import io.parley.node.http.Turns.Started;
import io.parley.node.http.openai.Labels;
import io.parley.node.http.openai.ResponsesRequest;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.Role;
import io.parley.routing.protocol.SessionId;
import io.parley.sessions.SessionCommand.Reply.SessionView;
import io.parley.sessions.SessionCommand.TurnRequest;
import io.parley.sessions.SessionCommand.TurnView;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/**
 * {@code previous_response_id}: behind the last turn of a session the same session goes on; behind
 * an earlier one a new session begins with a copy of the history up to that turn.
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
      Ids.TurnId previous,
      SessionId fresh,
      String key,
      String fingerprint,
      ResponsesRequest request) {
    return sessions
        .view(previous.session())
        .exceptionally(
            failure -> {
              ApiException error = Errors.from(failure);
              throw error.status() == 404 ? ResponsesRequest.previousNotFound() : error;
            })
        .thenCompose(
            view -> {
              requireTurn(view, previous.turn());
              String digest = Ids.digest(key);
              boolean last = isLast(view, previous.turn());
              if (last || startedHere(view, digest)) {
                return goOn(
                    view,
                    previous,
                    fresh,
                    new Start(
                        previous.session(),
                        key,
                        fingerprint,
                        false,
                        request.turn(List.of(), digest)));
              }
              return fork(view, previous, fresh, key, fingerprint, request);
            });
  }

  private CompletionStage<Started> goOn(
      SessionView view, Ids.TurnId previous, SessionId fresh, Start start) {
    return turns
        .start(start)
        .handle(
            (started, failure) -> {
              if (failure == null) {
                return CompletableFuture.completedFuture(started);
              }
              ApiException error = Errors.from(failure);
              boolean overtaken =
                  error.code().equals("turn_running")
                      && error.runningTurn().orElse(0) > previous.turn();
              // another turn began behind the same one: this one is a branch
              return overtaken
                  ? turns.start(branch(view, previous, fresh, start))
                  : CompletableFuture.<Started>failedFuture(error);
            })
        .thenCompose(stage -> stage);
  }

  private CompletionStage<Started> fork(
      SessionView view,
      Ids.TurnId previous,
      SessionId fresh,
      String key,
      String fingerprint,
      ResponsesRequest request) {
    Start start =
        new Start(fresh, key, fingerprint, true, request.turn(List.of(), Ids.digest(key)));
    return turns.start(branch(view, previous, fresh, start));
  }

  private static Start branch(SessionView view, Ids.TurnId previous, SessionId fresh, Start start) {
    var request = start.request();
    var withHistory =
        new TurnRequest(
            request.model(),
            historyUpTo(view, previous.turn()),
            request.input(),
            request.instructions(),
            request.sampling(),
            request.contextPolicy(),
            request.priority(),
            request.stored(),
            request.background(),
            request.metadata());
    return new Start(fresh, start.key(), start.fingerprint(), true, withHistory);
  }

  private static void requireTurn(SessionView view, int number) {
    Optional<TurnView> turn = view.turns().stream().filter(t -> t.number() == number).findFirst();
    if (turn.filter(t -> !t.deleted() && t.request().stored()).isEmpty()) {
      throw ResponsesRequest.previousNotFound();
    }
  }

  /** Whether nothing was said behind this turn. */
  private static boolean isLast(SessionView view, int number) {
    return view.turns().stream().noneMatch(turn -> turn.number() > number && speaks(turn));
  }

  /** Whether a turn's messages are part of the conversation: failed ones leave nothing. */
  private static boolean speaks(TurnView turn) {
    return switch (turn.status()) {
      case QUEUED, RUNNING, COMPLETED -> true;
      case CANCELLED -> !turn.answer().isEmpty();
      case FAILED -> false;
    };
  }

  private static boolean startedHere(SessionView view, String keyDigest) {
    return view.turns().stream()
        .anyMatch(turn -> Labels.hasKey(turn.request().metadata(), keyDigest));
  }

  /** The conversation's messages without those of later turns. */
  static List<Message> historyUpTo(SessionView view, int lastKept) {
    List<Message> messages = view.messages();
    int cut = messages.size();
    for (int i = view.turns().size() - 1; i >= 0; i--) {
      TurnView turn = view.turns().get(i);
      if (turn.number() > lastKept && speaks(turn)) {
        int at = Collections.lastIndexOfSubList(messages.subList(0, cut), messagesOf(turn));
        cut = at < 0 ? cut : at;
      }
    }
    return List.copyOf(messages.subList(0, cut));
  }

  private static List<Message> messagesOf(TurnView turn) {
    List<Message> messages = new ArrayList<>(turn.request().input());
    if (turn.status().ended()) {
      messages.add(new Message(Role.ASSISTANT, turn.answer()));
    }
    return messages;
  }
}
