package io.parley.workers.replica;

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
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * Runs a few works through a new replica, so that its first user does not pay for what happens only
 * once: classes and compiled code of template, tokenizer and sampler, pages of memory, the first
 * calls of the graph. The works have a tenant of their own, so nobody finds their prefixes.
 */
public final class WarmUp {
  private static final TenantId NOBODY = new TenantId("parley-warm-up");
  private static final String SENTENCE =
      "The keeper of the lighthouse, 71 years old, wrote \"wind: NW 6\" into his book & slept. ";

  /** Long enough for a whole chunk of a prompt. */
  private static final int SENTENCES = 6;

  private static final int ROWS_MAX = 8;
  private static final int TOKENS = 6;

  private WarmUp() {}

  /**
   * Returns when the works have ended, or {@code limit} is over: what runs then is cancelled. A
   * work that fails is no reason not to serve.
   *
   * @return how many works came to their end
   */
  public static int run(Replica replica, Duration limit) throws InterruptedException {
    long deadlineNanos = System.nanoTime() + limit.toNanos();
    Work first = work(replica, 1, SENTENCE.repeat(SENTENCES), SamplingParams.greedy(TOKENS));
    int ended = run(replica, List.of(first), deadlineNanos);
    List<Work> many = new ArrayList<>();
    for (int i = 0; i < Math.min(replica.slots(), ROWS_MAX); i++) {
      many.add(work(replica, 2 + i, SENTENCE, sampling(i)));
    }
    return ended + run(replica, many, deadlineNanos);
  }

  private static int run(Replica replica, List<Work> works, long deadlineNanos)
      throws InterruptedException {
    Semaphore ends = new Semaphore(0);
    List<Work> begun = new ArrayList<>();
    for (Work work : works) {
      if (deadlineNanos - System.nanoTime() > 0 && replica.start(work, new Listener(ends))) {
        begun.add(work);
      }
    }
    long leftNanos = Math.max(0, deadlineNanos - System.nanoTime());
    if (ends.tryAcquire(begun.size(), leftNanos, TimeUnit.NANOSECONDS)) {
      return begun.size();
    }
    begun.forEach(work -> replica.cancel(work.id()));
    return ends.availablePermits();
  }

  private static Work work(Replica replica, int turn, String text, SamplingParams sampling) {
    long now = System.currentTimeMillis();
    return new Work(
        new AttemptId(new SessionId(NOBODY, "warmup"), turn, 1),
        replica.model().id(),
        List.of(new Message(Role.USER, text)),
        List.of(),
        sampling,
        ContextPolicy.DROP_OLDEST,
        Priority.INTERACTIVE,
        now,
        now + TimeUnit.MINUTES.toMillis(1));
  }

  /** Greedy, with the temperature alone, and with all else: each goes another way to its token. */
  private static SamplingParams sampling(int i) {
    return switch (i % 3) {
      case 0 -> SamplingParams.greedy(TOKENS);
      case 1 -> new SamplingParams(0.8, 1, 0, 0, 1, 0, 0, i, List.of(), TOKENS, true, false, 0);
      default -> drawn(i);
    };
  }

  /** Every step of the sampler, and log-probabilities. */
  private static SamplingParams drawn(long seed) {
    return new SamplingParams(
        0.8, 0.9, 40, 0.02, 1.1, 0.1, 0.1, seed, List.of("\u0000"), TOKENS, true, true, 5);
  }

  private record Listener(Semaphore ends) implements Replica.Listener {
    @Override
    public void admitted(PromptInfo prompt) {}

    @Override
    public void token(Token token) {}

    @Override
    public void finished(Finish finish) {
      ends.release();
    }

    @Override
    public void failed(FailureCode code, String message) {
      ends.release();
    }
  }
}
