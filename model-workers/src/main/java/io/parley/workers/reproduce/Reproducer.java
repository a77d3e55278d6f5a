package io.parley.workers.reproduce;

import io.parley.routing.protocol.AnswerForm;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.Work;
import io.parley.workers.batch.Batcher;
import io.parley.workers.batch.TeacherForcing;
import io.parley.workers.batch.TeacherForcing.Rows;
import io.parley.workers.constraint.Constraint;
import io.parley.workers.constraint.Constraints;
import io.parley.workers.constraint.SchemaException;
import io.parley.workers.engine.Engine;
import io.parley.workers.engine.EngineSpec;
import io.parley.workers.replica.PromptMaker;
import io.parley.workers.reproduce.Deviation.Kind;
import io.parley.workers.text.ChatTemplate;
import io.parley.workers.text.ChatTemplateException;
import io.parley.workers.text.Tokenizer;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * Computes recorded attempts again, many at once, and says of each whether it is what the model
 * gives. Renders prompts and draws as a replica does, by the same classes.
 *
 * <p>Where the record names this engine's variant, and the variant's rows are the same bits
 * whatever is beside them, nothing may differ. Between variants, and with one that does not give
 * the same bits twice, results are compared within a {@link Tolerance}.
 */
public final class Reproducer {
  /** Sessions whose attempts are at hand; a pass has room for a few. */
  private static final int SESSIONS_AT_ONCE = 64;

  private static final int FORMS = 256;

  private final Engine engine;
  private final EngineSpec spec;
  private final ModelInfo model;
  private final Tokenizer tokenizer;
  private final PromptMaker prompts;
  private final Constraints constraints;
  private final Judge.Rules rules;
  private final Queue<Drawer> drawers = new ConcurrentLinkedQueue<>();

  /** Hears what comes of the attempts; of one session in order, in the thread that runs. */
  public interface Listener {
    void attempt(AttemptReport report);

    /** One token; several threads may tell of different attempts at once. */
    default void token(TokenReport report) {}
  }

  /**
   * What a run took.
   *
   * @param tokens of answers that were drawn again
   * @param computedTokens what the engine computed for it, prompts included
   */
  public record Stats(long tokens, long computedTokens) {}

  /**
   * Over an engine that nobody else steps.
   *
   * @param everyToken whether the listener hears of each token
   */
  public Reproducer(
      Engine engine,
      Tokenizer tokenizer,
      ChatTemplate template,
      ModelInfo model,
      Tolerance tolerance,
      boolean everyToken) {
    this.engine = engine;
    this.spec = engine.spec();
    this.model = model;
    this.tokenizer = tokenizer;
    int contextLength = Math.min(model.contextLength(), spec.contextLength());
    prompts = new PromptMaker(tokenizer, template, contextLength);
    constraints = new Constraints(tokenizer, spec.vocabularySize(), FORMS);
    rules = new Judge.Rules(tokenizer, contextLength, tolerance, everyToken);
  }

  /**
   * Runs all that there is.
   *
   * @param sessions of each its attempts, in their order
   * @throws RuntimeException what the engine or the iterator threw
   */
  public Stats run(Iterator<List<RecordedAttempt>> sessions, Listener listener) {
    TeacherForcing forcing = new TeacherForcing(engine, model.id());
    long tokens = 0;
    while (sessions.hasNext() || forcing.groups() > 0) {
      while (sessions.hasNext() && forcing.groups() < SESSIONS_AT_ONCE) {
        List<Judge> judges = new ArrayList<>();
        for (RecordedAttempt attempt : sessions.next()) {
          begin(attempt, listener).ifPresent(judges::add);
        }
        forcing.add(judges);
      }
      List<Rows> rows = forcing.step();
      read(rows);
      for (Rows some : rows) {
        if (some.last()) {
          Judge judge = (Judge) some.sequence();
          tokens += judge.attempt().tokens().size();
          tell(judge.attempt(), judge.verdict(), listener);
        }
      }
    }
    return new Stats(tokens, forcing.computedTokens());
  }

  private static void tell(RecordedAttempt attempt, Verdict verdict, Listener listener) {
    listener.attempt(new AttemptReport(attempt, attempt.tokens().size(), verdict));
  }

