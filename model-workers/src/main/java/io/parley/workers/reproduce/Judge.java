package io.parley.workers.reproduce;

import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.SamplingParams;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.TokenLogProb;
import io.parley.routing.protocol.Work;
import io.parley.workers.batch.TeacherForcing;
import io.parley.workers.constraint.Constraint;
import io.parley.workers.reproduce.Deviation.Kind;
import io.parley.workers.sampling.BadLogitsException;
import io.parley.workers.sampling.Sampler;
import io.parley.workers.sampling.TokenCounts;
import io.parley.workers.text.AnswerText;
import io.parley.workers.text.Tokenizer;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Consumer;

/**
 * Draws the tokens of one attempt again and compares them: what {@link
 * io.parley.workers.batch.Batcher} does with a row, and behind it the recorded token instead of the
 * drawn one, so that one that is another does not make others of those behind it.
 */
final class Judge implements TeacherForcing.Forced {
  /** What all attempts are judged by. */
  record Rules(Tokenizer tokenizer, int contextLength, Tolerance tolerance, boolean everyLogProb) {}

  private final RecordedAttempt attempt;
  private final Rules rules;
  private final boolean sameBits;
  private final Consumer<TokenReport> listener;
  private final SamplingParams sampling;
  private final int promptLength;
  private final int[] tokens;
  private final AnswerText text;
  private final TokenCounts counts; // null where the parameters have no penalty
  private final Constraint constraint; // null where the answer may be anything
  private boolean outOfForm;
  private boolean endIsJudged;
  private int answerLength;
  private Deviation first; // null while there is none
  private int deviations;
  private int otherTokens;
  private double widestLogProb;
  private Optional<String> cut = Optional.empty();

  /**
   * Before its first token.
   *
   * @param sameBits whether nothing may differ
   * @param constraint behind the tokens of earlier attempts; null: the answer may be anything
   * @param listener of each token, in order
   */
  Judge(
      RecordedAttempt attempt,
      int[] prompt,
      boolean sameBits,
      Constraint constraint,
      Rules rules,
      Consumer<TokenReport> listener) {
    this.attempt = attempt;
    this.rules = rules;
    this.sameBits = sameBits;
    this.constraint = constraint;
    this.listener = listener;
    Work work = attempt.work();
    sampling = work.sampling();
    promptLength = prompt.length;
    int before = prompt.length + work.prefix().size();
    tokens = Arrays.copyOf(prompt, before + attempt.tokens().size());
    text = new AnswerText(rules.tokenizer(), sampling.stop());
    counts = TokenCounts.needed(sampling) ? new TokenCounts() : null;
    for (int id : counts == null ? new int[0] : prompt) {
      counts.addPrompt(id);
    }
    for (int id : work.prefix()) {
      tokens[promptLength + answerLength] = id;
      text.push(id);
      append(id);
    }
    for (int i = 0; i < attempt.tokens().size(); i++) {
      tokens[before + i] = attempt.tokens().get(i).id();
    }
    if (attempt.tokens().isEmpty() && !work.prefix().isEmpty()) {
      judgeEndOfPrefix();
    }
  }

  private void append(int id) {
    answerLength++;
    if (counts != null) {
      counts.addAnswer(id);
    }
  }

  RecordedAttempt attempt() {
    return attempt;
  }

  boolean isConstrained() {
    return constraint != null;
  }

  /** Whether rows are needed to come to a verdict. */
  boolean needsRows() {
    return !attempt.tokens().isEmpty() || (attempt.finish().isPresent() && !endIsJudged);
  }

  @Override
  public Work work() {
    return attempt.work();
  }

  @Override
  public int[] tokens() {
    return tokens;
  }

  @Override
  public int from() {
    return promptLength + attempt.work().prefix().size() - 1;
  }

  @Override
  public double scaleOfSums() {
    return Sampler.scaleOfSums(sampling, constraint == null);
  }

  /** Judges the tokens that stand behind these positions. */
  void read(TeacherForcing.Rows rows, Drawer drawer) {
    drawer.sampler.know(rows.sums());
    for (int i = 0; i < rows.count(); i++) {
      int index = rows.firstPosition() + i - from();
      int row = rows.firstRow() + i;
      try {
        if (index < attempt.tokens().size()) {
          judgeToken(attempt.tokens().get(index), rows, row, drawer);
        } else if (attempt.finish().isPresent() && !endIsJudged) {
          judgeEnd(rows, row, drawer);
        }
      } catch (BadLogitsException e) {
        deviates(new Deviation(Kind.LOGITS, answerLength, e.getMessage()));
        if (index < attempt.tokens().size()) {
          accept(attempt.tokens().get(index));
        }
      }
    }
  }

