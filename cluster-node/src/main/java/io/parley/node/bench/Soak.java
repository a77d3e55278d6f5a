package io.parley.node.bench;

import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.Work;
import io.parley.workers.batch.BatcherStats;
import io.parley.workers.replica.Replica;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;

/**
 * Random works ({@link SoakWorks}) through a replica in rounds, a sixth of them cancelled: in the
 * queue, before the prompt is computed, or after some tokens. Behind a round nothing runs: then all
 * KV blocks must be free, and some of the round's answers must be, to the bit of each
 * log-probability, those of a replica that runs them alone.
 */
public final class Soak {
  private static final Duration END_MAX = Duration.ofMinutes(5);
  private static final Duration FREE_MAX = Duration.ofSeconds(30);
  private static final Duration RETRY = Duration.ofMillis(1);
  private static final int NEVER = Integer.MAX_VALUE;

  private final Replica replica;
  private final Supplier<BatcherStats> stats;
  private final Replica alone;
  private final int atOnce;
  private final Random random;
  private final SoakWorks works;
  private final Duration freeMax;

  /**
   * @param stats the replica's figures
   * @param alone a replica of the same variant that nobody else uses
   * @param atOnce works that are in the replica at once, waiting or running
   * @param seed the same one gives the same kinds of works; which of them meet in a batch is up to
   *     the clock
   */
  public Soak(Replica replica, Supplier<BatcherStats> stats, Replica alone, int atOnce, long seed) {
    this(replica, stats, alone, atOnce, seed, FREE_MAX);
  }

  /** With this long for the blocks to come back. */
  Soak(
      Replica replica,
      Supplier<BatcherStats> stats,
      Replica alone,
      int atOnce,
      long seed,
      Duration freeMax) {
    this.replica = replica;
    this.stats = stats;
    this.alone = alone;
    this.atOnce = atOnce;
    this.random = new Random(seed);
    this.works = new SoakWorks(replica.model().id(), random);
    this.freeMax = freeMax;
  }

  /**
   * What a round was.
   *
   * @param works that began, {@code cancelled} of them not to their end
   * @param tokens that were handed out within {@code seconds}
   * @param leakedBlocks KV blocks that somebody still holds though nothing runs
   * @param checked answers that were compared with those of a run alone
   * @param wrong what failed or differed, a line each
   */
  public record Round(
      int works,
      int cancelled,
      long tokens,
      double seconds,
      int leakedBlocks,
      int checked,
      List<String> wrong) {
    public Round {
      wrong = List.copyOf(wrong);
    }

    public boolean sound() {
      return wrong.isEmpty() && leakedBlocks == 0;
    }
  }

  /**
   * Feeds the replica for this long, waits until all has ended, and checks.
   *
   * @param checks how many answers to compare, at most
   * @throws IllegalStateException when a work does not end
   */
  public Round round(Duration length, int checks) throws InterruptedException {
    Semaphore room = new Semaphore(atOnce);
    List<Answer> running = new ArrayList<>();
    List<Answer> ended = new ArrayList<>();
    long startedNanos = System.nanoTime();
    while (System.nanoTime() - startedNanos < length.toNanos()) {
      if (!room.tryAcquire(END_MAX.toSeconds(), TimeUnit.SECONDS)) {
        throw new IllegalStateException("no work ended in " + END_MAX);
      }
      collect(running, ended);
      Answer answer = new Answer(works.next(), cancelAfter(), room);
      running.add(answer);
      start(replica, answer);
      if (answer.cancelAfter == Answer.AT_ONCE) {
        answer.cancel();
      }
    }
    for (Answer answer : running) {
      answer.await();
    }
    collect(running, ended);
    double seconds = (System.nanoTime() - startedNanos) / 1e9;
    return checked(ended, seconds, heldBlocks(), checks);
  }

  private Round checked(List<Answer> ended, double seconds, int heldBlocks, int checks)
      throws InterruptedException {
    List<String> wrong = new ArrayList<>();
    ended.forEach(answer -> answer.failure().ifPresent(wrong::add));
    Collections.shuffle(ended, random);
    List<Answer> sample = ended.stream().filter(Answer::hasTokens).limit(checks).toList();
    for (Answer answer : sample) {
      difference(answer).ifPresent(wrong::add);
    }
    return new Round(
        ended.size(),
        (int) ended.stream().filter(Answer::isCancelled).count(),
        ended.stream().mapToLong(answer -> answer.tokens().size()).sum(),
        seconds,
        heldBlocks,
        sample.size(),
        wrong);
  }

