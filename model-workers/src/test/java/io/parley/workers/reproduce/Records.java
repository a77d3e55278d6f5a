package io.parley.workers.reproduce;

import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.SamplingParams;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.TokenLogProb;
import io.parley.routing.protocol.Work;
import io.parley.workers.replica.Recorder;
import io.parley.workers.replica.Works;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Records of works that ran, and records that somebody changed. */
public final class Records {
  private Records() {}

  /** What a listener heard of a work. */
  public static RecordedAttempt of(Work work, Recorder heard) {
    return new RecordedAttempt(
        work, heard.verified().prompt().orElseThrow(), heard.tokens(), heard.finish());
  }

  /** Two attempts instead of one: the second goes on behind so many tokens. */
  static List<RecordedAttempt> split(RecordedAttempt whole, int tokens) {
    List<Token> first = whole.tokens().subList(0, tokens);
    List<Token> second = whole.tokens().subList(tokens, whole.tokens().size());
    Work resumed = Works.withPrefix(whole.work(), first.stream().map(Token::id).toList());
    return List.of(
        new RecordedAttempt(whole.work(), whole.prompt(), first, Optional.empty()),
        new RecordedAttempt(resumed, whole.prompt(), second, whole.finish()));
  }

  static RecordedAttempt withToken(RecordedAttempt attempt, int index, Token token) {
    List<Token> tokens = new ArrayList<>(attempt.tokens());
    tokens.set(index, token);
    return new RecordedAttempt(attempt.work(), attempt.prompt(), tokens, attempt.finish());
  }

  static RecordedAttempt cutOff(RecordedAttempt attempt, int tokens) {
    return new RecordedAttempt(
        attempt.work(), attempt.prompt(), attempt.tokens().subList(0, tokens), attempt.finish());
  }

  static RecordedAttempt withFinish(RecordedAttempt attempt, Finish finish) {
    return new RecordedAttempt(
        attempt.work(), attempt.prompt(), attempt.tokens(), Optional.of(finish));
  }

  static RecordedAttempt withPrompt(RecordedAttempt attempt, PromptInfo prompt) {
    return new RecordedAttempt(attempt.work(), prompt, attempt.tokens(), attempt.finish());
  }

  static RecordedAttempt withVariant(RecordedAttempt attempt, String variant) {
    PromptInfo p = attempt.prompt();
    return withPrompt(
        attempt,
        new PromptInfo(
            p.promptTokens(), p.cachedTokens(), p.droppedMessages(), p.model(), variant));
  }

  static RecordedAttempt withSeed(RecordedAttempt attempt, long seed) {
    SamplingParams s = attempt.work().sampling();
    return withSampling(
        attempt,
        new SamplingParams(
            s.temperature(),
            s.topP(),
            s.topK(),
            s.minP(),
            s.repetitionPenalty(),
            s.presencePenalty(),
            s.frequencyPenalty(),
            seed,
            s.stop(),
            s.maxTokens(),
            s.ignoreEos(),
            s.logProbs(),
            s.topLogProbs(),
            s.form()));
  }

  static RecordedAttempt withSampling(RecordedAttempt attempt, SamplingParams sampling) {
    Work w = attempt.work();
    Work work =
        new Work(
            w.id(),
            w.model(),
            w.messages(),
            w.prefix(),
            sampling,
            w.contextPolicy(),
            w.priority(),
            w.startedAtEpochMillis(),
            w.queueDeadlineEpochMillis());
    return new RecordedAttempt(work, attempt.prompt(), attempt.tokens(), attempt.finish());
  }

  /** The smallest change that a probability can have. */
  static Token withNextLogProb(Token token) {
    TokenLogProb said = token.logProb().orElseThrow();
    return new Token(
        token.id(),
        token.text(),
        Optional.of(
            new TokenLogProb(Math.nextDown(said.logProb()), said.piece(), said.alternatives())));
  }
}
