package io.parley.workers.batch;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.ContextPolicy;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.Role;
import io.parley.routing.protocol.SamplingParams;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.TenantId;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.Work;
import io.parley.workers.replica.Recorder;
import io.parley.workers.replica.Works;
import io.parley.workers.sampling.BadLogitsException;
import io.parley.workers.sampling.Sampler;
import io.parley.workers.sampling.TokenCounts;
import io.parley.workers.text.AnswerText;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Thousands of random works through random batchers; each must get the tokens it would get alone. A
 * failure names its seed: {@code -Dparley.batcher.seed=N} runs that one again.
 */
class BatcherSimulationTest {
  private static final int SEEDS = 300;
  private static final int WORKS = 40;

  private int preemptions;
  private long cachedTokens;
  private int tails;
  private int works;
  private int cancelled;
  private int resumed;
  private int late;
  private long drafted;
  private long accepted;
  private int draftedAndPreempted;
  private int left;

  @Test
  void everyWorkGetsTheTokensItWouldGetAlone() throws BadLogitsException {
    Long only = Long.getLong("parley.batcher.seed");
    for (long seed = only == null ? 0 : only; seed < (only == null ? SEEDS : only + 1); seed++) {
      try {
        simulate(seed);
      } catch (AssertionError | RuntimeException e) {
        throw new AssertionError("seed " + seed + ": " + e.getMessage(), e);
      }
    }
    if (only == null) { // the simulation went where it is meant to go
      assertThat(works).isEqualTo(SEEDS * WORKS);
      assertThat(preemptions).isGreaterThan(500);
      assertThat(cachedTokens).isGreaterThan(10_000);
      assertThat(tails).isGreaterThan(30);
      assertThat(cancelled).isGreaterThan(500);
      assertThat(resumed).isGreaterThan(500);
      assertThat(late).isBetween(200, works / 4);
      assertThat(accepted).isBetween(3_000L, drafted - 1_500);
      assertThat(draftedAndPreempted).isGreaterThan(30);
      assertThat(left).isGreaterThan(100);
    }
  }

  /** What a work gets, step by step and alone. */
  private record Expected(List<Integer> ids, FinishReason reason, String answer) {}

  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Run(Work work, int[] prompt, Recorder recorder, Expected expected) {
    TenantId tenant() {
      return work.id().session().tenant();
    }

    boolean left() {
      return recorder instanceof Leaver leaver && leaver.left;
    }
  }

  /** Cancels its work with a token that it hears, in the middle of an iteration. */
  private static final class Leaver extends Recorder {
    private final Batcher batcher;
    private final int after;
    private AttemptId id;
    private int tokens;
    private boolean left;

    Leaver(Batcher batcher, int after) {
      this.batcher = batcher;
      this.after = after;
    }

    @Override
    public synchronized void token(Token token) {
      super.token(token);
      if (++tokens > after) {
        left = true;
        batcher.cancel(id);
      }
    }
  }

  /** Prompts that go on from earlier ones of any tenant; and what each tenant has had. */
  private static final class Conversations {
    private static final List<TenantId> TENANTS =
        List.of(TenantId.DEFAULT, new TenantId("a"), new TenantId("b"));

    private final Random random;
    private final int context;
    private final List<int[]> all = new ArrayList<>();
    private final Map<TenantId, Map<AttemptId, int[]>> byTenant = new HashMap<>();

    Conversations(Random random, int context) {
      this.random = random;
      this.context = context;
    }

    TenantId tenant() {
      return TENANTS.get(random.nextInt(TENANTS.size()));
    }

    int[] prompt() {
      int[] prompt = random.ints(randomLength(), 0, FakeModel.VOCABULARY).toArray();
      if (!all.isEmpty() && random.nextInt(4) > 0) {
        int[] earlier = all.get(random.nextInt(all.size()));
        int most = Math.min(prompt.length, earlier.length);
        int common = random.nextBoolean() ? most : random.nextInt(most + 1);
        System.arraycopy(earlier, 0, prompt, 0, common);
      }
      return prompt;
    }

    private int randomLength() {
      return 1 + random.nextInt(context - 1);
    }

    void add(Run run) {
      int[] prompt = run.prompt();
      List<Integer> answer = run.expected().ids();
      int[] whole = Arrays.copyOf(prompt, prompt.length + answer.size());
      for (int i = 0; i < answer.size(); i++) {
        whole[prompt.length + i] = answer.get(i);
      }
      all.add(whole);
      byTenant.computeIfAbsent(run.tenant(), t -> new HashMap<>()).put(run.work().id(), whole);
    }

