package io.parley.sessions.journal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.parley.persistence.chain.ChainCheck;
import io.parley.persistence.chain.ChainReport;
import io.parley.persistence.chain.CheckpointKeys;
import io.parley.persistence.chain.Finding;
import io.parley.persistence.chain.RawRow;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.Role;
import io.parley.sessions.domain.Absent;
import io.parley.sessions.domain.Generating;
import io.parley.sessions.domain.SessionEvent;
import java.io.IOException;
import java.io.NotSerializableException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What was ever written is read, and means what it meant. */
class GoldenJournalTest {
  private final SessionSerializer serializer = new SessionSerializer();

  private Object read(String file) throws IOException {
    byte[] bytes = Files.readAllBytes(GoldenJournal.FOLDER.resolve(file));
    return serializer.restore(bytes, GoldenJournal.manifest(file));
  }

  private static Set<String> storedFiles() throws IOException {
    return files(GoldenJournal.FOLDER);
  }

  private static Set<String> files(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .map(f -> f.getFileName().toString())
          .collect(Collectors.toCollection(TreeSet::new));
    }
  }

  @Test
  void everyFileMeansWhatItMeant() throws IOException {
    for (Map.Entry<String, SessionEvent> file : GoldenJournal.files(serializer).entrySet()) {
      assertThat(read(file.getKey())).as(file.getKey()).isEqualTo(file.getValue());
    }
  }

  @Test
  void theFilesReplayToTheExpectedSession() throws IOException {
    List<SessionEvent> events = new ArrayList<>();
    for (String file : GoldenJournal.files(serializer).keySet()) {
      events.add((SessionEvent) read(file));
    }
    Generating running =
        (Generating) new Absent().applyAll(events.subList(0, GoldenJournal.SNAPSHOT_AT));
    assertThat(running.prompt())
        .containsExactly(
            new Message(Role.SYSTEM, "Be brief."),
            new Message(Role.SYSTEM, "You are kind."),
            new Message(Role.USER, "Grüße, 世界 🌍"),
            new Message(Role.ASSISTANT, "Hi 🌍!"),
            new Message(Role.ASSISTANT, "By the way"),
            new Message(Role.USER, "one"),
            new Message(Role.USER, "two"));
    assertThat(running.turn().answer().text()).isEqualTo("xyz");
    assertThat(running.turn().answer().ids()).containsExactly(20, 21, 22);
    assertThat(running.conversation().metadata()).isEqualTo(Map.of("topic", "golden"));
    assertThat(running.conversation().turn(2).orElseThrow().deleted()).isTrue();
    assertThat(new Absent().applyAll(events))
        .isEqualTo(new io.parley.sessions.domain.Deleted(1018));
  }

  @Test
  void aSnapshotIsTheSessionThatItWasTakenOf() throws IOException {
    assertThat(read(GoldenJournal.SNAPSHOT)).isEqualTo(GoldenJournal.snapshot());
    assertThat(read(GoldenJournal.OLD_SNAPSHOT)).isEqualTo(GoldenJournal.oldSnapshot());
    assertThat(read(GoldenJournal.FORM_SNAPSHOT)).isEqualTo(GoldenJournal.formSnapshot());
    assertThat(read(GoldenJournal.CHAINED_SNAPSHOT)).isEqualTo(GoldenJournal.chainedSnapshot());
  }

  /** Its session is made from all its events, which tell the head. */
  @Test
  void aSnapshotWithoutAHeadIsPassedOver() throws IOException {
    for (String file :
        List.of(GoldenJournal.SNAPSHOT, GoldenJournal.OLD_SNAPSHOT, GoldenJournal.FORM_SNAPSHOT)) {
      byte[] bytes = Files.readAllBytes(GoldenJournal.FOLDER.resolve(file));
      assertThatThrownBy(() -> serializer.fromBinary(bytes, GoldenJournal.manifest(file)))
          .isInstanceOf(NotSerializableException.class)
          .hasMessageContaining("head");
    }
  }

  @Test
  void theSealedFilesMeanTheSameAndAreOneChain() throws IOException {
    SealedSerializer sealed = new SealedSerializer();
    ChainCheck check =
        new ChainCheck(GoldenJournal.PERSISTENCE_ID, CheckpointKeys.none(), List.of());
    ChainedSession session = ChainedSession.absent(GoldenJournal.PERSISTENCE_ID);
    List<SessionEvent> events = new ArrayList<>();
    for (String file : files(GoldenJournal.SEALED)) {
      String manifest = file.substring(file.indexOf('-') + 1, file.length() - ".sealed".length());
      byte[] bytes = Files.readAllBytes(GoldenJournal.SEALED.resolve(file));
      ChainedEvent event = (ChainedEvent) sealed.fromBinary(bytes, manifest);
      assertThat(sealed.toBinary(event)).isEqualTo(bytes);
      events.add(event.event());
      session = session.apply(event);
      check.event(row(events.size(), event));
    }
    assertThat(events).isEqualTo(GoldenJournal.events());
    assertThat(session.head().sequence()).isEqualTo(events.size());
    assertThat(check.end().findings()).isEmpty();
  }

  /** A journal that was begun before there were seals, and goes on with them. */
  @Test
  void eventsOfBeforeThereWereSealsAreAPartOfTheChain() throws IOException {
    ChainedSession session = ChainedSession.absent(GoldenJournal.PERSISTENCE_ID);
    List<RawRow> rows = new ArrayList<>();
    for (String file : GoldenJournal.files(serializer).keySet()) {
      byte[] bytes = Files.readAllBytes(GoldenJournal.FOLDER.resolve(file));
      ChainedEvent event =
          (ChainedEvent) serializer.fromBinary(bytes, GoldenJournal.manifest(file));
      session = session.apply(event);
      rows.add(row(rows.size() + 1, event));
      if (rows.size() == GoldenJournal.SNAPSHOT_AT) {
        break;
      }
    }
    List<SessionEvent> next =
        GoldenJournal.events().subList(GoldenJournal.SNAPSHOT_AT, GoldenJournal.SNAPSHOT_AT + 2);
    for (ChainedEvent event : new Sealer().seal(session.head(), next)) {
      rows.add(row(rows.size() + 1, event));
    }
    assertThat(check(rows).findings()).isEmpty();
    assertThat(check(rows).unsealedEvents()).isEqualTo(GoldenJournal.SNAPSHOT_AT);

    RawRow third = rows.get(2);
    byte[] changed = third.bytes().clone();
    changed[changed.length - 1] ^= 1;
    rows.set(2, new RawRow(3, "w", 0, third.serializer(), third.manifest(), changed));
    assertThat(check(rows).findings())
        .singleElement()
        .satisfies(
            found -> {
              assertThat(found.kind()).isEqualTo(Finding.Kind.ALTERED);
              assertThat(found.from()).isEqualTo(1);
              assertThat(found.to()).isEqualTo(GoldenJournal.SNAPSHOT_AT + 1);
            });
  }

  private static ChainReport check(List<RawRow> rows) {
    ChainCheck check =
        new ChainCheck(GoldenJournal.PERSISTENCE_ID, CheckpointKeys.none(), List.of());
    rows.forEach(check::event);
    return check.end();
  }

  private static RawRow row(long number, ChainedEvent event) {
    return new RawRow(number, "w", 0, event.serializer(), event.manifest(), event.bytes());
  }

  @Test
  void aSessionThatWasMadeBeforeFingerprintsHasNone() throws IOException {
    assertThat(read(GoldenJournal.OLD_CREATED)).isEqualTo(GoldenJournal.oldCreated());
  }

  @Test
  void whoKnowsNoFormsCannotReadATurnThatHasOne() {
    assertThat(serializer.manifest(GoldenJournal.withForm())).isEqualTo("turn-started.v2");
    assertThat(serializer.manifest(GoldenJournal.events().get(1))).isEqualTo("turn-started.v1");
    assertThat(serializer.manifest(GoldenJournal.formSnapshot())).isEqualTo("session.v3");
    assertThat(serializer.manifest(GoldenJournal.snapshot())).isEqualTo("session.v2");
  }

  @Test
  void everyEventAndEveryManifestHasAGoldenFile() throws IOException {
    Set<Class<?>> covered =
        GoldenJournal.events().stream().map(Object::getClass).collect(Collectors.toSet());
    assertThat(covered).containsAll(Arrays.asList(SessionEvent.class.getPermittedSubclasses()));

    Set<String> manifests =
        storedFiles().stream().map(GoldenJournal::manifest).collect(Collectors.toSet());
    assertThat(manifests)
        .as("run GoldenJournal.main and commit what it adds")
        .containsExactlyInAnyOrderElementsOf(new Manifests().all());
  }
}
