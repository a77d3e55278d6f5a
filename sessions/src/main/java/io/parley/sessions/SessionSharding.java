package io.parley.sessions;

import akka.actor.typed.ActorSystem;
import akka.cluster.sharding.typed.ClusterShardingSettings;
import akka.cluster.sharding.typed.HashCodeMessageExtractor;
import akka.cluster.sharding.typed.javadsl.ClusterSharding;
import akka.cluster.sharding.typed.javadsl.Entity;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.SessionInbox;
import java.time.InstantSource;

/** Spreads the sessions over the nodes. */
public final class SessionSharding {
  /** Nodes of this role hold sessions; all others reach them. */
  public static final String ROLE = "session";

  private SessionSharding() {}

  /**
   * Makes sessions reachable from this node, and hosts them when it has the role. To be called once
   * on every node, when its journal can be used and before anything addresses a session.
   */
  public static void init(
      ActorSystem<?> system, SessionSettings settings, WorkSubmitter submitter) {
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
                                settings, submitter, context.getShard(), InstantSource.system())))
                .withMessageExtractor(new HashCodeMessageExtractor<>(settings.shards()))
                .withRole(ROLE)
                .withSettings(sharding)
                .withStopMessage(SessionEntity.stopMessage()));
  }
}
