package io.parley.workers.batch;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.routing.protocol.Message;
import io.parley.workers.engine.Engine;
import io.parley.workers.engine.EngineException;
import io.parley.workers.engine.EngineSpec;
import io.parley.workers.engine.RowSums;
import io.parley.workers.engine.StepInput;
import io.parley.workers.sampling.JavaSums;
import io.parley.workers.text.ChatTemplate;
import io.parley.workers.text.Tokenizer;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * A model whose "keys and values" are the token ids themselves, kept in paged memory as a real
 * engine keeps them. A row's logits are a hash of what is found through its block table, so a wrong
 * table, a block in wrong use or a missing prefill gives other tokens. It also checks the shape of
 * what it is given.
 */
public final class FakeModel implements Engine, Tokenizer, ChatTemplate {
  /** Letters; the last id ends the answer. */
  public static final int VOCABULARY = 28;

  public static final int END = VOCABULARY - 1;

  /** Letters that follow each other by habit. */
  private static final int HABITUAL = 9;

  private final EngineSpec spec;
  private final int slots;
  private final int[][] memory;
  private FloatBuffer lastLogits;

  /**
   * How much likelier than others one letter is, which the last one says: from about 3 on answers
   * repeat themselves.
   */
  public float habit;

  /** Makes the next step throw. */
  public volatile boolean broken;

  /** Makes the next rows NaN. */
  public volatile boolean dizzy;

  /** Steps so far. */
  public int steps;

  /** Tokens of all steps. */
  public int tokens;

  public FakeModel(EngineSpec spec, int slots) {
    this.spec = spec;
    this.slots = slots;
    memory = new int[spec.blocks()][spec.blockSize()];
  }

  public static EngineSpec spec(int contextLength, int blockSize, int blocks, int maxBatchTokens) {
    return spec(contextLength, blockSize, blocks, maxBatchTokens, 0);
  }

  public static EngineSpec spec(
      int contextLength, int blockSize, int blocks, int maxBatchTokens, int cheapRows) {
    return new EngineSpec(
        VOCABULARY, contextLength, blockSize, blocks, maxBatchTokens, "fake-variant", cheapRows);
  }

  @Override
  public EngineSpec spec() {
    return spec;
  }

  @Override
  public FloatBuffer step(StepInput input) {
    if (broken) {
      throw new EngineException("the device is gone", null);
    }
    steps++;
    tokens += input.tokens().length;
    int sequences = input.blockTables().length;
    assertThat(input.tokens().length).isBetween(1, spec.maxBatchTokens());
    assertThat(sequences).isLessThanOrEqualTo(slots);
    Map<Integer, Integer> writers = new HashMap<>();
    int[] lengths = new int[sequences];
    for (int i = 0; i < input.tokens().length; i++) {
      int owner = input.sequences()[i];
      int position = input.positions()[i];
      if (i > 0 && input.sequences()[i - 1] == owner) {
        assertThat(position).isEqualTo(input.positions()[i - 1] + 1);
      } else {
        assertThat(lengths[owner]).as("tokens of a sequence are contiguous").isZero();
      }
      assertThat(position).isLessThan(spec.contextLength());
      lengths[owner] = position + 1;
      int block = input.blockTables()[owner][position / spec.blockSize()];
      memory[block][position % spec.blockSize()] = input.tokens()[i] + 1;
      writers.put(block, owner);
    }
    for (int s = 0; s < sequences; s++) {
      for (int b = 0; b * spec.blockSize() < lengths[s]; b++) {
        int writer = writers.getOrDefault(input.blockTables()[s][b], s);
        assertThat(writer).as("who writes a block that another one reads").isEqualTo(s);
      }
    }
    float[] logits = new float[input.rows().length * VOCABULARY];
    for (int r = 0; r < input.rows().length; r++) {
      int token = input.rows()[r];
      int[] table = input.blockTables()[input.sequences()[token]];
      long hash = 1;
      int last = -1;
      for (int p = 0; p <= input.positions()[token]; p++) {
        last = memory[table[p / spec.blockSize()]][p % spec.blockSize()] - 1;
        hash = hash(hash, last);
      }
      System.arraycopy(logits(hash, last, habit), 0, logits, r * VOCABULARY, VOCABULARY);
      if (dizzy) {
        logits[r * VOCABULARY + 3] = Float.NaN;
      }
    }
    lastLogits = FloatBuffer.wrap(logits);
    return lastLogits;
  }

  @Override
  public Optional<RowSums> weigh(int[] rows, double[] scales) {
    return Optional.of(JavaSums.of(lastLogits, VOCABULARY, rows, scales));
  }

  /** The logits after these tokens, computed alone. */
  public static float[] logitsAfter(List<Integer> tokens) {
    return logitsAfter(tokens, 0);
  }

  /** The same with a {@link #habit}. */
  public static float[] logitsAfter(List<Integer> tokens, float habit) {
    long hash = 1;
    for (int token : tokens) {
      hash = hash(hash, token);
    }
    return logits(hash, tokens.get(tokens.size() - 1), habit);
  }

  private static long hash(long hash, int token) {
    long h = (hash ^ token) * 0x9e3779b97f4a7c15L;
    return h ^ (h >>> 29);
  }

  private static float[] logits(long hash, int last, float habit) {
    float[] logits = new float[VOCABULARY];
    long h = hash;
    for (int i = 0; i < VOCABULARY; i++) {
      h = hash(h, i);
      logits[i] = (h >>> 40) / (float) (1 << 22);
    }
    logits[(last + 1) % HABITUAL] += habit;
    return logits;
  }

  @Override
  public int[] encode(String text, boolean parseSpecial) {
    return text.chars().map(c -> Math.floorMod(c - 'a', END)).toArray();
  }

  @Override
  public int[] encode(List<Message> messages, Instant now, Tokenizer tokenizer) {
    StringBuilder text = new StringBuilder();
    messages.forEach(message -> text.append(message.role().wireName()).append(message.content()));
    return encode(text.toString(), false);
  }

  @Override
  public byte[] bytes(int id) {
    return id == END
        ? new byte[0]
        : String.valueOf((char) ('a' + id)).getBytes(StandardCharsets.UTF_8);
  }

  @Override
  public Set<Integer> endOfGeneration() {
    return Set.of(END);
  }

  @Override
  public int vocabularySize() {
    return VOCABULARY;
  }

  @Override
  public void close() {}
}
