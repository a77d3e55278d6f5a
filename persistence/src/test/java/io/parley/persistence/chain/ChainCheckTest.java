package io.parley.persistence.chain;

import static io.parley.persistence.chain.Finding.Kind.ADDED;
import static io.parley.persistence.chain.Finding.Kind.ALTERED;
import static io.parley.persistence.chain.Finding.Kind.BAD_CHECKPOINT;
import static io.parley.persistence.chain.Finding.Kind.CUT;
import static io.parley.persistence.chain.Finding.Kind.DISPLACED;
import static io.parley.persistence.chain.Finding.Kind.FOREIGN;
import static io.parley.persistence.chain.Finding.Kind.MISSING;
import static io.parley.persistence.chain.Finding.Kind.MOVED;
import static io.parley.persistence.chain.Finding.Kind.REWRITTEN;
import static org.assertj.core.api.Assertions.assertThat;

import io.parley.persistence.chain.Finding.Kind;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** A journal of ten sealed events, and what can be done to it. */
class ChainCheckTest {
  private static final String ID = "session|default/a";
  private static final KeyPair PAIR = pair();
  private static final CheckpointKeys KEYS =
      CheckpointKeys.of("k1", PAIR.getPrivate(), Map.of("k1", PAIR.getPublic()));

  private final List<RawRow> rows = journal(ID, "x", 10);
  private final List<Checkpoint> checkpoints = new ArrayList<>();

  private static KeyPair pair() {
    try {
      return KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
    } catch (GeneralSecurityException e) {
      throw new AssertionError(e);
    }
  }

  private static List<RawRow> journal(String id, String text, int events) {
    List<RawRow> rows = new ArrayList<>();
    ChainHead head = ChainHead.begin(id);
    for (int i = 1; i <= events; i++) {
      RawRow row = next(head, "w", text + i);
      rows.add(row);
      head = behind(head, row);
    }
    return rows;
  }

  private static RawRow next(ChainHead head, String writer, String text) {
    byte[] payload = text.getBytes(StandardCharsets.UTF_8);
    return new RawRow(
        head.sequence() + 1,
        writer,
        0,
        RawRow.SEALED,
        "m",
        Seal.stored(head, RawRow.SEALED, "m", payload));
  }

  private static ChainHead behind(ChainHead head, RawRow row) {
    return head.behind(Seal.of(row.bytes()).orElseThrow());
  }

  private ChainHead headAt(int number) {
    return number == 0 ? ChainHead.begin(ID) : behind(ChainHead.begin(ID), rows.get(number - 1));
  }

  private void sign(int number) {
    checkpoints.add(KEYS.sign(headAt(number), 1000));
  }

  private ChainReport report() {
    ChainCheck check = new ChainCheck(ID, KEYS, checkpoints);
    rows.forEach(check::event);
    return check.end();
  }

  private static String told(Kind kind, long from, long to) {
    return kind + " " + from + "-" + to;
  }

  private List<String> findings() {
    return told(report());
  }

  private static List<String> told(ChainReport report) {
    return report.findings().stream().map(f -> told(f.kind(), f.from(), f.to())).toList();
  }

  private static RawRow with(RawRow row, long number, byte[] bytes) {
    return new RawRow(number, row.writer(), 0, row.serializer(), row.manifest(), bytes);
  }

  @Test
  void nothingIsFoundInAJournalThatIsWhole() {
    sign(5);
    sign(10);
    ChainReport report = report();
    assertThat(report.isWhole()).isTrue();
    assertThat(report.events()).isEqualTo(10);
    assertThat(report.checkpoints()).isEqualTo(2);
    assertThat(report.signedSequence()).isEqualTo(10);
  }

  /** Each bit of an event that is not the last, whatever it belongs to. */
  @Test
  void anyBitThatIsFlippedIsFoundInItsEvent() {
    RawRow fourth = rows.get(3);
    for (int bit = 0; bit < fourth.bytes().length * 8; bit++) {
      byte[] changed = fourth.bytes().clone();
      changed[bit / 8] ^= (byte) (1 << bit % 8);
      rows.set(3, with(fourth, 4, changed));
      assertThat(report().findings()).as("bit " + bit).hasSize(1);
      assertThat(report().findings().get(0).from()).as("bit " + bit).isEqualTo(4);
    }
  }

  @Test
  void anAlteredLastEventIsFoundWithoutACheckpoint() {
    RawRow last = rows.get(9);
    byte[] changed = last.bytes().clone();
    changed[15] ^= 1;
    rows.set(9, with(last, 10, changed));
    assertThat(findings()).containsExactly(told(ALTERED, 10, 10));
  }

  @Test
  void anotherManifestIsAnAlteration() {
    RawRow row = rows.get(2);
    rows.set(2, new RawRow(3, "w", 0, row.serializer(), "n", row.bytes()));
    assertThat(findings()).containsExactly(told(ALTERED, 3, 3));
  }

  @Test
  void twoEventsThatAreAlteredAreBothNamed() {
    for (int i : new int[] {2, 7}) {
      byte[] changed = rows.get(i).bytes().clone();
      changed[14] ^= 1;
      rows.set(i, with(rows.get(i), i + 1, changed));
    }
    assertThat(findings()).containsExactly(told(ALTERED, 3, 3), told(ALTERED, 8, 8));
  }

  @Test
  void numbersThatAreLeftOutAreMissing() {
    rows.remove(4);
    rows.remove(4);
    assertThat(findings()).containsExactly(told(MISSING, 5, 6));
  }

  @Test
  void theFirstEventMissesToo() {
    rows.remove(0);
    assertThat(findings()).containsExactly(told(MISSING, 1, 1));
  }