  private void judgeToken(Token recorded, TeacherForcing.Rows rows, int row, Drawer drawer)
      throws BadLogitsException {
    int index = answerLength;
    int before = deviations;
    OptionalInt drawn = draw(rows, row, drawer);
    boolean same = drawn.isPresent() && drawn.getAsInt() == recorded.id() && !ends(recorded.id());
    if (drawn.isPresent() && !same) {
      otherTokens++;
      if (sameBits || ends(recorded.id()) || !couldBe(recorded.id(), rows, row, drawer)) {
        deviates(
            Deviation.ofToken(
                index,
                recorded,
                ends(drawn.getAsInt()) ? "the end" : "token " + drawn.getAsInt(),
                logProb(recorded.id(), rows, row, drawer),
                logProb(drawn.getAsInt(), rows, row, drawer)));
      }
    }
    if (sampling.logProbs()) {
      judgeLogProb(recorded, rows, row, drawer);
    }
    accept(recorded);
    if (rules.everyLogProb()) {
      listener.accept(
          new TokenReport(
              attempt.work().id(),
              index,
              recorded.id(),
              drawn.orElse(-1),
              same && before == deviations,
              logProb(recorded.id(), rows, row, drawer)));
    }
  }

  /** Empty when no token can be, which is a deviation of its own. */
  private OptionalInt draw(TeacherForcing.Rows rows, int row, Drawer drawer)
      throws BadLogitsException {
    if (outOfForm) {
      return OptionalInt.empty();
    }
    long[] allowed = constraint == null ? null : constraint.mask();
    if (allowed != null && Arrays.stream(allowed).allMatch(word -> word == 0)) {
      deviates(new Deviation(Kind.FORM, answerLength, "no token fits the answer's form here"));
      return OptionalInt.empty();
    }
    return OptionalInt.of(
        drawer.sampler.sample(rows.logits(), row, sampling, counts, answerLength, allowed));
  }

  private boolean couldBe(int id, TeacherForcing.Rows rows, int row, Drawer drawer) {
    return drawer
        .near()
        .could(
            id,
            rules.tolerance().logit(),
            rows.logits(),
            row,
            sampling,
            counts,
            answerLength,
            constraint == null ? null : constraint.mask());
  }

  private static float logProb(int id, TeacherForcing.Rows rows, int row, Drawer drawer)
      throws BadLogitsException {
    return drawer.logProbs.of(rows.logits(), row, id, 0).logProb();
  }

  private void judgeLogProb(Token recorded, TeacherForcing.Rows rows, int row, Drawer drawer)
      throws BadLogitsException {
    TokenLogProb given =
        drawer.logProbs.of(rows.logits(), row, recorded.id(), sampling.topLogProbs());
    Optional<TokenLogProb> said = recorded.logProb();
    if (said.isPresent() && said.get().equals(given)) {
      return;
    }
    if (sameBits || said.isEmpty()) {
      deviates(Deviation.ofLogProb(answerLength, recorded, given));
      return;
    }
    // which ones are the likeliest may differ by rounding; what is said of each may not, by more
    double widest = Math.abs(said.get().logProb() - given.logProb());
    for (TokenLogProb.Alternative alternative : said.get().alternatives()) {
      float here = logProb(alternative.id(), rows, row, drawer);
      widest = Math.max(widest, Math.abs(alternative.logProb() - here));
    }
    widestLogProb = Math.max(widestLogProb, widest);
    if (widest > rules.tolerance().logProb()) {
      deviates(Deviation.ofLogProb(answerLength, recorded, given));
    }
  }

