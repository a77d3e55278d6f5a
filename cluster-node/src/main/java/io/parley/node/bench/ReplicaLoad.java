package io.parley.node.bench;

import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.ContextPolicy;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.Role;
import io.parley.routing.protocol.SamplingParams;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.TenantId;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.Work;
import io.parley.workers.replica.Replica;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;

/**
 * Plays the conversations of {@link LoadGenerator} to a replica in this process: what the same load
 * gives without HTTP, sessions and journal. A user's next turn starts in the thread that told the
 * end of the one before, so nothing but rendering, batching and the engine takes time.
 */
public final class ReplicaLoad {
  private static final TenantId TENANT = new TenantId("bench");

  private final Replica replica;
  private final int users;
  private final int turns;
  private final SamplingParams sampling;
  private final long timeoutMillis;

  /**
   * @param timeoutMillis of the whole run
   * @throws IllegalArgumentException when a figure is below 1
   */
  public ReplicaLoad(Replica replica, int users, int turns, int maxTokens, long timeoutMillis) {
    if (users < 1 || turns < 1) {
      throw new IllegalArgumentException("users and turns are at least 1");
    }
    this.replica = replica;
    this.users = users;
    this.turns = turns;
    this.timeoutMillis = timeoutMillis;
    sampling = new SamplingParams(0, 1, 0, 0, 1, 0, 0, 0, List.of(), maxTokens, true, false, 0);
  }

  /**
   * The figures of one run.
   *
   * @param promptTokens of all turns
   * @param cachedTokens of these, those that the prefix cache had
   */
  public record Result(LoadReport report, long promptTokens, long cachedTokens) {
    /** What the engine computed of prompts. */
    public long prefillTokens() {
      return promptTokens - cachedTokens;
    }
  }

  /** Runs all conversations to their end, or cancels what is left at the time-out. */
  public Result run() throws InterruptedException {
    Run run = new Run();
    long startedNanos = System.nanoTime();
    List<User> all = new ArrayList<>();
    for (int number = 0; number < users; number++) {
      all.add(new User(number, run));
    }
    all.forEach(User::ask);
    if (!run.open.await(timeoutMillis, TimeUnit.MILLISECONDS)) {
      all.forEach(User::giveUp);
    }
    List<TurnSample> samples = new ArrayList<>();
    all.forEach(user -> samples.addAll(user.samples()));
    return new Result(
        LoadReport.of(users, turns, samples, System.nanoTime() - startedNanos),
        run.promptTokens.sum(),
        run.cachedTokens.sum());
  }

  private final class Run {
    private final CountDownLatch open = new CountDownLatch(users);
    private final LongAdder promptTokens = new LongAdder();
    private final LongAdder cachedTokens = new LongAdder();
  }

  /** One user; called by the replica's threads, one at a time. */
  private final class User implements Replica.Listener {
    private final int number;
    private final Run run;
    private final List<Message> messages = new ArrayList<>(); // guarded by this, as all below
    private final List<TurnSample> samples = new ArrayList<>();
    private final StringBuilder answer = new StringBuilder();
    private TurnWatch watch = new TurnWatch(0);
    private int turn;
    private boolean over;

    User(int number, Run run) {
      this.number = number;
      this.run = run;
    }

    synchronized void ask() {
      messages.add(new Message(Role.USER, Conversation.input(number, turn)));
      answer.setLength(0);
      watch = new TurnWatch(turn);
      if (!replica.start(work(), this)) {
        end(watch.failed("no room"));
      }
    }

    private Work work() {
      long now = System.currentTimeMillis();
      return new Work(
          id(),
          replica.model().id(),
          messages,
          List.of(),
          sampling,
          ContextPolicy.ERROR,
          Priority.INTERACTIVE,
          now,
          now + timeoutMillis);
    }

    private AttemptId id() {
      return new AttemptId(new SessionId(TENANT, "u" + number), turn + 1, 1);
    }

    @Override
    public void admitted(PromptInfo prompt) {
      run.promptTokens.add(prompt.promptTokens());
      run.cachedTokens.add(prompt.cachedTokens());
    }

    @Override
    public synchronized void token(Token token) {
      watch.tokens++;
      if (!token.text().isEmpty()) {
        watch.text();
      }
      answer.append(token.text());
    }

    @Override
    public synchronized void finished(Finish finish) {
      answer.append(finish.tail());
      samples.add(watch.ended());
      messages.add(new Message(Role.ASSISTANT, answer.toString()));
      turn++;
      if (turn < turns) {
        ask();
      } else {
        leave();
      }
    }

    @Override
    public synchronized void failed(FailureCode code, String message) {
      end(watch.failed(code.name()));
    }

    synchronized void giveUp() {
      if (!over) {
        replica.cancel(id());
        end(watch.failed("not in time"));
      }
    }

    private void end(TurnSample last) {
      samples.add(last);
      leave();
    }

    private void leave() {
      over = true;
      run.open.countDown();
    }

    private synchronized List<TurnSample> samples() {
      return List.copyOf(samples);
    }
  }
}
