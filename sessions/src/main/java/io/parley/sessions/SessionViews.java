package io.parley.sessions;

import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.PromptInfo;
import io.parley.sessions.SessionCommand.Failure;
import io.parley.sessions.SessionCommand.Item;
import io.parley.sessions.SessionCommand.Origin;
import io.parley.sessions.SessionCommand.Reply;
import io.parley.sessions.SessionCommand.TurnProgress;
import io.parley.sessions.SessionCommand.TurnStatus;
import io.parley.sessions.SessionCommand.TurnView;
import io.parley.sessions.domain.Answer;
import io.parley.sessions.domain.Conversation;
import io.parley.sessions.domain.EndedTurn;
import io.parley.sessions.domain.Entry;
import io.parley.sessions.domain.Existing;
import io.parley.sessions.domain.Generating;
import io.parley.sessions.domain.RunningTurn;
import io.parley.sessions.domain.Session;
import io.parley.sessions.domain.TurnEnd;
import io.parley.sessions.domain.TurnSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What callers see of a session. */
final class SessionViews {
  private SessionViews() {}

  /** A turn, whether it runs or ended. */
  record Turn(
      TurnSpec spec,
      int attempts,
      Optional<PromptInfo> prompt,
      Answer answer,
      Optional<TurnEnd> end,
      boolean deleted) {

    static Turn of(RunningTurn t) {
      return new Turn(t.spec(), t.attempt(), t.prompt(), t.answer(), Optional.empty(), false);
    }

    static Turn of(EndedTurn t) {
      return new Turn(
          t.spec(), t.attempts(), t.prompt(), t.answer(), Optional.of(t.end()), t.deleted());
    }

    boolean ended() {
      return end.isPresent();
    }

    TurnStatus status() {
      if (end.isEmpty()) {
        return prompt.isPresent() ? TurnStatus.RUNNING : TurnStatus.QUEUED;
      }
      TurnEnd how = end.get();
      if (how instanceof TurnEnd.Completed) {
        return TurnStatus.COMPLETED;
      }
      return how instanceof TurnEnd.Cancelled ? TurnStatus.CANCELLED : TurnStatus.FAILED;
    }

    private String tail() {
      return end.map(TurnEnd::tail).orElse("");
    }

    private Optional<FinishReason> finishReason() {
      return end.map(e -> e instanceof TurnEnd.Completed completed ? completed.reason() : null);
    }

    private Optional<Failure> failure() {
      return end.map(e -> e instanceof TurnEnd.Failed failed ? failed.failure() : null);
    }

    TurnProgress progress() {
      return new TurnProgress(
          spec.number(),
          status(),
          prompt,
          answer.size(),
          tail(),
          finishReason(),
          failure(),
          attempts,
          spec.startedAt(),
          end.map(TurnEnd::at));
    }

    TurnView view() {
      return new TurnView(
          spec.number(),
          status(),
          spec.request(),
          prompt,
          answer.size(),
          answer.text() + tail(),
          tail(),
          finishReason(),
          failure(),
          attempts,
          deleted,
          spec.startedAt(),
          end.map(TurnEnd::at));
    }
  }

  /** The turn of this number, unless it is hidden. */
  static Optional<Turn> turn(Session session, int number) {
    if (session instanceof Generating generating && generating.turn().spec().number() == number) {
      return Optional.of(Turn.of(generating.turn()));
    }
    if (session instanceof Existing existing) {
      return existing.conversation().turn(number).map(Turn::of).filter(turn -> !turn.deleted());
    }
    return Optional.empty();
  }

  /** The whole session. */
  static Optional<Reply.SessionView> session(Session session) {
    if (!(session instanceof Existing existing)) {
      return Optional.empty();
    }
    Conversation conversation = existing.conversation();
    List<TurnView> turns = new ArrayList<>();
    conversation.turns().forEach(turn -> turns.add(Turn.of(turn).view()));
    List<Item> items = items(conversation);
    if (session instanceof Generating generating) {
      turns.add(Turn.of(generating.turn()).view());
      TurnSpec running = generating.turn().spec();
      items.addAll(Item.of(Origin.INPUT, running.number(), running.request().input()));
    }
    return Optional.of(
        new Reply.SessionView(conversation.createdAt(), conversation.metadata(), items, turns));
  }

  private static List<Item> items(Conversation conversation) {
    List<Item> items = new ArrayList<>(Item.of(Origin.HISTORY, 0, conversation.history()));
    int additions = 0;
    for (Entry entry : conversation.entries()) {
      List<Message> messages = entry.messages();
      if (entry instanceof EndedTurn turn) {
        if (!messages.isEmpty()) {
          int number = turn.spec().number();
          int last = messages.size() - 1;
          items.addAll(Item.of(Origin.INPUT, number, messages.subList(0, last)));
          items.add(new Item(Origin.OUTPUT, number, 0, messages.get(last)));
        }
      } else {
        items.addAll(Item.of(Origin.ADDITION, ++additions, messages));
      }
    }
    return items;
  }
}