  /** Goes on behind the recorded token, as the batcher did behind the drawn one. */
  private void accept(Token recorded) {
    int index = answerLength;
    if (ended().isPresent() && !endIsJudged) {
      endIsJudged = true;
      deviates(
          new Deviation(
              Kind.FINISH,
              index,
              "the answer ends here; recorded is token " + recorded.id() + " behind it"));
    }
    if (!text.push(recorded.id()).equals(recorded.text())) {
      deviates(
          new Deviation(
              Kind.TEXT, index, "the recorded text is not that of token " + recorded.id()));
    }
    append(recorded.id());
    if (constraint != null && !outOfForm && !constraint.accept(recorded.id())) {
      outOfForm = true;
      deviates(
          new Deviation(
              Kind.FORM, index, "token " + recorded.id() + " leaves the form of the answer"));
    }
    boolean last = answerLength == attempt.work().prefix().size() + attempt.tokens().size();
    if (last && attempt.finish().isPresent() && !endIsJudged) {
      ended().ifPresent(this::judgeEnd);
    }
  }

  /** An attempt that found the answer whole, and had nothing to add. */
  private void judgeEndOfPrefix() {
    List<Integer> prefix = attempt.work().prefix();
    if (attempt.finish().isEmpty()) {
      return;
    }
    if (ends(prefix.get(prefix.size() - 1))) {
      judgeEnd(FinishReason.STOP);
    } else {
      ended().ifPresent(this::judgeEnd);
    }
  }

  /** The answer has neither met its end by itself nor by a limit: the draw decides. */
  private void judgeEnd(TeacherForcing.Rows rows, int row, Drawer drawer)
      throws BadLogitsException {
    OptionalInt drawn = draw(rows, row, drawer);
    if (drawn.isEmpty()) {
      return;
    }
    FinishReason recorded = attempt.finish().orElseThrow().reason();
    boolean near =
        !sameBits
            && recorded == FinishReason.STOP
            && rules.tokenizer().endOfGeneration().stream()
                .anyMatch(id -> ends(id) && couldBe(id, rows, row, drawer));
    if (ends(drawn.getAsInt()) || near) {
      judgeEnd(FinishReason.STOP);
    } else if (recorded == FinishReason.LENGTH) {
      judgeCut();
    } else {
      endIsJudged = true;
      deviates(
          new Deviation(
              Kind.FINISH,
              answerLength,
              "recorded is the end; drawn is token " + drawn.getAsInt()));
    }
  }

  private void judgeEnd(FinishReason reason) {
    endIsJudged = true;
    String tail = text.stopped() ? "" : text.flush();
    Finish given = new Finish(text.stopped() ? FinishReason.STOP : reason, tail);
    Finish recorded = attempt.finish().orElseThrow();
    if (given.equals(recorded)) {
      return;
    }
    boolean textAlone = given.reason() == recorded.reason();
    deviates(
        new Deviation(
            textAlone ? Kind.TEXT : Kind.FINISH,
            answerLength,
            textAlone
                ? "the recorded text behind the last token is another"
                : "recorded is " + recorded.reason() + ", given is " + given.reason()));
  }

  /** A limit that the record does not hold: of the worker's KV memory, or of the session's room. */
  private void judgeCut() {
    endIsJudged = true;
    String recorded = attempt.finish().orElseThrow().tail();
    String held = text.stopped() ? "" : text.flush();
    if (!recorded.isEmpty() && !recorded.equals(held)) {
      deviates(
          new Deviation(
              Kind.TEXT, answerLength, "the recorded text behind the last token is another"));
    }
    cut =
        Optional.of(
            "ended behind %d of %d tokens by a limit that is not in the record"
                .formatted(answerLength, sampling.maxTokens()));
  }

  private Optional<FinishReason> ended() {
    boolean whole = constraint != null && !outOfForm && constraint.complete();
    if (whole || text.stopped()) {
      return Optional.of(FinishReason.STOP);
    }
    boolean full =
        answerLength >= sampling.maxTokens()
            || promptLength + answerLength >= rules.contextLength();
    return full ? Optional.of(FinishReason.LENGTH) : Optional.empty();
  }

  /** Whether a drawn token ends the answer and is no part of it. */
  private boolean ends(int id) {
    return rules.tokenizer().endOfGeneration().contains(id)
        && (constraint != null || !sampling.ignoreEos());
  }

  private void deviates(Deviation deviation) {
    deviations++;
    if (first == null) {
      first = deviation;
    }
  }

  /** When all rows were read. */
  Verdict verdict() {
    if (first != null) {
      return new Verdict.Differs(first, otherTokens);
    }
    return sameBits ? new Verdict.Exact(cut) : new Verdict.Near(otherTokens, widestLogProb, cut);
  }
}
