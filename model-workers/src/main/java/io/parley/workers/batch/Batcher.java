package io.parley.workers.batch;

import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.SamplingParams;
import io.parley.routing.protocol.TenantId;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.TokenLogProb;
import io.parley.routing.protocol.Work;
import io.parley.workers.constraint.Constraint;
import io.parley.workers.constraint.Constraints;
import io.parley.workers.constraint.SchemaException;
import io.parley.workers.engine.Engine;
import io.parley.workers.engine.EngineSpec;
import io.parley.workers.engine.RowSums;
import io.parley.workers.replica.Replica;
import io.parley.workers.sampling.BadLogitsException;
import io.parley.workers.sampling.LogProbs;
import io.parley.workers.sampling.Sampler;
import io.parley.workers.text.AnswerText;
import io.parley.workers.text.Tokenizer;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs many works through one engine, an iteration at a time: each {@link #iterate} lets waiting
 * works in, does one forward pass and hands out the tokens it gave. The tokens of a work are those
 * it would get alone, whatever runs beside it and however often it was preempted.
 *
 * <p>An answer with a form ({@link io.parley.routing.protocol.AnswerForm}) takes only tokens that
 * keep to it, and ends when nothing can follow; one to which no token fits fails with {@link
 * FailureCode#FORM_FAILED}. Beside it others run as if it were not there.
 *
 * <p>An answer ends with {@link FinishReason#STOP} at an end-of-generation token, which is not part
 * of it, or at a stop string; with {@link FinishReason#LENGTH} at its limit or the end of the
 * context. Not thread-safe, and deterministic: no clock, no threads, no randomness of its own.
 *
 * <p>Where the engine has cheap rows, a few decoding sequences are fed guessed tokens behind their
 * last one ({@link Drafts}). The token at each position is drawn as ever, from logits that are the
 * same bits; while it is the guessed one, the next position has been computed, too.
 */
public final class Batcher {
  private static final Logger log = LoggerFactory.getLogger(Batcher.class);

  private final Engine engine;
  private final Tokenizer tokenizer;
  private final ModelInfo model;
  private final String variant;
  private final int contextLength;
  private final int worksMax;
  private final KvBlocks blocks;
  private final PrefixCache cache;
  private final Drafts drafts;
  private final Scheduler scheduler;
  private final Sampler sampler;
  private final LogProbs logProbs;
  private final Constraints constraints;
  private final BitSet endOfGeneration = new BitSet();
  private final Map<AttemptId, Sequence> sequences = new LinkedHashMap<>();
  private long arrivals;
  private long iterations;

  /**
   * A batcher over an engine that nobody else steps.
   *
   * @throws IllegalArgumentException when the engine takes fewer tokens a step than there are slots
   */
  public Batcher(Engine engine, Tokenizer tokenizer, ModelInfo model, BatcherSettings settings) {
    this.engine = engine;
    this.tokenizer = tokenizer;
    this.model = model;
    EngineSpec spec = engine.spec();
    int budget = Math.min(settings.maxBatchTokens(), spec.maxBatchTokens());
    if (budget < settings.slots()) {
      throw new IllegalArgumentException(
          "parley.batcher.slots is at most the engine's %d tokens a step, not %d"
              .formatted(budget, settings.slots()));
    }
    variant = spec.variant();
    contextLength = Math.min(model.contextLength(), contextLength(spec));
    worksMax = settings.slots() + settings.waitingMax();
    blocks = new KvBlocks(spec.blocks(), spec.blockSize());
    cache = new PrefixCache(settings.prefixCache(), blocks, model.id());
    int prefillChunk = Math.min(budget, settings.prefillChunk());
    int draftRows = Math.min(budget, Math.min(settings.draftRows(), spec.cheapRows()));
    drafts = new Drafts(draftRows, contextLength, blocks);
    scheduler = new Scheduler(settings.slots(), budget, prefillChunk, blocks, cache, drafts);
    sampler = new Sampler(spec.vocabularySize());
    logProbs = new LogProbs(spec.vocabularySize(), this::piece);
    constraints = new Constraints(tokenizer, spec.vocabularySize(), settings.forms());
    tokenizer.endOfGeneration().forEach(endOfGeneration::set);
  }

  /**
   * Compiles the form of an answer, so that {@link #admit} need not. May be called in any thread.
   *
   * @throws SchemaException when no answer can be held to it
   */
  public void prepare(Work work) {
    work.sampling().form().ifPresent(form -> constraints.prepare(tenant(work), form));
  }

  private static TenantId tenant(Work work) {
    return work.id().session().tenant();
  }

  /**
   * The most tokens of prompt and answer together: the model's context, or what KV memory holds.
   */
  public static int contextLength(EngineSpec spec) {
    return (int) Math.min(spec.contextLength(), (long) spec.blocks() * spec.blockSize());
  }

  /**
   * Takes a work; it runs from one of the next iterations on. A resumed work whose prefix is a
   * whole answer finishes at once.
   *
   * @param prompt the rendered and fitted prompt
   * @throws IllegalStateException when as many works as allowed are here, or this one is already
   * @throws IllegalArgumentException when the prompt or a stop string is empty
   */
  public void admit(Work work, int[] prompt, int droppedMessages, Replica.Listener listener) {
    if (sequences.size() >= worksMax || sequences.containsKey(work.id())) {
      throw new IllegalStateException(work.id() + " is one too many");
    }
    if (prompt.length == 0) {
      throw new IllegalArgumentException("a prompt has at least one token");
    }
    if (prompt.length >= contextLength) {
      String figures = "the prompt is %d tokens; the context of %d leaves room for at most %d";
      listener.failed(
          FailureCode.CONTEXT_LENGTH_EXCEEDED,
          figures.formatted(prompt.length, contextLength, contextLength - 1));
      return;
    }
    AnswerText text = new AnswerText(tokenizer, work.sampling().stop());
    Constraint constraint;
    try {
      constraint = constraint(work);
    } catch (SchemaException e) {
      listener.failed(FailureCode.FORM_FAILED, "the form " + e.getMessage());
      return;
    }
    for (int id : constraint == null ? List.<Integer>of() : work.prefix()) {
      if (!constraint.accept(id)) {
        listener.failed(FailureCode.FORM_FAILED, "the answer so far has not its form");
        return;
      }
    }
    Sequence sequence =
        new Sequence(work, prompt, droppedMessages, listener, text, constraint, arrivals++);
    sequences.put(work.id(), sequence);
    int last = sequence.lastOfAnswer();
    if (last >= 0 && endOfGeneration.get(last) && !work.sampling().ignoreEos()) {
      announce(sequence);
      finish(sequence, FinishReason.STOP);
    } else if (ended(sequence).isPresent()) {
      announce(sequence);
      finish(sequence, ended(sequence).get());
    } else {
      scheduler.add(sequence);
    }
  }

  private Constraint constraint(Work work) {
    return work.sampling()
        .form()
        .flatMap(form -> constraints.begin(tenant(work), form))
        .orElse(null);
  }

  /** Drops a work and frees what it holds; its listener hears nothing more. */
  public void cancel(AttemptId id) {
    Sequence sequence = sequences.remove(id);
    if (sequence != null) {
      scheduler.remove(sequence);
    }
  }

  /**
   * One iteration. Works that have no room though their queue deadline passed fail with {@link
   * FailureCode#QUEUE_TIMEOUT}.
   *
   * @return whether there is work left
   * @throws RuntimeException what the engine threw; no work can go on, see {@link #failAll}
   */
  public boolean iterate(long nowEpochMillis) {
    scheduler.admit().forEach(this::announce); // first: for one that came late there may be room
    for (Sequence late : scheduler.late(nowEpochMillis)) {
      fail(late, FailureCode.QUEUE_TIMEOUT, "no slot or KV memory was free in time");
    }
    Scheduler.Pass pass = scheduler.plan();
    if (pass.tokenCount() > 0) {
      FloatBuffer logits = engine.step(pass.input());
      scheduler.done(pass);
      iterations++;
      sampler.know(weighed(pass));
      int row = 0;
      for (Sequence sequence : pass.ends()) {
        int last = row + pass.drafted(sequence);
        int at = row;
        while (next(sequence, logits, at) && at < last) {
          scheduler.accept(sequence);
          at++;
        }
        row = last + 1;
      }
    }
    return !sequences.isEmpty();
  }

  /** Sums of the rows that are drawn from with temperature, by all cores; null: nobody has them. */
  private RowSums weighed(Scheduler.Pass pass) {
    int[] rows = new int[pass.rowCount()];
    double[] scales = new double[rows.length];
    int count = 0;
    int row = 0;
    for (Sequence sequence : pass.ends()) {
      double scale = Sampler.scaleOfSums(sequence.sampling(), sequence.constraint == null);
      for (int last = row + pass.drafted(sequence); row <= last; row++) {
        if (scale > 0) {
          rows[count] = row;
          scales[count++] = scale;
        }
      }
    }
    return count == 0
        ? null
        : engine.weigh(Arrays.copyOf(rows, count), Arrays.copyOf(scales, count)).orElse(null);
  }

  /** Fails every work with this code. */
  public void failAll(FailureCode code, String message) {
    for (Sequence sequence : List.copyOf(sequences.values())) {
      fail(sequence, code, message);
    }
  }

  public boolean idle() {
    return sequences.isEmpty();
  }

  /** Figures for now. */
  public BatcherStats stats() {
    return new BatcherStats(
        scheduler.runningCount(),
        scheduler.waitingCount(),
        blocks.freeCount(),
        blocks.cachedCount(),
        blocks.total(),
        iterations,
        scheduler.preemptions(),
        cache.foundTokens(),
        drafts.drafted(),
        drafts.accepted());
  }

  /**
   * Draws a sequence's next token from its row and hands it out.
   *
   * @return whether it goes on, and with the token that was guessed
   */
  private boolean next(Sequence sequence, FloatBuffer logits, int row) {
    if (!isHere(sequence)) {
      return false; // a listener cancelled it during this iteration
    }
    SamplingParams sampling = sequence.sampling();
    Token token;
    boolean guessed;
    try {
      int position = sequence.answerLength();
      Constraint constraint = sequence.constraint;
      long[] allowed = constraint == null ? null : constraint.mask();
      if (allowed != null && isEmpty(allowed)) {
        fail(sequence, FailureCode.FORM_FAILED, "no token of the model fits the answer's form");
        return false;
      }
      int id = sampler.sample(logits, row, sampling, sequence.counts, position, allowed);
      if (endOfGeneration.get(id) && (constraint != null || !sampling.ignoreEos())) {
        finish(sequence, FinishReason.STOP);
        return false;
      }
      Optional<TokenLogProb> logProb =
          sampling.logProbs()
              ? Optional.of(logProbs.of(logits, row, id, sampling.topLogProbs()))
              : Optional.empty();
      token = new Token(id, sequence.text.push(id), logProb);
      guessed = sequence.lookup.drawn(sequence.tokens(), sequence.length(), id);
      sequence.append(id);
      if (constraint != null) {
        constraint.accept(id);
      }
    } catch (BadLogitsException e) {
      cache.forget(sequence);
      fail(sequence, FailureCode.ENGINE_FAILED, e.getMessage());
      return false;
    }
    tell(sequence, listener -> listener.token(token));
    ended(sequence).ifPresent(reason -> finish(sequence, reason));
    return guessed && isHere(sequence);
  }

  private boolean isHere(Sequence sequence) {
    return sequences.get(sequence.work.id()) == sequence;
  }

  private static boolean isEmpty(long[] bits) {
    for (long word : bits) {
      if (word != 0) {
        return false;
      }
    }
    return true;
  }

  private Optional<FinishReason> ended(Sequence sequence) {
    boolean whole = sequence.constraint != null && sequence.constraint.complete();
    if (whole || sequence.text.stopped()) {
      return Optional.of(FinishReason.STOP);
    }
    boolean full =
        sequence.answerLength() >= sequence.sampling().maxTokens()
            || sequence.length() >= contextLength;
    return full ? Optional.of(FinishReason.LENGTH) : Optional.empty();
  }

  private void announce(Sequence sequence) {
    if (!sequence.announced) {
      sequence.announced = true;
      int cached = Math.min(sequence.computed, sequence.promptLength);
      PromptInfo info =
          new PromptInfo(
              sequence.promptLength, cached, sequence.droppedMessages, model.id(), variant);
      tell(sequence, listener -> listener.admitted(info));
    }
  }

  private void finish(Sequence sequence, FinishReason reason) {
    String tail = sequence.text.stopped() ? "" : sequence.text.flush();
    if (isHere(sequence)) {
      // the held-back text may have met a stop string
      FinishReason said = sequence.text.stopped() ? FinishReason.STOP : reason;
      tell(sequence, listener -> listener.finished(new Finish(said, tail)));
    }
    cancel(sequence.work.id());
  }

  private void fail(Sequence sequence, FailureCode code, String message) {
    cancel(sequence.work.id());
    tell(sequence, listener -> listener.failed(code, message));
  }

  /** A listener that throws loses its work and harms no other. */
  private void tell(Sequence sequence, Consumer<Replica.Listener> event) {
    try {
      event.accept(sequence.listener);
    } catch (RuntimeException e) {
      log.error("the listener of {} failed; the work is dropped", sequence.work.id(), e);
      cancel(sequence.work.id());
    }
  }

  private String piece(int id) {
    return new String(tokenizer.bytes(id), StandardCharsets.ISO_8859_1);
  }
}
