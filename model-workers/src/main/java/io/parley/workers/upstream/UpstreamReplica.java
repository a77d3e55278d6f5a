package io.parley.workers.upstream;

import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.Work;
import io.parley.workers.replica.PromptMaker;
import io.parley.workers.replica.Replica;
import io.parley.workers.text.ChatTemplate;
import io.parley.workers.text.Tokenizer;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A replica over a server on this host. At most as many requests run as it has slots. A server that
 * cannot be reached, or does not say twice in a row that it is well, breaks the replica: its worker
 * takes no work until another one could be made. An answer that a server gives up, cuts off or
 * leaves hanging fails alone, in a way that lets its session try again.
 */
public final class UpstreamReplica implements Replica {
  private static final Logger log = LoggerFactory.getLogger(UpstreamReplica.class);
  private static final int HTTP_THREADS = 2;
  private static final int FAILED_PROBES_MAX = 2;
  private static final long LETTING_END_SECONDS = 5;
  private static final long LOOK_MILLIS_MAX = 500;

  /** Why no work runs any more. */
  private record Ending(FailureCode code, String message) {}

  private final ModelInfo model;
  private final String variant;
  private final String servedAs;
  private final int slots;
  private final Tokenizer tokenizer;
  private final PromptMaker promptMaker;
  private final UpstreamSettings settings;
  private final InstantSource clock;
  private final UpstreamServer server;
  private final ThreadPoolExecutor prompts;
  private final ThreadPoolExecutor http;
  private final ScheduledThreadPoolExecutor timer;
  private final Semaphore permits;
  private final Map<AttemptId, UpstreamAnswer> works = new ConcurrentHashMap<>();
  private final AtomicReference<Ending> ending = new AtomicReference<>();
  private final AtomicBoolean probing = new AtomicBoolean();
  private final AtomicInteger failedProbes = new AtomicInteger();

  /** What a model's file says, and how many threads make prompts of it. */
  public record Text(Tokenizer tokenizer, ChatTemplate template, int promptThreads) {}

  /**
   * Asks the server what it is, and begins to look after it.
   *
   * @param model its context length is lowered to the server's
   * @throws UpstreamException saying in one line why the server cannot be driven
   */
  public static UpstreamReplica open(
      ModelInfo model, UpstreamSpec spec, Text text, UpstreamSettings settings) {
    return open(model, spec, text, settings, InstantSource.system());
  }

  static UpstreamReplica open(
      ModelInfo model,
      UpstreamSpec spec,
      Text text,
      UpstreamSettings settings,
      InstantSource clock) {
    ThreadPoolExecutor http = pool(HTTP_THREADS, new LinkedBlockingQueue<>(), "http", model);
    UpstreamServer server = new UpstreamServer(spec, settings, http);
    try {
      UpstreamServer.Description description = server.describe(text.tokenizer());
      return new UpstreamReplica(model, text, settings, clock, server, http, description);
    } catch (InterruptedException e) {
      http.shutdown();
      Thread.currentThread().interrupt();
      throw new UpstreamException("interrupted", e);
    } catch (RuntimeException e) {
      http.shutdown();
      throw e;
    }
  }

  private UpstreamReplica(
      ModelInfo model,
      Text text,
      UpstreamSettings settings,
      InstantSource clock,
      UpstreamServer server,
      ThreadPoolExecutor http,
      UpstreamServer.Description description) {
    int context =
        Math.min(model.contextLength(), description.contextLength().orElse(model.contextLength()));
    this.model =
        new ModelInfo(
            model.id(), context, model.createdEpochSeconds(), model.ownedBy(), model.licence());
    this.variant = "upstream" + (description.kind().isEmpty() ? "" : "-" + description.kind());
    this.servedAs = description.model();
    this.slots = Math.min(settings.slots(), description.slots().orElse(settings.slots()));
    this.tokenizer = text.tokenizer();
    this.promptMaker = new PromptMaker(tokenizer, text.template(), context);
    this.settings = settings;
    this.clock = clock;
    this.server = server;
    this.http = http;
    permits = new Semaphore(slots);
    // twice: who is cancelled leaves at once, and what makes its prompt a little later
    prompts = pool(text.promptThreads(), new ArrayBlockingQueue<>(2 * slots), "prompt", model);
    timer =
        new ScheduledThreadPoolExecutor(1, task -> daemon(task, "upstream-" + model.id().name()));
    timer.setRemoveOnCancelPolicy(true);
    timer.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
    long shortest =
        Math.min(settings.stallTimeout().toMillis(), settings.firstTokenTimeout().toMillis());
    long lookMillis = Math.max(10, Math.min(LOOK_MILLIS_MAX, shortest / 4));
    repeat(this::look, lookMillis);
    repeat(this::suspect, settings.probeInterval().toMillis());
  }

  private void repeat(Runnable task, long millis) {
    Future<?> unused =
        timer.scheduleWithFixedDelay(task, millis, Math.max(1, millis), TimeUnit.MILLISECONDS);
  }

