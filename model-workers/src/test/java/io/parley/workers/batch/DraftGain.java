package io.parley.workers.batch;

import com.typesafe.config.ConfigFactory;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.Role;
import io.parley.routing.protocol.SamplingParams;
import io.parley.routing.protocol.Token;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.ImportListener;
import io.parley.workers.engine.tensorflow.TensorFlowEngine;
import io.parley.workers.gguf.GgufFile;
import io.parley.workers.model.ModelStore;
import io.parley.workers.model.ProgressListener;
import io.parley.workers.model.StoredModel;
import io.parley.workers.replica.Replica;
import io.parley.workers.replica.Works;
import io.parley.workers.text.GgufTokenizer;
import io.parley.workers.text.JinjaChatTemplate;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;

/**
 * What guessed tokens gain: answers of the default model, each made without and with them, in
 * turns. Prints tokens a second of decoding, prompts left out. A program to be run by hand: {@code
 * DraftGain USERS...}; it fails where an answer differs.
 */
public final class DraftGain {
  private static final int TOKENS = 200;
  private static final int WARM_UP_TOKENS = 60;
  private static final int GROUPS_LEAST = 4;

  private static final String STORY =
"""
When my grandfather came to the island in the spring of 1931, the lamp still burned oil. He had \
to carry it up one hundred and forty-two steps, two cans at a time, and he did so every \
afternoon for eleven years. He used to say that he knew each step by its sound. The seventh was \
hollow, the fortieth had a crack, and the last three were worn so deep that the rain stood in \
them. In the evening he lit the wick, trimmed it until the flame was white and quiet, and wound \
up the clockwork that turned the lens.""";

  private static final String CODE =
      """
      public final class Counter {
        private final Map<String, Integer> counts = new HashMap<>();

        public void add(String word) {
          counts.merge(word, 1, Integer::sum);
        }

        public int of(String word) {
          return counts.getOrDefault(word, 0);
        }
      }
      """;

  private static final String ORDERS =
      """
      Order 1041: Anna Berg, 3 lamps, Bergen, 12 May
      Order 1042: Jonas Lind, 1 table, Oslo, 14 May
      Order 1043: Maria Costa, 6 chairs, Porto, 15 May
      Order 1044: Peter Hahn, 2 shelves, Kiel, 19 May
      """;

  private static final List<String> CHAT =
      List.of(
          "What is the capital of France, and what is it known for?",
          "Tell me a story about a lighthouse keeper.",
          "Explain how a refrigerator works.",
          "Write a short poem about autumn.",
          "Give me a recipe for tomato soup.",
          "Why is the sky blue?",
          "Write a Python function that checks whether a number is prime.",
          "Who was Marie Curie?");

  private static final List<String> REPETITIVE =
      List.of(
          "Correct the spelling of this text and give it back in full:\n\n" + STORY,
          "Summarize the following text, quoting its sentences:\n\n" + STORY,
          "Rename the method `add` to `count` and give back the whole class:\n\n" + CODE,
          "Add a comment to each method and give back the whole class:\n\n" + CODE,
          "Copy this list:\n\n" + ORDERS,
          "Give back this list with each date written as May 12 instead of 12 May:\n\n" + ORDERS,
          "Which steps are special, according to this text? Quote it.\n\n" + STORY,
          "Repeat the following text exactly:\n\n" + STORY);

  private final ModelInfo model;
  private final TensorFlowEngine engine;
  private final GgufTokenizer tokenizer;
  private final JinjaChatTemplate template;

  private DraftGain(
      ModelInfo model,
      TensorFlowEngine engine,
      GgufTokenizer tokenizer,
      JinjaChatTemplate template) {
    this.model = model;
    this.engine = engine;
    this.tokenizer = tokenizer;
    this.template = template;
  }

  public static void main(String[] args) {
    EngineSettings settings = EngineSettings.from(ConfigFactory.defaultReference());
    ModelStore store = ModelStore.in(settings.cacheFolder());
    StoredModel stored = store.obtain(store.catalogue().defaultModel(), ProgressListener.NONE);
    GgufTokenizer tokenizer;
    JinjaChatTemplate template;
    try (GgufFile gguf = GgufFile.open(stored.file())) {
      tokenizer = GgufTokenizer.of(gguf.metadata(), settings.cacheFolder());
      template = JinjaChatTemplate.of(gguf.metadata());
    }
    ModelInfo model =
        new ModelInfo(
            stored.manifest().id(), stored.manifest().contextLength(), 0, "parley", "Apache-2.0");
    try (TensorFlowEngine engine =
        TensorFlowEngine.load(
            stored.file(),
            stored.manifest().sha256(),
            stored.manifest().weights(),
            settings,
            ImportListener.NONE)) {
      DraftGain gain = new DraftGain(model, engine, tokenizer, template);
      System.out.println(engine.spec().variant() + ", tokens/s without, with, ratio (least, most)");
      gain.compare(1, REPETITIVE.subList(0, 2), 0, WARM_UP_TOKENS);
      gain.compare(4, CHAT.subList(0, 4), 1, WARM_UP_TOKENS);
      for (String users : args) {
        for (double temperature : new double[] {0, 1}) {
          gain.print(Integer.parseInt(users), "chat", CHAT, temperature);
          gain.print(Integer.parseInt(users), "repetitive", REPETITIVE, temperature);
        }
      }
    }
  }

