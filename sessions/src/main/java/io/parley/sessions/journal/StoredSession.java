package io.parley.sessions.journal;

import io.parley.persistence.chain.ChainHead;
import io.parley.persistence.chain.Hash;
import io.parley.routing.protocol.FinishReason;
import io.parley.sessions.domain.Absent;
import io.parley.sessions.domain.Answer;
import io.parley.sessions.domain.Conversation;
import io.parley.sessions.domain.Deleted;
import io.parley.sessions.domain.EndedTurn;
import io.parley.sessions.domain.Entry;
import io.parley.sessions.domain.Existing;
import io.parley.sessions.domain.Generating;
import io.parley.sessions.domain.Idle;
import io.parley.sessions.domain.RunningTurn;
import io.parley.sessions.domain.Session;
import io.parley.sessions.domain.TurnEnd;
import io.parley.sessions.domain.TurnSpec;
import io.parley.sessions.journal.Stored.FailureV1;
import io.parley.sessions.journal.Stored.MessageV1;
import io.parley.sessions.journal.Stored.PromptV1;
import io.parley.sessions.journal.Stored.RequestV1;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/** The persisted form of a snapshot. */
@SuppressWarnings("ArrayRecordComponent") // written and read once, never compared
final class StoredSession {
  private StoredSession() {}

  /**
   * A session and the head of its journal's chain.
   *
   * @param persistenceId whose journal it is
   * @param sequence number of the last event in it
   * @param head that event's hash
   */
  record SessionV4(String persistenceId, long sequence, byte[] head, SessionV2 state)
      implements Manifests.Form {
    static SessionV4 of(ChainedSession chained) {
      ChainHead head = chained.head();
      return new SessionV4(
          head.persistenceId(),
          head.sequence(),
          head.hash().bytes(),
          SessionV2.of(chained.session()));
    }

    @Override
    public ChainedSession restore() {
      return new ChainedSession(
          state.restore(), new ChainHead(persistenceId, sequence, Hash.of(head)));
    }
  }

  /**
   * A session and a hash over what was asked when it was made.
   *
   * @param fingerprint absent in a session that has none, and in one that does not exist
   */
  record SessionV2(String fingerprint, SessionV1 session) implements Manifests.Form {
    static SessionV2 of(Session session) {
      String fingerprint =
          session instanceof Existing existing
              ? existing.conversation().fingerprint().orElse(null)
              : null;
      return new SessionV2(fingerprint, SessionV1.of(session));
    }

    @Override
    public Session restore() {
      return session.restore(Optional.ofNullable(fingerprint));
    }
  }

  /**
   * A session without that hash.
   *
   * @param deletedAt set in a deleted session, which keeps nothing else
   * @param createdAt absent, with all else, in a session that does not exist yet
   * @param running absent when no turn runs
   */
  record SessionV1(
      Long deletedAt,
      Long createdAt,
      Map<String, String> metadata,
      MessageV1[] history,
      EntryV1[] entries,
      RunningV1 running)
      implements Manifests.Form {
    static SessionV1 of(Session session) {
      if (session instanceof Existing existing) {
        Conversation c = existing.conversation();
        return new SessionV1(
            null,
            c.createdAt(),
            c.metadata(),
            MessageV1.of(c.history()),
            c.entries().stream().map(EntryV1::of).toArray(EntryV1[]::new),
            existing instanceof Generating generating ? RunningV1.of(generating.turn()) : null);
      }
      if (session instanceof Deleted deleted) {
        return new SessionV1(deleted.at(), null, null, null, null, null);
      }
      return new SessionV1(null, null, null, null, null, null);
    }

    @Override
    public Session restore() {
      return restore(Optional.empty());
    }

    private Session restore(Optional<String> fingerprint) {
      if (deletedAt != null) {
        return new Deleted(deletedAt);
      }
      if (createdAt == null) {
        return new Absent();
      }
      Conversation conversation =
          Conversation.of(
              createdAt,
              fingerprint,
              Stored.orEmpty(metadata),
              MessageV1.messages(history),
              Arrays.stream(entries).map(EntryV1::entry).toList());
      return running == null
          ? new Idle(conversation)
          : new Generating(conversation, running.turn());
    }
  }

  /** What is fixed when a turn starts. */
  record SpecV1(int number, String key, String fingerprint, RequestV1 request, long startedAt) {
    static SpecV1 of(TurnSpec s) {
      return new SpecV1(
          s.number(), s.key(), s.fingerprint(), RequestV1.of(s.request()), s.startedAt());
    }

    TurnSpec spec() {
      return new TurnSpec(number, key, fingerprint, request.request(), startedAt);
    }
  }

  /**
   * The turn that runs.
   *
   * @param strikes absent where there are none
   */
  record RunningV1(
      SpecV1 spec,
      int attempt,
      int fruitless,
      int admittedAttempt,
      PromptV1 prompt,
      TokenColumns answer,
      Integer strikes) {
    static RunningV1 of(RunningTurn t) {
      return new RunningV1(
          SpecV1.of(t.spec()),
          t.attempt(),
          t.fruitless(),
          t.admittedAttempt(),
          t.prompt().map(PromptV1::of).orElse(null),
          TokenColumns.of(t.answer().tokens()),
          t.strikes() == 0 ? null : t.strikes());
    }

    RunningTurn turn() {
      return new RunningTurn(
          spec.spec(),
          attempt,
          fruitless,
          Objects.requireNonNullElse(strikes, 0),
          admittedAttempt,
          Optional.ofNullable(prompt).map(PromptV1::prompt),
          Answer.of(answer.tokens()));
    }
  }

  /** Added messages ({@code key}, {@code messages}) or an ended turn ({@code turn}). */
  record EntryV1(String key, MessageV1[] messages, EndedV1 turn) {
    static EntryV1 of(Entry entry) {
      if (entry instanceof Entry.Added added) {
        return new EntryV1(added.key(), MessageV1.of(added.messages()), null);
      }
      return new EntryV1(null, null, EndedV1.of((EndedTurn) entry));
    }

    Entry entry() {
      return turn == null ? new Entry.Added(key, MessageV1.messages(messages)) : turn.turn();
    }
  }

  /**
   * A turn that ended: completed when it has a {@code reason}, failed when it has a {@code
   * failure}, else cancelled.
   */
  record EndedV1(
      SpecV1 spec,
      int attempts,
      PromptV1 prompt,
      TokenColumns answer,
      long endedAt,
      String reason,
      String tail,
      FailureV1 failure,
      boolean deleted) {
    static EndedV1 of(EndedTurn t) {
      TurnEnd end = t.end();
      return new EndedV1(
          SpecV1.of(t.spec()),
          t.attempts(),
          t.prompt().map(PromptV1::of).orElse(null),
          TokenColumns.of(t.answer().tokens()),
          end.at(),
          end instanceof TurnEnd.Completed completed ? completed.reason().name() : null,
          end.tail(),
          end instanceof TurnEnd.Failed failed ? FailureV1.of(failed.failure()) : null,
          t.deleted());
    }

    EndedTurn turn() {
      return new EndedTurn(
          spec.spec(),
          attempts,
          Optional.ofNullable(prompt).map(PromptV1::prompt),
          Answer.of(answer.tokens()),
          end(),
          deleted);
    }

    private TurnEnd end() {
      if (reason != null) {
        return new TurnEnd.Completed(endedAt, FinishReason.valueOf(reason), tail);
      }
      return failure == null
          ? new TurnEnd.Cancelled(endedAt)
          : new TurnEnd.Failed(endedAt, failure.failure());
    }
  }
}
