package io.parley.sessions.journal;

import io.parley.persistence.chain.ChainHead;
import io.parley.routing.protocol.AnswerForm;
import io.parley.routing.protocol.AnswerForm.JsonFormat;
import io.parley.routing.protocol.AnswerForm.Tool;
import io.parley.routing.protocol.AnswerForm.ToolUse;
import io.parley.routing.protocol.ContextPolicy;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.Role;
import io.parley.routing.protocol.SamplingParams;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.TokenLogProb;
import io.parley.routing.protocol.TokenLogProb.Alternative;
import io.parley.sessions.SessionCommand.Failure;
import io.parley.sessions.SessionCommand.TurnRequest;
import io.parley.sessions.domain.Absent;
import io.parley.sessions.domain.Session;
import io.parley.sessions.domain.SessionEvent;
import io.parley.sessions.domain.SessionEvent.AttemptStarted;
import io.parley.sessions.domain.SessionEvent.MessagesAppended;
import io.parley.sessions.domain.SessionEvent.MetadataSet;
import io.parley.sessions.domain.SessionEvent.SessionCreated;
import io.parley.sessions.domain.SessionEvent.SessionDeleted;
import io.parley.sessions.domain.SessionEvent.TokensAppended;
import io.parley.sessions.domain.SessionEvent.TurnAdmitted;
import io.parley.sessions.domain.SessionEvent.TurnCancelled;
import io.parley.sessions.domain.SessionEvent.TurnCompleted;
import io.parley.sessions.domain.SessionEvent.TurnDeleted;
import io.parley.sessions.domain.SessionEvent.TurnFailed;
import io.parley.sessions.domain.SessionEvent.TurnStarted;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A journal as files, one for each event, named {@code NN-manifest.cbor} in their order, and a
 * snapshot taken in mid-turn. The files were written by the version that introduced each manifest
 * and are never written again: {@link #main} adds those that are missing.
 */
final class GoldenJournal {
  static final Path FOLDER = Path.of("src/test/resources/golden/session");
  static final String SNAPSHOT = "snapshot-session.v2.cbor";

  /** Written by versions that knew no fingerprint of a session. */
  static final String OLD_SNAPSHOT = "snapshot-session.v1.cbor";

  /** Of a session with a turn whose answer has a form. */
  static final String FORM_SNAPSHOT = "snapshot-session.v3.cbor";

  /** With the head of its journal's chain. */
  static final String CHAINED_SNAPSHOT = "snapshot-session.v4.cbor";

  /**
   * The same events as they are stored with seals, each in a file as {@code NN-manifest.sealed}.
   */
  static final Path SEALED = Path.of("src/test/resources/golden/sealed");

  static final String PERSISTENCE_ID = "session|default/golden";

  static final String OLD_CREATED = "01-session-created.v1.cbor";

  /** The snapshot stands for the events before this index. */
  static final int SNAPSHOT_AT = 20;

  private GoldenJournal() {}

  /** What the files mean. */
  static List<SessionEvent> events() {
    ModelId model = new ModelId("smollm2", "1");
    PromptInfo prompt = new PromptInfo(31, 16, 2, model, "tensorflow-graph");
    TurnRequest plain =
        new TurnRequest(
            model,
            List.of(),
            List.of(new Message(Role.USER, "Grüße, 世界 🌍")),
            Optional.empty(),
            SamplingParams.greedy(64),
            ContextPolicy.ERROR,
            Priority.INTERACTIVE,
            true,
            false,
            Map.of());
    TurnRequest rich =
        new TurnRequest(
            model,
            List.of(),
            List.of(new Message(Role.USER, "one"), new Message(Role.USER, "two")),
            Optional.of("Be brief."),
            new SamplingParams(
                0.7,
                0.9,
                40,
                0.05,
                1.1,
                0.2,
                0.3,
                -77L,
                List.of("\n\n", "END"),
                128,
                true,
                true,
                2),
            ContextPolicy.DROP_OLDEST,
            Priority.BULK,
            false,
            true,
            Map.of("label", "value"));
    TokenLogProb logProb =
        new TokenLogProb(
            -0.25f,
            "\u00f0\u009f",
            List.of(new Alternative(5, "a", -0.25f), new Alternative(6, "b", -1.5f)));
    return List.of(
        new SessionCreated(
            1000,
            Optional.of("fp-0"),
            List.of(new Message(Role.SYSTEM, "You are kind.")),
            Map.of("topic", "test")),
        new TurnStarted(1001, 1, "key-1", "fp-1", plain),
        new AttemptStarted(1001, 1, 1, Optional.empty()),
        new TurnAdmitted(1002, 1, 1, prompt),
        new TokensAppended(1003, 1, 1, 0, List.of(new Token(7, "Hi"), new Token(8, ""))),
        new AttemptStarted(
            1004, 1, 2, Optional.of(new Failure(FailureCode.WORKER_LOST, "the worker is gone"))),
        new TurnAdmitted(1005, 1, 2, prompt),
        new TokensAppended(1006, 1, 2, 2, List.of(new Token(9, " 🌍"))),
        new TurnCompleted(1007, 1, 2, FinishReason.STOP, "!"),
        new MessagesAppended(1008, "add-1", List.of(new Message(Role.ASSISTANT, "By the way"))),
        new MetadataSet(1009, Map.of("topic", "golden")),
        new TurnStarted(1010, 2, "key-2", "fp-2", rich),
        new AttemptStarted(1010, 2, 1, Optional.empty()),
        new TurnFailed(1011, 2, FailureCode.QUEUE_TIMEOUT, "not in time"),
        new TurnDeleted(1012, 2),
        new TurnStarted(1013, 3, "key-3", "fp-3", rich),
        new AttemptStarted(1013, 3, 1, Optional.empty()),
        new TurnAdmitted(1014, 3, 1, prompt),
        new TokensAppended(
            1015, 3, 1, 0, List.of(new Token(20, "x", Optional.of(logProb)), new Token(21, "y"))),
        new TokensAppended(1016, 3, 1, 2, List.of(new Token(22, "z", Optional.of(logProb)))),
        new TurnCancelled(1017, 3),
        new SessionDeleted(1018),
        withForm());
  }

  /** A turn whose answer has a form, and whose input tells of a tool's call. */
  static TurnStarted withForm() {
    AnswerForm form =
        new AnswerForm(
            Optional.of(new JsonFormat("colour", Optional.of("{\"enum\":[\"grün\",\"red\"]}"))),
            List.of(
                new Tool("paint", Optional.of("Paints."), "{\"type\":\"object\"}"),
                new Tool("wait", Optional.empty(), "{}")),
            ToolUse.AUTO,
            Optional.of("paint"));
    TurnRequest request =
        new TurnRequest(
            new ModelId("smollm2", "1"),
            List.of(),
            List.of(
                new Message(Role.ASSISTANT, AnswerForm.call("paint", "{}"), List.of("call_1")),
                new Message(Role.TOOL, "wet", List.of("call_1"))),
            Optional.empty(),
            SamplingParams.greedy(64).withForm(Optional.of(form)),
            ContextPolicy.ERROR,
            Priority.INTERACTIVE,
            true,
            false,
            Map.of());
    return new TurnStarted(1019, 1, "key-4", "fp-4", request);
  }

  /** The session that the snapshot with a form holds. */
  static Session formSnapshot() {
    return new Absent().applyAll(List.of(events().get(0), withForm()));
  }

  /** What the first event meant before it had a fingerprint. */
  static SessionCreated oldCreated() {
    SessionCreated created = (SessionCreated) events().get(0);
    return new SessionCreated(
        created.at(), Optional.empty(), created.history(), created.metadata());
  }

  /** The session that the old snapshot holds. */
  static Session oldSnapshot() {
    return new Absent().apply(oldCreated()).applyAll(events().subList(1, SNAPSHOT_AT));
  }

  /** The session that the snapshot holds. */
  static Session snapshot() {
    return new Absent().applyAll(events().subList(0, SNAPSHOT_AT));
  }

  /** The session that the snapshot with a head holds: of a journal of which nothing is sealed. */
  static ChainedSession chainedSnapshot() {
    ChainHead head = ChainHead.begin(PERSISTENCE_ID);
    return new ChainedSession(formSnapshot(), head.behindUnsealed(1, "m", new byte[] {1}));
  }

  /** File names in the journal's order, and what each means. */
  static Map<String, SessionEvent> files(SessionSerializer serializer) {
    Map<String, SessionEvent> files = new LinkedHashMap<>();
    List<SessionEvent> events = events();
    for (int i = 0; i < events.size(); i++) {
      String manifest = serializer.manifest(events.get(i));
      files.put("%02d-%s.cbor".formatted(i + 1, manifest), events.get(i));
    }
    return files;
  }

  /** The manifest in a file's name. */
  static String manifest(String file) {
    return file.substring(file.indexOf('-') + 1, file.length() - ".cbor".length());
  }

  /** Writes the files that are missing; run it from the module's folder. */
  public static void main(String[] args) throws IOException {
    SessionSerializer serializer = new SessionSerializer();
    Files.createDirectories(FOLDER);
    for (Map.Entry<String, SessionEvent> file : files(serializer).entrySet()) {
      write(FOLDER.resolve(file.getKey()), serializer.toBinary(file.getValue()));
    }
    write(FOLDER.resolve(SNAPSHOT), serializer.toBinary(snapshot()));
    write(FOLDER.resolve(FORM_SNAPSHOT), serializer.toBinary(formSnapshot()));
    write(FOLDER.resolve(CHAINED_SNAPSHOT), serializer.toBinary(chainedSnapshot()));
    Files.createDirectories(SEALED);
    int number = 0;
    for (ChainedEvent event : new Sealer().seal(ChainHead.begin(PERSISTENCE_ID), events())) {
      number++;
      write(SEALED.resolve("%02d-%s.sealed".formatted(number, event.manifest())), event.bytes());
    }
  }

  private static void write(Path file, byte[] bytes) throws IOException {
    if (!Files.exists(file)) {
      Files.write(file, bytes);
      System.out.println("wrote " + file);
    }
  }
}