  /** With the numbers moved up, so that there is no gap. */
  @Test
  void anEventThatIsLeftOutIsFoundWhenTheOthersMoveUp() {
    rows.remove(4);
    for (int i = 4; i < rows.size(); i++) {
      rows.set(i, with(rows.get(i), i + 1, rows.get(i).bytes()));
    }
    assertThat(findings().get(0)).isEqualTo(told(MOVED, 5, 5));
  }

  @Test
  void swappedEventsAreNamed() {
    byte[] third = rows.get(2).bytes();
    rows.set(2, with(rows.get(2), 3, rows.get(3).bytes()));
    rows.set(3, with(rows.get(3), 4, third));
    assertThat(findings()).containsExactly(told(MOVED, 3, 3), told(MOVED, 4, 4));
  }

  @Test
  void anEventOfAnotherJournalIsForeign() {
    RawRow other = journal("session|default/b", "x", 10).get(5);
    rows.set(5, other);
    assertThat(findings()).containsExactly(told(FOREIGN, 6, 6));
  }

  @Test
  void aCopyAtTheEndIsFound() {
    rows.add(with(rows.get(9), 11, rows.get(9).bytes()));
    assertThat(findings()).containsExactly(told(MOVED, 11, 11));
  }

  @Test
  void anEventWithoutASealBehindSealedOnesWasAdded() {
    rows.add(new RawRow(11, "w", 0, 7_102_501, "m", new byte[] {1}));
    assertThat(findings()).containsExactly(told(ADDED, 11, 11));
  }

  @Test
  void aSecondEventOfOneNumberWasAdded() {
    rows.add(6, next(headAt(5), "w", "another"));
    assertThat(findings()).containsExactly(told(ADDED, 6, 6));
  }

  @Test
  void whatIsCutOffIsFoundByACheckpoint() {
    sign(5);
    sign(9);
    rows.subList(6, 10).clear();
    assertThat(findings()).containsExactly(told(CUT, 7, 9));
    rows.clear();
    assertThat(findings()).containsExactly(told(CUT, 1, 9));
  }

  @Test
  void aChainThatWasMadeAnewIsFoundByACheckpoint() {
    sign(3);
    sign(8);
    List<RawRow> forged = new ArrayList<>(rows.subList(0, 4));
    ChainHead head = headAt(4);
    for (int i = 5; i <= 10; i++) {
      RawRow row = next(head, "w", "forged" + i);
      forged.add(row);
      head = behind(head, row);
    }
    rows.clear();
    rows.addAll(forged);
    assertThat(findings()).containsExactly(told(REWRITTEN, 4, 8));
  }

  @Test
  void aCheckpointOfAnotherKeyOrAnotherJournalIsNotBelieved() {
    sign(5);
    KeyPair other = pair();
    checkpoints.add(CheckpointKeys.of("k1", other.getPrivate(), Map.of()).sign(headAt(6), 1000));
    Checkpoint genuine = checkpoints.get(0);
    checkpoints.add(
        new Checkpoint(ID, 7, genuine.head(), 1000, genuine.keyId(), genuine.signature()));
    checkpoints.add(KEYS.sign(new ChainHead("session|default/b", 8, headAt(8).hash()), 1000));
    Checkpoint moved = checkpoints.remove(3);
    checkpoints.add(new Checkpoint(ID, 8, moved.head(), 1000, moved.keyId(), moved.signature()));
    assertThat(findings())
        .containsExactly(
            told(BAD_CHECKPOINT, 6, 6), told(BAD_CHECKPOINT, 7, 7), told(BAD_CHECKPOINT, 8, 8));
  }

  @Test
  void withoutKeysCheckpointsSayNothing() {
    sign(10);
    rows.subList(6, 10).clear();
    ChainCheck check = new ChainCheck(ID, CheckpointKeys.none(), checkpoints);
    rows.forEach(check::event);
    assertThat(check.end().isWhole()).isTrue();
    assertThat(check.end().checkpoints()).isZero();
  }

  @Test
  void aLateWriteIsNoTampering() {
    ChainCheck check = new ChainCheck(ID, KEYS, List.of());
    ChainHead head = headAt(10);
    RawRow late = next(head, "w", "late");
    RawRow later = next(behind(head, late), "w", "later");
    rows.forEach(check::event);
    check.displaced(late);
    check.event(next(head, "v", "right"));
    check.displaced(later);
    ChainReport report = check.end();
    assertThat(report.isWhole()).isTrue();
    assertThat(report.supersededRows()).isEqualTo(2);
  }

  @Test
  void aRowThatPretendsToBeALateWriteWasAdded() {
    ChainCheck check = new ChainCheck(ID, KEYS, List.of());
    rows.subList(0, 5).forEach(check::event);
    check.displaced(rows.get(8));
    rows.subList(5, 10).forEach(check::event);
    assertThat(told(check.end())).containsExactly(told(ADDED, 9, 9));
  }

  /** Somebody stores a row as a new writer, so that what others had stored counts no more. */
  @Test
  void moreThanALateWriteIsNotDisplacedUnseen() {
    ChainCheck check = new ChainCheck(ID, KEYS, List.of());
    rows.subList(0, 5).forEach(check::event);
    rows.subList(5, 10).forEach(check::displaced);
    check.event(next(headAt(5), "forger", "instead"));
    assertThat(told(check.end())).containsExactly(told(DISPLACED, 6, 9));
  }

  @Test
  void onlySoManyFindingsAreKept() {
    rows.clear();
    for (RawRow row : journal("session|default/b", "x", ChainCheck.FINDINGS + 7)) {
      rows.add(row);
    }
    ChainReport report = report();
    assertThat(report.findings()).hasSize(ChainCheck.FINDINGS);
    assertThat(report.findingsLeftOut()).isEqualTo(7);
  }
}
