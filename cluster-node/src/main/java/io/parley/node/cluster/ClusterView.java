package io.parley.node.cluster;

import akka.actor.Address;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.javadsl.AskPattern;
import akka.cluster.ClusterEvent.CurrentClusterState;
import akka.cluster.Member;
import akka.cluster.MemberStatus;
import akka.cluster.sharding.ShardRegion.ClusterShardingStats;
import akka.cluster.sharding.ShardRegion.ShardRegionStats;
import akka.cluster.sharding.typed.ClusterShardingQuery;
import akka.cluster.sharding.typed.GetClusterShardingStats;
import akka.cluster.sharding.typed.javadsl.ClusterSharding;
import akka.cluster.typed.Cluster;
import akka.cluster.typed.Down;
import akka.cluster.typed.Leave;
import io.parley.routing.protocol.SessionInbox;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** The cluster as this node sees it, and what can be done to its nodes. */
public final class ClusterView {
  /** What the roles of Akka's own, such as data centres, begin with. */
  private static final String INTERNAL = "dc-";

  private final ActorSystem<?> system;

  public ClusterView(ActorSystem<?> system) {
    this.system = system;
  }

  /**
   * A node of the cluster.
   *
   * @param node host:port by which nodes name it
   * @param reachable whether no node misses its heartbeats
   * @param version of its Parley
   * @param held what it has of the sessions; empty without the role, or when it did not say
   */
  public record NodeStatus(
      String node,
      String status,
      boolean reachable,
      boolean self,
      List<String> roles,
      String version,
      Optional<Held> held) {}

  /** How many shards a node has, and how many sessions are awake in them. */
  public record Held(int shards, int sessions) {}

  /** A node and what it said; empty when it did not answer. */
  public record Reported(String node, Optional<NodeReport> report) {}

  /** All members, by address. */
  public CompletionStage<List<NodeStatus>> members() {
    CurrentClusterState state = state();
    return AskPattern.<ClusterShardingQuery, ClusterShardingStats>ask(
            ClusterSharding.get(system).shardState(),
            replyTo ->
                new GetClusterShardingStats(SessionInbox.TYPE_KEY, NodeAgent.PATIENCE, replyTo),
            NodeAgent.PATIENCE.plusSeconds(1),
            system.scheduler())
        .<Map<Address, ShardRegionStats>>thenApply(ClusterShardingStats::getRegions)
        .exceptionally(silent -> Map.of()) // while its coordinator moves
        .thenApply(
            regions ->
                sorted(state).stream()
                    .map(member -> status(state, member, regions.get(member.address())))
                    .toList());
  }

  private NodeStatus status(CurrentClusterState state, Member member, ShardRegionStats stats) {
    return new NodeStatus(
        name(member),
        member.status().toString().toLowerCase(Locale.ROOT),
        !state.getUnreachable().contains(member),
        member.uniqueAddress().equals(Cluster.get(system).selfMember().uniqueAddress()),
        new TreeSet<>(member.getRoles())
            .stream().filter(role -> !role.startsWith(INTERNAL)).toList(),
        member.appVersion().version(),
        Optional.ofNullable(stats).map(ClusterView::held));
  }

  private static Held held(ShardRegionStats stats) {
    int sessions = stats.getStats().values().stream().mapToInt(n -> (Integer) n).sum();
    return new Held(stats.getStats().size(), sessions);
  }

  /** What each node with the role {@code worker} serves. */
  public CompletionStage<List<Reported>> workers() {
    List<CompletableFuture<Reported>> asked = new ArrayList<>();
    for (Member member : sorted(state())) {
      if (member.hasRole("worker") && member.status() == MemberStatus.up()) {
        asked.add(
            NodeAgent.ask(system, member.address(), NodeReport.class, NodeAgent.Describe::new)
                .handle((report, silent) -> new Reported(name(member), Optional.ofNullable(report)))
                .toCompletableFuture());
      }
    }
    return CompletableFuture.allOf(asked.toArray(CompletableFuture<?>[]::new))
        .thenApply(done -> asked.stream().map(CompletableFuture::join).toList());
  }

  /**
   * Tells a node to stop in order. False when it is no member; the stage fails when it is silent.
   */
  public CompletionStage<Boolean> drain(String node) {
    return find(node)
        .map(
            member ->
                NodeAgent.ask(
                        system, member.address(), NodeAgent.Draining.class, NodeAgent.Drain::new)
                    .thenApply(NodeAgent.Draining::begun))
        .orElseGet(() -> CompletableFuture.completedFuture(false));
  }

  /** Takes a node out of the cluster in order, whatever it does itself; false: it is no member. */
  public boolean leave(String node) {
    return find(node)
        .map(
            member -> {
              Cluster.get(system).manager().tell(Leave.create(member.address()));
              return true;
            })
        .orElse(false);
  }

  /**
   * Gives a node up: what it held starts elsewhere. Only for one whose process is known to be gone;
   * one that lives ends when it hears of it. False when it is no member.
   */
  public boolean down(String node) {
    return find(node)
        .map(
            member -> {
              Cluster.get(system).manager().tell(new Down(member.address()));
              return true;
            })
        .orElse(false);
  }

  private Optional<Member> find(String node) {
    return sorted(state()).stream().filter(member -> name(member).equals(node)).findFirst();
  }

  private CurrentClusterState state() {
    return Cluster.get(system).state();
  }

  private static List<Member> sorted(CurrentClusterState state) {
    List<Member> members = new ArrayList<>();
    state.getMembers().forEach(members::add);
    members.sort(Comparator.comparing(Member::address, Member.addressOrdering()));
    return members;
  }

  private static String name(Member member) {
    return member.address().hostPort().replaceFirst("^.*@", "");
  }
}
