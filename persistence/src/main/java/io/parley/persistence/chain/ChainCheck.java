package io.parley.persistence.chain;

import io.parley.persistence.chain.Finding.Kind;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Goes along one entity's rows, in their order, and says what is wrong with them. It keeps a few
 * hashes, however long the journal is.
 *
 * <p>After a finding it goes on: the next event's hash is checked against the one that is stored
 * with the event before, so that what is whole behind a wrong event is not accused. Where that hash
 * is itself in doubt (a gap, a row from elsewhere), one event is passed over.
 */
public final class ChainCheck {
  /** The most findings that are kept. */
  public static final int FINDINGS = 100;

  /** The most events that an entity stores at once: all that one late write can leave behind. */
  static final int WRITE_EVENTS = 3;

  /** Rows under one number that may be the one that the next event follows. */
  private static final int RIVALS = 8;

  private final String persistenceId;
  private final int tag;
  private final CheckpointKeys keys;
  private final Deque<Checkpoint> checkpoints;
  private final List<Finding> findings = new ArrayList<>();
  private final Map<String, Displaced> displaced = new HashMap<>();
  private long findingsLeftOut;

  /** Hashes of which one is that of the event before; none when that is not known. */
  private List<Hash> before;

  private long last;
  private long lastSealed;
  private boolean lastAltered;
  private long events;
  private long unsealed;
  private long supersededRows;
  private int compared;
  private long signed;

  private record Displaced(int rows, Optional<Hash> hash) {}

  /**
   * @param checkpoints of this entity, read before its rows are
   */
  public ChainCheck(String persistenceId, CheckpointKeys keys, List<Checkpoint> checkpoints) {
    this.persistenceId = persistenceId;
    this.keys = keys;
    this.before = List.of(Hash.anchor(persistenceId));
    this.tag = Hash.anchor(persistenceId).tag();
    List<Checkpoint> inOrder = new ArrayList<>(checkpoints);
    inOrder.sort(Comparator.comparingLong(Checkpoint::sequence));
    this.checkpoints = new ArrayDeque<>(inOrder);
  }

  /** The next event. */
  public void event(RawRow row) {
    events++;
    if (row.sequence() == last) {
      found(Kind.ADDED, last, last, "two events have this number");
      rival(row);
      return;
    }
    if (row.sequence() > last + 1) {
      found(Kind.MISSING, last + 1, row.sequence() - 1, "these numbers are left out");
      before = List.of();
    }
    if (row.isSealed()) {
      sealed(row);
    } else {
      unsealed(row);
    }
    last = row.sequence();
    compare();
  }

  private void rival(RawRow row) {
    Optional<Hash> hash = row.isSealed() ? Seal.of(row.bytes()).map(Seal::hash) : Optional.empty();
    List<Hash> all = new ArrayList<>(before);
    hash.filter(one -> all.size() < RIVALS).ifPresent(all::add);
    before = List.copyOf(all);
  }

  private void sealed(RawRow row) {
    long number = row.sequence();
    Optional<Seal> seal = Seal.of(row.bytes());
    Optional<Finding> wrong = seal.isEmpty() ? altered(number) : misplaced(seal.get(), row);
    boolean inDoubt = wrong.isPresent();
    if (wrong.isEmpty() && !before.isEmpty() && !follows(seal.get(), row)) {
      wrong = altered(number);
    }
    wrong.ifPresent(this::found);
    lastAltered = wrong.isPresent() && !inDoubt;
    lastSealed = number;
    before = inDoubt ? List.of() : List.of(seal.orElseThrow().hash());
  }

  private boolean follows(Seal seal, RawRow row) {
    return before.stream().anyMatch(hash -> seal.follows(hash, persistenceId, row));
  }

  private Optional<Finding> misplaced(Seal seal, RawRow row) {
    long number = row.sequence();
    if (seal.entity() != tag) {
      return Optional.of(
          new Finding(Kind.FOREIGN, number, number, "it is an event of another journal"));
    }
    return seal.sequence() == number
        ? Optional.empty()
        : Optional.of(
            new Finding(Kind.MOVED, number, number, "it is event " + seal.sequence() + " here"));
  }

  /** What was stored without a seal has no hash of its own: the first one behind it tells. */
  private Optional<Finding> altered(long number) {
    return Optional.of(
        lastSealed == 0 && unsealed > 0
            ? new Finding(
                Kind.ALTERED,
                1,
                number,
                "one of these is not what it was; those before " + number + " have no own hash")
            : new Finding(
                Kind.ALTERED, number, number, "what is stored is not what was sealed here"));
  }

