package io.parley.sessions;

import akka.actor.typed.ActorRef;
import io.parley.routing.protocol.CborSerializable;
import io.parley.routing.protocol.ContextPolicy;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.SamplingParams;
import io.parley.routing.protocol.SessionInbox;
import io.parley.routing.protocol.Token;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * What the edges of the cluster ask of a session. Every command is answered once, is safe to send
 * again when the answer was lost, and refuses with a reason instead of failing.
 */
public sealed interface SessionCommand extends SessionInbox {
  /** Who is answered. */
  ActorRef<Reply> replyTo();

  /**
   * Makes an empty conversation, or one that starts with {@code history}. Done again it changes
   * nothing; with another {@code fingerprint} it is refused with {@link RefusalReason#KEY_REUSED}.
   *
   * @param fingerprint a hash over what was asked
   */
  record Create(
      String fingerprint,
      List<Message> history,
      Map<String, String> metadata,
      ActorRef<Reply> replyTo)
      implements SessionCommand {}

  /**
   * Adds messages to an idle conversation without generating; {@link Reply.Appended}. {@code key}
   * makes it idempotent; with other messages it is refused with {@link RefusalReason#KEY_REUSED}.
   */
  record AppendMessages(String key, List<Message> messages, ActorRef<Reply> replyTo)
      implements SessionCommand {}

  /** Replaces the conversation's metadata. */
  record SetMetadata(Map<String, String> metadata, ActorRef<Reply> replyTo)
      implements SessionCommand {}

  /**
   * Starts a turn. The same {@code key} always means the same turn: sent again, the answer is
   * {@link Reply.TurnAccepted} with {@code repeated}; with another {@code fingerprint} it is
   * refused with {@link RefusalReason#KEY_REUSED}.
   *
   * @param key the client's idempotency key, or a random one made by the edge
   * @param fingerprint a hash over what was asked
   * @param createIfAbsent whether a session that does not exist yet is made; else it is refused
   *     with {@link RefusalReason#NOT_FOUND}
   * @param afterTurn the turn that must be the session's last, if it matters; a session that has
   *     gone on refuses with {@link RefusalReason#TURN_NOT_LAST}
   */
  record StartTurn(
      String key,
      String fingerprint,
      boolean createIfAbsent,
      Optional<Integer> afterTurn,
      TurnRequest request,
      ActorRef<Reply> replyTo)
      implements SessionCommand {}

  /**
   * What is to be generated.
   *
   * @param history what a new session starts with (ignored by one that exists)
   * @param input the turn's new messages, at least one
   * @param instructions a system message for this turn alone, in front of everything
   * @param stored whether the turn can be fetched later by its id
   * @param background whether it goes on when nobody reads
   * @param metadata the caller's own labels, kept with the turn
   */
  record TurnRequest(
      ModelId model,
      List<Message> history,
      List<Message> input,
      Optional<String> instructions,
      SamplingParams sampling,
      ContextPolicy contextPolicy,
      Priority priority,
      boolean stored,
      boolean background,
      Map<String, String> metadata) {
    public TurnRequest {
      history = List.copyOf(history);
      input = List.copyOf(input);
      metadata = Map.copyOf(metadata);
    }

    /** The same request, to be served in another order. */
    public TurnRequest withPriority(Priority replacement) {
      return new TurnRequest(
          model,
          history,
          input,
          instructions,
          sampling,
          contextPolicy,
          replacement,
          stored,
          background,
          metadata);
    }

    /** The same request, for a new session that starts with {@code replacement}. */
    public TurnRequest withHistory(List<Message> replacement) {
      return new TurnRequest(
          model,
          replacement,
          input,
          instructions,
          sampling,
          contextPolicy,
          priority,
          stored,
          background,
          metadata);
    }
  }

  /**
   * Reads journaled tokens from {@code fromIndex} on. Answered with {@link Reply.TurnSlice} as soon
   * as there is something new beyond {@code fromIndex} and {@code seenStatus} (tokens, admission,
   * the end), and at the latest after the session's read wait with what there is. Readers pull: a
   * slow reader costs the session nothing, and a reader that asks again finds the session wherever
   * it moved.
   *
   * @param seenAdmitted whether the reader knows already that the turn was admitted
   */
  record ReadTurn(int turn, int fromIndex, boolean seenAdmitted, ActorRef<Reply> replyTo)
      implements SessionCommand {}

  /** Ends a running turn; what was journaled stays. Idempotent: an ended turn stays as it is. */
  record CancelTurn(int turn, ActorRef<Reply> replyTo) implements SessionCommand {}

  /**
   * Hides a turn from retrieval by id (a running one is cancelled first); its messages stay part of
   * the conversation. Idempotent.
   */
  record DeleteTurn(int turn, ActorRef<Reply> replyTo) implements SessionCommand {}

  /** One turn with its request and its answer's text; {@link Reply.TurnFound}. */
  record GetTurn(int turn, ActorRef<Reply> replyTo) implements SessionCommand {}

  /** The whole session; {@link Reply.SessionView}. */
  record Get(ActorRef<Reply> replyTo) implements SessionCommand {}

  /**
   * Ends the session: a running turn is cancelled, content is dropped from its state. Idempotent.
   */
  record Delete(ActorRef<Reply> replyTo) implements SessionCommand {}

  /**
   * Wakes a session so that its turn goes on; answered with {@link Reply.Done}, whether the turn
   * runs or not. One that does not run leaves the list of those that do.
   */
  record Resume(int turn, ActorRef<Reply> replyTo) implements SessionCommand {}

