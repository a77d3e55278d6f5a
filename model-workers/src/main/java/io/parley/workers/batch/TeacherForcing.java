package io.parley.workers.batch;

import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.Work;
import io.parley.workers.engine.Engine;
import io.parley.workers.engine.EngineSpec;
import io.parley.workers.engine.RowSums;
import io.parley.workers.engine.StepInput;
import java.nio.FloatBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;

/**
 * Feeds sequences whose tokens are all known through an engine, as prefill, and hands out the
 * logits at each position of their answers: many positions in a pass, where generating has one of
 * each sequence. A row is the same bits as when its token was drawn, if the engine's rows do not
 * depend on each other.
 *
 * <p>Sequences come in groups. Those of a group run one after the other, so that a conversation's
 * turn finds in KV memory what the turns before it computed; several groups share a pass. Not
 * thread-safe, and without threads, clock or randomness of its own.
 */
public final class TeacherForcing {
  private static final long LOGITS_BYTES_MAX = 64L << 20;

  private final Engine engine;
  private final KvBlocks blocks;
  private final PrefixCache cache;
  private final int tokensMax;
  private final int rowsMax;
  private final Deque<Group> groups = new ArrayDeque<>();
  private long arrivals;
  private long computed;

  /** A sequence whose tokens are known. */
  public interface Forced {
    /** Whose it is; sequences of one tenant share KV blocks. */
    Work work();

    /** Prompt and answer; at most {@link Batcher#contextLength} of them. */
    int[] tokens();

    /** The first position whose logits are wanted; those of all behind it are, too. */
    int from();

    /** As {@link io.parley.workers.sampling.Sampler#scaleOfSums} says, of each of its rows. */
    double scaleOfSums();
  }

  /**
   * Rows of a sequence, valid until the next step.
   *
   * @param logits of the whole pass
   * @param sums what is known of some of its rows; null: nothing
   * @param firstRow of this sequence
   * @param firstPosition what the first row stands for
   * @param count rows, one for each position
   * @param last whether there are no more behind them
   */
  public record Rows(
      Forced sequence,
      FloatBuffer logits,
      RowSums sums,
      int firstRow,
      int firstPosition,
      int count,
      boolean last) {}

  private static final class Group {
    private final Deque<Forced> waiting;
    private Sequence sequence; // of the first one, once it has blocks; else null

    Group(List<? extends Forced> sequences) {
      waiting = new ArrayDeque<>(sequences);
    }
  }

  /** So many tokens of a group's first sequence. */
  private record Part(Group group, Sequence sequence, int count) {}

  /** Over an engine that nobody else steps; its KV memory is this one's. */
  public TeacherForcing(Engine engine, ModelId model) {
    EngineSpec spec = engine.spec();
    this.engine = engine;
    blocks = new KvBlocks(spec.blocks(), spec.blockSize());
    cache = new PrefixCache(true, blocks, model);
    tokensMax = spec.maxBatchTokens();
    rowsMax = (int) Math.max(1, LOGITS_BYTES_MAX / (Float.BYTES * (long) spec.vocabularySize()));
  }

  /** Takes sequences, of which each is run when the one before is done. */
  public void add(List<? extends Forced> sequences) {
    if (!sequences.isEmpty()) {
      groups.addLast(new Group(sequences));
    }
  }

  /** Groups that are not done. */
  public int groups() {
    return groups.size();
  }

  /** Tokens that the engine computed so far; what was found in KV memory is not among them. */
  public long computedTokens() {
    return computed;
  }

  /**
   * One forward pass.
   *
   * @return what it gave, in the order of the sequences; empty when it computed prompts alone, or
   *     nothing is left
   * @throws RuntimeException what the engine threw; nothing can go on then
   */
  public List<Rows> step() {
    List<Part> parts = plan();
    if (parts.isEmpty()) {
      return List.of();
    }
    StepInput input = input(parts);
    FloatBuffer logits = engine.step(input);
    computed += input.tokens().length;
    RowSums sums = weighed(parts);
    List<Rows> given = new ArrayList<>();
    int row = 0;
    for (Part part : parts) {
      Sequence sequence = part.sequence();
      Forced forced = part.group().waiting.getFirst();
      int from = sequence.computed;
      sequence.computed += part.count();
      cache.publish(sequence, from);
      boolean done = sequence.computed == sequence.length();
      int rows = rows(part, from);
      if (rows > 0) {
        int first = Math.max(from, forced.from());
        given.add(new Rows(forced, logits, sums, row, first, rows, done));
        row += rows;
      }
      if (done) {
        leave(part.group());
      }
    }
    return given;
  }

