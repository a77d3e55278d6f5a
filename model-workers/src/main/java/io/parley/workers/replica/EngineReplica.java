package io.parley.workers.replica;

import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.Work;
import io.parley.workers.batch.Batcher;
import io.parley.workers.batch.BatcherSettings;
import io.parley.workers.batch.BatcherStats;
import io.parley.workers.constraint.SchemaException;
import io.parley.workers.engine.Engine;
import io.parley.workers.text.ChatTemplate;
import io.parley.workers.text.Tokenizer;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A replica over an own engine: one thread iterates the {@link Batcher} while there is work and
 * sleeps otherwise; a few others render and tokenize prompts, so that no iteration waits for text.
 *
 * <p>When the engine throws, every work fails with {@link FailureCode#ENGINE_FAILED}, the engine is
 * closed, and the replica is broken. All works at once, in whatever stage, are at most slots +
 * waiting-max.
 */
public final class EngineReplica implements Replica {
  private static final Logger log = LoggerFactory.getLogger(EngineReplica.class);
  private static final long CLOSE_TIMEOUT_MILLIS = 30_000;

  /** Why no work runs any more. */
  private record Ending(FailureCode code, String message) {}

  private final ModelInfo model;
  private final Engine engine;
  private final PromptMaker promptMaker;
  private final BatcherSettings settings;
  private final Clock clock;
  private final String variant;

  /** Works whose last event is still to come; who removes one from here may tell it. */
  private final Map<AttemptId, Running> works = new ConcurrentHashMap<>();

  // one for each work until the engine thread has forgotten it; bounds the queues below
  private final Semaphore permits;
  private final BlockingQueue<Runnable> inbox;
  private final ThreadPoolExecutor prompts;
  private final AtomicReference<Ending> ending = new AtomicReference<>();
  private final Thread thread;

  // the engine thread's own
  private final Batcher batcher;
  private volatile BatcherStats stats;
  private volatile long iterationSinceNanos;
  private volatile boolean iterating; // after it is known since when

  /** A replica by the system's clock. */
  public EngineReplica(
      ModelInfo model,
      Engine engine,
      Tokenizer tokenizer,
      ChatTemplate template,
      BatcherSettings settings) {
    this(model, engine, tokenizer, template, settings, Clock.systemUTC());
  }

  /**
   * Starts the threads. The engine and its closing belong to the replica from now on.
   *
   * @param model its context length is lowered to what the engine can hold
   * @param clock for the works' queue deadlines
   * @throws IllegalArgumentException when the settings do not fit the engine
   */
  public EngineReplica(
      ModelInfo model,
      Engine engine,
      Tokenizer tokenizer,
      ChatTemplate template,
      BatcherSettings settings,
      Clock clock) {
    int context = Math.min(model.contextLength(), Batcher.contextLength(engine.spec()));
    this.model =
        new ModelInfo(
            model.id(), context, model.createdEpochSeconds(), model.ownedBy(), model.licence());
    this.engine = engine;
    promptMaker = new PromptMaker(tokenizer, template, context);
    this.settings = settings;
    this.clock = clock;
    variant = engine.spec().variant();
    batcher = new Batcher(new RecordedEngine(engine), tokenizer, this.model, settings);
    stats = batcher.stats();
    int worksMax = settings.slots() + settings.waitingMax();
    permits = new Semaphore(worksMax);
    // an arrival and a cancellation of each, as much again for those just leaving, and wake-ups
    inbox = new LinkedBlockingQueue<>(4 * worksMax + 16);
    AtomicInteger threads = new AtomicInteger();
    prompts =
        new ThreadPoolExecutor(
            settings.promptThreads(),
            settings.promptThreads(),
            0,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(worksMax),
            task -> daemon(task, "prompt-" + model.id() + "-" + threads.incrementAndGet()));
    thread = daemon(this::runEngine, "engine-" + model.id());
    thread.start();
  }

  @Override
  public ModelInfo model() {
    return model;
  }

  @Override
  public int slots() {
    return settings.slots();
  }

  @Override
  public String variant() {
    return variant;
  }

  @Override
  public String device() {
    return engine.device();
  }

  /** The batcher's figures after the latest iteration. */
  public BatcherStats stats() {
    return stats;
  }

  /**
   * {@inheritDoc} A work that comes after the replica's end fails at once in the caller's thread.
   *
   * @throws IllegalStateException when a work with this id is running already
   */
  @Override
  public boolean start(Work work, Listener listener) {
    Ending ended = ending.get();
    if (ended != null) {
      listener.failed(ended.code(), ended.message());
      return true;
    }
    if (!permits.tryAcquire()) {
      return false;
    }
    Running running = new Running(work, listener);
    if (works.putIfAbsent(work.id(), running) != null) {
      permits.release();
      throw new IllegalStateException(work.id() + " is running already");
    }
    try {
      prompts.execute(() -> render(running));
    } catch (RejectedExecutionException e) {
      // ended: told below
    }
    if (ending.get() != null) {
      running.failWith(ending.get());
    }
    return true;
  }

  @Override
  public boolean isBroken() {
    Ending ended = ending.get();
    return ended != null && ended.code() == FailureCode.ENGINE_FAILED;
  }

  @Override
  public Duration iterationAge() {
    return iterating ? Duration.ofNanos(System.nanoTime() - iterationSinceNanos) : Duration.ZERO;
  }

  @Override
  public void cancel(AttemptId id) {
    Running running = works.get(id);
    if (running != null) {
      running.cancel();
    }
  }

  /**
   * Fails what still runs with {@link FailureCode#WORKER_LEFT} and closes the engine. Waits for the
   * iteration in progress; afterwards no listener is called.
   */
  @Override
  public void close() {
    ending.compareAndSet(null, new Ending(FailureCode.WORKER_LEFT, "the replica was closed"));
    inbox.offer(() -> {});
    if (Thread.currentThread() == thread) {
      return;
    }
    try {
      thread.join(CLOSE_TIMEOUT_MILLIS);
      if (thread.isAlive()) {
        log.error("the engine of {} did not end its iteration in time", model.id());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** In a prompt thread: messages to tokens, or the refusal; always ends in the inbox. */
  private void render(Running running) {
    Work work = running.work;
    Runnable next = running::leave;
    if (running.live()) {
      try {
        batcher.prepare(work);
        PromptMaker.Result result = promptMaker.make(work);
        if (result instanceof PromptMaker.Refused refused) {
          next = () -> running.failed(refused.code(), refused.message());
        } else {
          next = () -> admit(running, ((PromptMaker.Made) result).prompt());
        }
      } catch (SchemaException e) {
        next = () -> running.failed(FailureCode.FORM_FAILED, "the form " + e.getMessage());
      } catch (RuntimeException e) {
        // without the exception's message, which may quote the prompt
        log.error("the prompt of {} could not be made: {}", work.id(), e.getClass().getName());
        next = () -> running.failed(FailureCode.PROMPT_FAILED, "the prompt could not be made");
      }
    }
    inbox.offer(next);
  }

  private void admit(Running running, ContextWindow.Fitted fitted) {
    if (!running.live()) {
      running.leave(); // cancelled meanwhile
      return;
    }
    running.inBatcher = true;
    try {
      batcher.admit(running.work, fitted.prompt(), fitted.droppedMessages(), running);
    } catch (IllegalArgumentException e) { // the work's fault, not the engine's
      log.error("{} could not be admitted", running.work.id(), e);
      running.failed(FailureCode.PROMPT_FAILED, e.getMessage());
    }
  }

  private void runEngine() {
    try {
      engine.ownThread();
      boolean work = false;
      while (ending.get() == null) {
        Runnable command = work ? inbox.poll() : inbox.take();
        for (; command != null; command = inbox.poll()) {
          command.run();
        }
        iterationSinceNanos = System.nanoTime();
        iterating = true;
        work = batcher.iterate(clock.millis());
        iterating = false;
        stats = batcher.stats();
      }
    } catch (Throwable e) { // errors too: whatever it was, nobody may wait for this thread
      log.error("the engine of {} failed", model.id(), e);
      ending.compareAndSet(null, new Ending(FailureCode.ENGINE_FAILED, "the engine failed"));
    } finally {
      prompts.shutdownNow();
      List.copyOf(works.values()).forEach(running -> running.failWith(ending.get()));
      engine.close();
    }
  }

  private static Thread daemon(Runnable task, String name) {
    Thread thread = new Thread(task, name);
    thread.setDaemon(true);
    return thread;
  }

  /** One work on its way; what the batcher tells goes through here to its listener. */
  private final class Running implements Listener {
    private final Work work;
    private final Listener listener;
    private boolean inBatcher; // the engine thread's own

    private Running(Work work, Listener listener) {
      this.work = work;
      this.listener = listener;
    }

    private boolean live() {
      return works.get(work.id()) == this;
    }

    /** The engine thread has nothing more to do with it; once for each work. */
    private void leave() {
      permits.release();
    }

    private void cancel() {
      if (works.remove(work.id(), this)) {
        inbox.offer(
            () -> {
              if (inBatcher) { // else it is on its way here, and leaves when it arrives
                inBatcher = false;
                batcher.cancel(work.id());
                leave();
              }
            });
      }
    }

    private void failWith(Ending end) {
      if (works.remove(work.id(), this)) {
        tell(() -> listener.failed(end.code(), end.message()));
      }
    }

    @Override
    public void admitted(PromptInfo prompt) {
      if (live()) {
        tell(() -> listener.admitted(prompt));
      }
    }

    @Override
    public void token(Token token) {
      if (live()) {
        tell(() -> listener.token(token));
      }
    }

    @Override
    public void finished(Finish finish) {
      end(() -> listener.finished(finish));
    }

    @Override
    public void failed(FailureCode code, String message) {
      end(() -> listener.failed(code, message));
    }

    private void end(Runnable lastWord) {
      inBatcher = false;
      leave();
      if (works.remove(work.id(), this)) {
        tell(lastWord);
      }
    }

    private void tell(Runnable event) {
      try {
        event.run();
      } catch (RuntimeException e) {
        log.error("the listener of {} failed; the work is dropped", work.id(), e);
        cancel();
      }
    }
  }
}