  /** Answers. */
  sealed interface Reply extends CborSerializable {
    /** Done (or done before). */
    record Done() implements Reply {}

    /** The messages are journaled: the addition of this number, from 1. */
    record Appended(int addition) implements Reply {}

    /** The turn is journaled and runs, or did; {@code repeated} when the key was known. */
    record TurnAccepted(int turn, boolean repeated) implements Reply {}

    /**
     * Part of a turn: {@code tokens} start at {@code fromIndex}. A slice is bounded (see {@code
     * parley.session.read}), so the turn is read to its end only when {@code fromIndex +
     * tokens.size() == turn.tokenCount()} and the status has ended.
     */
    record TurnSlice(TurnProgress turn, int fromIndex, List<Token> tokens) implements Reply {
      public TurnSlice {
        tokens = List.copyOf(tokens);
      }

      /** Where the next read starts. */
      public int nextIndex() {
        return fromIndex + tokens.size();
      }

      /** Whether nothing more will come after this slice. */
      public boolean last() {
        return turn.status().ended() && nextIndex() >= turn.tokenCount();
      }
    }

    /** A turn that is there. */
    record TurnFound(TurnView turn) implements Reply {}

    /** A session, what was said in it and its turns, oldest first. */
    record SessionView(
        long createdEpochMillis,
        Map<String, String> metadata,
        List<Item> items,
        List<TurnView> turns)
        implements Reply {
      /** What was said. */
      public List<Message> messages() {
        return items.stream().map(Item::message).toList();
      }
    }

    /**
     * The command had no effect.
     *
     * @param runningTurn the turn in the way, with {@link RefusalReason#TURN_RUNNING}
     * @param retryAfterMillis where it is known, with {@link RefusalReason#OVERLOADED} and {@link
     *     RefusalReason#JOURNAL_UNAVAILABLE}
     */
    record Refused(
        RefusalReason reason,
        String detail,
        Optional<Integer> runningTurn,
        Optional<Long> retryAfterMillis)
        implements Reply {}
  }

  /**
   * Where a turn stands, without what was asked and answered: it travels with every slice, so it is
   * small. {@link GetTurn} gives the rest.
   *
   * @param tokenCount tokens journaled so far
   * @param tail text after the last token's, once the turn completed
   * @param attempts how many attempts were started
   */
  record TurnProgress(
      int number,
      TurnStatus status,
      Optional<PromptInfo> prompt,
      int tokenCount,
      String tail,
      Optional<FinishReason> finishReason,
      Optional<Failure> failure,
      int attempts,
      long startedEpochMillis,
      Optional<Long> endedEpochMillis) {}

  /**
   * A turn without its tokens.
   *
   * @param tokenCount tokens journaled so far
   * @param request as asked, but its {@code history} is empty: the session has it
   * @param answer the whole text, {@code tail} included, when the turn has ended; else what is
   *     journaled so far
   * @param attempts how many attempts were started
   */
  record TurnView(
      int number,
      TurnStatus status,
      TurnRequest request,
      Optional<PromptInfo> prompt,
      int tokenCount,
      String answer,
      String tail,
      Optional<FinishReason> finishReason,
      Optional<Failure> failure,
      int attempts,
      boolean deleted,
      long startedEpochMillis,
      Optional<Long> endedEpochMillis) {}

  /**
   * A message of a session. What names it says where it came from, not where it stands in the list:
   * so it means the same message as long as that is there, though others vanish with turns that
   * fail.
   *
   * @param number of the turn or of the addition, from 1; 0 for the history
   * @param index in the history, the addition or the turn's input; 0 for an output
   */
  record Item(Origin origin, int number, int index, Message message) {
    /** Items of one origin, in their order. */
    public static List<Item> of(Origin origin, int number, List<Message> messages) {
      return IntStream.range(0, messages.size())
          .mapToObj(i -> new Item(origin, number, i, messages.get(i)))
          .toList();
    }
  }

  /** Where a message came from. */
  enum Origin {
    /** The session began with it. */
    HISTORY,
    /** It was added without generating. */
    ADDITION,
    /** A turn was asked with it. */
    INPUT,
    /** A turn generated it. */
    OUTPUT
  }

  /** Why a turn failed; {@code message} is for people. */
  record Failure(FailureCode code, String message) {}

  /** Where a turn stands. QUEUED: no worker admitted it yet. */
  enum TurnStatus {
    QUEUED,
    RUNNING,
    COMPLETED,
    CANCELLED,
    FAILED;

    /** Whether nothing more will come. */
    public boolean ended() {
      return this == COMPLETED || this == CANCELLED || this == FAILED;
    }
  }

  /** Why a command was refused. The edges map each to a status in one place. */
  enum RefusalReason {
    /** No such session or turn (or it was deleted). */
    NOT_FOUND,
    /** Another turn is running. */
    TURN_RUNNING,
    /** Other turns have begun behind the one that was to be the last. */
    TURN_NOT_LAST,
    /** The idempotency key was used with another request. */
    KEY_REUSED,
    /** The session has as many turns or messages as it may. */
    SESSION_FULL,
    /** The dispatcher's queue is full, or the session's node has no memory for more. */
    OVERLOADED,
    /** The journal does not answer; the command may or may not have taken effect. */
    JOURNAL_UNAVAILABLE,
    /** The session's journal cannot be read by this version, or is not sound. */
    UNREADABLE
  }
}
