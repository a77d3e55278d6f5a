package io.parley.workers.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.parley.routing.protocol.AnswerForm;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.SamplingParams;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.Work;
import io.parley.workers.engine.EngineException;
import io.parley.workers.replica.Recorder;
import io.parley.workers.replica.Works;
import io.parley.workers.text.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class BatcherTest {
  private static final long NOW = 1000;
  private static final int[] PROMPT = {1, 2, 3, 4, 5};
  private static final SamplingParams ENDLESS =
      new SamplingParams(0, 1, 0, 0, 1, 0, 0, 0, List.of(), 1000, true, false, 0);

  private final FakeModel model = new FakeModel(FakeModel.spec(64, 4, 16, 32), 4);
  private final Batcher batcher = batcher(4, 32, 16, 1000);

  @Test
  void bulkIsNotStarvedByAStreamOfInteractiveWorks() {
    Recorder bulk = new Recorder();
    int n = 0;
    for (; n < 20; n++) {
      batcher.admit(endless(n), PROMPT, 0, new Recorder());
    }
    batcher.admit(Works.withPriority(endless(n++), Priority.BULK), PROMPT, 0, bulk);
    int iterations = 0;
    while (!bulk.isEnded()) {
      if (batcher.stats().waiting() < 20) {
        batcher.admit(endless(n++), PROMPT, 0, new Recorder());
      }
      batcher.iterate(NOW);
      assertThat(++iterations).isLessThan(5000);
    }
    assertThat(bulk.verified().finish().orElseThrow().reason()).isEqualTo(FinishReason.LENGTH);
  }

  @Test
  void interactiveWorksGoFirst() {
    List<Integer> order = new ArrayList<>();
    Batcher one = batcher(1, 32, 32, 10);
    for (int n = 0; n < 6; n++) {
      Work work = Works.work(n, "x", SamplingParams.greedy(1));
      int number = n;
      one.admit(
          Works.withPriority(work, n % 2 == 0 ? Priority.BULK : Priority.INTERACTIVE),
          PROMPT,
          0,
          new Recorder() {
            @Override
            public synchronized void token(Token token) {
              order.add(number);
            }
          });
    }
    while (one.iterate(NOW)) {}
    assertThat(order).containsExactly(1, 3, 5, 0, 2, 4);
  }

  @Test
  void longPromptDoesNotStopThoseWhoDecode() {
    Recorder decoding = new Recorder();
    Recorder late = new Recorder();
    Batcher small = batcher(4, 8, 4, 10);
    small.admit(endless(1), PROMPT, 0, decoding);
    small.iterate(NOW);
    small.iterate(NOW);
    int before = decoding.ids().size();
    small.admit(endless(2), new int[40], 0, late);
    for (int i = 0; i < 10; i++) {
      small.iterate(NOW);
    }
    assertThat(decoding.ids()).hasSize(before + 10);
    assertThat(late.ids()).hasSize(1);
  }

  @Test
  void wholeAnswerAsPrefixFinishesWithoutAStep() {
    Recorder whole = new Recorder();
    batcher.admit(Works.work(1, "x", SamplingParams.greedy(3)), PROMPT, 0, whole);
    while (batcher.iterate(NOW)) {}
    int steps = model.steps;
    Recorder again = new Recorder();
    Work resumed = Works.withPrefix(Works.work(2, "x", SamplingParams.greedy(3)), whole.ids());
    batcher.admit(resumed, PROMPT, 0, again);
    assertThat(again.verified().isEnded()).isTrue();
    assertThat(again.finish()).isEqualTo(whole.finish());
    assertThat(again.ids()).isEmpty();
    Recorder stopped = new Recorder();
    String text = whole.answer();
    Work atStop =
        Works.withPrefix(Works.work(3, "x", Works.stopping(9, text.substring(1))), whole.ids());
    batcher.admit(atStop, PROMPT, 0, stopped);
    assertThat(stopped.verified().finish().orElseThrow().reason()).isEqualTo(FinishReason.STOP);
    assertThat(stopped.answer()).isEmpty();
    assertThat(batcher.idle()).isTrue();
    assertThat(model.steps).isEqualTo(steps);
  }

  @Test
  void badLogitsFailTheWorkOnly() {
    Recorder first = new Recorder();
    batcher.admit(endless(1), PROMPT, 0, first);
    batcher.iterate(NOW);
    model.dizzy = true;
    batcher.iterate(NOW);
    model.dizzy = false;
    assertThat(first.verified().failure()).contains(FailureCode.ENGINE_FAILED);
    Recorder second = new Recorder();
    batcher.admit(Works.work(2, "x", SamplingParams.greedy(2)), PROMPT, 0, second);
    while (batcher.iterate(NOW)) {}
    assertThat(second.verified().finish()).isPresent();
    assertThat(batcher.stats().freeBlocks()).isEqualTo(16);
  }

  @Test
  void engineFailureReachesTheCallerWhoFailsAll() {
    Recorder first = new Recorder();
    Recorder second = new Recorder();
    batcher.admit(endless(1), PROMPT, 0, first);
    batcher.admit(endless(2), PROMPT, 0, second);
    model.broken = true;
    assertThatThrownBy(() -> batcher.iterate(NOW)).isInstanceOf(EngineException.class);
    batcher.failAll(FailureCode.ENGINE_FAILED, "gone");
    assertThat(first.verified().failure()).contains(FailureCode.ENGINE_FAILED);
    assertThat(second.verified().failure()).contains(FailureCode.ENGINE_FAILED);
    assertThat(batcher.idle()).isTrue();
  }

  @Test
  void listenerThatThrowsHarmsNoOther() {
    Recorder bad =
        new Recorder() {
          @Override
          public synchronized void token(Token token) {
            throw new IllegalStateException("on purpose");
          }
        };
    Recorder good = new Recorder();
    batcher.admit(endless(1), PROMPT, 0, bad);
    batcher.admit(Works.work(2, "x", SamplingParams.greedy(2)), PROMPT, 0, good);
    while (batcher.iterate(NOW)) {}
    assertThat(good.verified().ids()).isNotEmpty();
    assertThat(bad.isEnded()).isFalse();
    assertThat(batcher.stats().freeBlocks()).isEqualTo(16);
  }

  @Test
  void workThatCameInItsLastMomentBeginsWhereThereIsRoom() {
    Recorder last = new Recorder();
    batcher.admit(Works.withDeadline(endless(1), NOW), PROMPT, 0, last);
    batcher.iterate(NOW + 1);
    assertThat(last.isEnded()).isFalse();
    assertThat(last.prompt()).isPresent();
  }

  @Test
  void workThatDidNotBeginInTimeFails() {
    Batcher one = batcher(1, 32, 32, 10);
    Recorder running = new Recorder();
    Recorder late = new Recorder();
    Recorder patient = new Recorder();
    one.admit(Works.withDeadline(endlessOf("a", 1, 10), NOW + 1), PROMPT, 0, running);
    one.admit(Works.withDeadline(endlessOf("a", 2, 10), NOW + 2), PROMPT, 0, late);
    one.admit(endlessOf("a", 3, 10), PROMPT, 0, patient);
    one.iterate(NOW);
    one.iterate(NOW + 1);
    assertThat(late.isEnded()).isFalse();
    one.iterate(NOW + 2);
    assertThat(late.verified().failure()).contains(FailureCode.QUEUE_TIMEOUT);
    assertThat(late.prompt()).isEmpty();
    while (one.iterate(NOW + 100)) {}
    assertThat(running.verified().ids()).hasSize(10);
    assertThat(patient.verified().ids()).hasSize(10);
  }

  @Test
  void preemptedWorkIsNotLate() {
    Batcher small = batcher(2, 32, 32, 10);
    Recorder bulk = new Recorder();
    Work work = Works.withPriority(endlessOf("a", 1, 30), Priority.BULK);
    small.admit(Works.withDeadline(work, NOW + 1), PROMPT, 0, bulk);
    small.admit(endlessOf("b", 2, 40), PROMPT, 0, new Recorder());
    small.iterate(NOW);
    while (small.iterate(NOW + 100)) {}
    assertThat(small.stats().preemptions()).isPositive();
    assertThat(bulk.verified().ids()).hasSize(30);
  }

  @Test
  void boundsAreKept() {
    Batcher tiny = batcher(1, 32, 32, 1);
    tiny.admit(endless(1), PROMPT, 0, new Recorder());
    tiny.admit(endless(2), PROMPT, 0, new Recorder());
    assertThatThrownBy(() -> tiny.admit(endless(3), PROMPT, 0, new Recorder()))
        .isInstanceOf(IllegalStateException.class);
    Recorder tooLong = new Recorder();
    batcher.admit(endless(1), new int[64], 0, tooLong);
    assertThat(tooLong.failure()).contains(FailureCode.CONTEXT_LENGTH_EXCEEDED);
    assertThatThrownBy(() -> batcher(33, 64, 8, 0)).hasMessageContaining("parley.batcher.slots");
  }

  @Test
  void anAnswerWithAFormRunsBesideOthersAndChangesNone() {
    Recorder alone = new Recorder();
    batcher.admit(endlessOf("a", 1, 20), PROMPT, 0, alone);
    while (batcher.iterate(NOW)) {}
    Batcher mixed = jsonBatcher(64);
    Recorder free = new Recorder();
    List<Recorder> held = new ArrayList<>();
    mixed.admit(endlessOf("b", 1, 20), PROMPT, 0, free);
    for (int n = 2; n < 5; n++) {
      held.add(new Recorder());
      mixed.admit(formed(n, SCHEMA), new int[] {n, 2, 3}, 0, held.get(n - 2));
    }
    while (mixed.iterate(NOW)) {}
    assertThat(free.verified().ids()).isEqualTo(alone.verified().ids());
    for (Recorder recorder : held) {
      assertThat(recorder.verified().finish().orElseThrow().reason()).isEqualTo(FinishReason.STOP);
      assertThat(recorder.answer().replace(" ", ""))
          .matches("\\{\"a\":\\[((1|0|true|\"[a01]{0,3}\")(,|(?=])))*]}");
    }
  }

  @Test
  void anInterruptedAnswerWithAFormGoesOnAsItWould() {
    for (int n = 1; n < 12; n++) {
      Recorder whole = new Recorder();
      Batcher first = jsonBatcher(64);
      first.admit(formed(n, SCHEMA), PROMPT, 0, whole);
      while (first.iterate(NOW)) {}
      for (int cut = 0; cut <= whole.verified().ids().size(); cut++) {
        Recorder rest = new Recorder();
        Batcher second = jsonBatcher(64);
        List<Integer> prefix = whole.ids().subList(0, cut);
        second.admit(Works.withPrefix(formed(n, SCHEMA), prefix), PROMPT, 0, rest);
        while (second.iterate(NOW)) {}
        assertThat(rest.verified().ids()).isEqualTo(whole.ids().subList(cut, whole.ids().size()));
        assertThat(rest.finish()).isEqualTo(whole.finish());
      }
    }
  }

  @Test
  void anAnswerWithAFormIsCutAtItsLimit() {
    Recorder recorder = new Recorder();
    Batcher json = jsonBatcher(64);
    SamplingParams two = SamplingParams.greedy(2).withForm(Optional.of(form(SCHEMA)));
    json.admit(Works.work(1, "x", two), PROMPT, 0, recorder);
    while (json.iterate(NOW)) {}
    assertThat(recorder.verified().finish().orElseThrow().reason()).isEqualTo(FinishReason.LENGTH);
    assertThat(recorder.ids()).hasSize(2);
  }

  @Test
  void aFormThatNoTokenFitsFailsItsWorkAlone() {
    Recorder free = new Recorder();
    Recorder held = new Recorder();
    Recorder wrong = new Recorder();
    Recorder bad = new Recorder();
    batcher.admit(Works.work(1, "x", SamplingParams.greedy(5)), PROMPT, 0, free);
    batcher.admit(formed(2, "{\"type\":\"integer\"}"), PROMPT, 0, held); // there are letters only
    batcher.admit(Works.withPrefix(formed(3, "{\"type\":\"null\"}"), List.of(3)), PROMPT, 0, wrong);
    batcher.admit(formed(4, "{\"not\":{}}"), PROMPT, 0, bad);
    while (batcher.iterate(NOW)) {}
    assertThat(free.verified().finish()).isPresent();
    for (Recorder failed : List.of(held, wrong, bad)) {
      assertThat(failed.verified().failure()).contains(FailureCode.FORM_FAILED);
    }
    assertThat(batcher.stats().freeBlocks()).isEqualTo(16);
  }

  @Test
  void logProbabilitiesOfAnAnswerWithAFormAreThoseOfTheModel() {
    SamplingParams asked =
        new SamplingParams(0, 1, 0, 0, 1, 0, 0, 0, List.of(), 1, false, true, 20)
            .withForm(Optional.of(form(SCHEMA)));
    Recorder recorder = new Recorder();
    Batcher json = jsonBatcher(64);
    json.admit(Works.work(1, "x", asked), PROMPT, 0, recorder);
    while (json.iterate(NOW)) {}
    Token token = recorder.verified().tokens().get(0);
    assertThat(token.text()).startsWith("{");
    // others were likelier, and are reported
    assertThat(token.logProb().orElseThrow().alternatives().get(0).id()).isNotEqualTo(token.id());
  }

  private static final String SCHEMA =
      """
      {"type":"object","properties":{"a":{"type":"array","maxItems":4,"items":
        {"anyOf":[{"type":"integer","minimum":0,"maximum":1},{"const":true},
          {"type":"string","pattern":"^[a01]{0,3}$"}]}}},"required":["a"]}""";

  private static AnswerForm form(String schema) {
    return AnswerForm.of(new AnswerForm.JsonFormat("", Optional.of(schema)));
  }

  private static Work formed(int n, String schema) {
    SamplingParams drawn =
        new SamplingParams(1, 1, 0, 0, 1, 0, 0.5, n, List.of(), 1000, n % 2 == 0, false, 0);
    return Works.work(n, "x", drawn.withForm(Optional.of(form(schema))));
  }

  /** The fake model with tokens of which JSON can be made. */
  private static Batcher jsonBatcher(int context) {
    FakeModel json = new FakeModel(FakeModel.spec(context, 4, 64, 32), 4);
    return new Batcher(
        json, new JsonTokens(), Works.INFO, new BatcherSettings(4, 32, 8, true, 10, 1, 2, 16));
  }

  /** The ids of {@link FakeModel}, with other texts. */
  private static final class JsonTokens implements Tokenizer {
    private static final List<String> TEXTS =
        List.of(
            "{", "}", "[", "]", "\"", ":", ",", "a", "0", "1", "true", "{\"", "\":", "\":[", "],",
            "]}", "\",", "\",\"", "1,", "0]", "01", "a\"", "t", "r", "u", "e", " ", "");

    @Override
    public int[] encode(String text, boolean parseSpecial) {
      throw new UnsupportedOperationException();
    }

    @Override
    public byte[] bytes(int id) {
      return TEXTS.get(id).getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public Set<Integer> endOfGeneration() {
      return Set.of(FakeModel.END);
    }

    @Override
    public int vocabularySize() {
      return FakeModel.VOCABULARY;
    }
  }

  @Test
  void logProbabilitiesComeWithPieces() {
    SamplingParams asked = new SamplingParams(0, 1, 0, 0, 1, 0, 0, 0, List.of(), 1, true, true, 2);
    Recorder recorder = new Recorder();
    batcher.admit(Works.work(1, "x", asked), PROMPT, 0, recorder);
    while (batcher.iterate(NOW)) {}
    Token token = recorder.verified().tokens().get(0);
    assertThat(token.logProb().orElseThrow().alternatives()).hasSize(2);
    assertThat(token.logProb().orElseThrow().alternatives().get(0).id()).isEqualTo(token.id());
    assertThat(token.logProb().orElseThrow().piece()).isEqualTo(token.text());
  }

  @Test
  void nextTurnComputesOnlyWhatIsNew() {
    Recorder first = new Recorder();
    batcher.admit(endlessOf("a", 1, 20), PROMPT, 0, first);
    while (batcher.iterate(NOW)) {}
    assertThat(first.verified().prompt().orElseThrow().cachedTokens()).isZero();
    int[] next = withAnswer(PROMPT, first.ids(), 7);
    int computed = model.tokens;
    Recorder second = new Recorder();
    batcher.admit(endlessOf("a", 2, 1), next, 0, second);
    while (batcher.iterate(NOW)) {}
    // 25 tokens; the answer's last one has no keys and values, so that 24 fill whole blocks
    assertThat(second.verified().prompt().orElseThrow().cachedTokens()).isEqualTo(24);
    assertThat(model.tokens - computed).isEqualTo(next.length - 24);
    Recorder other = new Recorder();
    batcher.admit(endlessOf("b", 2, 1), next, 0, other);
    while (batcher.iterate(NOW)) {}
    assertThat(other.verified().prompt().orElseThrow().cachedTokens()).isZero();
    assertThat(other.ids()).isEqualTo(second.ids());
    assertThat(batcher.stats().cachedTokens()).isEqualTo(24);
  }

  @Test
  void nextTurnGoesOnInABlockFilledInPart() {
    Recorder first = new Recorder();
    batcher.admit(endlessOf("a", 1, 18), PROMPT, 0, first);
    while (batcher.iterate(NOW)) {}
    int[] next = withAnswer(PROMPT, first.ids(), 7);
    Recorder other = new Recorder();
    batcher.admit(endlessOf("b", 2, 9), next, 0, other);
    while (batcher.iterate(NOW)) {}
    assertThat(other.verified().prompt().orElseThrow().cachedTokens()).isZero();
    int computed = model.tokens;
    Recorder second = new Recorder();
    batcher.admit(endlessOf("a", 2, 9), next, 0, second);
    while (batcher.iterate(NOW)) {}
    // the answer's last token has no keys and values: it and the new one are computed, and 8 to
    // come
    assertThat(second.verified().prompt().orElseThrow().cachedTokens()).isEqualTo(next.length - 2);
    assertThat(model.tokens - computed).isEqualTo(2 + 8);
    assertThat(second.ids()).isEqualTo(other.ids());
  }

  @Test
  void blockFilledInPartIsLeftToWhoGoesOnFromIt() {
    int[] prompt = {1, 2, 3, 4, 5, 6, 7, 8};
    batcher.admit(endlessOf("a", 1, 1), prompt, 0, new Recorder()); // 5 to 8 fill a block
    int[] inPart = {1, 2, 3, 4, 5, 6, 7};
    Recorder recorder = new Recorder();
    batcher.admit(endlessOf("b", 1, 1), inPart, 0, recorder);
    while (batcher.iterate(NOW)) {}
    for (int[] differs :
        List.of(new int[] {1, 2, 3, 4, 5, 0, 0}, new int[] {1, 2, 0, 4, 5, 6, 7})) {
      Recorder another = new Recorder();
      batcher.admit(endlessOf("b", 2, 1), differs, 0, another);
      while (batcher.iterate(NOW)) {}
      int found = another.verified().prompt().orElseThrow().cachedTokens();
      assertThat(found).isEqualTo(differs[2] == 0 ? 0 : 4);
    }
    Recorder goesOn = new Recorder();
    batcher.admit(endlessOf("b", 3, 1), new int[] {1, 2, 3, 4, 5, 6, 0, 0}, 0, goesOn);
    while (batcher.iterate(NOW)) {}
    assertThat(goesOn.verified().prompt().orElseThrow().cachedTokens()).isEqualTo(6);
  }

  @Test
  void lastTokenOfAPromptIsAlwaysComputed() {
    int[] prompt = {1, 2, 3, 4, 5, 6, 7, 8};
    Recorder first = new Recorder();
    Recorder again = new Recorder();
    batcher.admit(endlessOf("a", 1, 1), prompt, 0, first);
    while (batcher.iterate(NOW)) {}
    batcher.admit(endlessOf("a", 2, 1), prompt, 0, again);
    while (batcher.iterate(NOW)) {}
    assertThat(again.verified().prompt().orElseThrow().cachedTokens()).isEqualTo(4);
    assertThat(again.ids()).isEqualTo(first.ids());
  }

  @Test
  void promptsThatArriveTogetherAreComputedOnce() {
    int[] prompt = new int[41];
    Batcher small = batcher(4, 8, 8, 10);
    List<Recorder> recorders = new ArrayList<>();
    for (int n = 0; n < 4; n++) {
      recorders.add(new Recorder());
      small.admit(endlessOf("a", n, 1), prompt, 0, recorders.get(n));
    }
    while (small.iterate(NOW)) {}
    for (Recorder recorder : recorders) {
      assertThat(recorder.verified().ids()).isEqualTo(recorders.get(0).ids());
    }
    assertThat(model.tokens).isEqualTo(41 + 3);
    assertThat(small.stats().cachedTokens()).isEqualTo(3 * 40);
    assertThat(small.stats().freeBlocks()).isEqualTo(16);
  }

  @Test
  void runningSequencesShareWhatTheyHaveInCommon() {
    batcher.admit(endlessOf("a", 1, 50), PROMPT, 0, new Recorder());
    for (int i = 0; i < 2; i++) {
      batcher.iterate(NOW);
    }
    int free = batcher.stats().freeBlocks();
    Recorder late = new Recorder();
    batcher.admit(endlessOf("a", 2, 50), PROMPT, 0, late);
    batcher.iterate(NOW);
    assertThat(late.prompt().orElseThrow().cachedTokens()).isEqualTo(4);
    assertThat(batcher.stats().freeBlocks()).isEqualTo(free - 1);
    batcher.cancel(endlessOf("a", 1, 50).id());
    while (batcher.iterate(NOW)) {}
    Recorder alone = new Recorder();
    batcher.admit(endlessOf("b", 3, 50), PROMPT, 0, alone);
    while (batcher.iterate(NOW)) {}
    assertThat(late.verified().ids()).isEqualTo(alone.ids());
  }

  @Test
  void blocksOfBadLogitsAreNotFoundAgain() {
    model.dizzy = true;
    batcher.admit(endlessOf("a", 1, 5), PROMPT, 0, new Recorder());
    while (batcher.iterate(NOW)) {}
    model.dizzy = false;
    assertThat(batcher.stats().cachedBlocks()).isZero();
    Recorder again = new Recorder();
    batcher.admit(endlessOf("a", 2, 5), PROMPT, 0, again);
    while (batcher.iterate(NOW)) {}
    assertThat(again.verified().prompt().orElseThrow().cachedTokens()).isZero();
  }

  @Test
  void preemptedSequenceFindsItsBlocksAgain() {
    FakeModel memory = new FakeModel(FakeModel.spec(64, 4, 16, 32), 2);
    Batcher full =
        new Batcher(memory, memory, Works.INFO, new BatcherSettings(2, 32, 32, true, 10, 1, 4, 16));
    Recorder bulk = new Recorder();
    full.admit(Works.withPriority(endlessOf("a", 1, 30), Priority.BULK), PROMPT, 0, bulk);
    full.admit(endlessOf("b", 2, 40), PROMPT, 0, new Recorder());
    while (full.iterate(NOW)) {}
    assertThat(full.stats().preemptions()).isPositive();
    assertThat(full.stats().cachedTokens()).isPositive();
    Recorder alone = new Recorder();
    batcher.admit(endlessOf("c", 3, 30), PROMPT, 0, alone);
    while (batcher.iterate(NOW)) {}
    assertThat(bulk.verified().ids()).isEqualTo(alone.ids());
  }

  private Batcher batcher(int slots, int budget, int chunk, int waiting) {
    return new Batcher(
        model,
        model,
        Works.INFO,
        new BatcherSettings(slots, budget, chunk, true, waiting, 1, 4, 16));
  }

  private static Work endlessOf(String tenant, int n, int maxTokens) {
    SamplingParams sampling =
        new SamplingParams(0, 1, 0, 0, 1, 0, 0, 0, List.of(), maxTokens, true, false, 0);
    return Works.withTenant(Works.work(n, "x", sampling), tenant);
  }

  private static int[] withAnswer(int[] prompt, List<Integer> answer, int input) {
    return IntStream.concat(
            IntStream.concat(IntStream.of(prompt), answer.stream().mapToInt(id -> id)),
            IntStream.of(input))
        .toArray();
  }

  private static Work endless(int n) {
    return Works.work(n, "x", ENDLESS);
  }
}
