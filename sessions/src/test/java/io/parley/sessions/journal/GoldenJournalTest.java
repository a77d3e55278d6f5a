package io.parley.sessions.journal;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.Role;
import io.parley.sessions.domain.Absent;
import io.parley.sessions.domain.Generating;
import io.parley.sessions.domain.SessionEvent;
import java.io.IOException;
import java.nio.file.Files;
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
    return serializer.fromBinary(bytes, GoldenJournal.manifest(file));
  }

  private static Set<String> storedFiles() throws IOException {
    try (Stream<java.nio.file.Path> files = Files.list(GoldenJournal.FOLDER)) {
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
