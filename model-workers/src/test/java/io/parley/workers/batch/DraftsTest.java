package io.parley.workers.batch;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.SamplingParams;
import io.parley.routing.protocol.Work;
import io.parley.workers.replica.Recorder;
import io.parley.workers.replica.Works;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A model that mostly goes through the same letters again, so that guesses are often right. */
class DraftsTest {
  private static final int[] PROMPT = {0, 1, 2, 3, 4, 5, 6, 7};
  private static final float HABIT = 3.5f;

  /** What came of works that ran together. */
  private record Outcome(List<Recorder> recorders, BatcherStats stats) {}

  private static Batcher batcher(FakeModel model, int draftRows) {
    model.habit = HABIT;
    return new Batcher(
        model, model, Works.INFO, new BatcherSettings(16, 64, 16, true, 16, 1, 4, draftRows));
  }

  private static FakeModel model(int cheapRows) {
    return new FakeModel(FakeModel.spec(256, 8, 600, 64, cheapRows), 16);
  }

  private static Outcome run(FakeModel model, int draftRows, List<SamplingParams> samplings) {
    Batcher batcher = batcher(model, draftRows);
    List<Recorder> recorders = new ArrayList<>();
    for (SamplingParams sampling : samplings) {
      Recorder recorder = new Recorder();
      Work work = Works.work(recorders.size(), "x", sampling);
      batcher.admit(work, PROMPT, 0, recorder);
      recorders.add(recorder);
    }
    while (batcher.iterate(0)) {}
    recorders.forEach(recorder -> assertThat(recorder.verified().isEnded()).isTrue());
    assertThat(batcher.stats().freeBlocks()).isEqualTo(600);
    return new Outcome(recorders, batcher.stats());
  }

  private static SamplingParams endless(int maxTokens) {
    return new SamplingParams(0, 1, 0, 0, 1, 0, 0, 7, List.of(), maxTokens, true, false, 0);
  }

  private static List<SamplingParams> mixed() {
    return List.of(
        endless(120),
        new SamplingParams(0.5, 1, 0, 0, 1, 0, 0, 8, List.of(), 120, false, true, 3),
        new SamplingParams(0.7, 0.9, 9, 0, 1.1, 0.2, 0.1, 9, List.of(), 120, false, true, 0),
        new SamplingParams(0, 1, 0, 0, 1, 0, 0, 7, List.of("fghi"), 120, true, true, 2));
  }

  @Test
  void givesTheSameTokensAndProbabilitiesInFewerSteps() {
    FakeModel plain = model(12);
    FakeModel guessing = model(12);
    Outcome off = run(plain, 0, mixed());
    Outcome on = run(guessing, 12, mixed());
    for (int i = 0; i < off.recorders().size(); i++) {
      assertThat(on.recorders().get(i).tokens()).isEqualTo(off.recorders().get(i).tokens());
      assertThat(on.recorders().get(i).finish()).isEqualTo(off.recorders().get(i).finish());
    }
    assertThat(off.stats().draftedTokens()).isZero();
    assertThat(on.stats().acceptedTokens()).isPositive().isLessThan(on.stats().draftedTokens());
    assertThat(guessing.steps).isLessThan(plain.steps * 3 / 4);
  }

  @Test
  void countsWhatWasFedAndWhatWasRight() {
    FakeModel plain = model(0);
    FakeModel guessing = model(12);
    run(plain, 12, List.of(endless(100)));
    BatcherStats stats = run(guessing, 12, List.of(endless(100))).stats();
    // each step gives a token, and one for each guess that was right
    assertThat(guessing.steps).isEqualTo(plain.steps - stats.acceptedTokens());
    assertThat(guessing.tokens - plain.tokens)
        .isEqualTo(stats.draftedTokens() - stats.acceptedTokens());
  }

  @Test
  void guessesNothingPastTheEndOfTheAnswer() {
    FakeModel model = model(12);
    Outcome outcome = run(model, 12, List.of(endless(2)));
    assertThat(outcome.recorders().get(0).ids()).hasSize(2);
    assertThat(outcome.stats().draftedTokens()).isZero();
    Outcome whole = run(model(12), 12, List.of(endless(10_000)));
    assertThat(whole.recorders().get(0).ids()).hasSize(256 - PROMPT.length);
    assertThat(whole.recorders().get(0).finish().orElseThrow().reason())
        .isEqualTo(FinishReason.LENGTH);
  }

  @Test
  void guessesNothingWhereTheEngineHasNoCheapRows() {
    assertThat(run(model(0), 256, mixed()).stats().draftedTokens()).isZero();
  }

  @Test
  void guessesNothingWhileAsManyDecodeAsThereAreCheapRows() {
    List<SamplingParams> many = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      many.add(endless(60));
    }
    assertThat(run(model(6), 256, many).stats().draftedTokens()).isZero();
    many.set(0, endless(120)); // the last to go on is alone in the end
    assertThat(run(model(6), 256, many).stats().acceptedTokens()).isPositive();
  }

  @Test
  void guessesNothingBesideAPrompt() {
    FakeModel model = model(12);
    Batcher batcher = batcher(model, 12);
    batcher.admit(Works.work(0, "x", endless(200)), PROMPT, 0, new Recorder());
    while (batcher.stats().acceptedTokens() == 0) {
      batcher.iterate(0);
    }
    batcher.admit(Works.work(1, "x", endless(10)), new int[160], 0, new Recorder());
    long before = batcher.stats().draftedTokens();
    int tokens = model.tokens;
    for (int i = 1; i <= 10; i++) {
      batcher.iterate(0);
      assertThat(model.tokens).isEqualTo(tokens + i * 17);
    }
    assertThat(batcher.stats().draftedTokens()).isEqualTo(before);
    while (batcher.iterate(0)) {}
  }

  @Test
  void takesNoBlockThatARunningOneWillNeed() {
    // four blocks of 8: two answers of 7 + 8 tokens fit exactly
    FakeModel model = new FakeModel(FakeModel.spec(16, 8, 4, 64, 12), 16);
    Batcher batcher = batcher(model, 12);
    List<Recorder> recorders = List.of(new Recorder(), new Recorder());
    for (int i = 0; i < 2; i++) {
      batcher.admit(
          Works.work(i, "x", endless(9)), new int[] {1, 2, 1, 2, 1, 2, i}, 0, recorders.get(i));
    }
    while (batcher.iterate(0)) {}
    assertThat(batcher.stats().preemptions()).isZero();
    recorders.forEach(recorder -> assertThat(recorder.verified().ids()).hasSize(9));
  }
}