    /** The most tokens of the prompt that another work of the tenant begins with. */
    int common(Run run) {
      Map<AttemptId, int[]> others = new HashMap<>(byTenant.get(run.tenant()));
      others.remove(run.work().id());
      int most = 0;
      for (int[] other : others.values()) {
        int mismatch = Arrays.mismatch(run.prompt(), other);
        most = Math.max(most, mismatch < 0 ? run.prompt().length : mismatch);
      }
      return most;
    }
  }

  private void simulate(long seed) throws BadLogitsException {
    Random random = new Random(seed);
    int context = 8 + random.nextInt(60);
    int blockSize = 1 + random.nextInt(8);
    int fewest = (context + blockSize - 1) / blockSize;
    int blocks = fewest + random.nextInt((random.nextInt(3) == 0 ? 40 : 2) * fewest);
    int slots = 1 + random.nextInt(12);
    int budget = slots + random.nextInt(40);
    // with three seeds of four, guessed tokens; most of them with a model that repeats itself
    int cheapRows = random.nextInt(4) > 0 ? 1 + random.nextInt(24) : 0;
    float habit = random.nextInt(4) > 0 ? 2 + 2 * random.nextFloat() : 0;
    FakeModel model =
        new FakeModel(FakeModel.spec(context, blockSize, blocks, budget, cheapRows), slots);
    model.habit = habit;
    int waiting = random.nextInt(20);
    boolean cached = random.nextInt(5) > 0;
    Batcher batcher =
        new Batcher(
            model,
            model,
            Works.INFO,
            new BatcherSettings(
                slots, budget, 1 + random.nextInt(budget), cached, waiting, 1, 4, 24));
    Conversations conversations = new Conversations(random, context);
    Map<Integer, Run> live = new LinkedHashMap<>();
    List<Run> all = new ArrayList<>();
    long tokensMost = 0;
    int next = 0;
    int iterations = 0;
    while (next < WORKS || !batcher.idle()) {
      while (next < WORKS && live.size() < slots + waiting && random.nextInt(3) > 0) {
        long deadline = random.nextInt(4) == 0 ? iterations + random.nextInt(200) : Long.MAX_VALUE;
        Recorder recorder =
            random.nextInt(15) == 0 ? new Leaver(batcher, random.nextInt(context)) : new Recorder();
        Run run = run(next, random, context, habit, conversations, deadline, recorder);
        live.put(next++, run);
        all.add(run);
        tokensMost += context;
        batcher.admit(run.work(), run.prompt(), 0, run.recorder());
      }
      if (random.nextInt(30) == 0 && !live.isEmpty()) {
        List<Integer> keys = List.copyOf(live.keySet());
        Run dropped = live.remove(keys.get(random.nextInt(keys.size())));
        batcher.cancel(dropped.work().id());
        batcher.cancel(dropped.work().id());
        cancelled++;
        all.remove(dropped);
        List<Integer> got = dropped.recorder().verified().ids();
        int from = dropped.work().prefix().size();
        assertThat(got).isEqualTo(dropped.expected().ids().subList(from, from + got.size()));
      }
      assertThat(batcher.iterate(iterations)).isEqualTo(!batcher.idle());
      live.values().removeIf(run -> run.recorder().isEnded() || run.left());
      assertThat(batcher.stats().running()).isLessThanOrEqualTo(slots);
      // each work of a batch is computed again a few times at most
      assertThat(++iterations).isLessThan((int) Math.max(1000, 10 * tokensMost));
    }
    works += next;
    preemptions += (int) batcher.stats().preemptions();
    drafted += batcher.stats().draftedTokens();
    accepted += batcher.stats().acceptedTokens();
    boolean both = batcher.stats().acceptedTokens() > 0 && batcher.stats().preemptions() > 0;
    draftedAndPreempted += both ? 1 : 0;
    assertThat(batcher.stats().draftedTokens()).isLessThanOrEqualTo(cheapRows * (long) iterations);
    assertThat(batcher.stats().freeBlocks()).isEqualTo(blocks);
    assertThat(batcher.stats().waiting()).isZero();
    assertThat(batcher.stats().cachedBlocks()).isBetween(0, cached ? blocks : 0);
    cachedTokens += batcher.stats().cachedTokens();
    for (Run run : all) {
      if (run.left()) {
        Leaver leaver = (Leaver) run.recorder().verified();
        int from = run.work().prefix().size();
        assertThat(leaver.ids()).hasSize(leaver.tokens);
        assertThat(leaver.ids())
            .isEqualTo(run.expected().ids().subList(from, from + leaver.tokens));
        left++;
        continue;
      }
      if (run.recorder().failure().isPresent()) {
        assertThat(run.recorder().verified().failure()).contains(FailureCode.QUEUE_TIMEOUT);
        assertThat(run.recorder().prompt()).as("it began").isEmpty();
        assertThat(run.work().queueDeadlineEpochMillis()).isLessThan(Long.MAX_VALUE);
        late++;
        continue;
      }
      check(run);
      checkCached(run, cached ? conversations.common(run) : 0);
      int found = run.recorder().prompt().orElseThrow().cachedTokens();
      tails += found % blockSize > 0 && found < run.prompt().length ? 1 : 0;
    }
  }

