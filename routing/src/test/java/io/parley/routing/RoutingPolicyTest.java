package io.parley.routing;

import static io.parley.routing.Fixtures.conversation;
import static io.parley.routing.Fixtures.workOf;
import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.typed.ActorRef;
import io.parley.routing.policy.AffinitySettings;
import io.parley.routing.policy.Candidate;
import io.parley.routing.policy.Fleet;
import io.parley.routing.policy.PolicyName;
import io.parley.routing.policy.RoutingPolicy;
import io.parley.routing.policy.RoutingPolicy.Choice;
import io.parley.routing.policy.WaitingWork;
import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.Work;
import io.parley.routing.protocol.WorkerLoad;
import io.parley.routing.protocol.WorkerMessage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class RoutingPolicyTest {
  private static final long MILLISECOND = 1_000_000;
  private static final AffinitySettings SETTINGS =
      new AffinitySettings(Duration.ofMillis(400), 0.5, 1000, 100);

  /** 4,000 characters, so about a thousand tokens: half a second is half of their prefill. */
  private static final String LONG = "x".repeat(4000);

  private final TestCandidate a = new TestCandidate(8);
  private final TestCandidate b = new TestCandidate(8);
  private final TestCandidate c = new TestCandidate(8);

  // --- least-loaded ---

  @Test
  void leastLoadedTakesTheSmallestShareThenTheMostSlotsThenTheLongestWait() {
    RoutingPolicy policy = PolicyName.LEAST_LOADED.policy(SETTINGS);
    a.free(2);
    b.free(4);
    assertThat(take(policy, plain(1), a, b)).isSameAs(b);

    TestCandidate small = new TestCandidate(2).free(1);
    assertThat(take(policy, plain(2), small, b)).as("both half busy").isSameAs(b);

    c.free(4).since(Long.MAX_VALUE - 5);
    b.since(Long.MIN_VALUE + 5);
    assertThat(take(policy, plain(3), b, c)).as("across the clock's overflow").isSameAs(c);
  }

  @Test
  void leastLoadedGoesByFreeSlotsWhereWorkersDoNotSayHowManyTheyHave() {
    RoutingPolicy policy = PolicyName.LEAST_LOADED.policy(SETTINGS);

    assertThat(take(policy, plain(1), new TestCandidate(0).free(1), new TestCandidate(0).free(3)))
        .matches(worker -> worker.freeSlots() == 3);
  }

  // --- round-robin and weighted ---

  @Test
  void roundRobinGivesEachItsTurnAndPassesOverWhoDoesNotAsk() {
    RoutingPolicy policy = PolicyName.ROUND_ROBIN.policy(SETTINGS);
    a.free(8);
    b.free(1);

    assertThat(taken(policy, 5, a, b, c)).containsExactly(a, b, c, a, b);
    b.waits = false;
    assertThat(taken(policy, 2, a, b, c)).containsExactly(c, a);
    b.waits = true;
    assertThat(taken(policy, 3, a, b, c)).containsExactly(b, c, a);
  }

  @Test
  void weightedGivesSharesByWeightToWhoAsks() {
    RoutingPolicy policy = PolicyName.WEIGHTED.policy(SETTINGS);
    a.weight(3);
    b.weight(1);

    assertThat(Collections.frequency(taken(policy, 40, a, b), a)).isEqualTo(30);
    a.waits = false;
    assertThat(taken(policy, 20, a, b)).containsOnly(b);
    a.waits = true;
    assertThat(Collections.frequency(taken(policy, 40, a, b), a))
        .as("it does not get what it missed")
        .isBetween(29, 31);
  }

  // --- least-latency ---

  @Test
  void leastLatencyTakesTheFastestForItsLoadAndMeasuresTheUnknown() {
    RoutingPolicy policy = PolicyName.LEAST_LATENCY.policy(SETTINGS);
    a.firstToken(100);
    b.firstToken(150);
    assertThat(take(policy, plain(1), a, b)).isSameAs(a);

    a.free(0).waits = true; // 100 ms, stretched to 200
    assertThat(take(policy, plain(2), a, b)).isSameAs(b);
    assertThat(take(policy, plain(3), a, b, c)).isSameAs(c);
  }

  // --- hash ---

  @Test
  void hashGivesAConversationOneWorkerAndWaitsForItForABoundedTime() {
    RoutingPolicy policy = PolicyName.HASH.policy(SETTINGS);
    WaitingWork first = waiting(conversation("s1", 1, "question"));
    Candidate home = take(policy, first, a, b, c);
    WaitingWork second = waiting(conversation("s2", 1, "question", "answer", "more"));
    assertThat(take(PolicyName.HASH.policy(SETTINGS), second, c, b, a)).isSameAs(home);

    ((TestCandidate) home).waits = false;
    Choice choice = policy.choose(second, fleet(a, b, c), 0);
    assertThat(choice).isEqualTo(new Choice.WaitUntil(400 * MILLISECOND));
    assertThat(policy.choose(second, fleet(a, b, c), 400 * MILLISECOND))
        .isInstanceOf(Choice.Take.class);
  }

  @Test
  void hashMovesOnlyTheConversationsOfAWorkerThatGoes() {
    RoutingPolicy policy = PolicyName.HASH.policy(SETTINGS);
    Map<Integer, Candidate> homes = new HashMap<>();
    for (int i = 0; i < 300; i++) {
      homes.put(i, take(policy, waiting(conversation("s", 1, "q" + i)), a, b, c));
    }
    assertThat(homes.values()).contains(a, b, c);
    homes.forEach(
        (i, home) -> {
          Candidate now = take(policy, waiting(conversation("s", 1, "q" + i)), a, b);
          assertThat(now == home || home == c).isTrue();
        });
  }

  // --- affinity ---

  @Test
  void affinitySendsAConversationBackAndWaitsLessThanItsPrefillTakes() {
    RoutingPolicy policy = PolicyName.AFFINITY.policy(SETTINGS);
    Candidate home = handOut(policy, waiting(conversation("s", 1, LONG)), a, b);
    TestCandidate other = home == a ? b : a;
    ((TestCandidate) home).free(6);

    WaitingWork next = waiting(conversation("s", 2, LONG, "answer", "more"));
    assertThat(take(policy, next, a, b)).isSameAs(home);

    ((TestCandidate) home).waits = false;
    long now = 5 * MILLISECOND;
    assertThat(policy.choose(next, fleet(a, b), now))
        .isEqualTo(new Choice.WaitUntil(now + 400 * MILLISECOND)); // half of a second, but at most
    ((TestCandidate) home).prefill(10_000);
    assertThat(policy.choose(next, fleet(a, b), now + MILLISECOND))
        .isEqualTo(new Choice.WaitUntil(now + 50 * MILLISECOND));
    assertThat(policy.choose(next, fleet(a, b), now + 50 * MILLISECOND))
        .isEqualTo(new Choice.Take(other));
  }

  @Test
  void affinityKnowsACallerThatSendsTheConversationAgainUnderAnotherSession() {
    RoutingPolicy policy = PolicyName.AFFINITY.policy(SETTINGS);
    Candidate home = handOut(policy, waiting(conversation("s1", 1, LONG)), a, b);
    ((TestCandidate) home).free(6);

    WaitingWork again = waiting(conversation("s2", 1, LONG, "answer", "more"));
    assertThat(take(policy, again, a, b)).isSameAs(home);
    // of another tenant, the same words are another conversation
    Work foreign = Fixtures.with(workOf("other", 1, Priority.INTERACTIVE), again.work().messages());
    assertThat(take(policy, waiting(foreign), a, b)).isNotSameAs(home);
  }

  @Test
  void affinityDoesNotSendMoreToAWorkerThatIsMuchBusier() {
    RoutingPolicy policy = PolicyName.AFFINITY.policy(SETTINGS);
    a.free(8);
    b.free(7);
    WaitingWork first = waiting(conversation("s", 1, LONG));
    assertThat(handOut(policy, first, a, b)).isSameAs(a);

    a.free(4);
    b.free(8);
    WaitingWork next = waiting(conversation("s", 2, LONG, "answer", "more"));
    assertThat(take(policy, next, a, b)).as("half of its slots more").isSameAs(a);
    a.free(3);
    assertThat(take(policy, next, a, b)).isSameAs(b);
    // nor does a work wait for it
    a.free(0).waits = false;
    assertThat(take(policy, next, a, b)).isSameAs(b);
  }

  @Test
  void affinityWaitsForNobodyBecauseOfABeginningThatConversationsShare() {
    RoutingPolicy policy = PolicyName.AFFINITY.policy(SETTINGS);
    Candidate home = handOut(policy, waiting(conversation("s1", 1, LONG, "ok", "first")), a, b);
    TestCandidate other = home == a ? b : a;

    ((TestCandidate) home).free(7);
    WaitingWork sharing = waiting(conversation("s2", 1, LONG, "ok", "second"));
    assertThat(take(policy, sharing, a, b))
        .as("preferred while it is hardly busier")
        .isSameAs(home);
    ((TestCandidate) home).free(5);
    assertThat(take(policy, sharing, a, b)).isSameAs(other);
    ((TestCandidate) home).free(7).waits = false;
    assertThat(take(policy, sharing, a, b)).isSameAs(other);
  }

  @Test
  void affinityTakesCopiesOfOnePromptForASharedBeginning() {
    RoutingPolicy policy = PolicyName.AFFINITY.policy(SETTINGS);
    Candidate home = handOut(policy, waiting(conversation("s0", 1, LONG)), a, b);
    ((TestCandidate) home).waits = false;

    // the first may be its next turn; the others would wait in vain
    long waits =
        IntStream.range(1, 10)
            .mapToObj(i -> waiting(conversation("s" + i, 1, LONG)))
            .filter(work -> policy.choose(work, fleet(a, b), 0) instanceof Choice.WaitUntil)
            .count();
    assertThat(waits).isEqualTo(1);
  }

  @Test
  void affinityForgetsTheOldestAndWhoIsGone() {
    RoutingPolicy policy = PolicyName.AFFINITY.policy(SETTINGS);
    Candidate home = handOut(policy, waiting(conversation("s", 1, LONG)), a, b);
    TestCandidate other = home == a ? b : a;
    WaitingWork next = waiting(conversation("s", 2, LONG, "answer", "more"));

    assertThat(take(policy, next, other)).as("its worker is gone").isSameAs(other);
    for (int i = 0; i < 200; i++) {
      handOut(policy, waiting(conversation("t", 1, "q" + i)), other);
    }
    ((TestCandidate) home).free(7);
    assertThat(take(policy, next, a, b)).isSameAs(other);
  }

  private static WaitingWork plain(int turn) {
    return waiting(Fixtures.work(turn));
  }

  private static WaitingWork waiting(Work work) {
    return new WaitingWork(work, 0);
  }

  private static Fleet fleet(TestCandidate... workers) {
    Map<ActorRef<WorkerMessage>, TestCandidate> all =
        Arrays.stream(workers).collect(Collectors.toMap(TestCandidate::worker, w -> w));
    return new Fleet(Arrays.stream(workers).filter(worker -> worker.waits).toList(), all);
  }

  private static Candidate take(RoutingPolicy policy, WaitingWork work, TestCandidate... workers) {
    return ((Choice.Take) policy.choose(work, fleet(workers), 0)).worker();
  }

  private static Candidate handOut(
      RoutingPolicy policy, WaitingWork work, TestCandidate... workers) {
    Candidate chosen = take(policy, work, workers);
    policy.handedOut(work, chosen);
    return chosen;
  }

  private static List<Candidate> taken(RoutingPolicy policy, int works, TestCandidate... workers) {
    List<Candidate> taken = new ArrayList<>();
    for (int i = 1; i <= works; i++) {
      taken.add(handOut(policy, plain(i), workers));
    }
    return taken;
  }

  private static final class TestCandidate implements Candidate {
    private final ActorRef<WorkerMessage> worker = Fixtures.workerRef();
    private int freeSlots;
    private WorkerLoad load;
    private long since;
    private boolean waits = true;

    TestCandidate(int slots) {
      freeSlots = slots;
      load = new WorkerLoad(slots, 1, 0, 0);
    }

    TestCandidate free(int slots) {
      freeSlots = slots;
      return this;
    }

    TestCandidate since(long nanos) {
      since = nanos;
      return this;
    }

    void weight(double weight) {
      load = new WorkerLoad(load.slots(), weight, 0, 0);
    }

    void firstToken(double millis) {
      load = new WorkerLoad(load.slots(), 1, millis, 0);
    }

    void prefill(double tokensPerSecond) {
      load = new WorkerLoad(load.slots(), 1, 0, tokensPerSecond);
    }

    @Override
    public ActorRef<WorkerMessage> worker() {
      return worker;
    }

    @Override
    public int freeSlots() {
      return freeSlots;
    }

    @Override
    public WorkerLoad load() {
      return load;
    }

    @Override
    public long waitingSinceNanos() {
      return since;
    }
  }
}
