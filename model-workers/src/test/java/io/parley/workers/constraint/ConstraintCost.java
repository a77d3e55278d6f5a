package io.parley.workers.constraint;

import io.parley.routing.protocol.AnswerForm;
import io.parley.routing.protocol.AnswerForm.JsonFormat;
import io.parley.routing.protocol.AnswerForm.Tool;
import io.parley.routing.protocol.AnswerForm.ToolUse;
import io.parley.routing.protocol.SamplingParams;
import io.parley.workers.gguf.GgufFile;
import io.parley.workers.sampling.BadLogitsException;
import io.parley.workers.sampling.Sampler;
import io.parley.workers.text.GgufTokenizer;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;

/**
 * What the form of an answer costs: prints microseconds of CPU time for a token of the default
 * model's vocabulary: a mask that is made, one that is known, and the draw under a mask. A program
 * to be run by hand with the model's file and a folder for native libraries; it asserts nothing.
 */
public final class ConstraintCost {
  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
  private static final int ANSWERS = 20;
  private static final int TOKENS_MAX = 200;
  private static final String OBJECT =
      """
      {"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0,
      "maximum":150},"tags":{"type":"array","items":{"enum":["a","b","long name"]},"maxItems":5},
      "address":{"type":"object","properties":{"street":{"type":"string","maxLength":60},"zip":
      {"type":"string","pattern":"^[0-9]{5}$"}},"required":["street","zip"]}},
      "required":["name","age","tags","address"]}""";

  private ConstraintCost() {}

  public static void main(String[] args) throws Exception {
    try (GgufFile gguf = GgufFile.open(Path.of(args[0]));
        GgufTokenizer tokenizer = GgufTokenizer.of(gguf.metadata(), Path.of(args[1]))) {
      int vocabulary = tokenizer.vocabularySize();
      long started = System.nanoTime();
      TokenTrie trie = new TokenTrie(tokenizer, vocabulary);
      System.out.printf(
          "tree of %d tokens: %.0f ms%n", vocabulary, (System.nanoTime() - started) / 1e6);
      System.out.println(
          "form: compile ms; masks made, of tokens; microseconds a mask made (median, worst), a token with"
              + " known masks, a draw under a mask, a draw without");
      for (Map.Entry<String, AnswerForm> form : forms().entrySet()) {
        for (int warm = 0; warm < 3; warm++) {
          measure(form.getValue(), tokenizer, trie, vocabulary);
        }
        System.out.println(
            form.getKey() + ": " + measure(form.getValue(), tokenizer, trie, vocabulary));
      }
    }
  }

  private static Map<String, AnswerForm> forms() {
    Map<String, AnswerForm> forms = new LinkedHashMap<>();
    forms.put("json_object", AnswerForm.of(new JsonFormat("", Optional.empty())));
    forms.put("json_schema", AnswerForm.of(new JsonFormat("", Optional.of(OBJECT))));
    Tool tool = new Tool("get_person", Optional.empty(), OBJECT);
    forms.put(
        "tool, required",
        new AnswerForm(Optional.empty(), List.of(tool), ToolUse.REQUIRED, Optional.empty()));
    forms.put(
        "tool, auto",
        new AnswerForm(Optional.empty(), List.of(tool), ToolUse.AUTO, Optional.empty()));
    return forms;
  }

  private static String measure(
      AnswerForm form, GgufTokenizer tokenizer, TokenTrie trie, int vocabulary)
      throws BadLogitsException {
    long started = System.nanoTime();
    FormCompiler.compile(form, trie.tokenBytesMax());
    double compileMillis = (System.nanoTime() - started) / 1e6;
    FormGrammar grammar = new FormGrammar(FormCompiler.compile(form, trie.tokenBytesMax()), trie);
    Sampler sampler = new Sampler(vocabulary);
    Random random = new Random(1);
    float[] logits = new float[vocabulary];
    double[] made = new double[ANSWERS * TOKENS_MAX];
    int madeCount = 0;
    double known = 0;
    double masked = 0;
    double free = 0;
    int tokens = 0;
    for (int answer = 0; answer < ANSWERS; answer++) {
      Grammar.State state = grammar.start();
      SamplingParams params =
          new SamplingParams(1, 1, 0, 0, 1, 0, 0, answer, List.of(), 1, false, false, 0);
      for (int position = 0; position < TOKENS_MAX && !state.complete(); position++) {
        for (int id = 0; id < vocabulary; id++) {
          logits[id] = (float) (3 * random.nextGaussian());
        }
        logits[tokenizer.encode("\"", false)[0]] += 8;
        long before = THREADS.getCurrentThreadCpuTime();
        boolean isKnown = grammar.knows(state);
        long[] mask = grammar.mask(state);
        long after = THREADS.getCurrentThreadCpuTime();
        int id = sampler.sample(FloatBuffer.wrap(logits), 0, params, null, position, mask);
        long drawn = THREADS.getCurrentThreadCpuTime();
        sampler.sample(FloatBuffer.wrap(logits), 0, params, null, position);
        long drawnFree = THREADS.getCurrentThreadCpuTime();
        if (tokenizer.endOfGeneration().contains(id)) {
          break;
        }
        state = grammar.after(state, id);
        double micros = (after - before) / 1e3;
        if (isKnown) {
          known += micros;
        } else {
          made[madeCount++] = micros;
        }
        masked += (drawn - after) / 1e3;
        free += (drawnFree - drawn) / 1e3;
        tokens++;
      }
    }
    double[] sorted = Arrays.copyOf(made, madeCount);
    Arrays.sort(sorted);
    return "%.1f; %d of %d; %.0f, %.0f, %.2f, %.0f, %.0f"
        .formatted(
            compileMillis,
            madeCount,
            tokens,
            sorted[madeCount / 2],
            sorted[madeCount - 1],
            known / Math.max(1, tokens - madeCount),
            masked / tokens,
            free / tokens);
  }
}