  /** Nothing is found but what the tenant's other works have in common with this one. */
  private static void checkCached(Run run, int common) {
    int found = run.recorder().prompt().orElseThrow().cachedTokens();
    assertThat(found).isBetween(0, common);
  }

  private static void check(Run run) {
    Recorder recorder = run.recorder().verified();
    Expected expected = run.expected();
    int from = run.work().prefix().size();
    assertThat(recorder.ids())
        .as("%s", run.work())
        .isEqualTo(expected.ids().subList(from, expected.ids().size()));
    assertThat(recorder.finish().orElseThrow().reason()).isEqualTo(expected.reason());
    assertThat(expected.answer()).endsWith(recorder.answer());
    if (from == 0) {
      assertThat(recorder.answer()).isEqualTo(expected.answer());
    }
    assertThat(recorder.prompt().orElseThrow().promptTokens()).isEqualTo(run.prompt().length);
  }

  private Run run(
      int n,
      Random random,
      int context,
      float habit,
      Conversations conversations,
      long deadline,
      Recorder recorder)
      throws BadLogitsException {
    TenantId tenant = conversations.tenant();
    int[] prompt = conversations.prompt();
    boolean plain = random.nextBoolean();
    List<String> stop = random.nextInt(3) == 0 ? List.of("ab", "q", "xyz") : List.of();
    SamplingParams sampling =
        new SamplingParams(
            plain ? 0 : random.nextDouble() * 2,
            plain ? 1 : 0.5 + random.nextDouble(),
            plain ? 0 : random.nextInt(10),
            0,
            plain ? 1 : 1.2,
            plain ? 0 : 0.3,
            0,
            random.nextLong(),
            stop,
            1 + random.nextInt(2 * context),
            random.nextBoolean(),
            random.nextBoolean(),
            random.nextInt(4));
    Expected expected = alone(prompt, sampling, context, habit);
    int prefix = 0;
    if (random.nextInt(4) == 0) {
      prefix = random.nextInt(expected.ids().size() + 1);
      resumed++;
    }
    Work work =
        new Work(
            new AttemptId(new SessionId(tenant, "s" + n), 1, 1),
            Works.MODEL,
            List.of(new Message(Role.USER, "x")),
            expected.ids().subList(0, prefix),
            sampling,
            ContextPolicy.ERROR,
            random.nextInt(3) == 0 ? Priority.BULK : Priority.INTERACTIVE,
            0,
            deadline);
    Run run = new Run(work, prompt, recorder, expected);
    if (recorder instanceof Leaver leaver) {
      leaver.id = work.id();
    }
    conversations.add(run);
    return run;
  }

  private static Expected alone(int[] prompt, SamplingParams sampling, int context, float habit)
      throws BadLogitsException {
    FakeModel model = new FakeModel(FakeModel.spec(context, 1, 1, 1), 1);
    AnswerText text = new AnswerText(model, sampling.stop());
    Sampler sampler = new Sampler(FakeModel.VOCABULARY);
    TokenCounts counts = new TokenCounts();
    List<Integer> tokens = new ArrayList<>();
    for (int id : prompt) {
      tokens.add(id);
      counts.addPrompt(id);
    }
    List<Integer> ids = new ArrayList<>();
    StringBuilder answer = new StringBuilder();
    while (ids.size() < sampling.maxTokens() && tokens.size() < context) {
      FloatBuffer logits = FloatBuffer.wrap(FakeModel.logitsAfter(tokens, habit));
      int id = sampler.sample(logits, 0, sampling, counts, ids.size());
      if (id == FakeModel.END && !sampling.ignoreEos()) {
        return new Expected(ids, FinishReason.STOP, answer + text.flush());
      }
      ids.add(id);
      tokens.add(id);
      counts.addAnswer(id);
      answer.append(text.push(id));
      if (text.stopped()) {
        return new Expected(ids, FinishReason.STOP, answer.toString());
      }
    }
    return new Expected(ids, FinishReason.LENGTH, answer + text.flush());
  }
}