  private void unsealed(RawRow row) {
    unsealed++;
    lastAltered = false;
    if (lastSealed > 0) {
      found(
          Kind.ADDED,
          row.sequence(),
          row.sequence(),
          "it has no seal, and events before it have one");
    }
    before =
        before.stream()
            .map(
                hash ->
                    Hash.event(
                        hash,
                        persistenceId,
                        row.sequence(),
                        row.serializer(),
                        row.manifest(),
                        row.bytes(),
                        row.bytes().length))
            .toList();
  }

  /** The checkpoints up to the event that was just seen. */
  private void compare() {
    while (!checkpoints.isEmpty() && checkpoints.peek().sequence() <= last) {
      Checkpoint checkpoint = checkpoints.remove();
      long at = checkpoint.sequence();
      // one whose number is left out is told by the gap
      if (isBelieved(checkpoint) && at == last && !before.isEmpty()) {
        if (before.contains(checkpoint.head())) {
          signed = at;
        } else if (isClean(signed + 1)) {
          found(
              Kind.REWRITTEN,
              signed + 1,
              at,
              "another chain up to here was signed by " + checkpoint.keyId());
        }
      }
    }
  }

  private boolean isBelieved(Checkpoint checkpoint) {
    if (!keys.believesAny()) {
      return false; // nothing is said of any
    }
    compared++;
    if (keys.isSigned(checkpoint)) {
      return true;
    }
    found(
        Kind.BAD_CHECKPOINT,
        checkpoint.sequence(),
        checkpoint.sequence(),
        "the checkpoint is not signed by a known key (its key is named "
            + checkpoint.keyId()
            + ")");
    return false;
  }

  private boolean isClean(long from) {
    return findings.stream()
        .noneMatch(one -> one.to() >= from && one.kind() != Kind.BAD_CHECKPOINT);
  }

  /** A row that is no event, before the event that comes behind it in the table. */
  public void displaced(RawRow row) {
    supersededRows++;
    Displaced known = displaced.getOrDefault(row.writer(), new Displaced(0, Optional.empty()));
    Optional<Seal> seal = row.isSealed() ? Seal.of(row.bytes()) : Optional.empty();
    Displaced now = new Displaced(known.rows() + 1, seal.map(Seal::hash));
    displaced.put(row.writer(), now);
    if (row.isSealed() && !before.isEmpty() && !isLateWrite(seal, known, row)) {
      found(
          Kind.ADDED,
          row.sequence(),
          row.sequence(),
          "it is no event, and no late write of this journal either");
    } else if (now.rows() == WRITE_EVENTS + 1) {
      found(
          Kind.DISPLACED,
          row.sequence() - WRITE_EVENTS,
          row.sequence(),
          "another writer's rows displace more than one late write leaves behind");
    }
  }

  private boolean isLateWrite(Optional<Seal> seal, Displaced known, RawRow row) {
    return seal.isPresent()
        && (follows(seal.get(), row)
            || known.hash().filter(own -> seal.get().follows(own, persistenceId, row)).isPresent());
  }

  /** There are no more rows. */
  public ChainReport end() {
    while (!checkpoints.isEmpty()) {
      Checkpoint checkpoint = checkpoints.remove();
      if (isBelieved(checkpoint)) {
        found(
            Kind.CUT,
            last + 1,
            checkpoint.sequence(),
            "the journal ends before what was signed by " + checkpoint.keyId());
      }
    }
    return new ChainReport(
        persistenceId,
        events,
        last,
        unsealed,
        supersededRows,
        compared,
        signed,
        findings,
        findingsLeftOut);
  }

  private void found(Kind kind, long from, long to, String detail) {
    found(new Finding(kind, from, to, detail));
  }

  /**
   * Where an event's own hash was altered, the next one does not fit, either: both are one finding.
   */
  private void found(Finding finding) {
    Finding newest = findings.isEmpty() ? null : findings.get(findings.size() - 1);
    boolean goesOn =
        newest != null
            && ((finding.kind() == Kind.ALTERED
                    && lastAltered
                    && newest.kind() == Kind.ALTERED
                    && newest.to() + 1 == finding.from())
                || (finding.kind() == Kind.CUT && newest.kind() == Kind.CUT));
    if (goesOn) {
      findings.set(
          findings.size() - 1,
          new Finding(newest.kind(), newest.from(), finding.to(), newest.detail()));
    } else if (findings.size() < FINDINGS) {
      findings.add(finding);
    } else {
      findingsLeftOut++;
    }
  }
}
