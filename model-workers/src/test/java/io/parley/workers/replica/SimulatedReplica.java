package io.parley.workers.replica;

import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.TokenLogProb;
import io.parley.routing.protocol.TokenLogProb.Alternative;
import io.parley.routing.protocol.Work;
import io.parley.workers.text.AnswerText;
import io.parley.workers.text.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A replica without a model, for tests: it keeps the times and the slots of a real one, and writes
 * {@code "w123 "} for token 123.
 *
 * <p>A token is a pure function of the messages, the sampling seed and its position in the answer,
 * so that a resumed attempt goes on exactly, on this or any other simulated replica of the same
 * settings. The times are those of the settings and are not deterministic. A prompt counts one
 * token for each word and two for each message.
 */
public final class SimulatedReplica implements Replica {
  /** Ids are 0 to 999; their text is {@code "w<id> "}. */
  public static final int VOCABULARY = 1000;

  /**
   * What to simulate.
   *
   * @param slots works that run at once; others wait, interactive before bulk
   * @param tokensPerSecond decode speed of one sequence; 0 is as fast as it goes
   * @param prefillTokensPerSecond prompt tokens a second of one sequence; 0 is as fast as it goes
   * @param answerTokens answers end by themselves after half to one and a half times as many, drawn
   *     from messages and seed; 0 is never
   * @param worksMax running and waiting works in all; past it {@link #start} has no room
   */
  public record Settings(
      ModelInfo model,
      int slots,
      double tokensPerSecond,
      double prefillTokensPerSecond,
      int answerTokens,
      int worksMax) {
    public Settings {
      if (slots < 1 || worksMax < slots) {
        throw new IllegalArgumentException("slots is at least 1, worksMax at least slots");
      }
      if (!(tokensPerSecond >= 0) || !(prefillTokensPerSecond >= 0) || answerTokens < 0) {
        throw new IllegalArgumentException("speeds and answerTokens are not negative");
      }
    }

    /** As fast as it goes, and an answer ends at its limit only. */
    public static Settings unlimited(ModelInfo model, int slots) {
      return new Settings(model, slots, 0, 0, 0, Math.max(1024, slots));
    }

    /** The same with a decode speed of one sequence. */
    public Settings withTokensPerSecond(double speed) {
      return new Settings(model, slots, speed, prefillTokensPerSecond, answerTokens, worksMax);
    }
  }

  private static final Logger log = LoggerFactory.getLogger(SimulatedReplica.class);

  private final Settings settings;
  private final ScheduledThreadPoolExecutor timer;
  // every live work; the rest of the state belongs to the timer's one thread
  private final Map<AttemptId, Run> works = new ConcurrentHashMap<>();
  private final ArrayDeque<Run> interactive = new ArrayDeque<>();
  private final ArrayDeque<Run> bulk = new ArrayDeque<>();
  private int running;
  private volatile boolean closed;

  public SimulatedReplica(Settings settings) {
    this.settings = settings;
    timer =
        new ScheduledThreadPoolExecutor(
            1,
            task -> {
              Thread thread = new Thread(task, "simulated-" + settings.model().id());
              thread.setDaemon(true);
              return thread;
            });
    timer.setRemoveOnCancelPolicy(true);
    timer.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
  }

  /** The token at a position of the answer to these messages. */
  public static int tokenId(List<Message> messages, long seed, int position) {
    return (int) Long.remainderUnsigned(mix(hash(messages, seed) + position), VOCABULARY);
  }

  /** The text of a token. */
  public static String textOf(int tokenId) {
    return "w" + tokenId + " ";
  }

  @Override
  public ModelInfo model() {
    return settings.model();
  }

  @Override
  public int slots() {
    return settings.slots();
  }

  @Override
  public String variant() {
    return "simulated";
  }

