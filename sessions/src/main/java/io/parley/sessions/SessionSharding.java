package io.parley.sessions;

import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.Props;
import akka.cluster.Member;
import akka.cluster.MemberStatus;
import akka.cluster.sharding.typed.ClusterShardingSettings;
import akka.cluster.sharding.typed.HashCodeMessageExtractor;
import akka.cluster.sharding.typed.javadsl.ClusterSharding;
import akka.cluster.sharding.typed.javadsl.Entity;
import akka.cluster.typed.Cluster;
import io.parley.persistence.RunningTurns;
import io.parley.persistence.chain.Checkpoints;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.SessionInbox;
import io.parley.sessions.journal.Sealer;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;

/** Spreads the sessions over the nodes. */
public final class SessionSharding {
  /** Nodes of this role hold sessions; all others reach them. */
  public static final String ROLE = "session";

  /** Longer than a recovery takes; a session that is not awake by then is asked again. */
  private static final Duration WAKE_TIMEOUT = Duration.ofSeconds(10);

  private SessionSharding() {}

  /**
   * Makes sessions reachable from this node, and hosts them when it has the role. To be called once
   * on every node, when its journal can be used and before anything addresses a session.
   *
   * @param mayWrite whether this node is known to be in its cluster still
   * @param checkpoints where the heads of journals are signed
   */
  public static void init(
      ActorSystem<?> system,
      SessionSettings settings,
      WorkSubmitter submitter,
      RunningTurns running,
      BooleanSupplier mayWrite,
      Checkpoints checkpoints) {
    Sealer sealer = new Sealer();
    LiveSessions<ActorRef<SessionInbox>> live =
        new LiveSessions<>(
            settings.memoryBudgetBytes(), session -> session.tell(new Internal.Quiet()));
    // sessions ask for their own passivation: a running turn may be silent for long
    ClusterShardingSettings sharding =
        ClusterShardingSettings.create(system).withNoPassivationStrategy();
    ClusterSharding.get(system)
        .init(
            Entity.of(
                    SessionInbox.TYPE_KEY,
                    context ->
                        SessionEntity.create(
                            SessionId.fromEntityId(context.getEntityId()),
                            new SessionEntity.Surroundings(
                                settings,
                                submitter,
                                running,
                                live,
                                context.getShard(),
                                mayWrite,
                                sealer,
                                checkpoints,
                                InstantSource.system())))
                .withMessageExtractor(new HashCodeMessageExtractor<>(settings.shards()))
                .withRole(ROLE)
                .withSettings(sharding)
                .withStopMessage(SessionEntity.stopMessage()));
  }

  /**
   * Lets the turns go on that ran when the cluster, or a node of it, stopped. To be called once on
   * every node that hosts sessions, when what they need is there.
   */
  public static void resumeTurns(
      ActorSystem<?> system, SessionSettings settings, RunningTurns running) {
    ClusterSharding sharding = ClusterSharding.get(system);
    system.systemActorOf(
        TurnResumer.create(
            running,
            settings.resume(),
            () -> slicesOf(Cluster.get(system)),
            entry ->
                sharding
                    .entityRefFor(SessionInbox.TYPE_KEY, entry.session())
                    .<SessionCommand.Reply>ask(
                        replyTo -> new SessionCommand.Resume(entry.turn(), replyTo), WAKE_TIMEOUT)),
        "turn-resumer",
        Props.empty());
  }

  /** Every slice is some node's, also while nodes disagree for a moment on who is there. */
  private static List<Integer> slicesOf(Cluster cluster) {
    List<Member> nodes = new ArrayList<>();
    for (Member member : cluster.state().getMembers()) {
      if (member.hasRole(ROLE) && member.status() == MemberStatus.up()) {
        nodes.add(member);
      }
    }
    nodes.sort(Comparator.comparing(Member::address, Member.addressOrdering()));
    int mine = nodes.indexOf(cluster.selfMember());
    return IntStream.range(0, RunningTurns.SLICES)
        .filter(slice -> mine < 0 || slice % nodes.size() == mine)
        .boxed()
        .toList();
  }
}