  private static ThreadPoolExecutor pool(
      int threads, BlockingQueue<Runnable> queue, String what, ModelInfo model) {
    AtomicInteger count = new AtomicInteger();
    return new ThreadPoolExecutor(
        threads,
        threads,
        0,
        TimeUnit.SECONDS,
        queue,
        task -> daemon(task, what + "-" + model.id().name() + "-" + count.incrementAndGet()));
  }

  private static Thread daemon(Runnable task, String name) {
    Thread thread = new Thread(task, name);
    thread.setDaemon(true);
    return thread;
  }

  @Override
  public ModelInfo model() {
    return model;
  }

  @Override
  public int slots() {
    return slots;
  }

  /** Names the server's kind. What it computes with is not known: it promises no bits. */
  @Override
  public String variant() {
    return variant;
  }

  @Override
  public String device() {
    return "server";
  }

  /** How many works are at the server. */
  public int running() {
    return works.size() - waiting();
  }

  /** How many wait until it has room. */
  public int waiting() {
    return (int) works.values().stream().filter(UpstreamAnswer::waits).count();
  }

  /**
   * {@inheritDoc} A work that comes after the replica's end fails at once in the caller's thread.
   *
   * @throws IllegalStateException when a work with this id is running already
   */
  @Override
  public boolean start(Work work, Listener listener) {
    UpstreamAnswer answer = new UpstreamAnswer(this, work, listener);
    if (ending.get() == null && !permits.tryAcquire()) {
      return false;
    }
    if (ending.get() != null) {
      listener.failed(ending.get().code(), ending.get().message());
      return true;
    }
    if (works.putIfAbsent(work.id(), answer) != null) {
      permits.release();
      throw new IllegalStateException(work.id() + " is running already");
    }
    try {
      prompts.execute(answer::begin);
    } catch (RejectedExecutionException e) {
      if (ending.get() == null) { // the queue is full of cancelled ones
        answer.cancel();
        return false;
      }
    }
    Ending ended = ending.get();
    if (ended != null) {
      answer.fail(ended.code(), ended.message());
    }
    return true;
  }

  @Override
  public void cancel(AttemptId id) {
    UpstreamAnswer answer = works.get(id);
    if (answer != null) {
      answer.cancel();
    }
  }

  @Override
  public boolean isBroken() {
    Ending ended = ending.get();
    return ended != null && ended.code() == FailureCode.ENGINE_FAILED;
  }

  /** Fails what still runs with {@link FailureCode#WORKER_LOST} and closes its connections. */
  @Override
  public void close() {
    end(new Ending(FailureCode.WORKER_LOST, "the replica was closed"));
    http.shutdown();
  }

  private void end(Ending how) {
    ending.compareAndSet(null, how);
    timer.shutdown();
    prompts.shutdown();
    for (UpstreamAnswer answer : List.copyOf(works.values())) {
      answer.fail(ending.get().code(), ending.get().message());
    }
  }

  // --- for the answers ---

  Tokenizer tokenizer() {
    return tokenizer;
  }

  PromptMaker promptMaker() {
    return promptMaker;
  }

  UpstreamSettings settings() {
    return settings;
  }

  UpstreamServer server() {
    return server;
  }

  String servedAs() {
    return servedAs;
  }

  long nowMillis() {
    return clock.millis();
  }

  void left(UpstreamAnswer answer) {
    if (works.remove(answer.work().id(), answer)) {
      permits.release();
    }
  }

  void later(long millis, Runnable task) {
    try {
      Future<?> unused = timer.schedule(task, millis, TimeUnit.MILLISECONDS);
    } catch (RejectedExecutionException e) {
      // ended: every work is failed
    }
  }

  /** A finished answer's connection can be used again, unless the server keeps it for itself. */
  void letEnd(CompletableFuture<?> exchange) {
    later(TimeUnit.SECONDS.toMillis(LETTING_END_SECONDS), () -> exchange.cancel(true));
  }

  // --- the server's health ---

  private void look() {
    long now = System.nanoTime();
    works.values().forEach(answer -> answer.look(now));
  }

  /** Looks at the server's health now. */
  void suspect() {
    if (ending.get() == null && probing.compareAndSet(false, true)) {
      var unused =
          server
              .probe()
              .whenComplete(
                  (well, failure) -> {
                    probing.set(false);
                    probed(failure == null && well, failure);
                  });
    }
  }

  private void probed(boolean well, Throwable failure) {
    if (well) {
      failedProbes.set(0);
    } else if (UpstreamAnswer.isRefusal(failure)) {
      gone("the upstream cannot be reached");
    } else if (failedProbes.incrementAndGet() >= FAILED_PROBES_MAX) {
      gone("the upstream does not say that it is well");
    }
  }

  /** No work can run any more. */
  void gone(String why) {
    Ending broken = new Ending(FailureCode.ENGINE_FAILED, why);
    if (ending.compareAndSet(null, broken)) {
      log.error("{} is served no more: {}", model.id(), why);
      end(broken);
    }
  }
}