  /**
   * {@inheritDoc}
   *
   * @throws IllegalStateException when a work with this id is running already
   */
  @Override
  public boolean start(Work work, Listener listener) {
    if (works.size() >= settings.worksMax()) {
      return false;
    }
    Run run = new Run(work, listener);
    if (works.putIfAbsent(work.id(), run) != null) {
      throw new IllegalStateException(work.id() + " is running already");
    }
    try {
      timer.execute(() -> enqueue(run));
    } catch (RejectedExecutionException e) {
      if (works.remove(work.id(), run)) {
        listener.failed(FailureCode.WORKER_LOST, "the replica is closed");
      }
    }
    return true;
  }

  @Override
  public boolean isBroken() {
    return false;
  }

  @Override
  public void cancel(AttemptId id) {
    Run run = works.remove(id);
    if (run != null) {
      run.live = false;
      try {
        timer.execute(() -> release(run));
      } catch (RejectedExecutionException e) {
        // closed meanwhile: nothing is held any more
      }
    }
  }

  /** Fails what still runs with {@link FailureCode#WORKER_LOST} and ends the thread. */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    timer.execute(
        () -> {
          for (Run run : List.copyOf(works.values())) {
            if (works.remove(run.work.id(), run) && run.live) {
              run.live = false;
              run.listener.failed(FailureCode.WORKER_LOST, "the replica was closed");
            }
          }
        });
    timer.shutdown();
  }

  private void enqueue(Run run) {
    (run.work.priority() == Priority.INTERACTIVE ? interactive : bulk).add(run);
    admitWaiting();
  }

  private void admitWaiting() {
    while (running < settings.slots() && !closed) {
      Run next = interactive.isEmpty() ? bulk.poll() : interactive.poll();
      if (next == null) {
        return;
      }
      if (next.live) {
        running++;
        next.admitted = true;
        guard(next, this::admit);
      }
    }
  }

  private void admit(Run run) {
    Work work = run.work;
    ContextWindow.Result result =
        ContextWindow.fit(
            work.messages(),
            SimulatedReplica::encode,
            settings.model().contextLength(),
            work.sampling().maxTokens(),
            work.contextPolicy());
    if (result instanceof ContextWindow.TooLong tooLong) {
      end(run, () -> run.listener.failed(FailureCode.CONTEXT_LENGTH_EXCEEDED, tooLong.message()));
      return;
    }
    ContextWindow.Fitted fitted = (ContextWindow.Fitted) result;
    int room = settings.model().contextLength() - fitted.prompt().length;
    run.lengthLimit = Math.min(room, work.sampling().maxTokens());
    run.listener.admitted(
        new PromptInfo(
            fitted.prompt().length, 0, fitted.droppedMessages(), settings.model().id(), variant()));
    for (int id : work.prefix()) {
      run.text.push(id);
      run.position++;
    }
    run.firstDueNanos =
        System.nanoTime()
            + nanos(fitted.prompt().length + work.prefix().size(), settings.prefillTokensPerSecond);
    schedule(run);
  }

  /** Gives the tokens that are due, one at a time when there is no speed limit. */
  private void advance(Run run) {
    do {
      if (!run.live) {
        return;
      }
      Optional<FinishReason> reason = reasonToEnd(run);
      if (reason.isPresent()) {
        Finish finish = new Finish(reason.get(), run.text.flush());
        end(run, () -> run.listener.finished(finish));
        return;
      }
      int id = tokenId(run.work.messages(), run.work.sampling().seed(), run.position++);
      run.given++;
      run.listener.token(new Token(id, run.text.push(id), logProb(run.work, id)));
    } while (settings.tokensPerSecond > 0 && run.dueNanos(settings) <= System.nanoTime());
    schedule(run);
  }

  private Optional<FinishReason> reasonToEnd(Run run) {
    if (run.text.stopped()) {
      return Optional.of(FinishReason.STOP);
    }
    if (run.position >= run.lengthLimit) {
      return Optional.of(FinishReason.LENGTH);
    }
    Work work = run.work;
    if (settings.answerTokens > 0 && !work.sampling().ignoreEos()) {
      long draw = mix(hash(work.messages(), work.sampling().seed()) ^ 0x656e64L);
      long length =
          Math.max(1, settings.answerTokens / 2)
              + Long.remainderUnsigned(draw, settings.answerTokens + 1L);
      if (run.position >= length) {
        return Optional.of(FinishReason.STOP);
      }
    }
    return Optional.empty();
  }

  /** A listener that throws loses its work and harms no other. */
  private void guard(Run run, Consumer<Run> step) {
    try {
      step.accept(run);
    } catch (RuntimeException e) {
      log.error("the listener of {} failed; the work is dropped", run.work.id(), e);
      end(run, () -> {});
    }
  }

  private void schedule(Run run) {
    long delay = Math.max(0, run.dueNanos(settings) - System.nanoTime());
    try {
      var unused = timer.schedule(() -> guard(run, this::advance), delay, TimeUnit.NANOSECONDS);
    } catch (RejectedExecutionException e) {
      // closing: the last task fails every work
    }
  }

  private void end(Run run, Runnable lastWord) {
    if (works.remove(run.work.id(), run)) {
      run.live = false;
      lastWord.run();
    }
    release(run);
  }

  private void release(Run run) {
    if (run.admitted) {
      run.admitted = false;
      running--;
      admitWaiting();
    } else {
      interactive.remove(run);
      bulk.remove(run);
    }
  }

  private static Optional<TokenLogProb> logProb(Work work, int id) {
    if (!work.sampling().logProbs()) {
      return Optional.empty();
    }
    List<Alternative> alternatives = new ArrayList<>();
    for (int i = 0; i < work.sampling().topLogProbs(); i++) {
      int other = (id + i) % VOCABULARY;
      alternatives.add(new Alternative(other, textOf(other), -1f - i));
    }
    return Optional.of(new TokenLogProb(-1f, textOf(id), alternatives));
  }

  private static int[] encode(List<Message> messages) {
    int words = 0;
    for (Message message : messages) {
      words += 2;
      boolean inWord = false;
      for (int i = 0; i < message.content().length(); i++) {
        boolean space = Character.isWhitespace(message.content().charAt(i));
        words += !space && !inWord ? 1 : 0;
        inWord = !space;
      }
    }
    return new int[words];
  }

  private static long hash(List<Message> messages, long seed) {
    long hash = mix(seed);
    for (Message message : messages) {
      hash = mix(hash ^ message.role().wireName().hashCode());
      for (int i = 0; i < message.content().length(); i++) {
        hash = mix(hash ^ message.content().charAt(i));
      }
    }
    return hash;
  }

  /** SplitMix64's step (Steele, Lea, Flood 2014). */
  private static long mix(long value) {
    long z = value + 0x9e3779b97f4a7c15L;
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }

  private static long nanos(double tokens, double tokensPerSecond) {
    return tokensPerSecond == 0 ? 0 : (long) (tokens / tokensPerSecond * 1e9);
  }

  private static final class Run {
    final Work work;
    final Listener listener;
    final AnswerText text;
    volatile boolean live = true;
    boolean admitted;
    int position;
    int given;
    int lengthLimit;
    long firstDueNanos;

    Run(Work work, Listener listener) {
      this.work = work;
      this.listener = listener;
      this.text = new AnswerText(new Words(), work.sampling().stop());
    }

    long dueNanos(Settings settings) {
      return firstDueNanos + nanos(given, settings.tokensPerSecond);
    }
  }

  /** Words for ids; it is never asked to encode. */
  private static final class Words implements Tokenizer {
    @Override
    public int[] encode(String text, boolean parseSpecial) {
      throw new UnsupportedOperationException("prompts are only counted");
    }

    @Override
    public byte[] bytes(int id) {
      return textOf(id).getBytes(StandardCharsets.US_ASCII);
    }

    @Override
    public Set<Integer> endOfGeneration() {
      return Set.of();
    }

    @Override
    public int vocabularySize() {
      return VOCABULARY;
    }
  }
}
