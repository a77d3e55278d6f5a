package io.parley.workers.batch;

import io.parley.workers.engine.StepInput;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * Decides what runs and what the next forward pass computes.
 *
 * <ul>
 *   <li>Waiting sequences get a slot in order of arrival, interactive before bulk; but after
 *       {@value #BULK_EVERY} interactive ones in a row a waiting bulk one is next. The first in
 *       line waits for its blocks, and nobody overtakes it.
 *   <li>A sequence enters with blocks for all its tokens, those that the prefix cache has and new
 *       ones, when each running one could still get another block. It takes one more whenever its
 *       last is full.
 *   <li>No block left: the youngest bulk sequence, else the youngest, lets go of all of its blocks
 *       and waits to be computed again, as far as nobody needed the blocks meanwhile. The oldest
 *       one is never preempted by others, so it ends. Preempted {@value #PREEMPTIONS_MAX} times, a
 *       bulk sequence counts as interactive.
 *   <li>A pass holds one token of each decoding sequence and then prefill, up to the token budget
 *       and, where something decodes, the prefill chunk: interactive first, then by age; who was
 *       passed over {@value #PASSED_OVER_MAX} times comes first. In a small one guessed tokens
 *       follow ({@link Drafts}).
 * </ul>
 */
final class Scheduler {
  static final int BULK_EVERY = 8;
  static final int PREEMPTIONS_MAX = 3;
  static final int PASSED_OVER_MAX = 8;

  private static final Comparator<Sequence> PREFILL_ORDER =
      Comparator.comparing((Sequence s) -> s.passedOver < PASSED_OVER_MAX)
          .thenComparing(s -> !s.urgent(PREEMPTIONS_MAX))
          .thenComparingLong(s -> s.arrival);

  private final int slots;
  private final int budget;
  private final int prefillChunk;
  private final KvBlocks blocks;
  private final PrefixCache cache;
  private final Drafts drafts;
  // all by arrival
  private final NavigableMap<Long, Sequence> running = new TreeMap<>();
  private final NavigableMap<Long, Sequence> waitingUrgent = new TreeMap<>();
  private final NavigableMap<Long, Sequence> waitingBulk = new TreeMap<>();
  // no waiting sequence is late before; may be too early, never too late
  private long earliestDeadlineMillis = Long.MAX_VALUE;
  private int urgentInARow;
  private long preemptions;

  Scheduler(
      int slots, int budget, int prefillChunk, KvBlocks blocks, PrefixCache cache, Drafts drafts) {
    this.slots = slots;
    this.budget = budget;
    this.prefillChunk = prefillChunk;
    this.blocks = blocks;
    this.cache = cache;
    this.drafts = drafts;
  }

  void add(Sequence sequence) {
    waiting(sequence).put(sequence.arrival, sequence);
    if (!sequence.announced) {
      earliestDeadlineMillis =
          Math.min(earliestDeadlineMillis, sequence.work.queueDeadlineEpochMillis());
    }
  }

  /** Sequences that did not begin before their queue deadline. */
  List<Sequence> late(long nowEpochMillis) {
    if (nowEpochMillis < earliestDeadlineMillis) {
      return List.of();
    }
    earliestDeadlineMillis = Long.MAX_VALUE;
    List<Sequence> late = new ArrayList<>();
    for (NavigableMap<Long, Sequence> queue : List.of(waitingUrgent, waitingBulk)) {
      for (Sequence sequence : queue.values()) {
        long deadline = sequence.work.queueDeadlineEpochMillis();
        if (sequence.announced) {
          continue; // it began, and was preempted
        }
        if (deadline <= nowEpochMillis) {
          late.add(sequence);
        } else {
          earliestDeadlineMillis = Math.min(earliestDeadlineMillis, deadline);
        }
      }
    }
    return late;
  }

  /** Forgets a sequence, wherever it is, and frees its blocks. */
  void remove(Sequence sequence) {
    running.remove(sequence.arrival);
    waitingUrgent.remove(sequence.arrival);
    waitingBulk.remove(sequence.arrival);
    cache.leave(sequence);
  }

  int runningCount() {
    return running.size();
  }

  int waitingCount() {
    return waitingUrgent.size() + waitingBulk.size();
  }

  long preemptions() {
    return preemptions;
  }

  /** Gives slots and blocks to waiting sequences; these are returned in order. */
  List<Sequence> admit() {
    List<Sequence> admitted = new ArrayList<>();
    while (running.size() < slots) {
      boolean bulk =
          !waitingBulk.isEmpty() && (waitingUrgent.isEmpty() || urgentInARow >= BULK_EVERY);
      NavigableMap<Long, Sequence> queue = bulk ? waitingBulk : waitingUrgent;
      if (queue.isEmpty()) {
        break;
      }
      Sequence next = queue.firstEntry().getValue();
      cache.takeFound(next);
      int found = next.blocks.size();
      int needed = blocks.blocksFor(next.length()) - found + running.size();
      if (!running.isEmpty() && needed > blocks.freeCount()) {
        blocks.release(next.blocks);
        break;
      }
      if (!blocks.grow(next.blocks, next.length())) {
        throw new IllegalStateException("a sequence is longer than the KV memory");
      }
      cache.entered(next, found);
      queue.pollFirstEntry();
      running.put(next.arrival, next);
      urgentInARow = bulk || waitingBulk.isEmpty() ? 0 : urgentInARow + 1;
      admitted.add(next);
    }
    return admitted;
  }

  /** The next forward pass; it has no tokens when nothing runs. */
  Pass plan() {
    growOrPreempt();
    List<Sequence> prefills = new ArrayList<>();
    List<Sequence> decoding = new ArrayList<>();
    Pass pass = new Pass();
    for (Sequence sequence : running.values()) {
      if (sequence.decodes()) {
        pass.add(sequence, 1);
        decoding.add(sequence);
      } else {
        prefills.add(sequence);
      }
    }
    prefills.sort(PREFILL_ORDER);
    int left = pass.tokenCount() == 0 ? budget : Math.min(prefillChunk, budget - pass.tokenCount());
    for (Sequence sequence : prefills) {
      cache.skipFound(sequence);
      int count = Math.min(left, sequence.length() - sequence.computed);
      if (count > 0) {
        pass.add(sequence, count);
        left -= count;
        sequence.passedOver = 0;
      } else {
        sequence.passedOver++;
      }
    }
    drafts.addTo(pass, decoding, running.size());
    return pass;
  }

  /**
   * The engine has computed the pass; of guessed tokens it is not known yet what they are worth.
   */
  void done(Pass pass) {
    for (int s = 0; s < pass.sequences.size(); s++) {
      Sequence sequence = pass.sequences.get(s);
      int from = sequence.computed;
      sequence.computed += pass.counts.get(s);
      cache.publish(sequence, from);
    }
  }

  /** A guessed token, which the pass has computed, was drawn. */
  void accept(Sequence sequence) {
    drafts.accept(sequence);
    cache.publish(sequence, sequence.computed - 1);
  }

  private void growOrPreempt() {
    for (Sequence sequence : List.copyOf(running.values())) {
      while (running.containsKey(sequence.arrival)
          && !blocks.grow(sequence.blocks, sequence.length())) {
        preempt(victim());
      }
    }
  }

  private Sequence victim() {
    for (Sequence sequence : running.descendingMap().values()) {
      if (!sequence.urgent(PREEMPTIONS_MAX)) {
        return sequence;
      }
    }
    return running.lastEntry().getValue();
  }

  private void preempt(Sequence victim) {
    running.remove(victim.arrival);
    cache.leave(victim);
    victim.computed = 0;
    victim.preemptions++;
    victim.passedOver = 0;
    preemptions++;
    add(victim);
  }

  private NavigableMap<Long, Sequence> waiting(Sequence sequence) {
    return sequence.urgent(PREEMPTIONS_MAX) ? waitingUrgent : waitingBulk;
  }

  /** One forward pass in the making: sequences and how many of their tokens it computes. */
  static final class Pass {
    private final List<Sequence> sequences = new ArrayList<>();
    private final List<Integer> counts = new ArrayList<>();
    private final List<Sequence> ends = new ArrayList<>();
    private final Map<Sequence, Integer> drafted = new HashMap<>();
    private int tokenCount;
    private int rowCount;

    private void add(Sequence sequence, int count) {
      sequences.add(sequence);
      counts.add(count);
      tokenCount += count;
      if (sequence.computed + count == sequence.length()) {
        ends.add(sequence);
        rowCount++;
      }
    }

    /** Adds guessed tokens behind those of a sequence, which decodes. */
    void draft(Sequence sequence, int count) {
      drafted.put(sequence, count);
      tokenCount += count;
      rowCount += count;
    }

    int tokenCount() {
      return tokenCount;
    }

    /** Rows of logits: of each end, and behind it of its guessed tokens. */
    int rowCount() {
      return rowCount;
    }

    /** The sequences whose next token this pass gives, in the order of the rows of logits. */
    List<Sequence> ends() {
      return ends;
    }

    /** Guessed tokens of one of them; a row of logits follows its first one for each. */
    int drafted(Sequence sequence) {
      return drafted.getOrDefault(sequence, 0);
    }

    StepInput input() {
      int[] tokens = new int[tokenCount];
      int[] positions = new int[tokenCount];
      int[] owners = new int[tokenCount];
      int[][] tables = new int[sequences.size()][];
      int[] rows = new int[rowCount];
      int width = 0;
      for (Sequence sequence : sequences) {
        width = Math.max(width, sequence.blocks.size());
      }
      int at = 0;
      int row = 0;
      for (int s = 0; s < tables.length; s++) {
        Sequence sequence = sequences.get(s);
        tables[s] = sequence.blocks.row(width);
        int end = sequence.computed + counts.get(s) + drafted(sequence);
        for (int position = sequence.computed; position < end; position++) {
          tokens[at] = sequence.token(position);
          positions[at] = position;
          if (position >= sequence.length() - 1) {
            rows[row++] = at;
          }
          owners[at++] = s;
        }
      }
      return new StepInput(tokens, positions, owners, tables, rows);
    }
  }
}