  private List<Part> plan() {
    List<Part> parts = new ArrayList<>();
    int tokensLeft = tokensMax;
    int rowsLeft = rowsMax;
    for (Iterator<Group> all = groups.iterator();
        all.hasNext() && tokensLeft > 0 && rowsLeft > 0; ) {
      Group group = all.next();
      if (group.sequence == null && !enter(group)) {
        break;
      }
      Sequence sequence = group.sequence;
      int promptLeft = Math.max(0, group.waiting.getFirst().from() - sequence.computed);
      int count = Math.min(tokensLeft, sequence.length() - sequence.computed);
      count = (int) Math.min(count, (long) promptLeft + rowsLeft);
      Part part = new Part(group, sequence, count);
      parts.add(part);
      tokensLeft -= count;
      rowsLeft -= rows(part, sequence.computed);
    }
    if (parts.isEmpty() && !groups.isEmpty()) {
      throw new IllegalArgumentException("a sequence is longer than the KV memory");
    }
    return parts;
  }

  /** Whether there were blocks for a group's next sequence. */
  private boolean enter(Group group) {
    Forced forced = group.waiting.getFirst();
    int[] tokens = forced.tokens();
    int known = forced.from() + 1;
    Sequence sequence =
        new Sequence(
            withoutPrefix(forced.work()),
            Arrays.copyOf(tokens, known),
            0,
            null,
            null,
            null,
            arrivals++);
    cache.takeFound(sequence); // up to the first row that is wanted
    int found = sequence.blocks.size();
    if (!blocks.grow(sequence.blocks, tokens.length)) {
      blocks.release(sequence.blocks);
      return false;
    }
    cache.entered(sequence, found);
    for (int i = known; i < tokens.length; i++) {
      sequence.append(tokens[i]);
    }
    group.sequence = sequence;
    return true;
  }

  /** The group's next one comes before those of other groups: what it goes on from is there. */
  private void leave(Group group) {
    cache.leave(group.sequence);
    group.sequence = null;
    group.waiting.removeFirst();
    if (group.waiting.isEmpty()) {
      groups.remove(group);
    }
  }

  private static int rows(Part part, int computedBefore) {
    int from = part.group().waiting.getFirst().from();
    return Math.max(0, computedBefore + part.count() - Math.max(from, computedBefore));
  }

  private StepInput input(List<Part> parts) {
    int count = parts.stream().mapToInt(Part::count).sum();
    int[] tokens = new int[count];
    int[] positions = new int[count];
    int[] owners = new int[count];
    int[][] tables = new int[parts.size()][];
    int[] rows = new int[count];
    int width = 0;
    for (Part part : parts) {
      width = Math.max(width, part.sequence().blocks.size());
    }
    int at = 0;
    int row = 0;
    for (int s = 0; s < tables.length; s++) {
      Part part = parts.get(s);
      tables[s] = part.sequence().blocks.row(width);
      int from = part.group().waiting.getFirst().from();
      int end = part.sequence().computed + part.count();
      for (int position = part.sequence().computed; position < end; position++) {
        tokens[at] = part.sequence().token(position);
        positions[at] = position;
        if (position >= from) {
          rows[row++] = at;
        }
        owners[at++] = s;
      }
    }
    return new StepInput(tokens, positions, owners, tables, Arrays.copyOf(rows, row));
  }

  private RowSums weighed(List<Part> parts) {
    List<Integer> rows = new ArrayList<>();
    List<Double> scales = new ArrayList<>();
    int row = 0;
    for (Part part : parts) {
      double scale = part.group().waiting.getFirst().scaleOfSums();
      for (int i = rows(part, part.sequence().computed); i > 0; i--, row++) {
        if (scale > 0) {
          rows.add(row);
          scales.add(scale);
        }
      }
    }
    return rows.isEmpty()
        ? null
        : engine
            .weigh(
                rows.stream().mapToInt(Integer::intValue).toArray(),
                scales.stream().mapToDouble(Double::doubleValue).toArray())
            .orElse(null);
  }

  private static Work withoutPrefix(Work work) {
    return new Work(
        work.id(),
        work.model(),
        work.messages(),
        List.of(),
        work.sampling(),
        work.contextPolicy(),
        work.priority(),
        work.startedAtEpochMillis(),
        work.queueDeadlineEpochMillis());
  }
}
