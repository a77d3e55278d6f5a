package io.parley.sessions.journal;

import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.FinishReason;
import io.parley.sessions.domain.SessionEvent;
import io.parley.sessions.journal.Stored.FailureV1;
import io.parley.sessions.journal.Stored.MessageV1;
import io.parley.sessions.journal.Stored.PromptV1;
import io.parley.sessions.journal.Stored.RequestV1;
import java.util.Map;
import java.util.Optional;

/** The persisted form of an event; {@link Manifests} names each. */
@SuppressWarnings("ArrayRecordComponent") // written and read once, never compared
sealed interface StoredEvent extends Manifests.Form {
  SessionEvent event();

  @Override
  default Object restore() {
    return event();
  }

  /** {@link SessionEvent.SessionCreated} before it had a fingerprint. */
  record SessionCreatedV1(long at, MessageV1[] history, Map<String, String> metadata)
      implements StoredEvent {
    @Override
    public SessionEvent event() {
      return new SessionEvent.SessionCreated(
          at, Optional.empty(), MessageV1.messages(history), Stored.orEmpty(metadata));
    }
  }

  /** {@link SessionEvent.SessionCreated}. */
  record SessionCreatedV2(
      long at, String fingerprint, MessageV1[] history, Map<String, String> metadata)
      implements StoredEvent {
    static SessionCreatedV2 of(SessionEvent.SessionCreated e) {
      return new SessionCreatedV2(
          e.at(), e.fingerprint().orElse(null), MessageV1.of(e.history()), e.metadata());
    }

    @Override
    public SessionEvent event() {
      return new SessionEvent.SessionCreated(
          at,
          Optional.ofNullable(fingerprint),
          MessageV1.messages(history),
          Stored.orEmpty(metadata));
    }
  }

  /** {@link SessionEvent.TurnStarted}. */
  record TurnStartedV1(long at, int turn, String key, String fingerprint, RequestV1 request)
      implements StoredEvent {
    static TurnStartedV1 of(SessionEvent.TurnStarted e) {
      return new TurnStartedV1(
          e.at(), e.turn(), e.key(), e.fingerprint(), RequestV1.of(e.request()));
    }

    @Override
    public SessionEvent event() {
      return new SessionEvent.TurnStarted(at, turn, key, fingerprint, request.request());
    }
  }

  /** {@link SessionEvent.AttemptStarted}. */
  record AttemptStartedV1(long at, int turn, int attempt, FailureV1 cause) implements StoredEvent {
    static AttemptStartedV1 of(SessionEvent.AttemptStarted e) {
      return new AttemptStartedV1(
          e.at(), e.turn(), e.attempt(), e.cause().map(FailureV1::of).orElse(null));
    }

    @Override
    public SessionEvent event() {
      return new SessionEvent.AttemptStarted(
          at, turn, attempt, Optional.ofNullable(cause).map(FailureV1::failure));
    }
  }

  /** {@link SessionEvent.TurnAdmitted}. */
  record TurnAdmittedV1(long at, int turn, int attempt, PromptV1 prompt) implements StoredEvent {
    static TurnAdmittedV1 of(SessionEvent.TurnAdmitted e) {
      return new TurnAdmittedV1(e.at(), e.turn(), e.attempt(), PromptV1.of(e.prompt()));
    }

    @Override
    public SessionEvent event() {
      return new SessionEvent.TurnAdmitted(at, turn, attempt, prompt.prompt());
    }
  }

  /** {@link SessionEvent.TokensAppended}. */
  record TokensAppendedV1(long at, int turn, int attempt, int firstIndex, TokenColumns tokens)
      implements StoredEvent {
    static TokensAppendedV1 of(SessionEvent.TokensAppended e) {
      return new TokensAppendedV1(
          e.at(), e.turn(), e.attempt(), e.firstIndex(), TokenColumns.of(e.tokens()));
    }

    @Override
    public SessionEvent event() {
      return new SessionEvent.TokensAppended(at, turn, attempt, firstIndex, tokens.tokens());
    }
  }

  /** {@link SessionEvent.TurnCompleted}. */
  record TurnCompletedV1(long at, int turn, int attempt, String reason, String tail)
      implements StoredEvent {
    static TurnCompletedV1 of(SessionEvent.TurnCompleted e) {
      return new TurnCompletedV1(e.at(), e.turn(), e.attempt(), e.reason().name(), e.tail());
    }

    @Override
    public SessionEvent event() {
      return new SessionEvent.TurnCompleted(at, turn, attempt, FinishReason.valueOf(reason), tail);
    }
  }

  /** {@link SessionEvent.TurnCancelled}. */
  record TurnCancelledV1(long at, int turn) implements StoredEvent {
    @Override
    public SessionEvent event() {
      return new SessionEvent.TurnCancelled(at, turn);
    }
  }

  /** {@link SessionEvent.TurnFailed}. */
  record TurnFailedV1(long at, int turn, String code, String message) implements StoredEvent {
    static TurnFailedV1 of(SessionEvent.TurnFailed e) {
      return new TurnFailedV1(e.at(), e.turn(), e.code().name(), e.message());
    }

    @Override
    public SessionEvent event() {
      return new SessionEvent.TurnFailed(at, turn, FailureCode.valueOf(code), message);
    }
  }

  /** {@link SessionEvent.TurnDeleted}. */
  record TurnDeletedV1(long at, int turn) implements StoredEvent {
    @Override
    public SessionEvent event() {
      return new SessionEvent.TurnDeleted(at, turn);
    }
  }

  /** {@link SessionEvent.MessagesAppended}. */
  record MessagesAppendedV1(long at, String key, MessageV1[] messages) implements StoredEvent {
    static MessagesAppendedV1 of(SessionEvent.MessagesAppended e) {
      return new MessagesAppendedV1(e.at(), e.key(), MessageV1.of(e.messages()));
    }

    @Override
    public SessionEvent event() {
      return new SessionEvent.MessagesAppended(at, key, MessageV1.messages(messages));
    }
  }

  /** {@link SessionEvent.MetadataSet}. */
  record MetadataSetV1(long at, Map<String, String> metadata) implements StoredEvent {
    @Override
    public SessionEvent event() {
      return new SessionEvent.MetadataSet(at, Stored.orEmpty(metadata));
    }
  }

  /** {@link SessionEvent.SessionDeleted}. */
  record SessionDeletedV1(long at) implements StoredEvent {
    @Override
    public SessionEvent event() {
      return new SessionEvent.SessionDeleted(at);
    }
  }
}