  /** Moves what has ended, and offers it to later works. */
  private void collect(List<Answer> running, List<Answer> ended) {
    for (Answer answer : List.copyOf(running)) {
      if (answer.isEnded()) {
        running.remove(answer);
        ended.add(answer);
        if (answer.isCancelled()) {
          works.cancelled(answer.work, answer.ids());
        } else if (answer.work.prefix().isEmpty()) {
          works.answered(answer.work, answer.text());
        }
      }
    }
  }

  private int cancelAfter() {
    if (random.nextInt(6) > 0) {
      return NEVER;
    }
    return random.nextInt(3) == 0 ? Answer.AT_ONCE : random.nextInt(60);
  }

  /** Cancelled works leave with the next iteration, so there may be no room for a moment. */
  private static void start(Replica replica, Answer answer) {
    answer.replica = replica;
    while (!replica.start(answer.work, answer)) {
      LockSupport.parkNanos(RETRY.toNanos());
    }
  }

  private int heldBlocks() {
    long untilNanos = System.nanoTime() + freeMax.toNanos();
    BatcherStats now = stats.get();
    while ((now.freeBlocks() < now.blocks() || now.running() + now.waiting() > 0)
        && System.nanoTime() < untilNanos) {
      LockSupport.parkNanos(RETRY.toNanos());
      now = stats.get();
    }
    return now.blocks() - now.freeBlocks();
  }

  /** A cancelled answer must be the beginning of the other. */
  private Optional<String> difference(Answer answer) throws InterruptedException {
    Answer single = new Answer(answer.work, NEVER, new Semaphore(0));
    start(alone, single);
    single.await();
    List<Token> expected = single.tokens();
    List<Token> tokens = answer.tokens();
    if (answer.isCancelled() && tokens.size() < expected.size()) {
      expected = expected.subList(0, tokens.size());
    }
    if (tokens.equals(expected) && (answer.isCancelled() || answer.end.equals(single.end))) {
      return Optional.empty();
    }
    int same = 0;
    while (same < Math.min(tokens.size(), expected.size())
        && tokens.get(same).equals(expected.get(same))) {
      same++;
    }
    return Optional.of(
        "%s: %d tokens, alone %d, the first %d the same, %s and alone %s"
            .formatted(
                answer.work.id(), tokens.size(), expected.size(), same, answer.end, single.end));
  }

  /** Listens to one work, and cancels it when its time has come. */
  private static final class Answer implements Replica.Listener {
    static final int AT_ONCE = -1;

    private final Work work;
    private final int cancelAfter;
    private final Semaphore room;
    private final CountDownLatch ended = new CountDownLatch(1);
    private final List<Token> tokens = new ArrayList<>();
    private volatile Replica replica;
    private Optional<Finish> end = Optional.empty();
    private Optional<String> failure = Optional.empty();
    private boolean cancelled;

    Answer(Work work, int cancelAfter, Semaphore room) {
      this.work = work;
      this.cancelAfter = cancelAfter;
      this.room = room;
    }

    @Override
    public void admitted(PromptInfo prompt) {
      if (cancelAfter == 0) {
        cancel();
      }
    }

    @Override
    public synchronized void token(Token token) {
      tokens.add(token);
      if (tokens.size() == cancelAfter) {
        cancel();
      }
    }

    @Override
    public synchronized void finished(Finish finish) {
      if (!isEnded()) {
        end = Optional.of(finish);
        leave();
      }
    }

    @Override
    public synchronized void failed(FailureCode code, String message) {
      if (!isEnded()) {
        failure = Optional.of(work.id() + " failed: " + code + ", " + message);
        leave();
      }
    }

    synchronized void cancel() {
      if (!isEnded()) {
        cancelled = true;
        replica.cancel(work.id());
        leave();
      }
    }

    private void leave() {
      ended.countDown();
      room.release();
    }

    void await() throws InterruptedException {
      if (!ended.await(END_MAX.toSeconds(), TimeUnit.SECONDS)) {
        throw new IllegalStateException(work.id() + " did not end in " + END_MAX);
      }
    }

    boolean isEnded() {
      return ended.getCount() == 0;
    }

    synchronized boolean isCancelled() {
      return cancelled;
    }

    synchronized boolean hasTokens() {
      return !tokens.isEmpty();
    }

    synchronized List<Token> tokens() {
      return List.copyOf(tokens);
    }

    /** Of the whole answer, the journaled beginning included. */
    synchronized List<Integer> ids() {
      List<Integer> ids = new ArrayList<>(work.prefix());
      tokens.forEach(token -> ids.add(token.id()));
      return ids;
    }

    synchronized String text() {
      StringBuilder text = new StringBuilder();
      tokens.forEach(token -> text.append(token.text()));
      return text.toString();
    }

    synchronized Optional<String> failure() {
      return failure;
    }
  }
}