  /** Empty when there is a verdict already, which the listener was told. */
  private Optional<Judge> begin(RecordedAttempt attempt, Listener listener) {
    Optional<Verdict> unknown = unknown(attempt.prompt());
    if (unknown.isPresent()) {
      tell(attempt, unknown.get(), listener);
      return Optional.empty();
    }
    Optional<int[]> prompt;
    Constraint constraint;
    try {
      prompt = prompts.again(attempt.work(), attempt.prompt().droppedMessages());
      constraint = constraint(attempt.work());
    } catch (ChatTemplateException e) {
      tell(attempt, differs(Kind.PROMPT, 0, "the template refuses its messages"), listener);
      return Optional.empty();
    } catch (SchemaException e) {
      tell(attempt, differs(Kind.FORM, 0, "the form " + e.getMessage()), listener);
      return Optional.empty();
    }
    Optional<Verdict> other = otherPrompt(attempt, prompt);
    if (other.isPresent()) {
      tell(attempt, other.get(), listener);
      return Optional.empty();
    }
    List<Integer> prefix = attempt.work().prefix();
    for (int i = 0; constraint != null && i < prefix.size(); i++) {
      if (!constraint.accept(prefix.get(i))) {
        tell(attempt, differs(Kind.FORM, i, "the answer so far has not its form"), listener);
        return Optional.empty();
      }
    }
    boolean sameBits =
        attempt.prompt().variant().equals(spec.variant())
            && !spec.variant().startsWith(EngineSpec.GRAPH_VARIANTS);
    Judge judge =
        new Judge(attempt, prompt.orElseThrow(), sameBits, constraint, rules, listener::token);
    if (!judge.needsRows()) {
      tell(attempt, judge.verdict(), listener);
      return Optional.empty();
    }
    return Optional.of(judge);
  }

  private Constraint constraint(Work work) {
    Optional<AnswerForm> form = work.sampling().form();
    return form.flatMap(f -> constraints.begin(work.id().session().tenant(), f)).orElse(null);
  }

  private Optional<Verdict> unknown(PromptInfo recorded) {
    if (!recorded.model().equals(model.id())) {
      return Optional.of(
          new Verdict.Unknown(
              Verdict.Reason.OTHER_MODEL,
              "it was answered by " + recorded.model() + ", and here is " + model.id()));
    }
    return recorded.variant().equals(spec.variant())
        ? Optional.empty()
        : otherEngine(recorded.variant());
  }

  /** Says that a variant is none of Parley's engine, if it is none; for that no model is needed. */
  public static Optional<Verdict> otherEngine(String variant) {
    boolean ours =
        variant.startsWith(EngineSpec.KERNEL_VARIANTS)
            || variant.startsWith(EngineSpec.GRAPH_VARIANTS);
    return ours
        ? Optional.empty()
        : Optional.of(
            new Verdict.Unknown(
                Verdict.Reason.OTHER_ENGINE,
                variant.isEmpty()
                    ? "the record does not say by which engine it was made"
                    : "it was made by another engine, " + variant));
  }

  private Optional<Verdict> otherPrompt(RecordedAttempt attempt, Optional<int[]> prompt) {
    PromptInfo recorded = attempt.prompt();
    if (prompt.isEmpty()) {
      return Optional.of(
          differs(
              Kind.PROMPT,
              0,
              "no turns of the conversation have the %d messages that were left out"
                  .formatted(recorded.droppedMessages())));
    }
    int length = prompt.get().length;
    if (length != recorded.promptTokens()) {
      return Optional.of(
          differs(
              Kind.PROMPT,
              0,
              "recorded are %d tokens, the conversation gives %d"
                  .formatted(recorded.promptTokens(), length)));
    }
    int whole = length + attempt.work().prefix().size() + attempt.tokens().size();
    int most = Batcher.contextLength(spec);
    return whole <= most
        ? Optional.empty()
        : Optional.of(
            new Verdict.Unknown(
                Verdict.Reason.TOO_LONG,
                "prompt and answer are %d tokens, and the KV memory here holds %d"
                    .formatted(whole, most)));
  }

  private static Verdict differs(Kind kind, int index, String message) {
    return new Verdict.Differs(new Deviation(kind, index, message), 0);
  }

  /** Attempts are judged side by side, but for those with a form: grammars are for one thread. */
  private void read(List<Rows> rows) {
    rows.parallelStream().filter(some -> !isConstrained(some)).forEach(this::read);
    rows.stream().filter(Reproducer::isConstrained).forEach(this::read);
  }

  private static boolean isConstrained(Rows rows) {
    return ((Judge) rows.sequence()).isConstrained();
  }

  private void read(Rows rows) {
    Drawer drawer = drawers.poll();
    if (drawer == null) {
      drawer = new Drawer(spec.vocabularySize(), tokenizer);
    }
    ((Judge) rows.sequence()).read(rows, drawer);
    drawers.add(drawer);
  }
}
