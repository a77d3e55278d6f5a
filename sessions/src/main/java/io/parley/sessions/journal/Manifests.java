package io.parley.sessions.journal;

import io.parley.sessions.SessionCommand.TurnRequest;
import io.parley.sessions.domain.Existing;
import io.parley.sessions.domain.Generating;
import io.parley.sessions.domain.Session;
import io.parley.sessions.domain.SessionEvent;
import io.parley.sessions.journal.StoredEvent.AttemptStartedV1;
import io.parley.sessions.journal.StoredEvent.MessagesAppendedV1;
import io.parley.sessions.journal.StoredEvent.MetadataSetV1;
import io.parley.sessions.journal.StoredEvent.SessionCreatedV1;
import io.parley.sessions.journal.StoredEvent.SessionCreatedV2;
import io.parley.sessions.journal.StoredEvent.SessionDeletedV1;
import io.parley.sessions.journal.StoredEvent.TokensAppendedV1;
import io.parley.sessions.journal.StoredEvent.TurnAdmittedV1;
import io.parley.sessions.journal.StoredEvent.TurnCancelledV1;
import io.parley.sessions.journal.StoredEvent.TurnCompletedV1;
import io.parley.sessions.journal.StoredEvent.TurnDeletedV1;
import io.parley.sessions.journal.StoredEvent.TurnFailedV1;
import io.parley.sessions.journal.StoredEvent.TurnStartedV1;
import io.parley.sessions.journal.StoredSession.SessionV1;
import io.parley.sessions.journal.StoredSession.SessionV2;
import io.parley.sessions.journal.StoredSession.SessionV4;
import java.io.NotSerializableException;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;

/**
 * Which persisted form each manifest names, and which of them is written today. A manifest stays in
 * the table of what is read for ever; the table of what is written has one line for each event.
 *
 * <p>A turn whose answer has a form is written under a manifest of its own: whoever does not know
 * forms must not read it and go on without.
 */
final class Manifests {
  /** A persisted form of something. */
  interface Form {
    /** The event or session that it stands for. */
    Object restore();
  }

  /** How a class is written today. */
  record Writer(String manifest, Function<Object, Form> store) {}

  private static final String TURN_WITH_FORM = "turn-started.v2";
  private static final String SESSION_WITH_FORMS = "session.v3";

  private final Map<String, Class<? extends Form>> forms = new HashMap<>();
  private final Map<Class<?>, Writer> writers = new HashMap<>();

  Manifests() {
    add(
        SessionEvent.SessionCreated.class,
        "session-created.v2",
        SessionCreatedV2.class,
        SessionCreatedV2::of);
    forms.put("session-created.v1", SessionCreatedV1.class);
    add(SessionEvent.TurnStarted.class, "turn-started.v1", TurnStartedV1.class, TurnStartedV1::of);
    add(
        SessionEvent.AttemptStarted.class,
        "attempt-started.v1",
        AttemptStartedV1.class,
        AttemptStartedV1::of);
    add(
        SessionEvent.TurnAdmitted.class,
        "turn-admitted.v1",
        TurnAdmittedV1.class,
        TurnAdmittedV1::of);
    add(
        SessionEvent.TokensAppended.class,
        "tokens-appended.v1",
        TokensAppendedV1.class,
        TokensAppendedV1::of);
    add(
        SessionEvent.TurnCompleted.class,
        "turn-completed.v1",
        TurnCompletedV1.class,
        TurnCompletedV1::of);
    add(
        SessionEvent.TurnCancelled.class,
        "turn-cancelled.v1",
        TurnCancelledV1.class,
        e -> new TurnCancelledV1(e.at(), e.turn()));
    add(SessionEvent.TurnFailed.class, "turn-failed.v1", TurnFailedV1.class, TurnFailedV1::of);
    add(
        SessionEvent.TurnDeleted.class,
        "turn-deleted.v1",
        TurnDeletedV1.class,
        e -> new TurnDeletedV1(e.at(), e.turn()));
    add(
        SessionEvent.MessagesAppended.class,
        "messages-appended.v1",
        MessagesAppendedV1.class,
        MessagesAppendedV1::of);
    add(
        SessionEvent.MetadataSet.class,
        "metadata-set.v1",
        MetadataSetV1.class,
        e -> new MetadataSetV1(e.at(), e.metadata()));
    add(
        SessionEvent.SessionDeleted.class,
        "session-deleted.v1",
        SessionDeletedV1.class,
        e -> new SessionDeletedV1(e.at()));
    add(ChainedSession.class, "session.v4", SessionV4.class, SessionV4::of);
    // without the chain's head; no longer written
    add(Session.class, "session.v2", SessionV2.class, SessionV2::of);
    forms.put("session.v1", SessionV1.class);
    forms.put(TURN_WITH_FORM, TurnStartedV1.class);
    forms.put(SESSION_WITH_FORMS, SessionV2.class);
  }

  private <E> void add(
      Class<E> type, String manifest, Class<? extends Form> form, Function<E, Form> store) {
    forms.put(manifest, form);
    writers.put(type, new Writer(manifest, value -> store.apply(type.cast(value))));
  }

  /**
   * How this event or session is written.
   *
   * @throws IllegalArgumentException when it is neither
   */
  Writer writer(Object value) {
    Class<?> type = value instanceof Session ? Session.class : value.getClass();
    Writer writer = writers.get(type);
    if (writer == null) {
      throw new IllegalArgumentException("no manifest for " + type.getName());
    }
    return hasForm(value) ? new Writer(withForm(writer.manifest()), writer.store()) : writer;
  }

  private static boolean hasForm(Object value) {
    if (value instanceof SessionEvent.TurnStarted started) {
      return hasForm(started.request());
    }
    return value instanceof Existing session
        && (session.conversation().turns().stream().anyMatch(t -> hasForm(t.spec().request()))
            || (session instanceof Generating running && hasForm(running.turn().spec().request())));
  }

  private static boolean hasForm(TurnRequest request) {
    return request.sampling().form().isPresent();
  }

  private static String withForm(String manifest) {
    return manifest.startsWith("session.") ? SESSION_WITH_FORMS : TURN_WITH_FORM;
  }

  /**
   * The form that a manifest names.
   *
   * @throws NotSerializableException when this version of Parley does not know it
   */
  Class<? extends Form> form(String manifest) throws NotSerializableException {
    Class<? extends Form> form = forms.get(manifest);
    if (form == null) {
      throw new NotSerializableException(
          "the journal holds '"
              + manifest
              + "', which this version of Parley does not know; was it written by a newer one?");
    }
    return form;
  }

  /** All manifests that can be read. */
  Set<String> all() {
    return Set.copyOf(forms.keySet());
  }
}