  private void print(int users, String name, List<String> questions, double temperature) {
    Compared compared = compare(users, questions, temperature, TOKENS);
    Decoding off = compared.off();
    Decoding on = compared.on();
    System.out.printf(
        "%d users, %-10s temperature %.0f: %7.1f %7.1f  %.2f (%.2f, %.2f); %d tokens, %d fed, %.0f"
            + " %% of them right, %.2f tokens a step%n",
        users,
        name,
        temperature,
        off.perSecond(),
        on.perSecond(),
        on.perSecond() / off.perSecond(),
        compared.least(),
        compared.most(),
        on.tokens,
        on.drafted,
        100.0 * on.accepted / Math.max(1, on.drafted),
        on.tokens / (double) on.steps);
  }

  private record Compared(Decoding off, Decoding on, double least, double most) {}

  /**
   * Groups of as many questions as there are users, one after the other; the machine's drift counts
   * for both sides.
   */
  private Compared compare(int users, List<String> questions, double temperature, int tokens) {
    Decoding off = new Decoding();
    Decoding on = new Decoding();
    double least = Double.MAX_VALUE;
    double most = 0;
    for (int n = 0; n < Math.max(GROUPS_LEAST, questions.size() / users); n++) {
      List<String> group = new ArrayList<>();
      for (int i = 0; i < users; i++) {
        group.add(questions.get((n * users + i) % questions.size()));
      }
      Decoding early = decode(group, temperature, tokens, n, n % 2 == 0 ? 0 : 256);
      Decoding late = decode(group, temperature, tokens, n, n % 2 == 0 ? 256 : 0);
      Decoding without = n % 2 == 0 ? early : late;
      Decoding with = n % 2 == 0 ? late : early;
      if (!with.answers.equals(without.answers)) {
        throw new IllegalStateException("an answer differs");
      }
      double ratio = with.perSecond() / without.perSecond();
      least = Math.min(least, ratio);
      most = Math.max(most, ratio);
      off.add(without);
      on.add(with);
    }
    return new Compared(off, on, least, most);
  }

  private Decoding decode(
      List<String> group, double temperature, int tokens, int seed, int draftRows) {
    // no prefix cache: two batchers take turns on the same KV memory
    BatcherSettings settings = new BatcherSettings(32, 512, 128, false, 32, 1, 1, draftRows);
    Batcher batcher = new Batcher(engine, tokenizer, model, settings);
    Decoding decoding = new Decoding();
    Queue<Ear> silent = new ArrayDeque<>();
    for (String question : group) {
      int n = decoding.answers.size();
      SamplingParams sampling =
          new SamplingParams(
              temperature, 1, 0, 0, 1, 0, 0, 100 * seed + n, List.of(), tokens, false, false, 0);
      Ear ear = new Ear();
      decoding.answers.add(ear.ids);
      silent.add(ear);
      int[] prompt =
          template.encode(
              List.of(new Message(Role.USER, question)), List.of(), Instant.EPOCH, tokenizer);
      batcher.admit(Works.work(n, question, sampling), prompt, 0, ear);
    }
    boolean more = true;
    while (more) {
      silent.removeIf(ear -> ear.heard);
      boolean prompts = !silent.isEmpty();
      int before = decoding.answered();
      long startedNanos = System.nanoTime();
      more = batcher.iterate(0);
      if (!prompts) {
        decoding.nanos += System.nanoTime() - startedNanos;
        decoding.tokens += decoding.answered() - before;
        decoding.steps++;
      }
    }
    decoding.drafted = batcher.stats().draftedTokens();
    decoding.accepted = batcher.stats().acceptedTokens();
    return decoding;
  }

  /** What was decoded, behind the first tokens of the answers. */
  private static final class Decoding {
    private final List<List<Integer>> answers = new ArrayList<>();
    private long nanos;
    private int tokens;
    private int steps;
    private long drafted;
    private long accepted;

    int answered() {
      return answers.stream().mapToInt(List::size).sum();
    }

    double perSecond() {
      return tokens * 1e9 / nanos;
    }

    void add(Decoding other) {
      nanos += other.nanos;
      tokens += other.tokens;
      steps += other.steps;
      drafted += other.drafted;
      accepted += other.accepted;
    }
  }

  private static final class Ear implements Replica.Listener {
    private final List<Integer> ids = new ArrayList<>();
    private boolean heard;

    @Override
    public void admitted(PromptInfo prompt) {}

    @Override
    public void token(Token token) {
      ids.add(token.id());
      heard = true;
    }

    @Override
    public void finished(Finish finish) {
      heard = true;
    }

    @Override
    public void failed(FailureCode code, String message) {
      throw new IllegalStateException(message);
    }
  }
}
