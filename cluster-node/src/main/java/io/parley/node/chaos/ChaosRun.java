package io.parley.node.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import io.parley.node.chaos.Injection.Touches;
import io.parley.node.chaos.Violation.Check;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;

/** What a fault can reach: the cluster, its clients, and who is where. */
final class ChaosRun {
  /** Longer than any fail-over. */
  private static final long PATIENCE_SECONDS = 120;

  private static final long POLL_MILLIS = 100;
  private static final List<String> WHYS = List.of("gave this node up", "it stood still for");

  private final ChaosPlan plan;
  private final NodeCluster cluster;
  private final List<NodeProcess> members;
  private final Edges edges;
  private final History history;
  private final Clients clients;
  private final JournalReader journal;
  private final Random random;
  private final List<Violation> violations = new ArrayList<>();

  ChaosRun(
      ChaosPlan plan,
      NodeCluster cluster,
      Edges edges,
      History history,
      Clients clients,
      JournalReader journal) {
    this.plan = plan;
    this.cluster = cluster;
    this.members = List.copyOf(cluster.nodes());
    this.edges = edges;
    this.history = history;
    this.clients = clients;
    this.journal = journal;
    this.random = new Random(plan.seed());
  }

  ChaosPlan plan() {
    return plan;
  }

  NodeCluster cluster() {
    return cluster;
  }

  Edges edges() {
    return edges;
  }

  History history() {
    return history;
  }

  Clients clients() {
    return clients;
  }

  JournalReader journal() {
    return journal;
  }

  Random random() {
    return random;
  }

  <T> T anyOf(List<T> things) {
    return things.get(random.nextInt(things.size()));
  }

  /** The nodes that the run began with. */
  List<NodeProcess> members() {
    return members;
  }

  List<NodeProcess> withRole(String role) {
    return members.stream().filter(node -> rolesOf(node).contains(role)).toList();
  }

  /** Nodes that do nothing but work; where there are none, all that work. */
  List<NodeProcess> workers() {
    List<NodeProcess> only =
        members.stream().filter(node -> rolesOf(node).equals(Set.of("worker"))).toList();
    return only.isEmpty() ? withRole("worker") : only;
  }

  private Set<String> rolesOf(NodeProcess node) {
    return Set.of(plan.roles().get(members.indexOf(node)).split(","));
  }

  String nameOf(NodeProcess node) {
    return "node " + cluster.nodes().indexOf(node);
  }

  /** Which node holds each session that is awake somewhere. */
  final class Owners {
    private final Map<Integer, NodeProcess> byShard = new HashMap<>();

    Owners() {
      for (NodeProcess node : withRole("session")) {
        if (node.isAlive()) {
          cluster.shards(node).keySet().forEach(shard -> byShard.put(shard, node));
        }
      }
    }

    Optional<NodeProcess> of(ClientTurn turn) {
      return Optional.ofNullable(
          byShard.get(NodeCluster.shardOf(turn.tenant().name(), turn.session())));
    }

    boolean isAt(ClientTurn turn, NodeProcess node) {
      return of(turn).equals(Optional.of(node));
    }
  }

  static boolean isAskedAt(ClientTurn turn, NodeProcess node) {
    return turn.edge().equals(Optional.of(node));
  }

  List<ClientTurn> midAnswer() {
    return history.running(ClientTurn::isInMidAnswer);
  }

  /** Turns in mid-answer that are as wanted; waits until there is one. */
  List<ClientTurn> awaitMidAnswer(Predicate<ClientTurn> wanted) throws InterruptedException {
    List<ClientTurn> found = new ArrayList<>();
    await(
        "an answer under way to strike at",
        () -> {
          found.clear();
          midAnswer().stream().filter(wanted).forEach(found::add);
          return !found.isEmpty();
        });
    return List.copyOf(found);
  }

  /** Waits until each watched stream has gone on, or ended. */
  void awaitGoneOn(Injection injection) throws InterruptedException {
    await(
        "streams that go on",
        () ->
            injection.watched().keySet().stream()
                .allMatch(
                    turn ->
                        !turn.isRunning()
                            || turn.last().stream()
                                .anyMatch(part -> part.nanos() - injection.startNanos() > 0)));
  }

  /** Waits until each watched turn has ended for its client. */
  void awaitEnds(Injection injection) throws InterruptedException {
    await(
        "the ends of answers",
        () -> injection.watched().keySet().stream().noneMatch(ClientTurn::isRunning));
  }

  Injection begin(String kind, Touches touches, List<ClientTurn> watched) {
    return new Injection(kind, touches, watched);
  }

  void pauseMillis(long millis) throws InterruptedException {
    TimeUnit.MILLISECONDS.sleep(millis);
  }

  /**
   * Waits for something that must come.
   *
   * @throws ChaosException when it does not
   */
  void await(String what, BooleanSupplier come) throws InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
    while (!isThere(come)) {
      if (System.nanoTime() - deadline > 0) {
        throw new ChaosException("waited " + PATIENCE_SECONDS + " s for " + what + ", in vain");
      }
      TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
    }
  }

  /** A node that does not answer an operator says nothing about what is waited for. */
  private static boolean isThere(BooleanSupplier come) {
    try {
      return come.getAsBoolean();
    } catch (AssertionError e) {
      return false;
    }
  }

  /** Starts a node again that ended, and waits until the cluster is whole. */
  void restart(NodeProcess... nodes) throws InterruptedException {
    for (NodeProcess node : nodes) {
      cluster.launch(node);
    }
    awaitWhole();
  }

  /**
   * Waits until all nodes are members and reachable.
   *
   * @param mayEnd nodes that the others may have given up; those that ended so are started again
   */
  void awaitWhole(NodeProcess... mayEnd) throws InterruptedException {
    Set<NodeProcess> maybe = new HashSet<>(List.of(mayEnd));
    await(
        "a whole cluster",
        () -> {
          for (NodeProcess node : members) {
            if (!node.isAlive()) {
              ended(node, maybe.contains(node));
              cluster.launch(node);
            }
          }
          return isWhole();
        });
    for (NodeProcess node : members) {
      node.awaitReady();
    }
  }

  private void ended(NodeProcess node, boolean expected) {
    boolean saysWhy = WHYS.stream().anyMatch(node.output()::contains);
    if (!expected || node.exitValue() != 1 || !saysWhy) {
      violations.add(
          new Violation(
              Check.NODE_LIVES,
              nameOf(node),
              "ended with " + node.exitValue() + ": " + node.lastLine()));
    }
  }

  private boolean isWhole() {
    for (NodeProcess node : members) {
      if (!seesAll(cluster.members(node))) {
        return false;
      }
    }
    return true;
  }

  private boolean seesAll(JsonNode seen) {
    Set<String> up = new HashSet<>();
    for (JsonNode member : seen) {
      if (!member.path("status").asText().equals("up") || !member.path("reachable").asBoolean()) {
        return false;
      }
      up.add(member.path("node").asText());
    }
    Set<String> all = new HashSet<>();
    members.forEach(node -> all.add(cluster.address(node)));
    return up.equals(all);
  }

  /** Adds what a fault itself found wrong. */
  void violated(Check check, String about, String detail) {
    violations.add(new Violation(check, about, detail));
  }

  /** What was found wrong since this was last asked. */
  List<Violation> takeViolations() {
    List<Violation> taken = List.copyOf(violations);
    violations.clear();
    return taken;
  }
}
